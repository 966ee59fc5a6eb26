//! What makes a process panic, or its answer break off.

use http::StatusCode;
use support::{
    Outcome,
    lambda::{
        cloud::Cloud,
        events::{request, url},
    },
};

use crate::function::Function;

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_answered_in_json_and_the_next_request_by_the_same_process() {
    let cloud = Cloud::start().await;
    for name in ["upload", "download-redirect", "thumbnail", "federation", "url-preview", "admin"] {
        let mut function = Function::start(name, &cloud).await;
        // lambda_http panics at what says to be base64 and is not.
        let answer = function.answer(url("url-bad-base64.json")).await;
        assert_eq!(answer.refusal(), "500 M_UNKNOWN", "{name}");
        assert_eq!(answer.json()["error"], "Internal error", "{name}");
        assert!(function.lives(), "{name}");
        let next = function.answer(request("GET", "/_matrix/media/v3/nothing")).await;
        assert_eq!(next.refusal(), "404 M_UNRECOGNIZED", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_break_off_do_not_look_like_all_of_them() {
    let cloud = Cloud::start().await;
    let mut download = Function::start("download-redirect", &cloud).await;
    let mxc = cloud.has(vec![7; 7_000_000], None).await;
    cloud.cut_off_the_largest_blob(1_000_000);
    let path = format!("/_matrix/media/v3/download/{}/{}", mxc.origin, mxc.media_id);
    let Outcome::Streamed(answer) = download.invoke(url("url-get.json").to("GET", &path)).await else {
        panic!("not streamed")
    };
    assert_eq!(answer.prelude["statusCode"], 200);
    let broken_off = answer.broken_off.expect("a trailer that says so");
    assert_eq!(broken_off["errorType"], "Runtime.StreamError");
    assert!(answer.body.len() <= 1_000_000 && answer.body.iter().all(|byte| *byte == 7), "nothing but bytes");
    assert!(download.lives());
    let next = cloud.has("bytes", None).await;
    let path = format!("/_matrix/media/v3/download/{}/{}", next.origin, next.media_id);
    assert_eq!(download.answer(url("url-get.json").to("GET", &path)).await.status, StatusCode::OK);
}
