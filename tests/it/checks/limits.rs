//! Check 65, and the limits behind it: how often, how much, and who is not counted.

use std::time::Duration;

use http::{Method, StatusCode};
use support::{Answer, Authority, Client, Server, Setup};

use crate::federation::server_behind_tls;

fn retry_after(answer: &Answer) -> u64 {
    assert_eq!(answer.refusal(), "429 M_LIMIT_EXCEEDED");
    let seconds: u64 = answer.header("retry-after").parse().expect("whole seconds");
    assert!(answer.json()["retry_after_ms"].as_u64().unwrap() <= seconds * 1000);
    seconds
}

/// Asks until the answer is a refusal; panics when none comes.
async fn until_refused(asked: u32, ask: impl AsyncFn() -> Answer) -> (u32, Answer) {
    for before in 0..asked {
        let answer = ask().await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return (before, answer);
        }
    }
    panic!("nothing was refused of {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_65_every_refusal_for_asking_too_often_says_when_to_come_back() {
    let server = Setup::new()
        .set("MEDIA_RATE_CREATE", "1/2")
        .set("MEDIA_RATE_UPLOAD", "1/3")
        .set("MEDIA_RATE_READ", "1/4")
        .set("MEDIA_LEGACY_FROZEN_SINCE", "2999-01-01T00:00:00Z")
        .start()
        .await;
    let client = server.client();
    let mxc = client.upload("x", "text/plain", "").await;
    let (taken, refused) = until_refused(20, async || client.try_upload("x", "a/b", "").await).await;
    assert!((2..=3).contains(&taken), "{taken}");
    assert_eq!(retry_after(&refused), 1);
    retry_after(&until_refused(20, async || client.try_create().await).await.1);
    retry_after(&until_refused(20, async || client.download(&mxc).await).await.1);
    let thumbnail = client.thumbnail(&mxc, "width=1&height=1").await;
    retry_after(&thumbnail);
    let stranger = server.stranger();
    retry_after(&until_refused(20, async || stranger.legacy_download(&mxc, "").await).await.1);

    let bob = client.with_token(support::server::OTHER_TOKEN);
    assert_eq!(bob.download(&mxc).await.status, StatusCode::TEMPORARY_REDIRECT, "each user for themselves");
    server.surroundings.clock.advance(Duration::from_secs(2));
    assert_eq!(client.download(&mxc).await.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(client.try_upload("x", "a/b", "").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_created_ten_a_second_and_fifty_at_once_unless_said_otherwise() {
    let server = Setup::new().set("MEDIA_MAX_PENDING_UPLOADS", "1000").start().await;
    let client = server.client();
    let (taken, refused) = until_refused(1000, async || client.try_create().await).await;
    assert!(taken >= 50, "{taken}");
    assert_eq!(retry_after(&refused), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_unlimited_is_not_counted_at_all() {
    let server = Setup::new()
        .set("MEDIA_RATE_CREATE", "1/1")
        .set("MEDIA_RATE_UPLOAD", "1/1")
        .set("MEDIA_USER_QUOTA_BYTES", "1")
        .set("MEDIA_MAX_PENDING_UPLOADS", "1")
        .set("MEDIA_UNLIMITED_USERS", "@b*b:example.org")
        .start()
        .await;
    let bob = server.client().with_token(support::server::OTHER_TOKEN);
    for _ in 0..4 {
        let (mxc, _) = bob.create().await;
        assert_eq!(bob.put(&mxc, "more than a byte", "a/b", "").await.status, StatusCode::OK);
        bob.create().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_are_told_apart_by_the_header_that_a_trusted_proxy_writes() {
    let server = Setup::new()
        .set("MEDIA_RATE_READ", "1/1")
        .set("MEDIA_CLIENT_ADDRESS_HEADER", "X-Forwarded-For")
        .set("MEDIA_LEGACY_FROZEN_SINCE", "2999-01-01T00:00:00Z")
        .start()
        .await;
    let mxc = server.client().upload("x", "text/plain", "").await;
    let path = format!("/_matrix/media/v3/download/{}/{}", mxc.origin, mxc.media_id);
    let stranger = server.stranger();
    let from = async |address: &str| {
        let request = stranger.request(Method::GET, &path).header("x-forwarded-for", address);
        Answer::of(request).await.status.as_u16()
    };
    assert_eq!(from("198.51.100.1").await, 200);
    assert_eq!(from("203.0.113.9, 198.51.100.1").await, 429, "what a client makes up does not help it");
    assert_eq!(from("198.51.100.2").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_kept_where_every_process_finds_them() {
    let server = Setup::new().set("MEDIA_RATE_UPLOAD", "1/2").start().await;
    until_refused(5, async || server.client().try_upload("x", "a/b", "").await).await;
    let server = server.restart().await;
    let (taken, _) = until_refused(5, async || server.client().try_upload("x", "a/b", "").await).await;
    assert!(taken <= 2, "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_bytes_are_charged_to_whoever_had_them_fetched_and_to_nobody_else() {
    const MIB: usize = 1024 * 1024;
    let authority = Authority::new();
    let origin = server_behind_tls(&authority, Setup::new()).await;
    let home = server_behind_tls(&authority, Setup::new().set("MEDIA_RATE_REMOTE_BYTES", "1048576/2097152"));
    let home = home.await;
    let (alice, bob) = (home.client(), home.client().with_token(support::server::OTHER_TOKEN));
    let uploads = async || origin.client().upload(vec![7; 3 * MIB], "a/b", "").await;
    let (first, second) = (uploads().await, uploads().await);
    let fetched = async |client: &Client, mxc: &media_core::Mxc| client.download(mxc).await.status;

    assert_eq!(fetched(&alice, &first).await, StatusCode::TEMPORARY_REDIRECT);
    // The charge follows the bytes: whoever waited was answered as soon as they were there.
    let refused = support::eventually("the charge", || async {
        let missing = media_core::Mxc::new_on(&origin.gateway.deps().server_name);
        let answer = alice.download(&missing).await;
        (answer.status == StatusCode::TOO_MANY_REQUESTS).then_some(answer)
    })
    .await;
    assert!((1..=2).contains(&retry_after(&refused)), "3 MiB are in a bucket of 2, of which 1 must be free");
    assert_eq!(fetched(&alice, &first).await, StatusCode::TEMPORARY_REDIRECT, "it is here");
    assert_eq!(fetched(&bob, &second).await, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(fetched(&alice, &second).await, StatusCode::TEMPORARY_REDIRECT, "at bob's charge");
    home.surroundings.clock.advance(Duration::from_secs(3));
    let third = uploads().await;
    assert_eq!(fetched(&alice, &third).await, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_not_counted_costs_no_call() {
    let server = Server::start().await;
    let before = server.sdk_calls();
    let mxc = server.client().upload("x", "text/plain", "").await;
    server.thumbnails_of(&mxc).await;
    let after = server.sdk_calls();
    // The one joins those with the same bytes, the other is what `ingest` notes.
    let writes = after.get("UpdateItem").unwrap_or(&0) - before.get("UpdateItem").unwrap_or(&0);
    assert_eq!(writes, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_no_more_pass_than_the_bucket_and_the_quota_hold() {
    let server = Setup::new()
        .set("MEDIA_RATE_CREATE", "1/7")
        .set("MEDIA_MAX_PENDING_UPLOADS", "5")
        .set("MEDIA_USER_QUOTA_BYTES", "1000")
        .start()
        .await;
    let client = server.client();
    let uploads = futures_util::future::join_all((0..20).map(|_| client.try_upload(vec![0; 300], "a/b", "")));
    let passed = uploads.await.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(passed, 3, "three times 300 bytes are within 1000");
    support::eventually("the objects of equal bytes to become one", || async {
        (server.left_in_s3().await == (1, 0)).then_some(())
    })
    .await;

    let created = futures_util::future::join_all((0..20).map(|_| client.try_create())).await;
    let passed = created.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(passed, 5, "as many as may be pending: {created:?}");
    let bob = client.with_token(support::server::OTHER_TOKEN);
    let server = server.restart_with(&[("MEDIA_MAX_PENDING_UPLOADS", "100")]).await;
    let bob = bob.with_base(&format!("http://{}", server.gateway.address()));
    let created = futures_util::future::join_all((0..20).map(|_| bob.try_create())).await;
    let passed = created.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert!((7..=9).contains(&passed), "seven at once, and one for each second that this took: {passed}");
}
