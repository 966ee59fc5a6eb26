//! The least that `lambda_http` can be: the cold starts of the functions are compared with its own.

use lambda_http::{Error, Request, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(async |_: Request| Ok::<_, Error>("Hello"))).await
}
