//! Several gateways over one store: what is fetched once is fetched once among all of them.

use std::{path::Path, time::Duration};

use engine_host::{Effect, Fault, When};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use media_core::{
    Mxc, Record, State, Timestamp,
    limits::{CLOCK_SKEW, LEASE_LIFE, PART_BYTES},
    record::{Failure, FailureReason, Lease},
};
use storage::Outcome;
use support::{Answer, Authority, Client, Neighbour, Server, Setup, eventually, plain_http};
use tokio::{process::Command, sync::watch, task::JoinHandle};

use crate::{
    federation::server_behind_tls,
    process::{self, Process},
};

/// More than one part, so that something is in S3 before all has come.
const LARGE: usize = PART_BYTES + 4711;

/// The authority comes along, since a second gateway reads its certificate, too.
async fn server_and_neighbour() -> (Authority, Server, Neighbour) {
    let authority = Authority::new();
    let server = server_behind_tls(&authority, Setup::new()).await;
    let neighbour = Neighbour::start(&authority, &server.surroundings.clock).await;
    (authority, server, neighbour)
}

/// A gateway that is a process of its own, over the engines of `server`, with nothing else than an operator would say.
fn beside(server: &Server, folder: &Path) -> Command {
    let mut command = process::gateway(folder);
    command.envs(server.environment_beside());
    command
}

/// A reader who waits for up to a minute.
fn reading(client: Client, mxc: &Mxc) -> JoinHandle<reqwest::Result<Answer>> {
    let path = format!("/_matrix/client/v1/media/download/{}/{}?timeout_ms=60000", mxc.origin, mxc.media_id);
    tokio::spawn(async move {
        let answer = Answer::try_of(client.request(Method::GET, &path)).await?;
        Ok(client.follow(answer).await)
    })
}

async fn record(server: &Server, mxc: &Mxc) -> Option<Record> {
    server.gateway.deps().store.records.get_latest(mxc).await.unwrap()
}

async fn lease(server: &Server, mxc: &Mxc) -> Option<Lease> {
    match record(server, mxc).await?.state {
        State::Fetching(lease) => Some(lease),
        _ => None,
    }
}

