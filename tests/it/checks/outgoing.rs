//! Other servers' media: how it is asked for, and what is made of the answers.

use http::StatusCode;
use media_core::Mxc;
use support::{Answer, Authority, Origin, Reply, Server, Setup};

/// The largest file fetched from elsewhere in these tests, in bytes.
const LIMIT: &str = "1000";

const FEDERATION: &str = "/_matrix/federation/v1/media/download/";
const LEGACY: &str = "/_matrix/media/v3/download/";

/// A server of ours and whatever others it meets.
struct World {
    authority: Authority,
    home: Server,
}

impl World {
    async fn new() -> Self {
        let authority = Authority::new();
        let home = home(&authority).start().await;
        Self { authority, home }
    }

    async fn origin(&self) -> Origin {
        Origin::start(&self.authority).await
    }

    /// What a client gets in the end: the bytes, or a refusal.
    async fn download(&self, mxc: &Mxc) -> Answer {
        let client = self.home.client();
        client.follow(client.download(mxc).await).await
    }

    /// The same from an origin of its own that answers all signed requests so.
    async fn download_from(&self, reply: Reply) -> (Answer, Origin) {
        let origin = self.origin().await;
        origin.answers(FEDERATION, reply);
        (self.download(&origin.mxc("abc")).await, origin)
    }
}

/// A server that may speak to others on this machine whom `authority` vouches for.
pub(crate) fn home(authority: &Authority) -> Setup {
    Setup::new()
        .set("MEDIA_FEDERATION_CA_FILE", authority.file())
        .set("MEDIA_FEDERATION_ALLOW_NETWORKS", "127.0.0.0/8,::1/128")
        .set("MEDIA_MAX_REMOTE_BYTES", LIMIT)
}

fn text(body: &str) -> Reply {
    Reply::new(200, "Content-Type: text/plain", body)
}

