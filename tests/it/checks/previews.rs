//! Checks 45 and 47 to 49: previews of links, and what they never touch.

use std::net::Ipv4Addr;

use http::StatusCode;
use support::{Server, Web, photos};

use crate::previews::{preview, server, setup};

#[tokio::test(flavor = "multi_thread")]
async fn check_45_the_old_preview_asks_for_a_token() {
    let server = server().await;
    for query in ["", "?url=http://example.org/", "?url=nonsense"] {
        for version in ["v3", "r0", "v1"] {
            let path = format!("/_matrix/media/{version}/preview_url{query}");
            assert_eq!(server.stranger().get(&path).await.refusal(), "401 M_MISSING_TOKEN", "{path}");
            let unknown = server.stranger().with_token("nonsense");
            assert_eq!(unknown.get(&path).await.refusal(), "401 M_UNKNOWN_TOKEN", "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_47_a_preview_has_the_pages_tags_and_its_picture_as_media() {
    let (server, web) = (server().await, Web::start().await);
    let picture = photos::drawn(279, 129);
    web.answers("/films/test.png", 200, &[("content-type", "image/png")], picture.clone());
    web.page(
        "/films/rock",
        r#"<html prefix="og: http://ogp.me/ns#"><head>
            <title>The Rock (1996)</title>
            <meta property="og:title" content="The Rock" />
            <meta property="og:type" content="video.movie" />
            <meta property="og:url" content="http://www.imdb.com/title/tt0117500/" />
            <meta property="og:image" content="test.png" />
            <meta property="og:image:width" content="1" />
            </head><body></body></html>"#,
    );
    for path in ["/_matrix/client/v1/media/preview_url", "/_matrix/media/v3/preview_url"] {
        let answer =
            server.client().get(&format!("{path}?url={}&ts=1700000000000", web.url("/films/rock"))).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
        let json = answer.json();
        assert_eq!(json["og:title"], "The Rock");
        assert_eq!(json["og:type"], "video.movie");
        assert_eq!(json["og:url"], "http://www.imdb.com/title/tt0117500/");
        assert_eq!(json["matrix:image:size"], picture.len());
        assert_eq!((&json["og:image:width"], &json["og:image:height"]), (&279.into(), &129.into()));
        assert_eq!(json["og:image:type"], "image/png");
        let mxc = json["og:image"].as_str().unwrap().parse().expect("an mxc:// URI");

        let client = server.client();
        let back = client.follow(client.download(&mxc).await).await;
        assert_eq!((back.status, &back.body), (StatusCode::OK, &picture));
        assert_eq!(back.header("content-type"), "image/png");
        let small = client.follow(client.thumbnail(&mxc, "width=96&height=96&method=crop").await).await;
        assert_eq!((small.status, photos::size_of(&small.body)), (StatusCode::OK, (96, 96)));
    }
    assert_eq!(web.times_asked("/films/rock"), 1, "the second was remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_47_without_a_picture_there_is_neither_its_name_nor_its_size() {
    let (server, web) = (server().await, Web::start().await);
    web.answers("/text.png", 200, &[("content-type", "image/png")], "this is no picture");
    let og = |image: &str| {
        format!("<meta property='og:title' content='A'><meta property='og:image:width' content='9'>{image}")
    };
    web.page("/none", og(""));
    web.page("/missing", og("<meta property='og:image' content='/nowhere.png'>"));
    web.page("/broken", og("<meta property='og:image' content='/text.png'>"));
    web.page("/odd", og("<meta property='og:image' content='ftp://example.org/a.png'>"));
    web.page("/fenced", og("<meta property='og:image' content='http://10.1.2.3/a.png'>"));
    for path in ["/none", "/missing", "/broken", "/odd", "/fenced"] {
        let preview = preview(&server, &web.url(path)).await;
        assert_eq!(preview.status, StatusCode::OK, "{path}: {preview:?}");
        assert_eq!(preview.json(), serde_json::json!({ "og:title": "A" }), "{path}");
    }
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_48_a_preview_of_nothing_is_a_missing_parameter() {
    let server = server().await;
    let client = server.client();
    for path in ["/_matrix/client/v1/media/preview_url", "/_matrix/media/v3/preview_url"] {
        assert_eq!(client.get(path).await.refusal(), "400 M_MISSING_PARAM");
        assert_eq!(client.get(&format!("{path}?ts=0")).await.refusal(), "400 M_MISSING_PARAM");
        for url in ["", "nonsense", "ftp://example.org/", "http://user:secret@example.org/", "%ff"] {
            assert_eq!(
                client.get(&format!("{path}?url={url}")).await.refusal(),
                "400 M_INVALID_PARAM",
                "{url}"
            );
        }
        for ts in ["-1", "now", "", "1.5"] {
            let path = format!("{path}?url=http://10.1.2.3/&ts={ts}");
            assert_eq!(client.get(&path).await.refusal(), "400 M_INVALID_PARAM", "{ts}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_49_no_link_leads_into_a_private_network() {
    // Nothing is open, as by default.
    let server = Server::start().await;
    let web = Web::start().await;
    web.page("/", "<title>Secret</title>");
    let port = web.url("/").rsplit_once(':').unwrap().1.to_owned();
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ] {
        let answer = preview(&server, &format!("http://{host}:{port}")).await;
        assert_eq!(answer.refusal(), "403 M_FORBIDDEN", "{host}");
    }
    // By DNS: the hosts file knows this name.
    assert_eq!(preview(&server, &web.url_at("localhost", "/")).await.refusal(), "502 M_UNKNOWN");
    assert!(web.asked().is_empty(), "nobody was contacted");
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_49_no_redirect_leads_into_a_private_network() {
    let (outside, inside) = (Web::start().await, Web::start_at(Ipv4Addr::new(127, 0, 0, 2)).await);
    let server = setup().set("MEDIA_PREVIEW_ALLOW_NETWORKS", "127.0.0.1/32").start().await;
    inside.page("/", "<title>Secret</title>");
    inside.answers("/a.png", 200, &[("content-type", "image/png")], photos::drawn(20, 20));
    for (path, target) in [
        ("/inside", inside.url("/")),
        ("/metadata", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("/v6", "http://[::1]/".to_owned()),
        ("/file", "file:///etc/passwd".to_owned()),
        ("/twice", outside.url("/inside")),
    ] {
        outside.answers(path, 302, &[("location", &target)], "");
        assert_eq!(preview(&server, &outside.url(path)).await.refusal(), "502 M_UNKNOWN", "{path}");
    }
    outside.answers("/a.png", 307, &[("location", &inside.url("/a.png"))], "");
    outside.page("/page", "<title>Page</title><img src='/a.png'>");
    let page = preview(&server, &outside.url("/page")).await;
    assert_eq!(page.json(), serde_json::json!({ "og:title": "Page" }));
    assert_eq!(outside.times_asked("/a.png"), 1);
    assert!(inside.asked().is_empty(), "nobody inside was contacted");
    assert_eq!(server.left_in_s3().await, (0, 0));
}
