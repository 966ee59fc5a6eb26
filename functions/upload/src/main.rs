//! Lambda entry point: uploads, taken in and stored.

#[tokio::main]
async fn main() -> Result<(), runtime::Error> {
    let deps = runtime::boot().await?;
    runtime::serve(&deps, upload::router(&deps)).await
}
