//! Previews of links: who may ask, what is read, what is remembered, and what no page can do to us.

use std::{fmt::Write as _, time::Duration};

use engine_host::{Effect, Fault, When};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use media_core::limits::PART_BYTES;
use serde_json::json;
use support::{Answer, Server, Setup, Web, eventually, homeserver::Homeserver, photos};

/// A server that may look at the web sites of this machine.
pub(crate) fn setup() -> Setup {
    Setup::new().set("MEDIA_PREVIEW_ALLOW_NETWORKS", "127.0.0.0/8")
}

pub(crate) async fn server() -> Server {
    setup().start().await
}

pub(crate) async fn preview(server: &Server, url: &str) -> Answer {
    preview_in(server, url, None).await
}

async fn preview_in(server: &Server, url: &str, languages: Option<&str>) -> Answer {
    let request = server.client().request(Method::GET, "/_matrix/client/v1/media/preview_url");
    let request = match languages {
        Some(languages) => request.header("accept-language", languages),
        None => request,
    };
    Answer::of(request.query(&[("url", url)])).await
}

fn picture_at(web: &Web, path: &str) {
    web.answers(path, 200, &[("content-type", "image/png")], photos::drawn(64, 48));
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_get_no_previews() {
    let homeserver = Homeserver::start().await;
    let guest = json!({ "user_id": "@guest:example.org", "is_guest": true });
    homeserver.answers_with("guest", StatusCode::OK, guest);
    let server = crate::identity::beside(&homeserver).await;
    let path = "/_matrix/client/v1/media/preview_url?url=http://example.org/";
    let answer = server.client().with_token("guest").get(path).await;
    assert_eq!(answer.refusal(), "403 M_GUEST_ACCESS_FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_can_be_switched_off_and_are_then_as_unknown_as_any_path_to_those_with_a_token() {
    let web = Web::start().await;
    web.page("/", "<title>A</title>");
    let server = setup().set("MEDIA_URL_PREVIEWS", "false").start().await;
    assert_eq!(preview(&server, &web.url("/")).await.refusal(), "404 M_UNRECOGNIZED");
    let path = "/_matrix/media/v3/preview_url";
    assert_eq!(server.client().get(path).await.refusal(), "404 M_UNRECOGNIZED");
    assert_eq!(server.stranger().get(path).await.refusal(), "401 M_MISSING_TOKEN");
    let server = setup().set("MEDIA_URL_PREVIEWS", "false").set("MEDIA_MSC4452", "true").start().await;
    assert_eq!(preview(&server, &web.url("/")).await.refusal(), "403 M_FORBIDDEN");
    assert!(web.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_readers_of_one_page_cost_its_server_one_visit() {
    let (server, web) = (server().await, Web::start().await);
    picture_at(&web, "/a.png");
    web.page("/", "<title>Popular</title><img src=/a.png>");
    let held = web.holds("/");
    let before = server.sdk_calls();
    let url = web.url("/");
    let readers = join_all((0..50).map(|_| preview(&server, &url)));
    let letting_go = async {
        // Everybody has looked and nobody has found anything.
        let looks =
            |calls: &std::collections::BTreeMap<String, u64>| calls.get("GetItem").copied().unwrap_or(0);
        eventually("fifty looks", || async {
            (looks(&server.sdk_calls()) >= looks(&before) + 50).then_some(())
        })
        .await;
        held.add_permits(1);
    };
    let (readers, ()) = tokio::join!(readers, letting_go);
    assert_eq!(web.times_asked("/"), 1);
    assert_eq!(web.times_asked("/a.png"), 1);
    let first = readers[0].json();
    assert_eq!(first["og:title"], "Popular");
    for reader in &readers {
        assert_eq!((reader.status, &reader.json()), (StatusCode::OK, &first));
    }
    assert_eq!(server.left_in_s3().await, (1, 0), "one picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_cannot_be_kept_leaves_nothing_and_the_preview_goes_without() {
    let (server, web) = (server().await, Web::start().await);
    let large = photos::drawn_as_bitmap(2000, 1600);
    assert!(large.len() > PART_BYTES, "it goes in parts");
    web.answers("/large.bmp", 200, &[("content-type", "image/bmp")], large);
    web.page("/", "<title>Large</title><img src=/large.bmp>");
    let operation = Some("UploadPart".to_owned());
    server.surroundings.s3_faults.inject(Fault { operation, when: When::Always, effect: Effect::Fail });
    let without = preview(&server, &web.url("/")).await.json();
    assert_eq!((&without["og:title"], &without["og:image"]), (&json!("Large"), &json!(null)));
    assert_eq!(server.left_in_s3().await, (0, 0));

    server.surroundings.s3_faults.clear();
    server.surroundings.clock.advance(Duration::from_secs(3700));
    assert!(preview(&server, &web.url("/")).await.json()["og:image"].is_string());
    assert_eq!(server.left_in_s3().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_made_to_the_end_although_its_reader_goes_away() {
    let (server, web) = (server().await, Web::start().await);
    web.page("/", "<title>Patience</title>");
    let held = web.holds("/");
    let impatient = tokio::spawn({
        let (client, url) = (server.client(), web.url("/"));
        async move { client.get(&format!("/_matrix/client/v1/media/preview_url?url={url}")).await }
    });
    eventually("the page is asked for", || async { (web.times_asked("/") == 1).then_some(()) }).await;
    impatient.abort();
    assert!(impatient.await.is_err());
    held.add_permits(1);
    assert_eq!(preview(&server, &web.url("/")).await.json()["og:title"], "Patience");
    assert_eq!(web.times_asked("/"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_remembered_for_an_hour_for_each_language_and_by_the_next_process() {
    let (server, web) = (server().await, Web::start().await);
    web.page("/", "<title>First</title>");
    let first = preview(&server, &web.url("/#top")).await.json();
    assert_eq!(first["og:title"], "First");
    web.page("/", "<title>Second</title>");
    assert_eq!(preview(&server, &web.url("/#bottom")).await.json(), first);
    let server = server.restart().await;
    assert_eq!(preview(&server, &web.url("/")).await.json(), first);

    let german = preview_in(&server, &web.url("/"), Some("de, en;q=0.5")).await;
    assert_eq!(german.json()["og:title"], "Second");
    server.surroundings.clock.advance(Duration::from_secs(3700));
    assert_eq!(preview(&server, &web.url("/")).await.json()["og:title"], "Second");

    let said: Vec<_> = web.asked().iter().map(|asked| asked.headers["accept-language"].clone()).collect();
    assert_eq!(said, ["en", "de, en;q=0.5", "en"]);
    let headers = &web.asked()[0].headers;
    let agent = headers["user-agent"].to_str().unwrap().to_owned();
    assert!(agent.contains("bot") && agent.contains("https://example.org"), "{agent}");
    for secret in ["authorization", "cookie", "referer"] {
        assert!(!headers.contains_key(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_remembered_for_some_minutes() {
    let (server, web) = (server().await, Web::start().await);
    for _ in 0..3 {
        assert_eq!(preview(&server, &web.url("/later")).await.refusal(), "502 M_UNKNOWN");
    }
    assert_eq!(web.times_asked("/later"), 1);
    web.page("/later", "<title>Here</title>");
    server.surroundings.clock.advance(Duration::from_mins(6));
    assert_eq!(preview(&server, &web.url("/later")).await.json()["og:title"], "Here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_makers_lease_is_taken_over() {
    let (server, web) = (server().await, Web::start().await);
    web.page("/", "<title>Alive</title>");
    let held = web.holds("/");
    let client = server.client();
    let path = format!("/_matrix/client/v1/media/preview_url?url={}", web.url("/"));
    let stuck = tokio::spawn({
        let (client, path) = (client.clone(), path.clone());
        async move { client.get(&path).await }
    });
    eventually("the page is asked for", || async { (web.times_asked("/") == 1).then_some(()) }).await;
    // Whoever makes it is dead to everybody else by now.
    server.surroundings.clock.advance(Duration::from_secs(40));
    web.page("/", "<title>Taken over</title>");
    assert_eq!(client.get(&path).await.json()["og:title"], "Taken over");
    held.add_permits(1);
    assert_eq!(stuck.await.unwrap().json()["og:title"], "Alive", "its own reader gets what it made");
    assert_eq!(client.get(&path).await.json()["og:title"], "Taken over", "a late hand changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_picture_is_previewed_by_the_picture() {
    let (server, web) = (server().await, Web::start().await);
    picture_at(&web, "/My%20cat.png");
    let preview = preview(&server, &web.url("/My%20cat.png")).await.json();
    assert_eq!(preview["og:title"], "My cat.png");
    assert_eq!((&preview["og:image:width"], &preview["og:image:height"]), (&64.into(), &48.into()));
    assert!(preview["og:image"].as_str().unwrap().starts_with("mxc://example.org/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_something_that_is_played_is_told_of_and_not_fetched() {
    let (server, web) = (server().await, Web::start().await);
    for (path, content_type) in [("/a/My%20film.mp4", "video/mp4"), ("/song.mp3", "Audio/MPEG; charset=x")] {
        web.answers(path, 200, &[("content-type", content_type)], "never read");
        web.never_ends(path);
    }
    let film = web.url("/a/My%20film.mp4");
    let told = json!({ "og:title": "My film.mp4", "og:type": "video.other", "og:video": film,
        "og:video:type": "video/mp4" });
    assert_eq!(preview(&server, &film).await.json(), told);
    let song = web.url("/song.mp3");
    let told = json!({ "og:title": "song.mp3", "og:type": "music.song", "og:audio": song,
        "og:audio:type": "audio/mpeg" });
    assert_eq!(preview(&server, &song).await.json(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_told_of_by_its_title_wherever_in_it_that_stands() {
    let (server, web) = (server().await, Web::start().await);
    let head = "%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n".to_owned();
    let end = "7 0 obj << /Title (On \\(wet\\) sand) >> endobj\ntrailer << /Info 7 0 R >>\n%%EOF";
    web.answers("/short.pdf", 200, &[("content-type", "application/pdf")], head.clone() + end);
    let long = head.clone() + &"stream of bytes\n".repeat(100_000) + end;
    web.answers("/long.pdf", 200, &[("content-type", "application/pdf")], long);
    web.answers("/Without%20title.pdf", 200, &[("content-type", "application/pdf")], head);
    for (path, title) in [
        ("/short.pdf", "On (wet) sand"),
        ("/long.pdf", "On (wet) sand"),
        ("/Without%20title.pdf", "Without title.pdf"),
    ] {
        assert_eq!(preview(&server, &web.url(path)).await.json(), json!({ "og:title": title }), "{path}");
    }
    assert_eq!(web.times_asked("/long.pdf"), 2, "its beginning and its end");
    assert_eq!(web.times_asked("/short.pdf"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_and_links_are_relative_to_where_they_led() {
    let (server, web) = (server().await, Web::start().await);
    picture_at(&web, "/deep/a.png");
    web.answers("/start", 301, &[("location", "/deep/page")], "");
    web.page("/deep/page", "<title>There</title><img src=a.png>");
    let answer = preview(&server, &web.url("/start")).await.json();
    assert_eq!((&answer["og:title"], &answer["og:image:width"]), (&"There".into(), &64.into()));

    web.answers("/circle", 302, &[("location", "/circle")], "");
    assert_eq!(preview(&server, &web.url("/circle")).await.refusal(), "502 M_UNKNOWN");
    assert_eq!(web.times_asked("/circle"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_is_not_read() {
    let (server, web) = (server().await, Web::start().await);
    for (path, content_type) in [("/a.zip", "application/zip"), ("/a.json", "application/json")] {
        web.answers(path, 200, &[("content-type", content_type)], "<title>No page</title>");
        web.never_ends(path);
        assert_eq!(preview(&server, &web.url(path)).await.refusal(), "502 M_UNKNOWN", "{path}");
    }
    web.answers("/empty", 200, &[("content-type", "text/html")], "");
    assert_eq!(preview(&server, &web.url("/empty")).await.json(), json!({}));
    for status in [204, 401, 404, 500] {
        let path = format!("/{status}");
        web.answers(&path, status, &[("content-type", "text/html")], "");
        let expected = if status == 204 { "{}" } else { "502 M_UNKNOWN" };
        let answer = preview(&server, &web.url(&path)).await;
        let told = if answer.status == StatusCode::OK { answer.json().to_string() } else { answer.refusal() };
        assert_eq!(told, expected, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_page_is_read_as_far_as_it_may_and_an_endless_picture_not_at_all() {
    let (server, web) = (server().await, Web::start().await);
    web.page("/page", format!("<title>Endless</title>{}", "<p>more</p>".repeat(5000)));
    web.never_ends("/page");
    assert_eq!(preview(&server, &web.url("/page")).await.json()["og:title"], "Endless");

    web.answers("/a.png", 200, &[("content-type", "image/png")], photos::drawn(64, 48));
    web.never_ends("/a.png");
    assert_eq!(preview(&server, &web.url("/a.png")).await.refusal(), "502 M_TOO_LARGE");
    web.page("/with", "<title>With</title><img src=/a.png>");
    assert_eq!(preview(&server, &web.url("/with")).await.json(), json!({ "og:title": "With" }));
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_million_nested_tags_and_ten_thousand_properties_is_a_page() {
    let (server, web) = (server().await, Web::start().await);
    let mut page = "<title>Deep</title>".to_owned();
    for number in 0..10_000 {
        write!(page, "<meta property='og:x{number}' content='{number}'>").unwrap();
    }
    page += &"<div><b>".repeat(500_000);
    web.page("/", page);
    let preview = preview(&server, &web.url("/")).await.json();
    assert_eq!(preview["og:title"], "Deep");
    assert_eq!(preview.as_object().unwrap().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pages_send_is_charged_to_whoever_asked() {
    let web = Web::start().await;
    let server = setup().set("MEDIA_RATE_REMOTE_BYTES", "1/2097152").start().await;
    for path in ["/one", "/two", "/three"] {
        web.page(path, "x".repeat(1_100_000));
    }
    assert_eq!(preview(&server, &web.url("/one")).await.status, StatusCode::OK);
    assert_eq!(preview(&server, &web.url("/two")).await.refusal(), "429 M_LIMIT_EXCEEDED");
    assert_eq!(preview(&server, &web.url("/one")).await.status, StatusCode::OK, "what is here costs nothing");
}
