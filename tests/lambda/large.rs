//! Answers that are larger than a reply may be, and those that have no body: both are streamed.

use bytes::Bytes;
use http::StatusCode;
use media_core::{Mxc, limits::STREAMED_ANSWER_BYTES};
use support::{
    Client,
    lambda::runtime_api::PAYLOAD_BYTES,
    lambda::{
        cloud::Cloud,
        events::{Event, url},
    },
};

use crate::function::Function;

/// No two neighbouring kibibytes of these are alike.
pub(crate) fn many_bytes() -> Bytes {
    let bytes = (0_u32..2_000_000).flat_map(|number| (number ^ (number >> 10)).to_le_bytes());
    let bytes: Bytes = bytes.collect::<Vec<_>>().into();
    assert!(bytes.len() > PAYLOAD_BYTES);
    bytes
}

fn legacy(method: &str, mxc: &Mxc, query: &str) -> Event {
    let path = format!("/_matrix/media/v3/download/{}/{}{query}", mxc.origin, mxc.media_id);
    url("url-get.json").to(method, &path)
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_reply_holds_is_streamed() {
    let cloud = Cloud::start().await;
    let download = Function::start("download-redirect", &cloud).await;
    let bytes = many_bytes();
    let mxc = cloud.has(bytes.clone(), None).await;
    let whole = download.answer(legacy("GET", &mxc, "")).await;
    assert_eq!((whole.status, whole.body == bytes), (StatusCode::OK, true));
    assert_eq!(whole.header("content-type"), "application/octet-stream");
    assert!(whole.header("content-disposition").contains("large.bin"));
    assert!(whole.header("content-security-policy").starts_with("sandbox"));
    let part = download.answer(legacy("GET", &mxc, "").header("range", "bytes=6500000-6500003")).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.body, bytes.slice(6_500_000..6_500_004));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_body_is_streamed_with_something_in_its_place() {
    let cloud = Cloud::start().await;
    let download = Function::start("download-redirect", &cloud).await;
    let mxc = cloud.has("bytes", None).await;
    // Without a byte, `over_url` fails.
    let redirect = download.answer(legacy("GET", &mxc, "?allow_redirect=true")).await;
    assert_eq!((redirect.status, &redirect.body[..]), (StatusCode::TEMPORARY_REDIRECT, &b"{}"[..]));
    assert_eq!(redirect.header("content-type"), "application/json");
    assert_eq!(Client::new("", None).follow(redirect).await.body, "bytes");
    let head = download.answer(legacy("HEAD", &mxc, "")).await;
    assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, "5"));
    assert_eq!(head.header("content-type"), "application/octet-stream");
    // Something in the place of nothing would be another file.
    let empty = cloud.has("", None).await;
    let nothing = download.answer(legacy("GET", &empty, "")).await;
    assert_eq!((nothing.status, nothing.body.len()), (StatusCode::NO_CONTENT, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_stream_holds_is_refused_before_it_begins() {
    let cloud = Cloud::start().await;
    let download = Function::start("download-redirect", &cloud).await;
    let mxc = cloud.has("in truth it is short", Some(STREAMED_ANSWER_BYTES + 1)).await;
    assert_eq!(download.answer(legacy("GET", &mxc, "")).await.refusal(), "502 M_TOO_LARGE");
    let redirect = download.answer(legacy("GET", &mxc, "?allow_redirect=true")).await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
}
