//! Lambda entry point: objects that landed, as S3 tells through SQS.

#[tokio::main]
async fn main() -> Result<(), runtime::Error> {
    let deps = runtime::boot().await?;
    let ingest = ingest::Ingest::new(&deps);
    runtime::on_event(&deps, |event, deadline| ingest.objects_landed(event, deadline)).await
}
