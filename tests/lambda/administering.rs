//! An administrator's function: it answers behind its URL, and goes on with jobs when it is woken.

use http::StatusCode;
use media_core::Clock;
use serde_json::json;
use storage::{
    Job,
    jobs::{Chosen, Handling, JobOrder, Stands, Work},
};
use support::{
    Outcome,
    lambda::{
        cloud::{Cloud, TOKEN},
        events::request,
    },
};

use crate::function::{Function, uploaded};

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_requests_and_goes_on_with_jobs() {
    let cloud = Cloud::start().await;
    cloud.homeserver.has_admin(TOKEN);
    let upload = Function::start("upload", &cloud).await;
    let admin = Function::start("admin", &cloud).await;
    let mxc = uploaded(&upload, b"bytes", "text/plain").await;
    let path = format!("/_synapse/admin/v1/media/{}/{}", mxc.origin, mxc.media_id);
    let shown = admin.answer(request("GET", &path)).await;
    assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
    assert_eq!(shown.json()["media_info"]["media_length"], 5);

    let chosen = Chosen::User { user_id: "@alice:example.org".to_owned(), before_ms: None };
    let work = Work { handling: Handling::Purge, chosen };
    let job = Job::new(work, "@alice:example.org", Clock::system().now());
    cloud.store.ephemeral.start_job(&job, None).await.unwrap();
    let order = json!(JobOrder { job: job.id.clone() }).to_string();
    // The second time there is nothing left to do.
    for _ in 0..2 {
        let outcome = admin.invoke(order.clone()).await;
        assert!(matches!(&outcome, Outcome::Buffered(said) if said == "null"), "{outcome:?}");
        let job = cloud.store.ephemeral.job(&job.id).await.unwrap().unwrap();
        assert_eq!((job.stands, job.progress.done), (Stands::Done, 1));
    }
    let gone = admin.answer(request("GET", &path)).await;
    assert_eq!(gone.refusal(), "404 M_NOT_FOUND");
    let nobodys = admin.invoke(json!(JobOrder { job: "unknown".to_owned() }).to_string()).await;
    assert!(matches!(&nobodys, Outcome::Buffered(said) if said == "null"), "{nobodys:?}");
}
