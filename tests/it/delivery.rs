//! How other servers get bytes: in the reply, or by link to those who follow links; and what either costs.

use std::{collections::BTreeMap, time::Duration};

use http::{Method, StatusCode};
use media_core::{
    Mxc,
    limits::{LINK_MEMORY, LINKS_BELIEVED, NO_LINKS_MEMORY},
};
use support::{Answer, Authority, Neighbour, SecondPart, Server, Setup, Web, photos};

use crate::{
    budgets::{calls, calls_of},
    federation::server_behind_tls,
};

struct World {
    authority: Authority,
    server: Server,
}

async fn world(setup: Setup) -> World {
    let authority = Authority::new();
    let server = server_behind_tls(&authority, setup).await;
    World { authority, server }
}

fn by_link() -> Setup {
    Setup::new().set("MEDIA_FEDERATION_DELIVERY", "redirect")
}

fn target(mxc: &Mxc) -> String {
    format!("/_matrix/federation/v1/media/download/{}", mxc.media_id)
}

impl World {
    async fn neighbour(&self) -> Neighbour {
        Neighbour::start(&self.authority, &self.server.surroundings.clock).await
    }

    /// Something that was looked at already, so that nothing else makes calls.
    async fn upload(&self) -> Mxc {
        let mxc = self.server.client().upload("some bytes", "text/plain", "").await;
        self.server.thumbnails_of(&mxc).await;
        mxc
    }
}

/// Asks and says which way the bytes came, and that they came.
async fn check(neighbour: &Neighbour, server: &Server, mxc: &Mxc, is_link: bool) {
    let part = SecondPart::of(&neighbour.asks(server, &target(mxc)).await);
    assert_eq!(part.location().is_some(), is_link, "{part:?}");
    let body = if is_link { part.follow().await.body } else { part.body };
    assert_eq!(body, "some bytes");
}

/// Asks for what nobody has, after which its key is known: what that costs is pinned in `acquaintances.rs`.
async fn introduce(neighbour: &Neighbour, server: &Server) {
    let missing = Mxc::new_on(&server.gateway.deps().server_name);
    assert_eq!(neighbour.asks(server, &target(&missing)).await.status, StatusCode::NOT_FOUND);
}

