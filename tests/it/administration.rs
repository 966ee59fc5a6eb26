//! What operators of Synapse do every week, with the same calls: looking, hiding, deleting, counting.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};
use media_core::{Content, Mxc, Record, Sha256, State, Timestamp};
use serde_json::{Value, json};
use storage::{
    Job,
    jobs::{Chosen, Handling, Stands, Work},
};
use support::{Answer, Authority, Client, Neighbour, Server, Setup, homeserver::Homeserver, photos};

use crate::federation::server_behind_tls;

const ADMIN: &str = "/_synapse/admin/v1";
const UNSTABLE: &str = "/_matrix/media/unstable/admin";
const ADMIN_TOKEN: &str = "admin-token";

/// A server whose homeserver says who its administrators are.
struct World {
    homeserver: Homeserver,
    server: Server,
    /// An administrator.
    admin: Client,
    alice: Client,
    bob: Client,
}

async fn homeserver() -> Homeserver {
    let homeserver = Homeserver::start().await;
    homeserver.knows(ADMIN_TOKEN, "@admin:example.org");
    homeserver.has_admin(ADMIN_TOKEN);
    homeserver.knows(support::server::TOKEN, "@alice:example.org");
    homeserver.knows(support::server::OTHER_TOKEN, "@bob:example.org");
    homeserver
}

impl World {
    async fn start() -> Self {
        Self::start_as(Setup::new()).await
    }

    async fn start_as(setup: Setup) -> Self {
        let homeserver = homeserver().await;
        let server = setup
            .set("MEDIA_DEV_TOKENS", "")
            .set("MEDIA_HOMESERVER_URL", &homeserver.url())
            // Tests move the clock by days.
            .set("MEDIA_TOKEN_CACHE_S", "31536000")
            .start()
            .await;
        Self::of(homeserver, server)
    }

    fn of(homeserver: Homeserver, server: Server) -> Self {
        let alice = server.client();
        let (admin, bob) = (alice.with_token(ADMIN_TOKEN), alice.with_token(support::server::OTHER_TOKEN));
        Self { homeserver, server, admin, alice, bob }
    }

    /// The administrator's call, which must succeed.
    async fn call(&self, method: Method, path: &str) -> Value {
        let answer = self.try_call(method, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.json()
    }

    async fn try_call(&self, method: Method, path: &str) -> Answer {
        Answer::of(self.admin.request(method, path)).await
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path).await
    }

    async fn post(&self, path: &str) -> Value {
        self.call(Method::POST, path).await
    }

    async fn is_shown(&self, mxc: &Mxc) -> bool {
        let answer = self.alice.download(mxc).await;
        assert!(
            answer.status == StatusCode::TEMPORARY_REDIRECT || answer.refusal() == "404 M_NOT_FOUND",
            "{answer:?}"
        );
        answer.status == StatusCode::TEMPORARY_REDIRECT
    }

    async fn record(&self, mxc: &Mxc) -> Option<Record> {
        self.server.gateway.deps().store.records.get_latest(mxc).await.unwrap()
    }

    fn now(&self) -> Timestamp {
        self.server.surroundings.clock.now()
    }

    /// Writes a record down as if somebody had uploaded something: thousands of real uploads would only be slow.
    async fn has(&self, record: &Record) {
        assert!(self.server.gateway.deps().store.records.reserve(record).await.unwrap().is_won());
    }
}

fn of(mxc: &Mxc) -> String {
    format!("{}/{}", mxc.origin, mxc.media_id)
}

