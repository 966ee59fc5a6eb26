//! Whose token is this? The homeserver's word, remembered for a while, never guessed.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use support::{Answer, Client, Server, Setup, homeserver::Homeserver};

const DOWNLOAD: &str = "/_matrix/client/v1/media/download/example.org/abc";

pub(crate) async fn beside(homeserver: &Homeserver) -> Server {
    Setup::new().set("MEDIA_DEV_TOKENS", "").set("MEDIA_HOMESERVER_URL", &homeserver.url()).start().await
}

async fn upload_as(client: &Client, token: &str) -> Answer {
    client.with_token(token).try_upload("x", "text/plain", "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_nothing_else_is_looked_at() {
    let server = Server::start().await;
    let stranger = server.stranger();
    let calls = server.sdk_calls();
    for path in [
        DOWNLOAD,
        "/_matrix/client/v1/media/download/mxc:%2F%2Fhs1%2Fabc/x",
        "/_matrix/client/v1/media/thumbnail/example.org/abc",
        "/_matrix/client/v1/media/download/a%20b/..%2f?timeout_ms=abc",
        "/_matrix/client/v1/media/config",
        "/_matrix/media/v3/config",
    ] {
        assert_eq!(stranger.get(path).await.refusal(), "401 M_MISSING_TOKEN", "{path}");
        assert_eq!(
            stranger.with_token("nonsense").get(path).await.refusal(),
            "401 M_UNKNOWN_TOKEN",
            "{path}"
        );
    }
    assert_eq!(stranger.try_upload("x", "a/b", "").await.refusal(), "401 M_MISSING_TOKEN");
    let long = "x".repeat(5000);
    assert_eq!(upload_as(&stranger, &long).await.refusal(), "401 M_UNKNOWN_TOKEN");
    assert_eq!(server.sdk_calls(), calls, "nothing was asked of AWS");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_may_stand_in_the_query() {
    let server = Server::start().await;
    let path = format!("/_matrix/client/v1/media/config?access_token={}", support::server::TOKEN);
    assert_eq!(server.stranger().get(&path).await.status, StatusCode::OK);
    let basic =
        server.stranger().request(Method::GET, "/_matrix/client/v1/media/config").basic_auth("a", Some("b"));
    assert_eq!(Answer::of(basic).await.refusal(), "401 M_MISSING_TOKEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_homeserver_is_asked_once_within_the_configured_time() {
    let homeserver = Homeserver::start().await;
    homeserver.knows("good", "@alice:example.org");
    let server = beside(&homeserver).await;
    let client = server.client();
    for _ in 0..3 {
        assert_eq!(upload_as(&client, "good").await.status, StatusCode::OK);
    }
    assert_eq!(homeserver.asked(), 1);
    server.surroundings.clock.advance(Duration::from_secs(61));
    assert_eq!(upload_as(&client, "good").await.status, StatusCode::OK);
    assert_eq!(homeserver.asked(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_function_is_asked_asks_the_homeserver_and_tells_the_others() {
    let homeserver = Homeserver::start().await;
    homeserver.knows("good", "@alice:example.org");
    let server = beside(&homeserver).await;
    let client = server.client().with_token("good");
    let paths = [
        "/_matrix/client/v1/media/config",
        DOWNLOAD,
        "/_matrix/client/v1/media/thumbnail/example.org/abc?width=32&height=32",
        "/_matrix/client/v1/media/preview_url?url=nonsense",
    ];
    for (asked, first) in paths.iter().enumerate() {
        server.surroundings.clock.advance(Duration::from_secs(61));
        for path in [first].into_iter().chain(&paths) {
            let answer = client.get(path).await;
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(homeserver.asked(), asked + 1, "{first}, then {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_homeserver_said_is_known_to_the_next_process() {
    let homeserver = Homeserver::start().await;
    homeserver.knows("good", "@alice:example.org");
    let server = beside(&homeserver).await;
    assert_eq!(upload_as(&server.client(), "good").await.status, StatusCode::OK);
    let server = server.restart().await;
    assert_eq!(upload_as(&server.client(), "good").await.status, StatusCode::OK);
    assert_eq!(homeserver.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_remembered_briefly_and_a_revoked_one_forgotten_in_time() {
    let homeserver = Homeserver::start().await;
    let server = beside(&homeserver).await;
    let client = server.client();
    for _ in 0..3 {
        assert_eq!(upload_as(&client, "new").await.refusal(), "401 M_UNKNOWN_TOKEN");
    }
    assert_eq!(homeserver.asked(), 1);
    homeserver.knows("new", "@alice:example.org");
    server.surroundings.clock.advance(Duration::from_secs(6));
    assert_eq!(upload_as(&client, "new").await.status, StatusCode::OK);

    homeserver.answers_with(
        "new",
        StatusCode::UNAUTHORIZED,
        json!({ "errcode": "M_UNKNOWN_TOKEN", "error": "x" }),
    );
    server.surroundings.clock.advance(Duration::from_secs(61));
    assert_eq!(upload_as(&client, "new").await.refusal(), "401 M_UNKNOWN_TOKEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_suspended_and_guest_accounts_are_told_so() {
    let homeserver = Homeserver::start().await;
    let says = |errcode| json!({ "errcode": errcode, "error": "x", "soft_logout": true });
    homeserver.answers_with("locked", StatusCode::UNAUTHORIZED, says("M_USER_LOCKED"));
    homeserver.answers_with("soft", StatusCode::UNAUTHORIZED, says("M_UNKNOWN_TOKEN"));
    homeserver.answers_with("suspended", StatusCode::FORBIDDEN, says("M_USER_SUSPENDED"));
    let guest = json!({ "user_id": "@guest:example.org", "is_guest": true });
    homeserver.answers_with("guest", StatusCode::OK, guest);
    let server = beside(&homeserver).await;
    let client = server.client();

    let locked = upload_as(&client, "locked").await;
    assert_eq!(
        (locked.refusal().as_str(), &locked.json()["soft_logout"]),
        ("401 M_USER_LOCKED", &json!(true))
    );
    let soft = upload_as(&client, "soft").await;
    assert_eq!((soft.refusal().as_str(), &soft.json()["soft_logout"]), ("401 M_UNKNOWN_TOKEN", &json!(true)));
    assert_eq!(upload_as(&client, "suspended").await.refusal(), "403 M_USER_SUSPENDED");
    assert_eq!(upload_as(&client, "guest").await.refusal(), "403 M_GUEST_ACCESS_FORBIDDEN");
    let guest = client.with_token("guest");
    assert_eq!(guest.get("/_matrix/client/v1/media/config").await.refusal(), "403 M_GUEST_ACCESS_FORBIDDEN");
    assert_eq!(guest.get(DOWNLOAD).await.refusal(), "404 M_NOT_FOUND", "guests may read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_homeserver_that_is_down_or_talks_nonsense_accepts_nobody() {
    let homeserver = Homeserver::start().await;
    homeserver.answers_with("broken", StatusCode::INTERNAL_SERVER_ERROR, json!({}));
    homeserver.answers_with("odd", StatusCode::OK, json!({ "user": "@alice:example.org" }));
    homeserver.answers_with("no-user", StatusCode::OK, json!({ "user_id": "alice" }));
    let server = beside(&homeserver).await;
    for token in ["broken", "odd", "no-user"] {
        assert_eq!(upload_as(&server.client(), token).await.refusal(), "503 M_UNKNOWN", "{token}");
    }

    // Nobody listens here: the port was the system's a moment ago.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Setup::new()
        .set("MEDIA_DEV_TOKENS", "")
        .set("MEDIA_HOMESERVER_URL", &format!("http://{gone}"))
        .start()
        .await;
    assert_eq!(upload_as(&server.client(), "good").await.refusal(), "503 M_UNKNOWN");
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_service_acts_for_the_users_of_its_namespace_and_no_others() {
    let homeserver = Homeserver::start().await;
    homeserver.knows_service("bridge", "@_bridge_");
    let server = beside(&homeserver).await;
    let client = server.client().with_token("bridge");
    let create = async |query: &str| {
        let path = format!("/_matrix/media/v1/create{query}");
        Answer::of(client.request(Method::POST, &path)).await
    };
    for (query, user) in [
        ("", "@service:example.org"),
        ("?user_id=@_bridge_one:example.org", "@_bridge_one:example.org"),
        ("?user_id=%40_bridge_two:example.org&device_id=DEVICE", "@_bridge_two:example.org"),
    ] {
        let mxc = create(query).await.json()["content_uri"].as_str().unwrap().parse().unwrap();
        let record = server.gateway.deps().store.records.get_latest(&mxc).await.unwrap().unwrap();
        assert_eq!(record.uploader.unwrap().as_str(), user);
        // Who filled it must be who created it.
        let as_itself = client.put(&mxc, "x", "a/b", "").await.status;
        assert_eq!(as_itself == StatusCode::OK, query.is_empty(), "{query}");
    }
    assert_eq!(create("?user_id=@alice:example.org").await.refusal(), "403 M_FORBIDDEN");
    let unknown = create("?user_id=@_bridge_one:example.org&device_id=OTHER").await;
    assert_eq!(unknown.refusal(), "400 M_UNKNOWN_DEVICE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_development_token_acts_for_nobody_else() {
    let server = Server::start().await;
    let config = "/_matrix/client/v1/media/config";
    let own = server.client().get(&format!("{config}?user_id=@alice:example.org")).await;
    assert_eq!(own.status, StatusCode::OK);
    let other = server.client().get(&format!("{config}?user_id=@bob:example.org")).await;
    assert_eq!(other.refusal(), "403 M_FORBIDDEN");
}
