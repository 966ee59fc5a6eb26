//! Lambda entry point: thumbnails, found or made.

#[tokio::main]
async fn main() -> Result<(), runtime::Error> {
    let deps = runtime::boot().await?;
    runtime::serve_streaming(&deps, thumbnail::router(&deps)).await
}