fn stored(id: &str, user: &str, size_bytes: u64, created_ms: u64) -> Record {
    Record {
        mxc: format!("mxc://example.org/{id}").parse().unwrap(),
        state: State::Stored(Content {
            object_key: format!("originals/{id}"),
            brought_as: format!("originals/{id}"),
            content_type: format!("image/{}", size_bytes % 7),
            size_bytes,
            sha256: None,
            upload_name: size_bytes.is_multiple_of(3).then(|| format!("{}.png", size_bytes % 11)),
        }),
        created_at: Timestamp(created_ms),
        uploader: Some(user.try_into().unwrap()),
        authenticated: true,
        quarantined_by: size_bytes.is_multiple_of(5).then(|| "@admin:example.org".to_owned()),
        protected: size_bytes.is_multiple_of(4),
        last_access: None,
        picture: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_administrator_is_answered() {
    let world = World::start().await;
    for (method, path) in crate::template::routes_of("admin") {
        if path.starts_with("/_matrix/media/unstable/download/") {
            continue;
        }
        let path = crate::template::filled(&path);
        let ask = |client: &Client| Answer::of(client.request(method.clone(), &path));
        assert_eq!(ask(&world.server.stranger()).await.refusal(), "401 M_MISSING_TOKEN", "{path}");
        let nonsense = world.alice.with_token("nonsense");
        assert_eq!(ask(&nonsense).await.refusal(), "401 M_UNKNOWN_TOKEN", "{path}");
        let refused = ask(&world.alice).await;
        assert_eq!(refused.refusal(), "403 M_FORBIDDEN", "{path}");
        assert_eq!(refused.json()["error"], "You are not a server admin.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_homeserver_is_asked_once_who_is_an_administrator() {
    let world = World::start().await;
    for _ in 0..3 {
        world.get(&format!("{UNSTABLE}/tasks/all")).await;
    }
    assert_eq!(world.homeserver.asked_for_admins(), 1);
    let other = world.server.beside().await;
    let answer = other.client().with_token(ADMIN_TOKEN).get(&format!("{UNSTABLE}/tasks/all")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(world.homeserver.asked_for_admins(), 1, "processes share the answer");
    other.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_homeserver_a_list_says_who_administers_and_a_secret_makes_one() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("secret");
    let secret = "0123456789abcdef0123456789abcdef";
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    let server = Setup::new()
        .set("MEDIA_ADMINS", "@bob:example.org")
        .set("MEDIA_ADMIN_SECRET_FILE", file.to_str().unwrap())
        .start()
        .await;
    let path = format!("{UNSTABLE}/tasks/all");
    let alice = server.client();
    assert_eq!(alice.get(&path).await.refusal(), "403 M_FORBIDDEN");
    let bob = alice.with_token(support::server::OTHER_TOKEN);
    assert_eq!(bob.get(&path).await.status, StatusCode::OK);
    let knows = alice.with_token(secret);
    assert_eq!(knows.get(&path).await.status, StatusCode::OK);
    assert_eq!(alice.with_token(&secret[1..]).get(&path).await.refusal(), "401 M_UNKNOWN_TOKEN");
    // The homeserver knows no secret of ours, and here there is none to ask.
    let room = format!("{ADMIN}/room/!a:example.org/media");
    assert_eq!(knows.get(&room).await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(bob.get(&room).await.refusal(), "502 M_UNKNOWN");

    let mxc = alice.upload("x", "text/plain", "").await;
    let hidden =
        Answer::of(knows.request(Method::POST, &format!("{ADMIN}/media/quarantine/{}", of(&mxc)))).await;
    assert_eq!(hidden.status, StatusCode::OK, "{hidden:?}");
    let record = server.gateway.deps().store.records.get_latest(&mxc).await.unwrap().unwrap();
    assert_eq!(record.quarantined_by.as_deref(), Some("shared-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn media_is_shown_as_synapse_shows_it() {
    let world = World::start().await;
    let mxc = world.alice.upload("hello", "text/plain", "hello.txt").await;
    let record = world.record(&mxc).await.unwrap();
    let shown = world.get(&format!("{ADMIN}/media/{}", of(&mxc))).await;
    assert_eq!(
        shown,
        json!({ "media_info": {
            "media_origin": null,
            "user_id": "@alice:example.org",
            "media_id": mxc.media_id.as_str(),
            "media_type": "text/plain",
            "media_length": 5,
            "upload_name": "hello.txt",
            "created_ts": record.created_at.0,
            "filesystem_id": null,
            "url_cache": null,
            "last_access_ts": record.last_access.map(|day| day.starts().0),
            "quarantined_by": null,
            "authenticated": true,
            "safe_from_quarantine": false,
            "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        }})
    );
    for unknown in ["example.org/unknown", "example.com/unknown", "example.org/a%20b"] {
        let answer = world.try_call(Method::GET, &format!("{ADMIN}/media/{unknown}")).await;
        assert_eq!(answer.refusal(), "404 M_NOT_FOUND", "{unknown}");
    }
    let odd = world.try_call(Method::GET, &format!("{ADMIN}/media/a%20b/x")).await;
    assert_eq!(odd.refusal(), "400 M_INVALID_PARAM");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_media_is_gone_with_its_bytes_and_thumbnails() {
    let world = World::start().await;
    let mxc = world.alice.upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
    world.server.thumbnails_of(&mxc).await;
    assert!(!world.server.objects_in_s3().await.is_empty());
    let path = format!("{ADMIN}/media/{}", of(&mxc));
    // As `synadm` writes it, with a body that says nothing.
    let delete = world.admin.request(Method::DELETE, &format!("{path}/")).json(&json!({}));
    let deleted = Answer::of(delete).await.json();
    assert_eq!(deleted, json!({ "deleted_media": [mxc.media_id.as_str()], "total": 1 }));
    assert!(world.server.objects_in_s3().await.is_empty());
    assert_eq!(world.alice.download(&mxc).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(world.try_call(Method::DELETE, &path).await.refusal(), "404 M_NOT_FOUND");
    let remote = world.try_call(Method::DELETE, &format!("{ADMIN}/media/example.com/abc")).await;
    assert_eq!(remote.refusal(), "400 M_UNKNOWN");
    assert_eq!(remote.json()["error"], "Can only delete local media.");
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantine_hides_every_copy_and_is_undone_for_every_copy() {
    let world = World::start().await;
    let photo = photos::fixture("photo.jpg");
    let first = world.alice.upload(photo.clone(), "image/jpeg", "one.jpg").await;
    let second = world.bob.upload(photo, "image/jpeg", "two.jpg").await;
    let other = world.bob.upload("other", "text/plain", "").await;
    world.server.thumbnails_of(&second).await;

    let path = format!("{ADMIN}/media/quarantine/{}/", of(&first));
    let quarantine = world.admin.request(Method::POST, &path).json(&json!({}));
    assert_eq!(Answer::of(quarantine).await.json(), json!({}));
    for hidden in [&first, &second] {
        assert!(!world.is_shown(hidden).await);
        let thumbnail = world.alice.thumbnail(hidden, "width=32&height=32&method=crop").await;
        assert_eq!(thumbnail.refusal(), "404 M_NOT_FOUND");
        let record = world.record(hidden).await.unwrap();
        assert_eq!(record.quarantined_by.as_deref(), Some("@admin:example.org"));
    }
    assert!(world.is_shown(&other).await);

    world.post(&format!("{ADMIN}/media/unquarantine/{}", of(&second))).await;
    for shown in [&first, &second] {
        assert!(world.is_shown(shown).await);
    }
    for verb in ["quarantine", "unquarantine"] {
        let answer = world.try_call(Method::POST, &format!("{ADMIN}/media/{verb}/example.org/unknown")).await;
        assert_eq!(answer.refusal(), "404 M_NOT_FOUND", "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_media_is_spared_until_it_is_no_longer() {
    let world = World::start().await;
    let (safe, copy) = (
        world.alice.upload("same", "text/plain", "").await,
        world.bob.upload("same", "text/plain", "").await,
    );
    world.post(&format!("{ADMIN}/media/protect/{}/", safe.media_id)).await;
    let shown = world.get(&format!("{ADMIN}/media/{}", of(&safe))).await;
    assert_eq!(shown["media_info"]["safe_from_quarantine"], true);

    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&safe))).await;
    assert!(world.is_shown(&safe).await && world.is_shown(&copy).await);
    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&copy))).await;
    assert!(world.is_shown(&safe).await && !world.is_shown(&copy).await);
    let counted = world.post(&format!("{ADMIN}/user/@alice:example.org/media/quarantine")).await;
    assert_eq!(counted, json!({ "num_quarantined": 0 }));

    world.post(&format!("{ADMIN}/media/unprotect/{}", safe.media_id)).await;
    let counted = world.post(&format!("{ADMIN}/user/@alice:example.org/media/quarantine")).await;
    assert_eq!(counted, json!({ "num_quarantined": 1 }));
    assert!(!world.is_shown(&safe).await);
    let unknown = world.try_call(Method::POST, &format!("{ADMIN}/media/protect/unknown")).await;
    assert_eq!(unknown.refusal(), "404 M_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_may_look_at_what_is_quarantined() {
    let world = World::start().await;
    let photo = photos::fixture("photo.jpg");
    let mxc = world.alice.upload(photo.clone(), "image/jpeg", "").await;
    world.server.thumbnails_of(&mxc).await;
    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&mxc))).await;

    let bypass = "admin_unsafely_bypass_quarantine=true";
    let download = format!("/_matrix/client/v1/media/download/{}", of(&mxc));
    let thumbnail = format!("/_matrix/client/v1/media/thumbnail/{}?width=32&height=32&method=crop", of(&mxc));
    let seen = world.admin.follow(world.admin.get(&format!("{download}?{bypass}")).await).await;
    assert_eq!(seen.body, photo);
    assert_eq!(world.admin.get(&format!("{thumbnail}&{bypass}")).await.status, StatusCode::OK);
    for path in [format!("{download}?{bypass}"), format!("{thumbnail}&{bypass}")] {
        let refused = world.alice.get(&path).await;
        assert_eq!(refused.refusal(), "400 M_UNKNOWN", "{path}");
        assert_eq!(refused.json()["error"], "Must be a server admin to bypass quarantine.");
        assert_eq!(world.server.stranger().get(&path).await.refusal(), "401 M_MISSING_TOKEN");
    }
    // Who does not ask for it sees no more than others.
    assert_eq!(world.admin.get(&download).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(world.admin.get(&thumbnail).await.refusal(), "404 M_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_may_be_hidden_by_their_digest() {
    let world = World::start().await;
    let mxc = world.alice.upload("known", "text/plain", "").await;
    let sha256 = world.record(&mxc).await.unwrap().content().unwrap().sha256.unwrap();
    let counted = world.post(&format!("{UNSTABLE}/quarantine/sha256/{sha256}")).await;
    assert_eq!(counted, json!({ "num_quarantined": 1 }));
    assert!(!world.is_shown(&mxc).await);
    let counted = world.post(&format!("{UNSTABLE}/unquarantine/sha256/{sha256}")).await;
    assert_eq!(counted, json!({ "num_quarantined": 1 }));
    assert!(world.is_shown(&mxc).await);
    let none = Sha256([7; 32]);
    let counted = world.post(&format!("{UNSTABLE}/quarantine/sha256/{none}")).await;
    assert_eq!(counted, json!({ "num_quarantined": 0 }));
    for odd in ["abc", "zz"] {
        let answer = world.try_call(Method::POST, &format!("{UNSTABLE}/quarantine/sha256/{odd}")).await;
        assert_eq!(answer.refusal(), "400 M_INVALID_PARAM");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn banned_bytes_stay_banned_when_nobody_has_them() {
    let world = World::start().await;
    let mxc = world.alice.upload("banned", "text/plain", "").await;
    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&mxc))).await;
    world.call(Method::DELETE, &format!("{ADMIN}/media/{}", of(&mxc))).await;
    assert_eq!(world.record(&mxc).await, None);
    assert!(world.server.objects_in_s3().await.is_empty());
    // Whoever brings them again is told nothing, and nobody sees them.
    let again = world.bob.upload("banned", "text/plain", "").await;
    assert!(!world.is_shown(&again).await);
    assert!(world.record(&again).await.unwrap().quarantined_by.is_some());
    world.post(&format!("{ADMIN}/media/unquarantine/{}", of(&again))).await;
    assert!(world.is_shown(&again).await);
    let later = world.alice.upload("banned", "text/plain", "").await;
    assert!(world.is_shown(&later).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_hidden_and_shown_is_told_in_order_and_in_pages_of_a_hundred() {
    let world = World::start().await;
    let path = format!("{ADMIN}/media/quarantine_changes");
    assert_eq!(world.get(&path).await, json!({ "next_batch": 0, "changes": [] }));
    let mxc = world.alice.upload("x", "text/plain", "").await;
    // A hundred that came before, and three by our calls.
    let records = &world.server.gateway.deps().store.records;
    for turn in 0..100 {
        let before = storage::QuarantineChange::new(&mxc, turn % 2 == 0, "@admin:example.org", world.now());
        assert_eq!(records.note_quarantine_change(&before).await.unwrap(), turn + 1);
    }
    for verb in ["quarantine", "unquarantine", "quarantine"] {
        world.post(&format!("{ADMIN}/media/{verb}/{}", of(&mxc))).await;
    }
    let change = |quarantined: bool| json!({ "origin": "example.org", "media_id": mxc.media_id.as_str(), "quarantined": quarantined });
    let first = world.get(&path).await;
    assert_eq!(first["next_batch"], 100);
    let expected: Vec<_> = (0..100).map(|turn| change(turn % 2 == 0)).collect();
    assert_eq!(first["changes"], Value::from(expected));
    let rest = world.get(&format!("{path}?from=100")).await;
    assert_eq!(rest, json!({ "next_batch": 103, "changes": [change(true), change(false), change(true)] }));
    let none = world.get(&format!("{path}?from=103")).await;
    assert_eq!(none, json!({ "next_batch": 103, "changes": [] }));
    for odd in ["104", "-1", "x", ""] {
        let answer = world.try_call(Method::GET, &format!("{path}?from={odd}")).await;
        assert_eq!(answer.refusal(), "400 M_INVALID_PARAM", "{odd}");
    }
    // Doing it again changes nothing, so there is nothing to tell.
    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&mxc))).await;
    assert_eq!(world.get(&format!("{path}?from=103")).await["changes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_noted_by_several_at_once_takes_a_number_each() {
    let world = World::start().await;
    let records = &world.server.gateway.deps().store.records;
    let mxc: Mxc = "mxc://example.org/abc".parse().unwrap();
    let noting = (0..40).map(|_| async {
        let change = storage::QuarantineChange::new(&mxc, true, "@a:example.org", Timestamp(1));
        records.note_quarantine_change(&change).await.unwrap()
    });
    let numbers: BTreeSet<_> = stream::iter(noting).buffer_unordered(8).collect().await;
    assert_eq!(numbers, (1..=40).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_homeserver_says_which_media_a_room_has() {
    let world = World::start().await;
    let mxc = world.alice.upload("in the room", "text/plain", "").await;
    let elsewhere = world.alice.upload("elsewhere", "text/plain", "").await;
    let room = "!room:example.org";
    let remote = ["mxc://example.com/unknown".to_owned(), "no name at all".to_owned()];
    // Two events of a room may have the same media.
    let local = [mxc.to_string(), mxc.to_string()];
    world.homeserver.has_room(room, &local, &remote);

    let listed = world.get(&format!("{ADMIN}/room/{room}/media")).await;
    assert_eq!(listed, json!({ "local": local, "remote": remote }));
    let empty = world.get(&format!("{ADMIN}/room/!other:example.org/media/")).await;
    assert_eq!(empty, json!({ "local": [], "remote": [] }));

    for path in [format!("{ADMIN}/room/{room}/media/quarantine"), format!("{ADMIN}/quarantine_media/{room}")]
    {
        assert_eq!(world.post(&path).await, json!({ "num_quarantined": 1 }), "{path}");
        assert!(!world.is_shown(&mxc).await && world.is_shown(&elsewhere).await);
        let counted = world.post(&format!("{UNSTABLE}/unquarantine/room/{room}")).await;
        assert_eq!(counted, json!({ "num_quarantined": 1 }));
        assert!(world.is_shown(&mxc).await);
    }
    let purged = world.post(&format!("{UNSTABLE}/purge/room/{room}")).await;
    assert_eq!(purged, json!({ "purged": true, "affected": [mxc.to_string()], "total": 1 }));
    assert_eq!(world.record(&mxc).await, None);
    assert!(world.is_shown(&elsewhere).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_comes_back_is_not_asked_again() {
    let world = World::start().await;
    world.homeserver.sends_back_to(&format!("http://{}", world.server.gateway.address()));
    let answer = world.try_call(Method::GET, &format!("{ADMIN}/room/!a:example.org/media")).await;
    assert_eq!(answer.refusal(), "508 M_UNKNOWN");
    assert!(answer.json()["error"].as_str().unwrap().contains("MEDIA_HOMESERVER_URL"), "{answer:?}");
}

/// A server with a neighbour, and one piece of the neighbour's media that is here.
async fn with_neighbour() -> (World, Neighbour, Mxc, Authority) {
    let authority = Authority::new();
    // A development server has a signing key of its own.
    let tokens = [("admin", ADMIN_TOKEN), ("alice", support::server::TOKEN)];
    let tokens = tokens.map(|(name, token)| format!("{token}=@{name}:example.org")).join(",");
    let setup = Setup::new().set("MEDIA_DEV_TOKENS", &tokens).set("MEDIA_ADMINS", "@admin:example.org");
    let server = server_behind_tls(&authority, setup).await;
    let homeserver = Homeserver::start().await;
    let neighbour = Neighbour::start(&authority, &server.surroundings.clock).await;
    let world = World::of(homeserver, server);
    let cached = neighbour.has("cached", "their bytes");
    assert!(world.is_shown(&cached).await);
    world.server.thumbnails_of(&cached).await;
    (world, neighbour, cached, authority)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_of_other_servers_media_is_purged_by_its_last_use() {
    let (world, neighbour, cached, _authority) = with_neighbour().await;
    let ours = world.alice.upload("ours", "text/plain", "").await;
    let hidden = neighbour.has("hidden", "evidence");
    assert!(world.is_shown(&hidden).await);
    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&hidden))).await;
    let path = format!("{ADMIN}/purge_media_cache");
    let day_before = world.now().0 - 2 * 86_400_000;
    assert_eq!(world.post(&format!("{path}?before_ts={day_before}")).await, json!({ "deleted": 0 }));
    assert!(world.is_shown(&cached).await);

    world.server.surroundings.clock.advance(Duration::from_hours(3 * 24));
    let purged = world.post(&format!("{path}?before_ts={}", world.now().0)).await;
    assert_eq!(purged, json!({ "deleted": 1 }));
    assert_eq!(world.record(&cached).await, None);
    assert!(world.record(&hidden).await.is_some() && world.record(&ours).await.is_some());
    // It comes back when somebody wants it.
    let asked = neighbour.asked_for_media();
    assert!(world.is_shown(&cached).await);
    assert_eq!(neighbour.asked_for_media(), asked + 1);

    for (query, refusal) in [
        ("", "400 M_MISSING_PARAM"),
        ("?before_ts=", "400 M_INVALID_PARAM"),
        ("?before_ts=-1", "400 M_INVALID_PARAM"),
        ("?before_ts=1700000000", "400 M_INVALID_PARAM"),
        ("?before_ts=soon", "400 M_INVALID_PARAM"),
    ] {
        for path in [&path, &format!("{ADMIN}/media/delete"), &format!("{UNSTABLE}/purge/remote")] {
            let answer = world.try_call(Method::POST, &format!("{path}{query}")).await;
            assert_eq!(answer.refusal(), refusal, "{path}{query}");
        }
    }
    let seconds = world.try_call(Method::POST, &format!("{path}?before_ts=1700000000")).await;
    assert!(seconds.json()["error"].as_str().unwrap().contains("1970"), "{seconds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_hidden_counted_and_purged_as_a_whole() {
    let (world, neighbour, cached, _authority) = with_neighbour().await;
    let ours = world.alice.upload("ours", "text/plain", "").await;
    let name = &neighbour.name;
    let usage = world.get(&format!("{UNSTABLE}/usage/{name}")).await;
    assert_eq!(usage["raw_bytes"], json!({ "total": 11, "media": 11, "thumbnails": 0 }));
    assert_eq!(usage["raw_counts"], json!({ "total": 1, "media": 1, "thumbnails": 0 }));
    let all = world.get(&format!("{UNSTABLE}/usage")).await;
    assert_eq!(all["total"], 2);
    let names: Vec<_> =
        all["servers"].as_array().unwrap().iter().map(|one| one["server_name"].clone()).collect();
    assert_eq!(names, [json!(name), json!(world.server.name())]);

    let counted = world.post(&format!("{UNSTABLE}/quarantine/server/{name}")).await;
    assert_eq!(counted, json!({ "num_quarantined": 1 }));
    assert!(!world.is_shown(&cached).await && world.is_shown(&ours).await);
    let counted = world.post(&format!("{UNSTABLE}/unquarantine/server/{name}")).await;
    assert_eq!(counted, json!({ "num_quarantined": 1 }));
    assert!(world.is_shown(&cached).await);
    let purged = world.post(&format!("{UNSTABLE}/purge/server/{name}")).await;
    assert_eq!(purged, json!({ "purged": true, "affected": [cached.to_string()], "total": 1 }));
    assert_eq!(world.record(&cached).await, None);
    assert!(world.record(&ours).await.is_some());
    assert!(world.is_shown(&cached).await, "it is fetched again");
    let purged = world.post(&format!("{UNSTABLE}/purge/{}", of(&cached))).await;
    assert_eq!(purged["total"], 1);
    assert_eq!(world.record(&cached).await, None);
    let odd = world.try_call(Method::POST, &format!("{UNSTABLE}/purge/server/a%20b")).await;
    assert_eq!(odd.refusal(), "400 M_INVALID_PARAM");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_media_is_deleted_by_its_last_use_and_its_size() {
    let world = World::start().await;
    let upload = async |bytes: &'static str| world.alice.upload(bytes, "text/plain", "").await;
    let (small, large, safe) = (upload("1").await, upload("larger").await, upload("protected").await);
    let (hidden, avatar) = (upload("quarantined").await, upload("my own face").await);
    world.post(&format!("{ADMIN}/media/protect/{}", safe.media_id)).await;
    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&hidden))).await;
    world.homeserver.shows("@alice:example.org", &avatar.to_string());
    world.server.surroundings.clock.advance(Duration::from_hours(3 * 24));
    let recent = upload("of today").await;
    let before = world.now().0 - 86_400_000;

    let path = format!("{ADMIN}/media/delete?before_ts={before}");
    let other =
        world.try_call(Method::POST, &format!("{ADMIN}/media/example.com/delete?before_ts={before}")).await;
    assert_eq!(other.refusal(), "400 M_UNKNOWN");
    let deleted = world.post(&format!("{path}&size_gt=5")).await;
    assert_eq!(deleted, json!({ "deleted_media": [large.media_id.as_str()], "total": 1 }));
    let older = format!("{ADMIN}/media/example.org/delete?before_ts={before}");
    assert_eq!(world.post(&older).await, json!({ "deleted_media": [small.media_id.as_str()], "total": 1 }));
    let with_faces = world.post(&format!("{path}&keep_profiles=false")).await;
    assert_eq!(with_faces, json!({ "deleted_media": [avatar.media_id.as_str()], "total": 1 }));
    for kept in [&safe, &hidden, &recent] {
        assert!(world.record(kept).await.is_some());
    }
    assert_eq!(world.server.objects_in_s3().await.len(), 3);
    for odd in ["size_gt=x", "size_gt=-1", "keep_profiles=perhaps"] {
        let answer = world.try_call(Method::POST, &format!("{path}&{odd}")).await;
        assert_eq!(answer.refusal(), "400 M_INVALID_PARAM", "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_up_to_now_means_everything() {
    let world = World::start().await;
    world.alice.upload("of this moment", "text/plain", "").await;
    let deleted = world.post(&format!("{ADMIN}/media/delete?before_ts={}", world.now().0)).await;
    assert_eq!(deleted["total"], 1);
    world.alice.upload("again", "text/plain", "").await;
    let now = world.now().0;
    let purged = world.post(&format!("{UNSTABLE}/purge/old?before_ts={now}&include_local=false")).await;
    assert_eq!(purged["total"], 0);
    let purged = world.post(&format!("{UNSTABLE}/purge/old?before_ts={now}&include_local=true")).await;
    assert_eq!(purged["total"], 1);
    assert!(world.server.objects_in_s3().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_quarantined_is_purged_and_what_a_user_uploaded() {
    let world = World::start().await;
    let hidden = world.alice.upload("hidden", "text/plain", "").await;
    let (kept, others) = (
        world.alice.upload("kept", "text/plain", "").await,
        world.bob.upload("others", "text/plain", "").await,
    );
    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&hidden))).await;
    let purged = world.post(&format!("{UNSTABLE}/purge/quarantined")).await;
    assert_eq!(purged, json!({ "purged": true, "affected": [hidden.to_string()], "total": 1 }));

    let user = format!("{UNSTABLE}/purge/user/@alice:example.org");
    let early = world.post(&format!("{user}?before_ts={}", world.now().0 - 86_400_000)).await;
    assert_eq!(early["total"], 0);
    let purged = world.post(&user).await;
    assert_eq!(purged, json!({ "purged": true, "affected": [kept.to_string()], "total": 1 }));
    assert!(world.is_shown(&others).await);
    let elsewhere = world.try_call(Method::POST, &format!("{UNSTABLE}/purge/user/@a:example.com")).await;
    assert_eq!(elsewhere.refusal(), "400 M_UNKNOWN");
    let odd = world.try_call(Method::POST, &format!("{UNSTABLE}/purge/user/nobody")).await;
    assert_eq!(odd.refusal(), "400 M_INVALID_PARAM");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_media_is_listed_newest_first_and_in_pages() {
    let world = World::start().await;
    let path = format!("{ADMIN}/users/@alice:example.org/media");
    assert_eq!(world.get(&path).await, json!({ "media": [], "total": 0 }));
    let mut names = Vec::new();
    for n in 0..5 {
        names.push(world.alice.upload(format!("{n}"), "text/plain", "").await.media_id.to_string());
        world.server.surroundings.clock.advance(Duration::from_secs(1));
    }
    world.bob.upload("another's", "text/plain", "").await;
    world.alice.create().await;
    let list = async |query: &str| {
        let page = world.get(&format!("{path}{query}")).await;
        let ids =
            page["media"].as_array().unwrap().iter().map(|one| one["media_id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), page["total"].as_u64().unwrap(), page["next_token"].as_u64())
    };
    let (newest_first, total, next) = list("").await;
    assert_eq!((total, next), (6, None));
    assert_eq!(newest_first[1..], names.iter().rev().cloned().collect::<Vec<_>>());
    let promised = &world.get(&path).await["media"][0];
    assert_eq!((&promised["media_type"], &promised["media_length"]), (&Value::Null, &Value::Null));
    assert_eq!(list("?limit=2&dir=f").await, (names[..2].to_vec(), 6, Some(2)));
    assert_eq!(list("?limit=2&from=2&order_by=created_ts").await, (names[2..4].to_vec(), 6, Some(4)));
    assert_eq!(list("?limit=2&from=5&dir=b").await, (vec![names[0].clone()], 6, None));
    assert_eq!(list("?from=99").await, (vec![], 6, None));
    for odd in
        ["from=-1", "limit=-1", "from=x", "order_by=color", "dir=up", "from=200000&order_by=media_type"]
    {
        let answer = world.try_call(Method::GET, &format!("{path}?{odd}")).await;
        assert_eq!(answer.refusal(), "400 M_INVALID_PARAM", "{odd}");
    }
    let elsewhere = world.try_call(Method::GET, &format!("{ADMIN}/users/@a:example.com/media")).await;
    assert_eq!(elsewhere.refusal(), "400 M_UNKNOWN");
    assert_eq!(elsewhere.json()["error"], "Can only look up local users.");

    let page = Answer::of(world.admin.request(Method::DELETE, &format!("{path}?limit=2&dir=f"))).await.json();
    assert_eq!(page, json!({ "deleted_media": names[..2], "total": 2 }));
    assert_eq!(list("?dir=f&limit=1").await, (vec![names[2].clone()], 4, Some(1)));
}

/// Every order over thousands: a page in the middle is what sorting everything gives.
#[tokio::test(flavor = "multi_thread")]
async fn every_order_holds_over_thousands() {
    const COUNT: u64 = 2_100;
    let world = World::start().await;
    let records: Vec<_> = (0..COUNT)
        .map(|n| stored(&format!("id{:0>5}", n * 7_919 % COUNT), "@alice:example.org", n % 900, 1_000 + n))
        .collect();
    stream::iter(&records).for_each_concurrent(16, |record| world.has(record)).await;
    let path = format!("{ADMIN}/users/@alice:example.org/media");
    let mut all: Vec<Value> = Vec::new();
    let mut from = Some(0);
    while let Some(start) = from {
        // More than a page has is asked for.
        let page = world.get(&format!("{path}?from={start}&limit=5000&dir=f")).await;
        assert_eq!(page["total"], COUNT);
        all.extend(page["media"].as_array().unwrap().iter().cloned());
        from = page["next_token"].as_u64();
    }
    assert_eq!(all.len() as u64, COUNT);
    assert!(all.windows(2).all(|pair| rank(&pair[0]["created_ts"]) < rank(&pair[1]["created_ts"])));
    for (order, dir) in [
        ("media_id", "b"),
        ("upload_name", "f"),
        ("created_ts", "b"),
        ("last_access_ts", "b"),
        ("media_length", "f"),
        ("media_type", "b"),
        ("quarantined_by", "f"),
        ("safe_from_quarantine", "b"),
    ] {
        all.sort_by(|one, other| {
            let by = rank(&one[order]).cmp(&rank(&other[order]));
            let by = if dir == "f" { by } else { by.reverse() };
            by.then_with(|| one["media_id"].as_str().cmp(&other["media_id"].as_str()))
        });
        let page = world.get(&format!("{path}?from=1500&limit=50&order_by={order}&dir={dir}")).await;
        assert_eq!(page["media"].as_array().unwrap()[..], all[1500..1550], "{order} {dir}");
        assert_eq!((&page["total"], &page["next_token"]), (&json!(COUNT), &json!(1550)));
    }
    // More than one page of a scan.
    let bytes: u64 = records.iter().map(|record| record.content().unwrap().size_bytes).sum();
    let counted = world.get(&format!("{ADMIN}/statistics/users/media")).await;
    assert_eq!((&counted["total"], &counted["users"][0]["media_count"]), (&json!(1), &json!(COUNT)));
    assert_eq!(counted["users"][0]["media_length"], bytes);
    let usage = world.get(&format!("{UNSTABLE}/usage/example.org")).await;
    assert_eq!(usage["raw_bytes"]["total"], bytes);
}

/// As the list has it: nothing, then flags, numbers, text.
fn rank(value: &Value) -> (u64, String) {
    match value {
        Value::Null => (0, String::new()),
        Value::Bool(flag) => (1 + u64::from(*flag), String::new()),
        Value::Number(number) => (3 + number.as_u64().unwrap(), String::new()),
        other => (u64::MAX, other.as_str().unwrap().to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_user_uploaded_is_counted() {
    let world = World::start().await;
    let path = format!("{ADMIN}/statistics/users/media");
    assert_eq!(world.get(&path).await, json!({ "users": [], "total": 0 }));
    for (id, user, size, created) in [
        ("a1", "@alice:example.org", 10, 1_000),
        ("a2", "@alice:example.org", 30, 2_000),
        ("b1", "@bob:example.org", 100, 3_000),
        ("c1", "@carol:example.org", 1, 4_000),
    ] {
        world.has(&stored(id, user, size, created)).await;
    }
    let list = async |query: &str| {
        let page = world.get(&format!("{path}?{query}")).await;
        let users = page["users"].as_array().unwrap().iter().map(|user| {
            let name = user["user_id"].as_str().unwrap().trim_end_matches(":example.org").to_owned();
            (name, user["media_count"].as_u64().unwrap(), user["media_length"].as_u64().unwrap())
        });
        (users.collect::<Vec<_>>(), page["total"].as_u64().unwrap(), page["next_token"].as_u64())
    };
    let (alice, bob, carol) =
        (("@alice".to_owned(), 2, 40), ("@bob".to_owned(), 1, 100), ("@carol".to_owned(), 1, 1));
    let all = |users: [&(String, u64, u64); 3]| (users.map(Clone::clone).to_vec(), 3, None);
    assert_eq!(list("").await, all([&alice, &bob, &carol]));
    assert_eq!(list("dir=b").await, all([&carol, &bob, &alice]));
    assert_eq!(list("order_by=displayname").await, all([&alice, &bob, &carol]));
    assert_eq!(list("order_by=media_length").await, all([&carol, &alice, &bob]));
    assert_eq!(list("order_by=media_length&dir=b").await, all([&bob, &alice, &carol]));
    assert_eq!(list("order_by=media_count&dir=b").await, all([&alice, &bob, &carol]));
    assert_eq!(list("limit=1&from=1").await, (vec![bob.clone()], 3, Some(2)));
    assert_eq!(list("search_term=aro").await, (vec![carol.clone()], 1, None));
    let first = ("@alice".to_owned(), 1, 10);
    assert_eq!(list("until_ts=1500").await, (vec![first], 1, None));
    assert_eq!(list("from_ts=3000&until_ts=4000").await, (vec![bob, carol], 2, None));
    for odd in [
        "from=-1",
        "limit=-1",
        "from_ts=-1",
        "until_ts=-1",
        "from_ts=5&until_ts=5",
        "search_term=",
        "order_by=x",
        "dir=x",
    ] {
        let answer = world.try_call(Method::GET, &format!("{path}?{odd}")).await;
        assert_eq!(answer.refusal(), "400 M_INVALID_PARAM", "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_left_lying_is_taken_up_by_whoever_looks() {
    let world = World::start().await;
    let mxc = world.alice.upload("x", "text/plain", "").await;
    let ephemeral = &world.server.gateway.deps().store.ephemeral;
    let chosen = Chosen::User { user_id: "@alice:example.org".to_owned(), before_ms: None };
    // Whoever began it died at once.
    let job = Job::new(Work { handling: Handling::Purge, chosen }, "@admin:example.org", world.now());
    ephemeral.start_job(&job, None).await.unwrap();
    let told = world.get(&format!("{UNSTABLE}/tasks/unfinished")).await;
    assert_eq!(told[0]["task_id"], job.id);
    assert_eq!((&told[0]["is_finished"], &told[0]["task_name"]), (&json!(false), &json!("purge")));
    assert!(world.record(&mxc).await.is_some(), "it may still be at work");

    world.server.surroundings.clock.advance(Duration::from_mins(3));
    let path = format!("{UNSTABLE}/tasks/{}", job.id);
    let done = support::eventually("the job's end", || async {
        let told = world.get(&path).await;
        (told["is_finished"] == true).then_some(told)
    })
    .await;
    assert_eq!(done["state"], "done");
    assert_eq!(done["progress"], json!({ "seen": 1, "done": 1, "bytes": 1, "spared": 0, "failed": 0 }));
    assert_eq!(world.record(&mxc).await, None);
    assert_eq!(world.get(&format!("{UNSTABLE}/tasks/unfinished")).await, json!([]));
    assert_eq!(world.get(&format!("{UNSTABLE}/tasks/all")).await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_to_stop_stops() {
    let world = World::start().await;
    let mxc = world.alice.upload("x", "text/plain", "").await;
    let deps = world.server.gateway.deps();
    let chosen = Chosen::User { user_id: "@alice:example.org".to_owned(), before_ms: None };
    let job = Job::new(Work { handling: Handling::Purge, chosen }, "@admin:example.org", world.now());
    deps.store.ephemeral.start_job(&job, None).await.unwrap();
    let path = format!("{UNSTABLE}/tasks/{}", job.id);
    assert_eq!(world.call(Method::DELETE, &path).await, json!({}));
    let order = storage::jobs::JobOrder { job: job.id.clone() };
    for _ in 0..2 {
        admin::continue_job(deps, order.clone(), runtime::Deadline::NONE).await.unwrap();
        assert_eq!(world.get(&path).await["state"], "cancelled");
    }
    assert!(world.record(&mxc).await.is_some());
    for method in [Method::GET, Method::DELETE] {
        let unknown = world.try_call(method, &format!("{UNSTABLE}/tasks/unknown")).await;
        assert_eq!(unknown.refusal(), "404 M_NOT_FOUND");
    }
}

/// Several at once work on one job, over more than a page: what is to be done is done, and once the job is over.
#[tokio::test(flavor = "multi_thread")]
async fn several_that_work_on_one_job_do_it_once() {
    let world = World::start().await;
    let deps = world.server.gateway.deps();
    let records = (0..1_100_u64).map(|n| {
        // Most are hidden already.
        let quarantined_by = (n % 25 != 0).then(|| "@other:example.org".to_owned());
        let record = stored(&format!("id{n}"), "@alice:example.org", n, 1_000 + n);
        Record { quarantined_by, protected: false, ..record }
    });
    stream::iter(records).for_each_concurrent(16, async |record| world.has(&record).await).await;
    let chosen = Chosen::User { user_id: "@alice:example.org".to_owned(), before_ms: None };
    let job = Job::new(Work { handling: Handling::Quarantine, chosen }, "@admin:example.org", world.now());
    deps.store.ephemeral.start_job(&job, None).await.unwrap();
    let work = || {
        admin::continue_job(deps, storage::jobs::JobOrder { job: job.id.clone() }, runtime::Deadline::NONE)
    };
    let (one, two) = tokio::join!(work(), work());
    one.and(two).unwrap();
    let ended = support::eventually("the job's end", || async {
        deps.store.ephemeral.job(&job.id).await.unwrap().filter(|job| job.stands == Stands::Done)
    })
    .await;
    assert_eq!(ended.progress.seen, 1_100);
    let path = format!("{ADMIN}/users/@alice:example.org/media?order_by=quarantined_by&limit=45");
    let page = world.get(&path).await;
    let by: Vec<_> =
        page["media"].as_array().unwrap().iter().map(|one| one["quarantined_by"].clone()).collect();
    assert!(by[..44].iter().all(|by| by == "@admin:example.org") && by[44] == "@other:example.org", "{by:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_delete_what_they_uploaded_themselves() {
    let world = World::start().await;
    let mxc = world.alice.upload("mine", "text/plain", "").await;
    let path = format!("/_matrix/media/unstable/download/{}", of(&mxc));
    let delete = |client: &Client, path: &str| Answer::of(client.request(Method::DELETE, path));
    assert_eq!(delete(&world.server.stranger(), &path).await.refusal(), "401 M_MISSING_TOKEN");
    assert_eq!(delete(&world.bob, &path).await.refusal(), "403 M_FORBIDDEN");
    assert_eq!(delete(&world.alice, &path).await.json(), json!({}));
    assert_eq!(delete(&world.alice, &path).await.refusal(), "404 M_NOT_FOUND");
    assert!(world.server.objects_in_s3().await.is_empty());
    let remote = delete(&world.alice, "/_matrix/media/unstable/download/example.com/abc").await;
    assert_eq!(remote.refusal(), "400 M_UNKNOWN");
    let hidden = world.alice.upload("evidence", "text/plain", "").await;
    world.post(&format!("{ADMIN}/media/quarantine/{}", of(&hidden))).await;
    let path = format!("/_matrix/media/unstable/download/{}", of(&hidden));
    assert_eq!(delete(&world.alice, &path).await.refusal(), "404 M_NOT_FOUND");
    assert!(world.record(&hidden).await.is_some());
}
