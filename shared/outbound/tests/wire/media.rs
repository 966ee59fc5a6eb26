//! Media of other servers: asked for, followed, and cut off where it must be.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use outbound::{
    Fenced,
    media::{FederationMedia, FetchError},
    signing::SigningKey,
};
use ruma_federation_api::authentication::XMatrix;
use ruma_signatures::PublicKeyMap;
use tokio::sync::oneshot;

use crate::world::{World, fresh_ip, mxc, read, serve_http, server_name};

/// The largest media in these tests, in bytes.
pub(crate) const LIMIT: u64 = 100_000;

const SIGNED: &str = "/_matrix/federation/v1/media/download/abc?timeout_ms=20000";

/// Another server, and what it was asked.
pub(crate) struct Origin {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request<()>>>>,
}

impl World {
    /// A server that answers every request, in order, with `answer(n)`.
    pub(crate) async fn origin<R: IntoResponse>(
        &self,
        answer: impl Fn(usize) -> R + Clone + Send + Sync + 'static,
    ) -> Origin {
        let asked: Arc<Mutex<Vec<_>>> = Arc::default();
        let record = asked.clone();
        let answer = async move |request: Request| {
            let mut asked = record.lock().expect("the lock");
            asked.push(request.map(|_| ()));
            answer(asked.len() - 1)
        };
        let ip = fresh_ip();
        let address = self.serve(ip, 0, &ip.to_string(), Router::new().fallback(answer)).await;
        Origin { address, asked }
    }

    fn media(&self) -> FederationMedia {
        self.signed(Arc::new(SigningKey::generate()))
    }
}

impl Origin {
    pub(crate) fn name(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.asked.lock().expect("the lock").iter().map(|request| request.uri().to_string()).collect()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

pub(crate) fn two_parts(part: &str) -> Response {
    let body = format!("\r\n--b\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--b\r\n{part}\r\n--b--\r\n");
    ([(header::CONTENT_TYPE, "multipart/mixed; boundary=b")], body).into_response()
}

pub(crate) fn link(to: &str) -> Response {
    two_parts(&format!("Location: {to}\r\n\r\n"))
}

pub(crate) fn redirect(to: &str) -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response()
}

pub(crate) fn error(status: u16, errcode: &str) -> Response {
    let body = format!(r#"{{"errcode":"{errcode}","error":"?"}}"#);
    (StatusCode::from_u16(status).expect("a status"), [(header::CONTENT_TYPE, "application/json")], body)
        .into_response()
}

pub(crate) fn picture() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/png"),
        (header::CONTENT_DISPOSITION, "inline; filename*=utf-8''%F0%9F%90%94"),
    ];
    (headers, "PNG").into_response()
}

#[tokio::test]
async fn the_signed_endpoint_gives_type_name_and_bytes() {
    let world = World::new().await;
    let key = Arc::new(SigningKey::generate());
    let part = "Content-Type: image/png\r\nContent-Disposition: inline; filename=\"a b.png\"\r\n\r\nPNG";
    let origin = world.origin(move |_| two_parts(part)).await;
    let media = world.signed(key.clone()).download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert_eq!(media.content_type, "image/png");
    assert_eq!(media.file_name.as_deref(), Some("a b.png"));
    assert_eq!(media.size_hint, None);
    assert_eq!(read(media).await.unwrap(), b"PNG");

    // Somebody else's code must find the signature right.
    assert_eq!(origin.targets(), [SIGNED]);
    let request = origin.asked.lock().unwrap().remove(0);
    let authorization = XMatrix::try_from(&request.headers()[header::AUTHORIZATION]).unwrap();
    let document = key.server_keys_document(&server_name("we.test"), world.clock.now());
    let public = document["verify_keys"][key.key_id()]["key"].as_str().unwrap();
    let public = ruma_common::serde::Base64::parse(public).unwrap();
    let keys = PublicKeyMap::from([("we.test".to_owned(), [(key.key_id(), public)].into())]);
    let request = request.map(|()| Vec::new());
    authorization.verify_http_request(&request, &server_name(&origin.name()), &keys).unwrap();
    assert_eq!(authorization.origin, "we.test");
}

