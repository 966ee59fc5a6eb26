//! Lambda entry point: other servers' requests for our media.

#[tokio::main]
async fn main() -> Result<(), runtime::Error> {
    let deps = runtime::boot().await?;
    runtime::serve_streaming(&deps, federation::router(&deps)).await
}
