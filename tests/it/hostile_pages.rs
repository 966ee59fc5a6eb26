//! Pages that mean us no good, and what is left of them: a smaller preview or a clear refusal, soon and in bounds.

use std::io::Write as _;

use http::StatusCode;
use serde_json::{Value, json};
use support::{Server, Web, photos};

use crate::previews::{preview, server, setup};

/// How often a kilobyte of nothing is repeated in a bomb.
const KILOBYTES: usize = 300_000;

const HTML: (&str, &str) = ("content-type", "text/html");

async fn check_refused(server: &Server, url: &str, refusal: &str) {
    assert_eq!(preview(server, url).await.refusal(), refusal, "{url}");
}

async fn check_told(server: &Server, url: &str, told: Value) {
    let answer = preview(server, url).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, told), "{url}");
}

/// A page that says who it is and goes on with 300 MB of nothing, in each of the ways in which that is little to send.
pub(crate) fn bombs() -> [(&'static str, Vec<u8>); 3] {
    let head = b"<title>Bomb</title><body>";
    let nothing = [b' '; 1024];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mut brotli = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    gzip.write_all(head).unwrap();
    brotli.write_all(head).unwrap();
    for _ in 0..KILOBYTES {
        gzip.write_all(&nothing).unwrap();
        brotli.write_all(&nothing).unwrap();
    }
    [("gzip", gzip.finish().unwrap()), ("br", brotli.into_inner()), ("zstd", zstd_bomb(head))]
}

/// Written by hand (RFC 8878): a frame with a window of 8 MiB, the head as it is, then blocks of one byte each that is
/// repeated 128 KiB times.
fn zstd_bomb(head: &[u8]) -> Vec<u8> {
    let block = |size: usize, kind: u32, is_last: bool| {
        let header = u32::try_from(size).unwrap() << 3 | kind << 1 | u32::from(is_last);
        header.to_le_bytes()[..3].to_vec()
    };
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3];
    bomb.extend(block(head.len(), 0, false));
    bomb.extend(head);
    let blocks = KILOBYTES / 128;
    for number in 1..=blocks {
        bomb.extend(block(128 * 1024, 1, number == blocks));
        bomb.push(b' ');
    }
    bomb
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_a_page_with_nothing_in_it() {
    let (server, web) = (server().await, Web::start().await);
    for (coding, bomb) in bombs() {
        assert!(bomb.len() < 2_000_000, "{coding}: {}", bomb.len());
        let path = format!("/{coding}");
        web.answers(&path, 200, &[HTML, ("content-encoding", coding)], bomb);
        check_told(&server, &web.url(&path), json!({ "og:title": "Bomb" })).await;
        let asked = web.asked().pop().unwrap();
        assert!(
            asked.headers["accept-encoding"].to_str().unwrap().contains(coding),
            "{coding} was asked for"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_a_bomb_is_no_picture() {
    let (server, web) = (server().await, Web::start().await);
    for (coding, bomb) in bombs() {
        let path = format!("/{coding}.png");
        web.answers(&path, 200, &[("content-type", "image/png"), ("content-encoding", coding)], bomb);
        check_refused(&server, &web.url(&path), "502 M_TOO_LARGE").await;
        let page = format!("/{coding}.html");
        web.page(&page, format!("<title>Page</title><meta property='og:image' content='{path}'>"));
        check_told(&server, &web.url(&page), json!({ "og:title": "Page" })).await;
    }
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_unpacked_is_no_page_and_what_breaks_off_is_as_much_of_one_as_came() {
    let (server, web) = (server().await, Web::start().await);
    for (coding, bomb) in bombs() {
        web.answers(
            &format!("/cut/{coding}"),
            200,
            &[HTML, ("content-encoding", coding)],
            bomb[..bomb.len() / 2].to_vec(),
        );
        check_told(&server, &web.url(&format!("/cut/{coding}")), json!({ "og:title": "Bomb" })).await;
        web.answers(
            &format!("/not/{coding}"),
            200,
            &[HTML, ("content-encoding", coding)],
            "<title>Never packed</title>",
        );
        check_refused(&server, &web.url(&format!("/not/{coding}")), "502 M_UNKNOWN").await;
    }
    web.answers("/unknown", 200, &[HTML, ("content-encoding", "compress")], "<title>Odd</title>");
    check_refused(&server, &web.url("/unknown"), "502 M_UNKNOWN").await;

    web.page("/broken", "<title>Half a page</title><p>It be");
    web.breaks_off("/broken");
    check_told(&server, &web.url("/broken"), json!({ "og:title": "Half a page", "og:description": "It be" }))
        .await;
    web.page("/nothing", "<html>");
    web.breaks_off("/nothing");
    check_refused(&server, &web.url("/nothing"), "502 M_UNKNOWN").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_says_everything_is_not_waited_behind() {
    let (server, web) = (server().await, Web::start().await);
    let page = "<head><title>T</title><meta property='og:title' content='Said'>
        <meta name='description' content='All of it'>
        <meta property='og:image' content='data:,'></head><body>";
    // What does not come would be waited for until the time is over.
    web.page("/silent", format!("{page}{}", "<p>x".repeat(10_000)));
    web.falls_silent("/silent");
    check_told(&server, &web.url("/silent"), json!({ "og:title": "Said", "og:description": "All of it" }))
        .await;
    web.page("/endless", format!("{page}<p>{}", "x".repeat(100_000)));
    web.never_ends("/endless");
    check_told(&server, &web.url("/endless"), json!({ "og:title": "Said", "og:description": "All of it" }))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_as_long_as_headers_may_be() {
    let (server, web) = (server().await, Web::start().await);
    let long = "x".repeat(1_000_000);
    web.answers("/long", 200, &[HTML, ("x-long", &long)], "<title>Never read</title>");
    check_refused(&server, &web.url("/long"), "502 M_UNKNOWN").await;
    let many: Vec<_> = (0..1000).map(|number| format!("x-{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    web.answers("/many", 200, &many, "<title>Never read</title>");
    check_refused(&server, &web.url("/many"), "502 M_UNKNOWN").await;
    let locations = ["http://", "javascript:alert(1)", "data:text/html,<title>x</title>", &long[..200_000]];
    for (number, location) in locations.into_iter().enumerate() {
        let path = format!("/to/{number}");
        web.answers(&path, 302, &[("location", location)], "");
        check_refused(&server, &web.url(&path), "502 M_UNKNOWN").await;
        assert_eq!(web.times_asked(&path), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_a_redirect_are_not_passed_on() {
    let (server, web) = (server().await, Web::start().await);
    web.page("/page", "<title>Page</title>");
    let away = web.url("/page").replace("http://", "http://user:secret@");
    web.answers("/away", 302, &[("location", &away), ("set-cookie", "a=b")], "");
    check_told(&server, &web.url("/away"), json!({ "og:title": "Page" })).await;
    let asked = web.asked().pop().unwrap();
    assert!(
        !asked.headers.contains_key("authorization") && !asked.headers.contains_key("cookie"),
        "{asked:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_no_kind_are_a_page_of_no_words() {
    let (server, web) = (server().await, Web::start().await);
    let noise: Vec<u8> =
        (0..200_000_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap()).collect();
    web.answers("/noise", 200, &[HTML], noise.clone());
    assert_eq!(preview(&server, &web.url("/noise")).await.status, StatusCode::OK);
    for charset in [
        "utf-8",
        "utf-16",
        "shift_jis",
        "iso-2022-jp",
        "gb18030",
        "x-user-defined",
        "replacement",
        "nonsense",
    ] {
        let path = format!("/{charset}");
        let head = b"<title>\xff\xfe\x00caf\xe9</title><meta property='og:\xff' content='\xff'>";
        let said = format!("text/html; charset={charset}");
        web.answers(&path, 200, &[("content-type", &said)], [head, &noise[..]].concat());
        assert_eq!(preview(&server, &web.url(&path)).await.status, StatusCode::OK, "{charset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_leaves_nothing_behind() {
    let (server, web) = (server().await, Web::start().await);
    web.answers("/gif.png", 200, &[("content-type", "image/png")], "GIF89a");
    web.answers("/dot.png", 200, &[("content-type", "image/png")], photos::drawn(1, 1));
    web.answers(
        "/svg",
        200,
        &[("content-type", "image/svg+xml")],
        "<svg xmlns='http://www.w3.org/2000/svg'/>",
    );
    let pictures = [
        "/gif.png",
        "/dot.png",
        "/svg",
        "data:image/png;base64,AAAA",
        "data:image/png;base64,%%%",
        "data:",
        "data:,x",
    ];
    for (number, picture) in pictures.into_iter().enumerate() {
        let path = format!("/page/{number}");
        web.page(&path, format!("<title>Page</title><meta property='og:image' content='{picture}'>"));
        check_told(&server, &web.url(&path), json!({ "og:title": "Page" })).await;
    }
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn oembed_is_fenced_and_bounded_like_everything() {
    let (server, web) = (server().await, Web::start().await);
    web.answers("/endless.json", 200, &[("content-type", "application/json")], r#"{"type":"rich","title":"#);
    web.never_ends("/endless.json");
    web.answers("/deep.json", 200, &[], "[".repeat(100_000));
    web.answers("/circle.json", 302, &[("location", "/circle.json")], "");
    let endpoints = [
        "/endless.json",
        "/deep.json",
        "/circle.json",
        "/gone.json",
        "http://10.1.2.3/o.json",
        "file:///etc/passwd",
    ];
    for (number, endpoint) in endpoints.into_iter().enumerate() {
        let path = format!("/page/{number}");
        web.page(
            &path,
            format!(
                "<title>Page</title><link rel='alternate' type='application/json+oembed' href='{endpoint}'>"
            ),
        );
        check_told(&server, &web.url(&path), json!({ "og:title": "Page" })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_denies_is_not_visited_by_any_way() {
    let (denied, web) = (Web::start().await, Web::start().await);
    let port = denied.url("/").trim_end_matches('/').rsplit_once(':').unwrap().1.to_owned();
    let server =
        setup().set("MEDIA_PREVIEW_DENY", &format!("*:{port}/private/*, *.example.org")).start().await;
    for path in ["/private/page", "/public"] {
        denied.page(path, "<title>Here</title>");
    }
    denied.answers("/private/a.png", 200, &[("content-type", "image/png")], photos::drawn(20, 20));
    check_refused(&server, &denied.url("/private/page"), "403 M_FORBIDDEN").await;
    check_refused(&server, "http://a.example.org/", "403 M_FORBIDDEN").await;
    check_told(&server, &denied.url("/public"), json!({ "og:title": "Here" })).await;
    web.answers("/away", 302, &[("location", &denied.url("/private/page"))], "");
    check_refused(&server, &web.url("/away"), "502 M_UNKNOWN").await;
    web.page("/page", format!("<title>Page</title><img src='{}'>", denied.url("/private/a.png")));
    check_told(&server, &web.url("/page"), json!({ "og:title": "Page" })).await;
    assert_eq!(denied.asked().len(), 1, "{:?}", denied.asked());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_some_are_allowed_no_others_are() {
    let (allowed, web) = (Web::start().await, Web::start().await);
    let port = allowed.url("/").trim_end_matches('/').rsplit_once(':').unwrap().1.to_owned();
    let server = setup().set("MEDIA_PREVIEW_ALLOW", &format!("127.0.0.1:{port}")).start().await;
    web.page("/page", "<title>Elsewhere</title>");
    web.answers("/a.png", 200, &[("content-type", "image/png")], photos::drawn(20, 20));
    check_refused(&server, &web.url("/page"), "403 M_FORBIDDEN").await;
    allowed.answers("/away", 302, &[("location", &web.url("/page"))], "");
    check_refused(&server, &allowed.url("/away"), "502 M_UNKNOWN").await;
    assert!(web.asked().is_empty(), "{:?}", web.asked());
    // Where its pictures are is up to a site.
    allowed.page("/page", format!("<title>Page</title><img src='{}'>", web.url("/a.png")));
    let page = preview(&server, &allowed.url("/page")).await.json();
    assert_eq!(page["og:image:width"], 20);
}
