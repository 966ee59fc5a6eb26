//! Lambda entry point: one item of another server's media, brought home.

#[tokio::main]
async fn main() -> Result<(), runtime::Error> {
    let deps = runtime::boot().await?;
    runtime::on_event(&deps, |order, deadline| remote_fetch::fetch(&deps, order, deadline)).await
}