async fn cost(neighbour: &Neighbour, server: &Server, mxc: &Mxc, is_link: bool) -> BTreeMap<String, u64> {
    introduce(neighbour, server).await;
    calls_of(server, async {
        let part = SecondPart::of(&neighbour.asks(server, &target(mxc)).await);
        assert_eq!(part.location().is_some(), is_link, "{part:?}");
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_in_the_reply_cost_one_read_and_one_get() {
    let world = world(Setup::new()).await;
    let (neighbour, mxc) = (world.neighbour().await, world.upload().await);
    for _ in 0..2 {
        let cost = cost(&neighbour, &world.server, &mxc, false).await;
        assert_eq!(cost, calls([("GetItem", 1), ("GetObject", 1)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_costs_two_reads_and_one_write_and_then_one_read_less() {
    let world = world(by_link()).await;
    let neighbour = world.neighbour().await;
    let (one, two, three) = (world.upload().await, world.upload().await, world.upload().await);
    let server = &world.server;
    // The record, what is known of the peer, and the note that it was given this link.
    let first = calls([("GetItem", 2), ("PutItem", 1)]);
    assert_eq!(cost(&neighbour, server, &one, true).await, first);
    assert_eq!(cost(&neighbour, server, &two, true).await, calls([("GetItem", 1), ("PutItem", 1)]));
    server.surroundings.clock.advance(LINKS_BELIEVED);
    assert_eq!(cost(&neighbour, server, &three, true).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_did_not_follow_the_link_and_gets_bytes_for_a_month() {
    let world = world(by_link()).await;
    let (neighbour, other) = (world.neighbour().await, world.neighbour().await);
    let (one, two) = (world.upload().await, world.upload().await);
    let server = &world.server;
    check(&neighbour, server, &one, true).await;
    check(&other, server, &one, true).await;

    // The record; the note that is there already and the one of the peer; the bytes.
    let learned = calls([("GetItem", 1), ("PutItem", 2), ("GetObject", 1)]);
    assert_eq!(cost(&neighbour, server, &one, false).await, learned);
    // From then on it costs what it costs everybody who gets bytes.
    let known = calls([("GetItem", 1), ("GetObject", 1)]);
    assert_eq!(cost(&neighbour, server, &two, false).await, known);
    check(&neighbour, server, &two, false).await;
    check(&other, server, &two, true).await;

    // Another process has to look once.
    let beside = server.beside().await;
    let looked_up = calls([("GetItem", 2), ("GetObject", 1)]);
    assert_eq!(cost(&neighbour, &beside, &two, false).await, looked_up);
    assert_eq!(cost(&neighbour, &beside, &one, false).await, known);

    // After a month it is tried again. Its key has expired meanwhile.
    server.surroundings.clock.advance(NO_LINKS_MEMORY);
    neighbour.publishes_its_key_until(server.surroundings.clock.now() + Duration::from_hours(1));
    let part = SecondPart::of(&neighbour.asks(server, &target(&one)).await);
    assert!(part.location().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_for_something_else_or_much_later_followed_the_link() {
    let world = world(by_link()).await;
    let neighbour = world.neighbour().await;
    let server = &world.server;
    let photo = server.client().upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
    server.thumbnails_of(&photo).await;
    let thumbnail =
        |query: &str| format!("/_matrix/federation/v1/media/thumbnail/{}?{query}", photo.media_id);
    for target in [target(&photo), thumbnail("width=640&height=480"), thumbnail("width=800&height=600")] {
        let part = SecondPart::of(&neighbour.asks(server, &target).await);
        assert!(part.location().is_some(), "{target}");
    }
    server.surroundings.clock.advance(LINK_MEMORY);
    let again = SecondPart::of(&neighbour.asks(server, &target(&photo)).await);
    assert!(again.location().is_some());
    // The same picture under another size that it is rounded to is the same.
    let same = SecondPart::of(&neighbour.asks(server, &thumbnail("width=790&height=590")).await);
    assert!(same.location().is_some());
    let same = SecondPart::of(&neighbour.asks(server, &thumbnail("width=800&height=600")).await);
    assert!(same.location().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_to_follow_no_links_is_given_none() {
    let world = world(by_link()).await;
    let (dendrite, listed) = (world.neighbour().await, world.neighbour().await);
    let mxc = world.upload().await;
    let list = format!("*.example.org, {}", listed.name);
    let server =
        world.server.setup().set("MEDIA_FEDERATION_INLINE_SERVERS", &list).start_beside(&world.server).await;
    let known = calls([("GetItem", 1), ("GetObject", 1)]);
    introduce(&dendrite, &server).await;
    let cost_of_dendrite = calls_of(&server, async {
        let headers = [("user-agent", "Dendrite/0.13.8+abc")];
        let answer = dendrite.asks_with(&server, Method::GET, &target(&mxc), &headers).await;
        assert_eq!(SecondPart::of(&answer).body, "some bytes");
    })
    .await;
    assert_eq!(cost_of_dendrite, known);
    assert_eq!(cost(&listed, &server, &mxc, false).await, known);
    // It is the header that says so, and nothing is remembered of it.
    let headers = [("user-agent", "Synapse/1.150 (not Dendrite/0.13)")];
    let answer = dendrite.asks_with(&server, Method::GET, &target(&mxc), &headers).await;
    assert!(SecondPart::of(&answer).location().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_of_a_preview_goes_the_same_ways() {
    for delivery in ["inline", "redirect"] {
        let setup = crate::previews::setup().set("MEDIA_FEDERATION_DELIVERY", delivery);
        let (world, web) = (world(setup).await, Web::start().await);
        let picture = photos::drawn(64, 48);
        web.answers("/a.png", 200, &[("content-type", "image/png")], picture.clone());
        web.page("/", "<title>A</title><img src=/a.png>");
        let preview = crate::previews::preview(&world.server, &web.url("/")).await.json();
        let mxc: Mxc = preview["og:image"].as_str().unwrap().parse().unwrap();
        let neighbour = world.neighbour().await;
        let part = SecondPart::of(&neighbour.asks(&world.server, &target(&mxc)).await);
        let body = if delivery == "redirect" { part.follow().await.body } else { part.body };
        assert_eq!(body, picture, "{delivery}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_reply_can_hold_goes_by_link_to_everybody() {
    let world = world(by_link().set("MEDIA_FEDERATION_INLINE_BYTES", "10")).await;
    let neighbour = world.neighbour().await;
    let fits = world.upload().await;
    let large = world.server.client().upload("eleven bytes", "text/plain", "").await;
    for _ in 0..2 {
        let headers = [("user-agent", "Dendrite/0.13.8")];
        let answer = neighbour.asks_with(&world.server, Method::GET, &target(&large), &headers).await;
        assert!(SecondPart::of(&answer).location().is_some());
    }
    check(&neighbour, &world.server, &fits, true).await;
    check(&neighbour, &world.server, &fits, false).await;
    let answer = neighbour.asks(&world.server, &target(&large)).await;
    assert!(SecondPart::of(&answer).location().is_some(), "though it is known to follow none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_headers_is_not_a_link_given() {
    for delivery in ["inline", "redirect"] {
        let world = world(Setup::new().set("MEDIA_FEDERATION_DELIVERY", delivery)).await;
        let (neighbour, mxc) = (world.neighbour().await, world.upload().await);
        for _ in 0..2 {
            let head = neighbour.asks_with(&world.server, Method::HEAD, &target(&mxc), &[]).await;
            assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
            assert!(head.header("content-type").starts_with("multipart/mixed; boundary="), "{head:?}");
        }
        check(&neighbour, &world.server, &mxc, delivery == "redirect").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_of_these_paths_is_answered_and_runs_nothing() {
    let world = world(by_link()).await;
    let mxc = world.upload().await;
    let before = world.server.sdk_calls();
    for path in [target(&mxc), "/_matrix/federation/v1/media/thumbnail/abc?width=1&height=1".to_owned()] {
        let answer = Answer::of(world.server.stranger().request(Method::OPTIONS, &path)).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let posted = Answer::of(world.server.stranger().request(Method::POST, &path)).await;
        assert_eq!(posted.refusal(), "405 M_UNRECOGNIZED");
    }
    assert_eq!(world.server.sdk_calls(), before);
}
