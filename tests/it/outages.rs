//! S3 or DynamoDB stops answering, at any call of any operation: nothing acknowledged is lost, nothing recorded lacks its
//! bytes.

use engine_host::{Effect, Fault, Faults, When};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use media_core::{Mxc, limits::PART_BYTES, thumbnail::USUAL};
use support::{Answer, Client, Server, Setup, photos};

use crate::federation::two_servers_over;

/// More calls than any operation here makes to one service.
const CALLS: usize = 8;

fn every_way() -> impl Iterator<Item = Effect> {
    [Effect::Fail, Effect::Throttle, Effect::CutBefore, Effect::CutAfter].into_iter()
}

fn setup() -> Setup {
    Setup::new().with_dynamodb_faults()
}

/// Both services of a server, to break one after the other.
fn services(server: &Server) -> [Faults; 2] {
    let surroundings = &server.surroundings;
    [surroundings.s3_faults.clone(), surroundings.dynamodb_faults.clone().unwrap()]
}

fn fault(when: When, effect: Effect) -> Fault {
    Fault { operation: None, when, effect }
}

async fn try_upload(client: &Client, body: Vec<u8>) -> Option<Mxc> {
    let answer = client.try_upload(body, "a/b", "").await;
    if answer.status == StatusCode::OK {
        return Some(answer.json()["content_uri"].as_str().unwrap().parse().unwrap());
    }
    assert_eq!(answer.refusal(), "500 M_UNKNOWN");
    assert_eq!(answer.json()["error"], "Internal error", "nobody outside learns more");
    None
}