#[tokio::test]
async fn a_part_without_a_type_is_bytes() {
    let world = World::new().await;
    let origin = world.origin(|_| two_parts("\r\n")).await;
    let media = world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert_eq!(media.content_type, "application/octet-stream");
    assert_eq!(media.file_name, None);
    assert_eq!(read(media).await.unwrap(), b"");
}

#[tokio::test]
async fn an_origin_without_the_signed_endpoint_is_asked_the_old_way() {
    let world = World::new().await;
    for first in
        [|| error(404, "M_UNRECOGNIZED"), || error(405, "M_UNRECOGNIZED"), || error(400, "M_UNRECOGNIZED")]
    {
        let origin = world.origin(move |n| if n == 0 { first() } else { picture() }).await;
        let media = world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap();
        assert_eq!(media.content_type, "image/png");
        assert_eq!(media.file_name.as_deref(), Some("\u{1F414}"));
        assert_eq!(media.size_hint, Some(3));
        assert_eq!(read(media).await.unwrap(), b"PNG");
        let old = format!(
            "/_matrix/media/v3/download/{}/abc?allow_remote=false&timeout_ms=20000&allow_redirect=true",
            origin.name()
        );
        assert_eq!(origin.targets(), [SIGNED, &old]);
        assert!(!origin.asked.lock().unwrap()[1].headers().contains_key(header::AUTHORIZATION));
    }
}

