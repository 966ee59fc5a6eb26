//! Servers that fail, and for how long they are left alone.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use futures_util::future::join_all;
use media_core::Timestamp;
use outbound::{
    media::{FederationMedia, FetchError},
    signing::SigningKey,
};
use tokio::sync::Barrier;

use crate::{
    media::{LIMIT, error, link, picture, two_parts},
    world::{World, fresh_ip, mxc, server_name},
};

/// Time enough for what happens at once.
const PLENTY: Duration = Duration::from_secs(30);

/// The first rest, at its longest, and a little.
const FIRST_REST: Duration = Duration::from_secs(38);

impl World {
    /// What one process of `we.test` fetches with; all share the board.
    fn fetcher(&self) -> FederationMedia {
        let key = Arc::new(SigningKey::generate());
        FederationMedia::new(self.process(&[]), server_name("we.test"), Some(key), PLENTY)
    }

    fn failures(&self, server: &str) -> Option<u64> {
        let (entry, _) = self.board.entry(&format!("B#{server}"))?;
        entry["in_a_row"].as_u64()
    }
}

async fn ask(fetcher: &FederationMedia, server: &str) -> Result<(), FetchError> {
    fetcher.download(&mxc(server), LIMIT).await.map(drop)
}

fn bad_gateway() -> Response {
    StatusCode::BAD_GATEWAY.into_response()
}

/// Until when the server is left alone, by somebody who was not let through to it.
fn left_alone(answer: Result<(), FetchError>) -> Timestamp {
    match answer {
        Err(FetchError::LeftAlone { until }) => until,
        other => panic!("it was asked: {other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_fails_is_left_alone_by_every_process_and_longer_each_time() {
    let world = World::new().await;
    let answers = [bad_gateway, bad_gateway, || two_parts("\r\n"), bad_gateway];
    let origin = world.origin(move |n| answers[n]()).await;
    let server = &origin.name();
    let fetchers = [world.fetcher(), world.fetcher()];
    let rests_for = async |bounds: std::ops::Range<f64>| {
        for fetcher in &fetchers {
            let rest = left_alone(ask(fetcher, server).await).since(world.clock.now());
            assert!(bounds.contains(&rest.as_secs_f64()), "{rest:?}");
        }
    };
    assert!(matches!(ask(&fetchers[0], server).await, Err(FetchError::Unavailable(_))));
    rests_for(20.0..37.6).await;
    assert_eq!(origin.targets().len(), 1);

    world.clock.advance(FIRST_REST);
    assert!(matches!(ask(&fetchers[1], server).await, Err(FetchError::Unavailable(_))));
    rests_for(42.0..75.1).await;
    assert_eq!(origin.targets().len(), 2);

    // It answers, and all is forgotten.
    world.clock.advance(FIRST_REST * 2);
    ask(&fetchers[1], server).await.unwrap();
    assert_eq!(world.failures(server), None);
    assert!(matches!(ask(&fetchers[1], server).await, Err(FetchError::Unavailable(_))));
    assert_eq!(world.failures(server), Some(1));
    rests_for(20.0..37.6).await;
}

#[tokio::test]
async fn one_outage_is_one_failure_however_many_run_into_it() {
    let world = World::new().await;
    let all_are_there = Arc::new(Barrier::new(10));
    let answer = async move || {
        all_are_there.wait().await;
        StatusCode::SERVICE_UNAVAILABLE
    };
    let ip = fresh_ip();
    let origin: SocketAddr = world.serve(ip, 0, &ip.to_string(), Router::new().fallback(answer)).await;
    let server = &origin.to_string();
    // Five at once in each of two processes.
    let fetchers = [world.fetcher(), world.fetcher()];
    let answers = join_all((0..10).map(|n| ask(&fetchers[n % 2], server))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(FetchError::Unavailable(_)))), "{answers:?}");
    assert_eq!(world.failures(server), Some(1));
    for fetcher in &fetchers {
        left_alone(ask(fetcher, server).await);
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_fails_too() {
    let world = World::new().await;
    // Nobody listens, nobody has the name, nobody answers in time.
    let nobody = format!("{}:1", fresh_ip());
    for server in [nobody.as_str(), "nowhere.test:1"] {
        let fetcher = world.fetcher();
        assert!(matches!(ask(&fetcher, server).await, Err(FetchError::Unavailable(_))));
        left_alone(ask(&fetcher, server).await);
    }
}

#[tokio::test]
async fn what_is_about_one_piece_of_media_is_no_failure_of_the_server() {
    let world = World::new().await;
    for answer in [
        || error(404, "M_NOT_FOUND"),
        || error(404, "M_UNRECOGNIZED"),
        || error(401, "M_UNAUTHORIZED"),
        || error(502, "M_TOO_LARGE"),
        || error(504, "M_NOT_YET_UPLOADED"),
        || link("https://127.0.0.1:1/nobody-listens"),
        || link("http://10.0.0.1/"),
        || two_parts("Content-Length: 100001\r\n\r\nx"),
        picture,
    ] {
        let origin = world.origin(move |_| answer()).await;
        let fetcher = world.fetcher();
        for _ in 0..2 {
            assert!(!matches!(ask(&fetcher, &origin.name()).await, Err(FetchError::LeftAlone { .. })));
        }
        assert!(origin.targets().len() >= 2);
    }
    // Nobody is asked there, so nobody failed.
    for _ in 0..2 {
        assert!(matches!(ask(&world.fetcher(), "10.0.0.1").await, Err(FetchError::Fenced(_))));
    }
    assert_eq!(world.board.calls().1, 0, "nothing was written down");
}

#[tokio::test]
async fn a_server_that_answers_costs_one_look_a_minute_and_no_write() {
    let world = World::new().await;
    let origin = world.origin(|_| two_parts("\r\n")).await;
    let fetcher = world.fetcher();
    for calls in [(1, 0), (0, 0), (0, 0)] {
        ask(&fetcher, &origin.name()).await.unwrap();
        assert_eq!(world.board.calls(), calls);
    }
    world.clock.advance(Duration::from_mins(1));
    ask(&fetcher, &origin.name()).await.unwrap();
    assert_eq!(world.board.calls(), (1, 0));
}

#[tokio::test]
async fn without_the_shared_memory_each_process_remembers_for_itself() {
    let world = World::new().await;
    world.board.break_down();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let answer = move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        bad_gateway()
    };
    let origin = world.origin(answer).await;
    for fetcher in [world.fetcher(), world.fetcher()] {
        assert!(matches!(ask(&fetcher, &origin.name()).await, Err(FetchError::Unavailable(_))));
        left_alone(ask(&fetcher, &origin.name()).await);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}
