//! Links that lead to CloudFront: signed so that whoever has the public key can tell, and the same for everybody.

use std::{process::Stdio, time::Duration};

use http::{Method, StatusCode};
use media_core::thumbnail::USUAL;
use support::{
    Answer, Authority, CloudFront, Neighbour, SecondPart, Server, Setup, client::plain_http,
    cloudfront::KEY_ID, parameters::Parameters, photos,
};
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{
    budgets::{calls, calls_of},
    federation::server_behind_tls,
    process::{self, Process, refused},
};

/// The parameter with the key.
const PARAMETER: &str = "/matrix/links/1";

async fn world(setup: Setup) -> (CloudFront, Server) {
    let cloudfront = CloudFront::start().await;
    let server = cloudfront.in_links_of(setup).start().await;
    cloudfront.stands_before(&server);
    (cloudfront, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photograph_comes_back_by_a_link_to_cloudfront_and_its_thumbnails_are_there() {
    let (cloudfront, server) =
        world(Setup::new().set("MEDIA_LEGACY_FROZEN_SINCE", "2999-01-01T00:00:00Z")).await;
    let client = server.client();
    let photo = photos::fixture("photo.jpg");
    let mxc = client.upload(photo.clone(), "image/jpeg", "Urlaub (am) *Meer* ☀+1.jpg").await;
    server.thumbnails_of(&mxc).await;

    let redirect = client.download(&mxc).await;
    assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
    let link = redirect.location().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/originals/", cloudfront.url())), "{link}");
    assert!(link.ends_with(&format!("&Key-Pair-Id={KEY_ID}&Hash-Algorithm=SHA256")), "{link}");
    let bytes = client.follow(redirect).await;
    assert_eq!((bytes.status, bytes.body == photo), (StatusCode::OK, true));
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-disposition", "inline; filename*=utf-8''Urlaub%20%28am%29%20%2AMeer%2A%20%E2%98%80+1.jpg"),
        ("cache-control", "private, max-age=31536000, immutable"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("access-control-allow-origin", "*"),
    ] {
        assert_eq!(bytes.header(name), value, "{name}");
    }
    assert!(bytes.header("content-security-policy").starts_with("sandbox; default-src 'none';"));

    // The same link for what comes with it, for parts, and for who sends a token along.
    let http = plain_http();
    let head = Answer::of(http.head(&link)).await;
    assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, &*photo.len().to_string()));
    let part = Answer::of(http.get(&link).header("range", "bytes=2-4")).await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &photo[2..5]));
    let unchanged = Answer::of(http.get(&link).header("if-none-match", bytes.header("etag"))).await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert_eq!(Answer::of(http.get(&link).bearer_auth("a token")).await.status, StatusCode::OK);

    for usual in USUAL {
        let query = format!("width={}&height={}&method={}", usual.width, usual.height, usual.method.as_str());
        let small = client.thumbnail(&mxc, &query).await;
        let is_link = small.location().is_some_and(|link| link.starts_with(cloudfront.url()));
        assert!(is_link || small.status == StatusCode::OK, "{query}: {small:?}");
        let small = client.follow(small).await;
        assert_eq!(small.status, StatusCode::OK, "{query}");
        assert_eq!(small.header("content-disposition"), "inline; filename=thumbnail.jpeg", "{query}");
        assert!(photos::size_of(&small.body).0 <= usual.width, "{query}");
    }
    let old = server.stranger().legacy_download(&mxc, "allow_redirect=true").await;
    assert_eq!(old.location(), Some(&*link));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_cloudfront_is_the_same_for_everybody_within_its_window_and_dies_after_its_life() {
    let (_cloudfront, server) =
        world(Setup::new().set("MEDIA_URL_WINDOW_S", "100").set("MEDIA_URL_MIN_LIFE_S", "50")).await;
    let client = server.client();
    let mxc = client.upload("bytes", "text/plain", "").await;
    let clock = &server.surroundings.clock;
    let into_window = clock.now().0 % 100_000;
    clock.advance(Duration::from_millis(100_000 - into_window));

    let first = client.download(&mxc).await;
    let path = format!("/_matrix/client/v1/media/download/{}/{}", mxc.origin, mxc.media_id);
    let head = Answer::of(client.request(Method::HEAD, &path)).await;
    assert_eq!(first.location(), head.location());
    // Another process has a memory of its own, and chooses no other number to sign with.
    let beside = server.beside().await;
    clock.advance(Duration::from_secs(99));
    assert_eq!(first.location(), beside.client().download(&mxc).await.location());
    clock.advance(Duration::from_secs(1));
    let next = client.download(&mxc).await;
    assert_ne!(first.location(), next.location());

    clock.advance(Duration::from_secs(49));
    assert_eq!(client.follow(first.clone()).await.status, StatusCode::OK, "it lives on after its window");
    clock.advance(Duration::from_secs(1));
    assert_eq!(client.follow(first).await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(client.follow(next).await.status, StatusCode::OK);
    beside.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_cloudfront_is_refused_when_it_was_changed() {
    let (cloudfront, server) = world(Setup::new()).await;
    let client = server.client();
    let mxc = client.upload("<script>", "text/html", "a.html").await;
    let other = client.upload("other", "text/html", "a.html").await;
    let link = client.download(&mxc).await.location().unwrap().to_owned();
    let other = client.download(&other).await.location().unwrap().to_owned();
    let parameter = |link: &str, name: &str| {
        let (_, rest) = link.split_once(&format!("{name}=")).unwrap();
        format!("{name}={}", rest.split('&').next().unwrap())
    };
    let http = plain_http();
    assert_eq!(Answer::of(http.get(&link)).await.body, "<script>");
    let signature = parameter(&link, "Signature");
    let expires = parameter(&link, "Expires");
    let later = format!("Expires={}", expires.trim_start_matches("Expires=").parse::<u64>().unwrap() + 1);
    for (changed, to) in [
        ("attachment", "inline"),
        ("text%2Fhtml", "text%2Fhtmk"),
        ("private", "public"),
        ("response-content-type", "x-content-type"),
        ("/originals/", "/staging/"),
        (&expires, &later),
        (&signature, &parameter(&other, "Signature")),
        (KEY_ID, "K3JCJMDEHXQW5F"),
        ("&Hash-Algorithm=SHA256", ""),
        ("&Expires", "&response-expires=0&Expires"),
    ] {
        let forged = link.replace(changed, to);
        assert_ne!(forged, link, "{changed}");
        assert_eq!(Answer::of(http.get(&forged)).await.refusal(), "403 M_FORBIDDEN", "{changed} to {to}");
    }
    for lost in [&signature, &expires] {
        let forged = link.replace(&format!("&{lost}"), "");
        assert_eq!(Answer::of(http.get(&forged)).await.refusal(), "403 M_FORBIDDEN", "without {lost}");
    }
    let unsigned = link.split('?').next().unwrap();
    assert!(unsigned.starts_with(cloudfront.url()));
    assert_eq!(Answer::of(http.get(unsigned)).await.refusal(), "403 M_FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_servers_get_links_to_cloudfront_too() {
    let (authority, cloudfront) = (Authority::new(), CloudFront::start().await);
    let setup = cloudfront.in_links_of(Setup::new().set("MEDIA_FEDERATION_DELIVERY", "redirect"));
    let server = server_behind_tls(&authority, setup).await;
    cloudfront.stands_before(&server);
    let photo = server.client().upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
    server.thumbnails_of(&photo).await;
    let neighbour = Neighbour::start(&authority, &server.surroundings.clock).await;
    for target in [
        format!("/_matrix/federation/v1/media/download/{}", photo.media_id),
        format!("/_matrix/federation/v1/media/thumbnail/{}?width=640&height=480", photo.media_id),
    ] {
        let part = SecondPart::of(&neighbour.asks(&server, &target).await);
        assert!(part.location().unwrap().starts_with(cloudfront.url()), "{part:?}");
        let bytes = part.follow().await;
        assert_eq!((bytes.status, bytes.header("content-type")), (StatusCode::OK, "image/jpeg"));
        assert!(photos::size_of(&bytes.body).0 >= 480, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_cloudfront_costs_what_any_link_costs_and_uploads_still_go_to_s3() {
    let (_cloudfront, server) = world(Setup::new()).await;
    let client = server.client();
    let mxc = client.upload("bytes", "text/plain", "").await;
    server.thumbnails_of(&mxc).await;
    // The first of a day notes the access.
    client.download(&mxc).await;
    let cost = calls_of(&server, async {
        let redirect = client.download(&mxc).await;
        assert_eq!(redirect.status, StatusCode::TEMPORARY_REDIRECT);
    })
    .await;
    assert_eq!(cost, calls([("GetItem", 1)]));

    let (_, reply) = client.create().await;
    let url = reply["com.beeper.msc3870.upload_url"].as_str().expect("a URL");
    let s3 = server.gateway.deps().config.store.s3_public_endpoint.clone().unwrap();
    assert!(url.starts_with(&s3), "{url}");
    assert_eq!(Answer::of(plain_http().put(url).body("bytes")).await.status, StatusCode::OK);
}

/// A gateway on engines of its own, whose key for links is a parameter of this store.
fn gateway(folder: &std::path::Path, parameters: &Parameters) -> Command {
    let mut command = process::gateway_with(folder, parameters);
    command
        .env("MEDIA_DELIVERY", "cloudfront")
        .env("MEDIA_LINK_URL", "https://d1.cloudfront.net")
        .env("MEDIA_LINK_KEY_ID", KEY_ID)
        .env("MEDIA_LINK_KEY_PARAMETER", PARAMETER);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_for_links_may_be_a_parameter_which_is_read_once_and_never_written_down() {
    let (folder, parameters) = (process::folder(), Parameters::start().await);
    let cloudfront = CloudFront::start().await;
    parameters.keeps(PARAMETER, cloudfront.private_key());
    let mut process = Process::start(gateway(folder.path(), &parameters).stderr(Stdio::piped())).await;
    assert!(
        process.welcome.contains("Signed links lead to https://d1.cloudfront.net"),
        "{}",
        process.welcome
    );
    let mut stderr = process.stderr();
    let client = process.client();
    for name in ["one", "two"] {
        let mxc = client.upload("bytes", "text/plain", name).await;
        let link = client.download(&mxc).await.location().unwrap().to_owned();
        assert!(link.starts_with("https://d1.cloudfront.net/originals/"), "{link}");
    }
    assert_eq!(parameters.asked(), 1);

    process.signal("TERM").await;
    let mut said = String::new();
    stderr.read_to_string(&mut said).await.unwrap();
    assert!(said.contains("/_matrix/client/v1/media/download/"), "{said}");
    let body_of_key = cloudfront.private_key().lines().nth(1).unwrap();
    for secret in ["Signature=", "Key-Pair-Id", body_of_key] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_links_that_is_missing_or_none_is_named_and_not_repeated() {
    let (folder, parameters) = (process::folder(), Parameters::start().await);
    let missing = refused(&mut gateway(folder.path(), &parameters)).await;
    assert!(missing.said.contains(&format!("{PARAMETER} cannot be used to sign links")), "{}", missing.said);
    assert!(missing.said.contains("ParameterNotFound"), "{}", missing.said);

    parameters.keeps(PARAMETER, "hunter2 is no key");
    let wrong = refused(&mut gateway(folder.path(), &parameters)).await;
    let sentence = format!("{PARAMETER} cannot be used to sign links: it holds no P-256 key in PEM");
    assert!(wrong.said.contains(&sentence), "{}", wrong.said);
    assert!(!wrong.said.contains("hunter2"), "{}", wrong.said);

    let mut in_file = gateway(folder.path(), &parameters);
    in_file.env_remove("MEDIA_LINK_KEY_PARAMETER").env("MEDIA_LINK_KEY_FILE", "/nowhere/links.pem");
    let lost = refused(&mut in_file).await;
    assert!(lost.said.contains("/nowhere/links.pem cannot be used to sign links"), "{}", lost.said);

    let mut nothing = process::gateway(folder.path());
    let nothing =
        refused(nothing.env("MEDIA_DELIVERY", "cloudfront").env("MEDIA_MAX_UPLOAD_BYTES", "plenty")).await;
    for name in ["MEDIA_LINK_URL", "MEDIA_LINK_KEY_ID", "MEDIA_LINK_KEY_FILE", "MEDIA_MAX_UPLOAD_BYTES"] {
        assert!(nothing.said.contains(name), "{name}: {}", nothing.said);
    }
    for status in [missing.status, wrong.status, lost.status, nothing.status] {
        assert!(!status.success());
    }
}
