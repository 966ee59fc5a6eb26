//! Lambda entry point: downloads, answered with a short-lived link to the bytes.

#[tokio::main]
async fn main() -> Result<(), runtime::Error> {
    let deps = runtime::boot().await?;
    runtime::serve_streaming(&deps, download_redirect::router(&deps)).await
}