async fn renewed_after(server: &Server, mxc: &Mxc, before: Timestamp) -> Lease {
    eventually("a renewal", || async { lease(server, mxc).await.filter(|lease| lease.expires_at > before) })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_readers_at_two_gateways_cost_the_origin_one_request() {
    let (_authority, one, neighbour) = server_and_neighbour().await;
    let two = one.beside().await;
    let bytes = vec![7; LARGE];
    let mxc = neighbour.has("wanted", bytes.clone());
    let readers = (0..50).map(|number| reading(if number % 2 == 0 { &one } else { &two }.client(), &mxc));
    for reader in join_all(readers).await {
        let answer = reader.unwrap().unwrap();
        assert_eq!((answer.status, answer.body == bytes), (StatusCode::OK, true), "{:?}", answer.headers);
    }
    assert_eq!(neighbour.asked_for_media(), 1);
    let invoked = [&one, &two].map(|server| server.sdk_calls().get("Invoke").copied().unwrap_or(0));
    assert_eq!(invoked.iter().sum::<u64>(), 1, "{invoked:?}");
    assert_eq!(one.left_in_s3().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_on_engines_that_are_not_its_own_fetches_by_itself() {
    let (_authority, server, neighbour) = server_and_neighbour().await;
    let mxc = neighbour.has("wanted", "their bytes");
    let folder = process::folder();
    let process = Process::start(&mut beside(&server, folder.path())).await;
    let answer = reading(process.client(), &mxc).await.unwrap().unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"their bytes"[..]));
    assert_eq!(server.sdk_calls().get("Invoke"), None, "the other one had nothing to do with it");
    // And it is there for the other one.
    let again = reading(server.client(), &mxc).await.unwrap().unwrap();
    assert_eq!((again.status, neighbour.asked_for_media()), (StatusCode::OK, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_whose_gateway_was_killed_is_taken_over_by_a_reader_of_the_other() {
    let (_authority, server, neighbour) = server_and_neighbour().await;
    let bytes = vec![7; LARGE];
    let mxc = neighbour.has("wanted", bytes.clone());
    neighbour.holds_back_after(PART_BYTES + 1);
    let folder = process::folder();
    let process = Process::start(&mut beside(&server, folder.path())).await;
    let at_the_killed_one = reading(process.client(), &mxc);
    // Something of it is in S3 already.
    eventually("the first part", || async { (server.left_in_s3().await == (0, 1)).then_some(()) }).await;
    let dead = lease(&server, &mxc).await.unwrap();
    let at_the_other_one = reading(server.client(), &mxc);
    process.kill().await;
    assert!(at_the_killed_one.await.unwrap().is_err(), "nobody is left to answer");

    server.surroundings.clock.advance(LEASE_LIFE + CLOCK_SKEW);
    let taken_over = eventually("somebody to take over", || async {
        lease(&server, &mxc).await.filter(|lease| lease.fence > dead.fence)
    })
    .await;
    assert_eq!(taken_over.fence, dead.fence + 1);
    neighbour.releases();
    let answer = at_the_other_one.await.unwrap().unwrap();
    assert_eq!((answer.status, answer.body == bytes), (StatusCode::OK, true));
    assert_eq!(neighbour.asked_for_media(), 2);

    let key = record(&server, &mxc).await.unwrap().content().unwrap().object_key.clone();
    assert_eq!(server.objects_in_s3().await.into_iter().collect::<Vec<_>>(), [(key, LARGE as u64)]);
    let (_, unfinished) = server.left_in_s3().await;
    assert_eq!(unfinished, 1, "the dead one's upload, which is swept after a day");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_fetch_keeps_its_lease_and_one_that_waits_for_its_turn_does_too() {
    let (_authority, server, neighbour) = server_and_neighbour().await;
    neighbour.holds_back_after(1);
    let updates = server.sdk_calls().get("UpdateItem").copied().unwrap_or(0);
    // One more than are carried out at the same time: the last one, whichever it is, stands in line.
    let all: Vec<_> = (0..17).map(|number| neighbour.has(&format!("slow{number}"), "slow bytes")).collect();
    let readers: Vec<_> = all.iter().map(|mxc| reading(server.client(), mxc)).collect();
    let mut first = Vec::new();
    for mxc in &all {
        first.push(eventually("a lease", || lease(&server, mxc)).await);
    }
    for (mxc, first) in all.iter().zip(&first) {
        let renewed = renewed_after(&server, mxc, first.expires_at).await;
        assert_eq!((renewed.fence, &renewed.held_by), (first.fence, &first.held_by));
        assert!(renewed.expires_at.since(first.expires_at) >= Duration::from_secs(4), "in good time");
    }
    assert_eq!(neighbour.asked_for_media(), 16, "one is in line");
    let renewals = server.sdk_calls()["UpdateItem"] - updates - 17;
    assert!((17..=51).contains(&renewals), "besides the claims, one write for each renewal: {renewals}");
    neighbour.releases();
    for reader in readers {
        assert_eq!(reader.await.unwrap().unwrap().body, "slow bytes");
    }
    assert_eq!(neighbour.asked_for_media(), 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_lost_its_lease_stops_and_takes_away_what_it_wrote() {
    let (_authority, server, neighbour) = server_and_neighbour().await;
    let mxc = neighbour.has("wanted", vec![7; LARGE]);
    neighbour.holds_back_after(PART_BYTES + 1);
    let reader = reading(server.client(), &mxc);
    eventually("the first part", || async { (server.left_in_s3().await == (0, 1)).then_some(()) }).await;

    // Somebody whose clock is ahead takes it over, and it comes to nothing there.
    let deps = server.gateway.deps();
    let later = deps.clock.now() + LEASE_LIFE * 4;
    let claimed = deps.store.records.claim(&mxc, "thief", later, later + LEASE_LIFE).await.unwrap();
    let Outcome::Won(theirs) = claimed else { panic!("alive for longer than it lives") };
    eventually("the fetch to stop", || async { (server.left_in_s3().await == (0, 0)).then_some(()) }).await;
    assert_eq!(lease(&server, &mxc).await, Some(theirs.clone()), "the new holder's is untouched");
    eventually("its object to be taken away", || async {
        server.sdk_calls().contains_key("DeleteObject").then_some(())
    })
    .await;

    let failure = Failure { reason: FailureReason::NotFound, attempts: 1, retry_at: later + LEASE_LIFE * 9 };
    assert!(deps.store.records.fail(&mxc, &theirs, &failure).await.unwrap().is_won());
    assert_eq!(reader.await.unwrap().unwrap().refusal(), "404 M_NOT_FOUND");
    assert_eq!(neighbour.asked_for_media(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_lost_its_lease_at_its_last_write_takes_its_reference_away_too() {
    let (_authority, server, neighbour) = server_and_neighbour().await;
    let mxc = neighbour.has("wanted", "bytes");
    let (release, released) = watch::channel(false);
    let operation = Some("PutObject".to_owned());
    let faults = &server.surroundings.s3_faults;
    faults.inject(Fault { operation, when: When::Always, effect: Effect::Wait(released) });
    let reader = reading(server.client(), &mxc);
    let is_put = || async { faults.seen().contains(&"PutObject".to_owned()).then_some(()) };
    eventually("the object", is_put).await;

    // Taken over before the object is there, and noticed by nobody until the record is written.
    let deps = server.gateway.deps();
    let later = deps.clock.now() + LEASE_LIFE * 4;
    let claimed = deps.store.records.claim(&mxc, "thief", later, later + LEASE_LIFE).await.unwrap();
    let Outcome::Won(theirs) = claimed else { panic!("alive for longer than it lives") };
    release.send(true).unwrap();
    eventually("both to be taken away", || async {
        ["DeleteObject", "DeleteItem"]
            .iter()
            .all(|taken| server.sdk_calls().contains_key(*taken))
            .then_some(())
    })
    .await;
    assert_eq!(server.left_in_s3().await, (0, 0));
    assert_eq!(lease(&server, &mxc).await, Some(theirs.clone()), "the new holder's is untouched");
    let failure = Failure { reason: FailureReason::NotFound, attempts: 1, retry_at: later + LEASE_LIFE * 9 };
    assert!(deps.store.records.fail(&mxc, &theirs, &failure).await.unwrap().is_won());
    assert_eq!(reader.await.unwrap().unwrap().refusal(), "404 M_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_knows_the_secret_gives_orders() {
    let server = Server::start().await;
    let endpoint = server.gateway.deps().config.store.lambda_endpoint.clone().unwrap();
    let (base, secret) = endpoint.rsplit_once('/').unwrap();
    assert!(secret.len() >= 40, "nothing that can be guessed");
    let function = "2015-03-31/functions/remote-fetch/invocations";
    let post =
        async |url: String, body: &'static str| Answer::of(plain_http().post(url).body(body)).await.status;
    let order = r#"{"origin":"example.com","media_id":"a","attempt":"x","fence":1}"#;
    for url in [
        format!("{base}/{function}"),
        format!("{base}//{function}"),
        format!("{base}/{}/{function}", "a".repeat(secret.len())),
        format!("{endpoint}/2015-03-31/functions/other/invocations"),
    ] {
        assert_eq!(post(url.clone(), order).await, StatusCode::NOT_FOUND, "{url}");
    }
    let url = format!("{endpoint}/{function}");
    assert_eq!(post(url.clone(), "nonsense").await, StatusCode::BAD_REQUEST);
    assert_eq!(post(url, order).await, StatusCode::ACCEPTED);
}
