//! Lambda entry point: the administration API, and the jobs that its calls leave behind.

#[tokio::main]
async fn main() -> Result<(), runtime::Error> {
    let deps = runtime::boot().await?;
    runtime::serve_and_work(&deps, admin::router(&deps), |order, deadline| {
        admin::continue_job(&deps, order, deadline)
    })
    .await
}