/// What must hold whatever happened: each record's object is there.
async fn check_invariants(server: &Server) {
    let objects = server.objects_in_s3().await;
    for record in server.all_records().await {
        let content = record.content().expect("nothing here is on its way");
        assert_eq!(objects.get(&content.object_key), Some(&content.size_bytes), "{record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_that_fails_in_any_way_is_made_up_for() {
    let server = setup().start().await;
    let client = server.client();
    for faults in services(&server) {
        for effect in every_way() {
            faults.inject(fault(When::Nth(1), effect.clone()));
            let small = try_upload(&client, b"bytes".to_vec()).await.expect("another attempt");
            faults.clear();
            faults.inject(fault(When::Nth(1), effect.clone()));
            assert_eq!(client.download(&small).await.status, StatusCode::TEMPORARY_REDIRECT, "{effect:?}");
            faults.clear();
            faults.inject(fault(When::Nth(3), effect));
            let large = try_upload(&client, vec![7; 2 * PART_BYTES]).await.expect("another attempt");
            faults.clear();
            assert_eq!(client.follow(client.download(&large).await).await.body.len(), 2 * PART_BYTES);
        }
    }
    check_invariants(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_stops_at_any_call_is_whole_or_is_not_there() {
    let cases = (1..=CALLS).flat_map(|call| every_way().map(move |effect| (call, effect)));
    join_all(cases.map(async |(call, effect)| {
        let server = setup().start().await;
        let client = server.client();
        let mut acknowledged = Vec::new();
        for faults in services(&server) {
            for length in [5, PART_BYTES + 5] {
                faults.inject(fault(When::From(call), effect.clone()));
                let mxc = try_upload(&client, vec![7; length]).await;
                faults.clear();
                acknowledged.extend(mxc.map(|mxc| (mxc, length)));
            }
        }
        for (mxc, length) in &acknowledged {
            let back = client.follow(client.download(mxc).await).await;
            assert_eq!((back.status, back.body.len()), (StatusCode::OK, *length), "{call} {effect:?}");
        }
        check_invariants(&server).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thumbnails_that_could_not_be_made_are_made_later() {
    let photo = photos::fixture("transparent.png");
    join_all((1..=CALLS).map(async |call| {
        let server = setup().start().await;
        let client = server.client();
        let mxc = client.upload(photo.clone(), "image/png", "").await;
        for faults in services(&server) {
            faults.inject(fault(When::From(call), Effect::Fail));
            let answer = client.thumbnail(&mxc, "width=200&height=150&method=crop").await;
            assert!(matches!(answer.status.as_u16(), 200 | 307 | 500), "{answer:?}");
            faults.clear();
        }
        let answer = client.follow(client.thumbnail(&mxc, "width=200&height=150&method=crop").await).await;
        assert_eq!((answer.status, photos::size_of(&answer.body)), (StatusCode::OK, (320, 240)));
        // The arrival may have met the same outage: the queue brings it again.
        assert!(server.thumbnails_of(&mxc).await.len() >= USUAL.len());
        check_invariants(&server).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_stops_at_any_call_is_done_by_the_next_reader() {
    join_all((1..=CALLS).map(async |call| {
        let (origin, home) = two_servers_over(setup).await;
        let mxc = origin.client().upload("some bytes", "text/plain", "").await;
        let client = home.client();
        for faults in services(&home) {
            faults.inject(fault(When::From(call), Effect::CutAfter));
            let path =
                format!("/_matrix/client/v1/media/download/{}/{}?timeout_ms=500", mxc.origin, mxc.media_id);
            let answer = Answer::of(client.request(Method::GET, &path)).await;
            assert!(matches!(answer.status.as_u16(), 307 | 500 | 502 | 504), "{call}: {answer:?}");
            faults.clear();
        }
        // Past every lease and every pause after a failure, and not so far that a signature seems to come from the future.
        home.surroundings.clock.advance(std::time::Duration::from_mins(10));
        let back = client.follow(client.download(&mxc).await).await;
        assert_eq!((back.status, &back.body[..]), (StatusCode::OK, &b"some bytes"[..]), "{call}");
        check_invariants(&home).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_filled_while_calls_stop_has_its_bytes_or_still_waits_for_them() {
    let cases = (1..=CALLS).flat_map(|call| every_way().map(move |effect| (call, effect)));
    join_all(cases.map(async |(call, effect)| {
        let server = setup().set("MEDIA_MAX_PENDING_UPLOADS", "1000").start().await;
        let client = server.client();
        for (faults, straight) in
            services(&server).into_iter().flat_map(|of| [(of.clone(), false), (of, true)])
        {
            let (mxc, reply) = client.create().await;
            if straight {
                let url = reply["com.beeper.msc3870.upload_url"].as_str().unwrap();
                let put = support::client::plain_http().put(url).body("some bytes");
                assert_eq!(Answer::of(put).await.status, StatusCode::OK);
            }
            let fill = async || {
                if straight {
                    client.complete(&mxc, "").await
                } else {
                    client.put(&mxc, "some bytes", "text/plain", "").await
                }
            };
            faults.inject(fault(When::From(call), effect.clone()));
            let first = fill().await;
            faults.clear();
            // Whoever was told nothing tries again, and is told that it is done, or does it.
            let again = fill().await;
            let is_done = |answer: &Answer| matches!(answer.status.as_u16(), 200 | 409);
            assert!(is_done(&first) || first.refusal() == "500 M_UNKNOWN", "{call} {effect:?}: {first:?}");
            assert!(is_done(&again), "{call} {effect:?}: {again:?}");
            let back = client.follow(client.download(&mxc).await).await;
            assert_eq!(
                (back.status, &back.body[..]),
                (StatusCode::OK, &b"some bytes"[..]),
                "{call} {effect:?}"
            );
        }
        check_invariants(&server).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_could_not_be_created_takes_no_place_for_long() {
    for call in 1..=CALLS {
        let server = setup().set("MEDIA_MAX_PENDING_UPLOADS", "1").start().await;
        let client = server.client();
        let faults = server.surroundings.dynamodb_faults.clone().unwrap();
        faults.inject(fault(When::From(call), Effect::CutAfter));
        let created = client.try_create().await;
        faults.clear();
        if created.status != StatusCode::OK {
            // Nobody knows whether its record is still to come; after a minute it is not.
            server.surroundings.clock.advance(std::time::Duration::from_mins(2));
            let is_recorded = !server.all_records().await.is_empty();
            let again = client.try_create().await;
            assert_eq!(again.status.as_u16(), if is_recorded { 429 } else { 200 }, "{call}: {again:?}");
        }
    }
}
