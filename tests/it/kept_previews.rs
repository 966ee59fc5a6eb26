//! What is remembered of a page: for how long, in which versions, and with which picture.

use std::time::Duration;

use support::{Answer, Server, Web, photos};

use crate::previews::{preview, server};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

async fn title(server: &Server, url: &str) -> String {
    preview(server, url).await.json()["og:title"].as_str().unwrap().to_owned()
}

fn picture_at(web: &Web, path: &str) {
    web.answers(path, 200, &[("content-type", "image/png")], photos::drawn(64, 48));
}

/// Serves a page with this header, and holds how long it is not looked at again.
async fn check_life(header: (&str, &str), life: Duration) {
    let (server, web) = (server().await, Web::start().await);
    let serve = |title: &str| {
        web.answers("/", 200, &[("content-type", "text/html"), header], format!("<title>{title}</title>"));
    };
    serve("First");
    assert_eq!(title(&server, &web.url("/")).await, "First");
    serve("Second");
    server.surroundings.clock.advance(life.saturating_sub(MINUTE));
    assert_eq!(title(&server, &web.url("/")).await, "First", "{header:?}");
    server.surroundings.clock.advance(2 * MINUTE);
    assert_eq!(title(&server, &web.url("/")).await, "Second", "{header:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_say_for_how_long_they_are_good_within_bounds() {
    check_life(("x-none", "x"), HOUR).await;
    check_life(("cache-control", "public, max-age=7200"), 2 * HOUR).await;
    check_life(("cache-control", "no-store"), 5 * MINUTE).await;
    check_life(("cache-control", "max-age=1"), 5 * MINUTE).await;
    check_life(("cache-control", "max-age=31536000, immutable"), 24 * HOUR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_says_so_in_oembed_and_a_page_that_broke_off_is_soon_looked_at_again() {
    let (server, web) = (server().await, Web::start().await);
    web.page("/", "<link rel=alternate type='application/json+oembed' href='/oembed'>");
    let oembed = |title: &str| {
        let answer = format!(r#"{{"type":"link","title":"{title}","cache_age":10800}}"#);
        web.answers("/oembed", 200, &[], answer);
    };
    oembed("First");
    web.page("/half", "<title>Half</title>");
    web.breaks_off("/half");
    assert_eq!(title(&server, &web.url("/")).await, "First");
    assert_eq!(title(&server, &web.url("/half")).await, "Half");
    oembed("Second");
    web.page("/half", "<title>Whole</title>");
    server.surroundings.clock.advance(6 * MINUTE);
    assert_eq!(title(&server, &web.url("/half")).await, "Whole");
    server.surroundings.clock.advance(2 * HOUR);
    assert_eq!(title(&server, &web.url("/")).await, "First");
    server.surroundings.clock.advance(HOUR);
    assert_eq!(title(&server, &web.url("/")).await, "Second");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_a_time_is_given_while_it_is_held() {
    let (server, web) = (server().await, Web::start().await);
    let clock = &server.surroundings.clock;
    let mut times = Vec::new();
    for version in 0..4 {
        web.page("/", format!("<title>Version {version}</title>"));
        times.push(server.gateway.deps().clock.now().0);
        assert_eq!(title(&server, &web.url("/")).await, format!("Version {version}"));
        clock.advance(3 * HOUR);
    }
    web.page("/", "<title>Now</title>");
    let at = async |ts: u64| {
        let client = server.client();
        let path = format!("/_matrix/client/v1/media/preview_url?url={}&ts={ts}", web.url("/"));
        client.get(&path).await.json()["og:title"].as_str().unwrap().to_owned()
    };
    let half_an_hour = 30 * 60 * 1000;
    for (version, time) in times.iter().enumerate() {
        assert_eq!(at(time + half_an_hour).await, format!("Version {version}"));
    }
    assert_eq!(web.times_asked("/"), 4, "what is held is not asked for");
    // Between two versions, before all and after all: a newer one.
    assert_eq!(at(times[1] - half_an_hour).await, "Now");
    assert_eq!(at(0).await, "Now");
    assert_eq!(at(u64::MAX).await, "Now");
    assert_eq!(web.times_asked("/"), 5);
    assert_eq!(at(times[3] + half_an_hour).await, "Version 3", "the newer one has not pushed it out");
    // Nothing is held for longer than its picture.
    clock.advance(Duration::from_hours(72));
    assert_eq!(at(times[3] + half_an_hour).await, "Now");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_page_has_one_preview_however_it_is_written() {
    let (server, web) = (server().await, Web::start().await);
    web.page("/~caf%C3%A9", "<title>One</title>");
    for path in ["/~caf%C3%A9", "/%7Ecaf%c3%a9", "/x/../~caf%C3%A9#end", "/~café?", "/~café"] {
        assert_eq!(title(&server, &web.url(path)).await, "One", "{path}");
    }
    assert_eq!(web.asked().len(), 1);
    let asking = |languages: &'static str| {
        let request = server.client().request(http::Method::GET, "/_matrix/client/v1/media/preview_url");
        Answer::of(request.header("accept-language", languages).query(&[("url", web.url("/~café"))]))
    };
    for languages in ["de, en;q=0.5", "DE,en; q=0.5"] {
        assert!(asking(languages).await.status.is_success());
    }
    assert_eq!(web.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_here_is_not_fetched_again_and_its_last_use_is_known() {
    let (server, web) = (server().await, Web::start().await);
    picture_at(&web, "/a.png");
    for path in ["/one", "/two", "/three"] {
        web.page(path, format!("<title>{path}</title><img src=/a.png>"));
    }
    let picture = async |path: &str| {
        preview(&server, &web.url(path)).await.json()["og:image"].as_str().unwrap().to_owned()
    };
    let deps = server.gateway.deps();
    let last_use =
        async |mxc: &str| deps.store.records.get(&mxc.parse().unwrap()).await.unwrap().unwrap().last_access;
    // At noon, whenever the test runs.
    let day = 24 * 3600;
    let to_noon = (day + day / 2 - deps.clock.now().as_secs() % day) % day;
    server.surroundings.clock.advance(Duration::from_secs(to_noon));
    let first = picture("/one").await;
    assert_eq!(picture("/two").await, first);
    assert_eq!((web.times_asked("/a.png"), server.left_in_s3().await), (1, (1, 0)));
    assert_eq!(last_use(&first).await, Some(deps.clock.now().day()));

    // The next day, and not yet a day after it was fetched.
    server.surroundings.clock.advance(Duration::from_secs(day / 2));
    assert_eq!(picture("/three").await, first);
    assert_eq!(last_use(&first).await, Some(deps.clock.now().day()));
    // After that it is looked at again.
    server.surroundings.clock.advance(25 * HOUR);
    assert_ne!(picture("/three").await, first);
    assert_eq!(web.times_asked("/a.png"), 2);
}
