//! Lambda entry point: previews of web pages.

#[tokio::main]
async fn main() -> Result<(), runtime::Error> {
    let deps = runtime::boot().await?;
    runtime::serve(&deps, url_preview::router(&deps)).await
}