fn mixed(boundary: &str, body: &str) -> Reply {
    Reply::new(200, &format!("Content-Type: multipart/mixed; boundary={boundary}"), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn check_61_the_signed_endpoint_of_the_server_in_the_name_is_asked_first_and_alone() {
    let world = World::new().await;
    let (answer, origin) = world.download_from(Reply::two_parts("Content-Type: text/plain", "hello")).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"hello"[..]));
    let target = format!("{FEDERATION}abc?timeout_ms=20000");
    assert_eq!(origin.targets(), std::slice::from_ref(&target));
    let deps = world.home.gateway.deps();
    let key = deps.signing_key.clone().unwrap();
    let signature = key.authorize_get(&deps.server_name, origin.name(), &target).unwrap();
    let asked = origin.asked().remove(0);
    assert_eq!(asked.header("authorization"), signature.to_str().unwrap());
    assert_eq!(asked.header("host"), origin.name().as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_61_the_old_endpoint_is_asked_only_by_a_server_that_says_m_unrecognized() {
    let world = World::new().await;
    for status in [404, 405, 400] {
        let origin = world.origin().await;
        origin.answers(FEDERATION, Reply::error(status, "M_UNRECOGNIZED"));
        origin.answers(LEGACY, text("old"));
        let answer = world.download(&origin.mxc("abc")).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"old"[..]), "{status}");
        let asked = origin.asked();
        assert_eq!(asked.len(), 2, "{status}");
        let (path, query) = asked[1].target.split_once('?').unwrap();
        assert_eq!(path, format!("{LEGACY}{}/abc", origin.name()));
        assert!(query.split('&').any(|param| param == "allow_remote=false"), "{query}");
        assert!(asked[0].is_signed() && asked[1].header("authorization").is_empty());
    }
    let html = |status| Reply::new(status, "Content-Type: text/html", "<html>M_UNRECOGNIZED</html>");
    for (reply, refusal) in [
        (Reply::error(404, "M_NOT_FOUND"), "404 M_NOT_FOUND"),
        (html(404), "404 M_NOT_FOUND"),
        (Reply::new(404, "", ""), "404 M_NOT_FOUND"),
        (html(405), "502 M_UNKNOWN"),
        (Reply::new(400, "", ""), "502 M_UNKNOWN"),
        (Reply::error(401, "M_UNAUTHORIZED"), "502 M_UNKNOWN"),
        (Reply::error(403, "M_UNRECOGNIZED"), "502 M_UNKNOWN"),
        (Reply::error(500, "M_UNRECOGNIZED"), "502 M_UNKNOWN"),
        (Reply::new(307, "Location: /_matrix/media/v3/download/x/abc", ""), "502 M_UNKNOWN"),
    ] {
        let origin = world.origin().await;
        origin.answers(FEDERATION, reply.clone());
        origin.answers(LEGACY, text("old"));
        assert_eq!(world.download(&origin.mxc("abc")).await.refusal(), refusal, "{reply:?}");
        assert_eq!(origin.targets().len(), 1, "{reply:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_61_there_is_nothing_after_the_old_endpoint() {
    let world = World::new().await;
    // An origin that was told nothing knows neither.
    let origin = world.origin().await;
    assert_eq!(world.download(&origin.mxc("abc")).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(origin.targets().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_62_answers_of_every_form_in_use_are_read() {
    let world = World::new().await;
    for (name, reply) in [
        ("as it should be", Reply::two_parts("Content-Type: text/plain", "media")),
        (
            "a quoted boundary, with blanks and more parameters",
            mixed(
                "\"a b;c\"; charset=utf-8",
                "--a b;c\r\nContent-Type: application/json\r\n\r\n{}\r\n--a b;c\r\nContent-Type: text/plain\r\n\r\nmedia\r\n--a b;c--\r\n",
            ),
        ),
        (
            "no dashes at the end",
            mixed(
                "b",
                "\r\n--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: text/plain\r\n\r\nmedia\r\n--b",
            ),
        ),
        (
            "the disposition before the type",
            Reply::two_parts("Content-Disposition: attachment\nContent-Type: text/plain", "media"),
        ),
        (
            "headers in any case, and others",
            Reply::two_parts("X-Other: y\ncontent-TYPE: text/plain\nCONTENT-LENGTH: 5", "media"),
        ),
        (
            "line ends without CR",
            mixed(
                "b",
                "--b\nContent-Type: application/json\n\n{}\n--b\nContent-Type: text/plain\n\nmedia\n--b--\n",
            ),
        ),
        (
            "JSON that does not say so",
            mixed("b", "--b\r\n\r\n{}\r\n--b\r\nContent-Type: text/plain\r\n\r\nmedia\r\n--b--\r\n"),
        ),
        (
            "a preamble and an epilogue",
            mixed(
                "b",
                "In parts:\r\n--b\r\nContent-Type: application/json\r\n\r\n{\"new\":1}\r\n--b\r\nContent-Type: text/plain\r\n\r\nmedia\r\n--b--\r\nbye",
            ),
        ),
    ] {
        let (answer, _) = world.download_from(reply).await;
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"media"[..]), "{name}: {answer:?}");
        assert!(answer.header("content-type").starts_with("text/plain"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_62_empty_media_is_media() {
    let world = World::new().await;
    let (answer, _) = world.download_from(Reply::two_parts("Content-Type: text/plain", "")).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_62_a_link_is_followed_and_not_told_who_asks() {
    let world = World::new().await;
    let elsewhere = world.origin().await;
    for n in 1..=4 {
        elsewhere.answers(&format!("/{n}"), Reply::new(302, &format!("Location: /{}", n + 1), ""));
    }
    elsewhere.answers("/5", text("linked"));
    let (answer, _) = world.download_from(Reply::link(&elsewhere.url("/1?signature=x"))).await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"linked"[..]));
    assert_eq!(elsewhere.targets(), ["/1?signature=x", "/2", "/3", "/4", "/5"]);
    assert!(elsewhere.asked().iter().all(|asked| asked.header("authorization").is_empty()));
    // The part's other headers mean nothing beside a link.
    let part = format!("Content-Type: image/png\nLocation: {}", elsewhere.url("/5"));
    let (answer, _) = world.download_from(Reply::two_parts(&part, "")).await;
    assert!(answer.header("content-type").starts_with("text/plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_62_links_that_lead_nowhere_are_no_media() {
    let world = World::new().await;
    let elsewhere = world.origin().await;
    elsewhere.answers("/gone", Reply::error(404, "M_NOT_FOUND"));
    elsewhere.answers("/circle", Reply::new(302, "Location: /circle", ""));
    elsewhere.answers("/large", text(&"x".repeat(1001)));
    for (to, refusal) in [
        (elsewhere.url("/gone"), "404 M_NOT_FOUND"),
        (elsewhere.url("/circle"), "502 M_UNKNOWN"),
        (elsewhere.url("/large"), "502 M_TOO_LARGE"),
        ("/relative".to_owned(), "502 M_UNKNOWN"),
        ("file:///etc/passwd".to_owned(), "502 M_UNKNOWN"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "502 M_UNKNOWN"),
    ] {
        let (answer, _) = world.download_from(Reply::link(&to)).await;
        assert_eq!(answer.refusal(), refusal, "{to}");
    }
    let circles = elsewhere.targets().iter().filter(|target| *target == "/circle").count();
    assert_eq!(circles, 6, "the link and five redirects");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_62_what_is_missing_there_is_missing_here() {
    let world = World::new().await;
    let (answer, origin) = world.download_from(Reply::error(404, "M_NOT_FOUND")).await;
    assert_eq!(answer.refusal(), "404 M_NOT_FOUND");
    assert_eq!(world.download(&origin.mxc("abc")).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(origin.targets().len(), 1, "and is not asked for again at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_62_what_is_too_large_is_refused_however_it_says_so() {
    let world = World::new().await;
    let large = "x".repeat(1001);
    let endless = "x".repeat(400_000);
    for (name, reply) in [
        ("found out", Reply::two_parts("Content-Type: text/plain", &large)),
        ("said by the part", Reply::two_parts("Content-Type: text/plain\nContent-Length: 1001", "x")),
        ("said by the whole", Reply::two_parts("Content-Type: text/plain", &endless)),
        (
            "said by nobody",
            Reply::raw(format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{{}}\r\n--b\r\n\r\n{endless}"
            )),
        ),
    ] {
        let (answer, _) = world.download_from(reply).await;
        assert_eq!(answer.refusal(), "502 M_TOO_LARGE", "{name}");
    }
    let (fits, _) = world.download_from(Reply::two_parts("Content-Type: text/plain", &large[1..])).await;
    assert_eq!((fits.status, fits.body.len()), (StatusCode::OK, 1000));
    assert_eq!(world.home.left_in_s3().await, (1, 0), "what fits, and nothing of what does not");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_62_a_server_that_is_down_or_answers_nonsense_is_a_bad_gateway() {
    let world = World::new().await;
    let mut down = world.origin().await;
    down.stop().await;
    assert_eq!(world.download(&down.mxc("abc")).await.refusal(), "502 M_UNKNOWN");
    let half = "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Length: 500\r\n\r\n--b\r\n\r\n{}\r\n--b\r\n\r\nhal";
    for (name, reply) in [
        ("no answer", Reply::hang_up()),
        ("no HTTP", Reply::raw("nonsense\r\n\r\n")),
        ("cut off", Reply::raw(half)),
        ("no last delimiter", mixed("b", "--b\r\n\r\n{}\r\n--b\r\n\r\nmedia")),
        ("one part", mixed("b", "--b\r\n\r\n{}\r\n--b--")),
        ("adjacent delimiters", mixed("b", "--b\r\n--b")),
        ("no boundary", Reply::new(200, "Content-Type: multipart/mixed", "media")),
        ("not in parts", text("media")),
        ("an error", Reply::error(500, "M_UNKNOWN")),
    ] {
        let (answer, _) = world.download_from(reply).await;
        assert_eq!(answer.refusal(), "502 M_UNKNOWN", "{name}");
    }
    assert_eq!(world.home.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_63_name_and_type_of_remote_media_come_through() {
    let world = World::new().await;
    for (headers, content_type, disposition) in [
        (
            "Content-Type: image/png\nContent-Disposition: inline; filename=plain.png",
            "image/png",
            "inline; filename=plain.png",
        ),
        (
            "Content-Disposition: attachment; filename=\"two words; and \\\"more\\\".pdf\"\nContent-Type: application/pdf",
            "application/pdf",
            "attachment; filename=\"two words; and \\\"more\\\".pdf\"",
        ),
        (
            "Content-Type: image/jpeg\nContent-Disposition: inline; filename*=utf-8''Strand%20%E2%98%80%20%F0%9F%90%94.jpg",
            "image/jpeg",
            "inline; filename*=utf-8''Strand%20%E2%98%80%20%F0%9F%90%94.jpg",
        ),
        ("Content-Type: text/html", "text/html", "attachment"),
        ("Content-Disposition: inline; filename=a", "application/octet-stream", "attachment; filename=a"),
        ("X-Nothing: said", "application/octet-stream", "attachment"),
    ] {
        // The same headers in the part, and on the media behind a link.
        let elsewhere = world.origin().await;
        elsewhere.answers("/", Reply::new(200, headers, "media"));
        for reply in [Reply::two_parts(headers, "media"), Reply::link(&elsewhere.url("/"))] {
            let (answer, _) = world.download_from(reply).await;
            assert_eq!(answer.status, StatusCode::OK, "{headers}");
            assert_eq!(answer.header("content-type"), content_type, "{headers}");
            assert_eq!(answer.header("content-disposition"), disposition, "{headers}");
        }
    }
}