#[tokio::test]
async fn a_404_that_names_no_endpoint_is_about_the_media() {
    let world = World::new().await;
    let html = || (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html")], "<html>").into_response();
    for answer in [
        || StatusCode::NOT_FOUND.into_response(),
        html,
        || error(404, "M_NOT_FOUND"),
        || error(404, "M_SOMETHING_NEW"),
    ] {
        let origin = world.origin(move |_| answer()).await;
        let refused = world.media().download(&mxc(&origin.name()), LIMIT).await;
        assert_eq!(refused.unwrap_err(), FetchError::NotFound);
        assert_eq!(origin.targets(), [SIGNED]);
    }
}

#[tokio::test]
async fn an_origin_that_knows_neither_endpoint_does_not_have_it() {
    let world = World::new().await;
    for status in [404, 405, 400] {
        let origin = world.origin(move |_| error(status, "M_UNRECOGNIZED")).await;
        let refused = world.media().download(&mxc(&origin.name()), LIMIT).await;
        assert_eq!(refused.unwrap_err(), FetchError::NotFound);
        assert_eq!(origin.targets().len(), 2, "each endpoint once");
    }
}

#[tokio::test]
async fn a_clear_refusal_is_final() {
    let world = World::new().await;
    for (answer, expected) in [
        ((404, "M_NOT_FOUND"), FetchError::NotFound),
        ((504, "M_NOT_YET_UPLOADED"), FetchError::NotYetUploaded),
        (
            (401, "M_UNAUTHORIZED"),
            FetchError::Unavailable("the server answers 401 Unauthorized M_UNAUTHORIZED".into()),
        ),
    ] {
        let origin = world.origin(move |_| error(answer.0, answer.1)).await;
        let refused = world.media().download(&mxc(&origin.name()), LIMIT).await;
        assert_eq!(refused.unwrap_err(), expected);
        assert_eq!(origin.targets(), [SIGNED]);
    }
    let origin = world.origin(|_| error(404, "M_NOT_FOUND")).await;
    let refused = world.unsigned().download(&mxc(&origin.name()), LIMIT).await;
    assert_eq!(refused.unwrap_err(), FetchError::NotFound);
}

#[tokio::test]
async fn a_link_is_followed_without_saying_who_asks() {
    let world = World::new().await;
    let http = serve_http(fresh_ip(), Router::new().fallback(async || picture())).await;
    let cdn = world
        .origin(move |n| if n < 4 { redirect("/again") } else { redirect(&format!("http://{http}/x")) })
        .await;
    let first = cdn.url("/media?signature=1").replace("https://", "https://user:password@");
    let origin = world.origin(move |_| link(&first)).await;
    let media = world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert_eq!(media.content_type, "image/png");
    assert_eq!(media.file_name.as_deref(), Some("\u{1F414}"));
    assert_eq!(read(media).await.unwrap(), b"PNG");
    assert_eq!(cdn.targets(), ["/media?signature=1", "/again", "/again", "/again", "/again"]);
    let asked = cdn.asked.lock().unwrap();
    assert!(asked.iter().all(|request| !request.headers().contains_key(header::AUTHORIZATION)));
}

#[tokio::test]
async fn the_old_endpoint_may_redirect() {
    let world = World::new().await;
    let cdn = world.origin(|_| picture()).await;
    let there = cdn.url("/x");
    let origin = world.origin(move |_| redirect(&there)).await;
    let media = world.unsigned().download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert_eq!(read(media).await.unwrap(), b"PNG");
    let origin = world.origin(|n| if n == 0 { redirect("/relative") } else { picture() }).await;
    let media = world.unsigned().download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert_eq!(read(media).await.unwrap(), b"PNG");
}

#[tokio::test]
async fn links_into_private_networks_are_not_followed() {
    let world = World::new().await;
    world.dns.address("private.test", "192.168.0.1".parse::<IpAddr>().unwrap());
    for (to, address) in [
        ("http://10.0.0.1/", "10.0.0.1"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("https://private.test/x", "192.168.0.1"),
        ("https://0x0a.0.0.1/", "10.0.0.1"),
        ("http://[::1]:9001/", "::1"),
        ("http://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1"),
        ("http://[64:ff9b::a00:1]/", "64:ff9b::a00:1"),
    ] {
        let fenced = FetchError::Fenced(Fenced(address.parse().unwrap()));
        let origin = world.origin(move |_| link(to)).await;
        assert_eq!(world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap_err(), fenced, "{to}");
        let hop = world.origin(move |_| redirect(to)).await;
        let there = hop.url("/");
        let origin = world.origin(move |_| link(&there)).await;
        assert_eq!(
            world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap_err(),
            fenced,
            "{to}, later"
        );
        let origin = world.origin(move |_| redirect(to)).await;
        assert_eq!(
            world.unsigned().download(&mxc(&origin.name()), LIMIT).await.unwrap_err(),
            fenced,
            "{to}, old way"
        );
    }
}

#[tokio::test]
async fn links_that_lead_nowhere_are_no_media() {
    let world = World::new().await;
    let circle = world.origin(|_| redirect("/again")).await;
    let missing = world.origin(|_| error(403, "M_FORBIDDEN")).await;
    for to in [
        circle.url("/"),
        missing.url("/"),
        "ftp://a.test/".into(),
        "file:///etc/passwd".into(),
        "/relative".into(),
    ] {
        let answer = to.clone();
        let origin = world.origin(move |_| link(&answer)).await;
        let refused = world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap_err();
        assert!(matches!(refused, FetchError::Unavailable(_)), "{to}: {refused:?}");
    }
    assert_eq!(circle.targets().len(), 6, "the first and five redirects");
    let gone = world.origin(|_| StatusCode::NOT_FOUND).await;
    let there = gone.url("/");
    let origin = world.origin(move |_| link(&there)).await;
    assert_eq!(world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap_err(), FetchError::NotFound);
}

/// Begins with `head` and never ends.
fn endless(head: &'static str) -> Body {
    let more = stream::repeat(Bytes::from_static(&[b'x'; 1000]));
    let body = stream::iter([Bytes::from_static(head.as_bytes())]).chain(more);
    Body::from_stream(body.map(Ok::<_, std::io::Error>))
}

async fn check_cut_off(fetcher: FederationMedia, origin: &Origin) {
    let mut body = fetcher.download(&mxc(&origin.name()), LIMIT).await.expect("an answer").body;
    let mut bytes = 0;
    let error = loop {
        match body.next().await.expect("an endless body has no end") {
            Ok(piece) => bytes += piece.len() as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(error, FetchError::TooLarge);
    assert!(bytes <= LIMIT);
    assert!(body.next().await.is_none(), "the stream ends with its error");
}

#[tokio::test]
async fn what_is_too_large_is_cut_off() {
    let world = World::new().await;
    let head = "--b\r\n\r\n{}\r\n--b\r\nContent-Type: a/b\r\n\r\n";
    let parts = move |_| ([(header::CONTENT_TYPE, "multipart/mixed; boundary=b")], endless(head));
    check_cut_off(world.media(), &world.origin(parts).await).await;
    check_cut_off(world.unsigned(), &world.origin(|_| endless("")).await).await;
}

#[tokio::test]
async fn what_announces_to_be_too_large_is_not_even_begun() {
    let world = World::new().await;
    let large = || vec![b'x'; usize::try_from(LIMIT).unwrap() + 1];
    let origin = world.origin(move |_| large()).await;
    assert_eq!(
        world.unsigned().download(&mxc(&origin.name()), LIMIT).await.unwrap_err(),
        FetchError::TooLarge
    );
    let origin = world.origin(|_| two_parts("Content-Length: 100001\r\n\r\nx")).await;
    assert_eq!(world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap_err(), FetchError::TooLarge);
    let origin = world.origin(|_| two_parts(&format!("\r\n{}", "x".repeat(300_000)))).await;
    assert_eq!(world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap_err(), FetchError::TooLarge);
    let exact = || two_parts(&format!("\r\n{}", "x".repeat(100_000)));
    let origin = world.origin(move |_| exact()).await;
    let media = world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert_eq!(read(media).await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn what_breaks_off_is_not_taken_for_whole() {
    let world = World::new().await;
    let cut = || {
        let body = "--b\r\n\r\n{}\r\n--b\r\nContent-Type: a/b\r\n\r\nhalf of the med";
        ([(header::CONTENT_TYPE, "multipart/mixed; boundary=b")], body).into_response()
    };
    let origin = world.origin(move |_| cut()).await;
    let media = world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert_eq!(read(media).await.unwrap_err(), FetchError::Unavailable("the answer was cut off".to_owned()));

    let broken = || {
        // What was begun is on its way before the connection breaks.
        let gone = async {
            tokio::task::yield_now().await;
            Err(std::io::Error::other("gone"))
        };
        Body::from_stream(stream::iter([Ok(Bytes::from_static(b"half"))]).chain(stream::once(gone)))
    };
    let origin = world.origin(move |_| broken()).await;
    let media = world.unsigned().download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert!(matches!(read(media).await, Err(FetchError::Unavailable(_))));
}

#[tokio::test]
async fn the_first_bytes_come_before_the_last_are_sent() {
    let world = World::new().await;
    let (saw_first, wait) = oneshot::channel::<()>();
    let wait = Arc::new(Mutex::new(Some(wait)));
    let answer = move |_| {
        let head = "--b\r\n\r\n{}\r\n--b\r\nContent-Type: a/b\r\n\r\nfirst ";
        let wait = wait.lock().unwrap().take().unwrap();
        let last = async move {
            wait.await.unwrap();
            Bytes::from_static(b"last\r\n--b--")
        };
        let body = stream::iter([Bytes::from_static(head.as_bytes())]).chain(stream::once(last));
        let body = Body::from_stream(body.map(Ok::<_, std::io::Error>));
        ([(header::CONTENT_TYPE, "multipart/mixed; boundary=b")], body)
    };
    let origin = world.origin(answer).await;
    let mut body = world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap().body;
    assert_eq!(body.next().await.unwrap().unwrap(), "first ");
    saw_first.send(()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "last");
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn an_answer_of_another_kind_is_no_media() {
    let world = World::new().await;
    for answer in [picture, || redirect("https://a.test/"), || link("https://")] {
        let origin = world.origin(move |_| answer()).await;
        let refused = world.media().download(&mxc(&origin.name()), LIMIT).await.unwrap_err();
        assert!(matches!(refused, FetchError::Unavailable(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for_longer_than_allowed() {
    let world = World::new().await;
    let ip = fresh_ip();
    let silent = Router::new().fallback(async || std::future::pending::<()>().await);
    let address = world.serve(ip, 0, &ip.to_string(), silent).await;
    // And one that begins, but never ends.
    let endless = || {
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"begun"))]);
        Body::from_stream(begun.chain(stream::pending()))
    };
    let origin = world.origin(move |_| endless()).await;
    let fetcher = |time| FederationMedia::new(world.peers(), server_name("we.test"), None, time);
    let silent = fetcher(Duration::from_millis(200));
    let download = async move { silent.download(&mxc(&address.to_string()), LIMIT).await };
    let refused = tokio::spawn(download).await.unwrap().unwrap_err();
    assert!(matches!(refused, FetchError::Unavailable(_)), "{refused:?}");
    // Time enough to begin, on a busy machine, too.
    let media = fetcher(Duration::from_secs(3)).download(&mxc(&origin.name()), LIMIT).await.unwrap();
    assert!(matches!(read(media).await, Err(FetchError::Unavailable(_))));
}
