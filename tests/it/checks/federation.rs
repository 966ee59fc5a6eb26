//! What the specification demands of the paths that other servers ask (server-server API, "Content repository").

use http::{Method, StatusCode};
use media_core::Mxc;
use support::{Answer, Authority, Neighbour, SecondPart, Server, Setup, neighbour::Signature, photos};

use crate::federation::server_behind_tls;

struct World {
    authority: Authority,
    server: Server,
    mxc: Mxc,
}

async fn world(setup: Setup) -> World {
    let authority = Authority::new();
    let server = server_behind_tls(&authority, setup).await;
    let mxc = server.client().upload("some bytes", "text/plain", "Käse.txt").await;
    World { authority, server, mxc }
}

impl World {
    async fn neighbour(&self) -> Neighbour {
        Neighbour::start(&self.authority, &self.server.surroundings.clock).await
    }

    fn target(&self) -> String {
        format!("/_matrix/federation/v1/media/download/{}", self.mxc.media_id)
    }

    /// Asks with these `Authorization` headers.
    async fn ask(&self, target: &str, headers: &[String]) -> Answer {
        let request = self.server.stranger().request(Method::GET, target);
        Answer::of(headers.iter().fold(request, |request, header| request.header("authorization", header)))
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_57_only_what_is_signed_for_us_with_a_valid_key_is_let_in() {
    let world = world(Setup::new()).await;
    let (target, us) = (world.target(), world.server.name());
    let check = async |header: Option<String>, expected: &str| {
        let answer = world.ask(&target, header.as_slice()).await;
        let is = if answer.status == StatusCode::OK { "200".to_owned() } else { answer.refusal() };
        assert_eq!(is, expected, "{header:?}");
    };
    let neighbour = world.neighbour().await;
    let get = |target: &str, destination: &str| neighbour.sign(&Method::GET, target, destination);

    check(Some(get(&target, us).usual()), "200").await;
    // Without a destination in the header, but with ours in what is signed: a server older than version 1.3.
    check(Some(Signature { destination: None, ..get(&target, us) }.usual()), "200").await;

    check(None, "401 M_UNAUTHORIZED").await;
    check(Some("Bearer abc".to_owned()), "401 M_UNAUTHORIZED").await;
    check(Some(get(&target, "elsewhere.test").usual()), "401 M_UNAUTHORIZED").await;
    let signed_for_us_and_sent_for_another =
        Signature { destination: Some("elsewhere.test".to_owned()), ..get(&target, us) };
    check(Some(signed_for_us_and_sent_for_another.usual()), "401 M_UNAUTHORIZED").await;
    let sent_for_us_and_signed_for_another =
        Signature { destination: Some(us.to_owned()), ..get(&target, "elsewhere.test") };
    check(Some(sent_for_us_and_signed_for_another.usual()), "401 M_UNAUTHORIZED").await;

    check(Some(get(&format!("{target}?"), us).usual()), "401 M_UNAUTHORIZED").await;
    check(Some(neighbour.sign(&Method::HEAD, &target, us).usual()), "401 M_UNAUTHORIZED").await;
    check(Some(Signature { sig: "AAAA".to_owned(), ..get(&target, us) }.usual()), "401 M_UNAUTHORIZED").await;
    let other = world.neighbour().await;
    let another_servers = Signature { origin: other.name.to_string(), ..get(&target, us) };
    check(Some(another_servers.usual()), "401 M_UNAUTHORIZED").await;

    let retired = world.neighbour().await;
    retired.retires_its_key();
    check(Some(retired.sign(&Method::GET, &target, us).usual()), "401 M_UNAUTHORIZED").await;
    let expired = world.neighbour().await;
    expired.publishes_its_key_until(world.server.surroundings.clock.now());
    check(Some(expired.sign(&Method::GET, &target, us).usual()), "401 M_UNAUTHORIZED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_57_a_key_that_expires_while_it_is_known_is_asked_for_again() {
    let world = world(Setup::new()).await;
    let neighbour = world.neighbour().await;
    assert_eq!(neighbour.asks(&world.server, &world.target()).await.status, StatusCode::OK);
    world.server.surroundings.clock.advance(std::time::Duration::from_hours(1));
    neighbour.retires_its_key();
    assert_eq!(neighbour.asks(&world.server, &world.target()).await.refusal(), "401 M_UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_58_two_parts_with_the_bytes() {
    let world = world(Setup::new()).await;
    let answer = world.neighbour().await.asks(&world.server, &world.target()).await;
    let part = SecondPart::of(&answer);
    assert_eq!(part.location(), None);
    assert_eq!(
        part.headers,
        ["Content-Type: text/plain", "Content-Disposition: inline; filename*=utf-8''K%C3%A4se.txt"]
    );
    assert_eq!(part.body, "some bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_58_two_parts_with_a_link_that_everybody_may_follow() {
    let world = world(Setup::new().set("MEDIA_FEDERATION_DELIVERY", "redirect")).await;
    let answer = world.neighbour().await.asks(&world.server, &world.target()).await;
    let found = SecondPart::of(&answer).follow().await;
    assert_eq!((found.status, &found.body[..]), (StatusCode::OK, &b"some bytes"[..]));
    assert_eq!(found.header("content-type"), "text/plain");
    assert_eq!(found.header("content-disposition"), "inline; filename*=utf-8''K%C3%A4se.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_58_thumbnails_come_in_two_parts_too() {
    for delivery in ["inline", "redirect"] {
        let world = world(Setup::new().set("MEDIA_FEDERATION_DELIVERY", delivery)).await;
        let mxc = world.server.client().upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
        world.server.thumbnails_of(&mxc).await;
        let neighbour = world.neighbour().await;
        // One that is kept in its record, and one that is an object.
        for query in ["width=32&height=32&method=crop", "width=640&height=480"] {
            let target = format!("/_matrix/federation/v1/media/thumbnail/{}?{query}", mxc.media_id);
            let part = SecondPart::of(&neighbour.asks(&world.server, &target).await);
            let is_link = delivery == "redirect" && query.contains("640");
            assert_eq!(part.location().is_some(), is_link, "{delivery} {query}");
            let picture = if is_link {
                let found = part.follow().await;
                assert_eq!(found.header("content-type"), "image/jpeg");
                assert_eq!(found.header("content-disposition"), "inline; filename=thumbnail.jpeg");
                found.body
            } else {
                let headers =
                    ["Content-Type: image/jpeg", "Content-Disposition: inline; filename=thumbnail.jpeg"];
                assert_eq!(part.headers, headers);
                part.body
            };
            let ours = world.server.client();
            let same = ours.follow(ours.thumbnail(&mxc, query).await).await;
            assert_eq!(picture, same.body, "{delivery} {query}: what our own clients get");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_59_other_servers_media_is_not_handed_on() {
    let world = world(Setup::new()).await;
    let neighbour = world.neighbour().await;
    let theirs = neighbour.has("theirs", "their bytes");
    let client = world.server.client();
    assert_eq!(client.follow(client.download(&theirs).await).await.body, "their bytes");
    let before = neighbour.asked_for_media();
    for target in [
        "/_matrix/federation/v1/media/download/theirs",
        "/_matrix/federation/v1/media/thumbnail/theirs?width=32&height=32",
    ] {
        assert_eq!(neighbour.asks(&world.server, target).await.refusal(), "404 M_NOT_FOUND", "{target}");
    }
    assert_eq!(neighbour.asked_for_media(), before, "nor is it fetched for that");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_60_the_target_is_verified_byte_for_byte() {
    let world = world(Setup::new()).await;
    let mxc = world.server.client().upload(photos::fixture("transparent.png"), "image/png", "").await;
    let neighbour = world.neighbour().await;
    let id = mxc.media_id.as_str();
    let encoded = format!("%{:02x}{}", id.as_bytes()[0], &id[1..]);
    for target in [
        format!("thumbnail/{id}?height=1&width=1"),
        format!("thumbnail/{id}?width=%32&height=%32&method=%63rop"),
        format!("thumbnail/{id}?height=%32&&x&width=%32&width=9&y=%2F%2f+%20"),
        format!("thumbnail/{encoded}?width=32&height=32"),
        format!("download/{encoded}?timeout_ms=%31"),
        format!("download/{id}?"),
    ] {
        let target = format!("/_matrix/federation/v1/media/{target}");
        let answer = neighbour.asks(&world.server, &target).await;
        assert!(!SecondPart::of(&answer).body.is_empty(), "{target}");
    }
    // The same meaning in other bytes is not what was signed.
    let signed = neighbour.sign(
        &Method::GET,
        &format!("/_matrix/federation/v1/media/download/{encoded}"),
        world.server.name(),
    );
    let sent = format!("/_matrix/federation/v1/media/download/{id}");
    assert_eq!(world.ask(&sent, &[signed.usual()]).await.refusal(), "401 M_UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_may_be_written_in_every_way() {
    let world = world(Setup::new()).await;
    let (target, us) = (world.target(), world.server.name());
    let neighbour = world.neighbour().await;
    let signature = neighbour.sign(&Method::GET, &target, us);
    let Signature { origin, key, sig, .. } = &signature;
    let usual = signature.usual();
    for headers in [
        vec![format!("X-Matrix origin={origin},destination={us},key={key},sig={sig}")],
        vec![format!(
            "x-matrix    sig=\"{sig}\" ,\tKEY=\"{key}\", Destination=\"{us}\" ,origin=\"{origin}\""
        )],
        vec![format!(
            "X-MATRIX origin=\"{}\",key=\"{key}\",sig=\"{sig}\",more=\"a,\\\"b\"",
            origin.replace(':', "\\:")
        )],
        vec!["Bearer abc".to_owned(), usual.clone(), "Basic eHl6".to_owned()],
        vec![usual.clone(), usual.clone()],
        vec![format!("{usual}, {usual}")],
        vec![format!("Bearer abc,{usual}")],
    ] {
        let answer = world.ask(&target, &headers).await;
        assert_eq!(SecondPart::of(&answer).body, "some bytes", "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signature_of_a_request_must_be_right() {
    let world = world(Setup::new()).await;
    let (target, us) = (world.target(), world.server.name());
    let (one, other) = (world.neighbour().await, world.neighbour().await);
    let right = one.sign(&Method::GET, &target, us).usual();
    let wrong = one.sign(&Method::GET, "/", us).usual();
    let others = other.sign(&Method::GET, &target, us).usual();
    for headers in [
        vec![right.clone(), wrong.clone()],
        vec![format!("{wrong}, {right}")],
        vec![right.clone(), others],
        vec![right.clone(), "X-Matrix origin=a.test".to_owned()],
        vec![right.clone(); 5],
        vec!["X-Matrix".to_owned()],
        vec![right.replace("origin", "name")],
        vec![right.replace("localhost", "local/host")],
    ] {
        assert_eq!(world.ask(&target, &headers).await.refusal(), "401 M_UNAUTHORIZED", "{headers:?}");
    }
}
