//! Servers with whom the operator wants nothing to do, and those alone with whom they want to.

use http::StatusCode;
use media_core::Mxc;
use support::{Authority, Neighbour, SecondPart, Server, Setup};

use crate::federation::server_behind_tls;

const ALLOW: &str = "MEDIA_FEDERATION_ALLOW_SERVERS";
const DENY: &str = "MEDIA_FEDERATION_DENY_SERVERS";

/// A server that has something of its own and something of a neighbour's.
struct World {
    /// Further gateways read its certificate, too.
    _authority: Authority,
    server: Server,
    neighbour: Neighbour,
    ours: Mxc,
    cached: Mxc,
    not_cached: Mxc,
}

async fn world() -> World {
    let authority = Authority::new();
    let server = server_behind_tls(&authority, Setup::new()).await;
    let neighbour = Neighbour::start(&authority, &server.surroundings.clock).await;
    let client = server.client();
    let ours = client.upload("our bytes", "text/plain", "").await;
    let (cached, not_cached) = (neighbour.has("cached", "their bytes"), neighbour.has("not_cached", "more"));
    assert_eq!(client.download(&cached).await.status, StatusCode::TEMPORARY_REDIRECT);
    // `ingest` writes, too: not between two looks at the same records.
    for arrived in [&ours, &cached] {
        server.thumbnails_of(arrived).await;
    }
    World { _authority: authority, server, neighbour, ours, cached, not_cached }
}

impl World {
    /// What the same store answers to readers under other lists; then nobody was asked and nothing was written down.
    async fn check_readers(&self, setting: &str, list: &str, expected: &str) {
        let server = self.server.setup().set(setting, list).start_beside(&self.server).await;
        let client = server.client();
        let (asked, records) = (self.neighbour.asked(), self.server.all_records().await);
        for mxc in [&self.cached, &self.not_cached] {
            assert_eq!(client.download(mxc).await.refusal(), expected, "{setting} {list}: {mxc}");
            let thumbnail = client.thumbnail(mxc, "width=32&height=32").await;
            assert_eq!(thumbnail.refusal(), expected, "{setting} {list}: {mxc}");
        }
        assert_eq!(client.follow(client.download(&self.ours).await).await.body, "our bytes");
        assert_eq!(self.neighbour.asked(), asked, "nobody is contacted");
        assert_eq!(self.server.all_records().await, records);
        server.gateway.stop().await;
    }

    /// What the same store answers to the neighbour under other lists, which is not asked for its keys.
    async fn check_neighbour(&self, setting: &str, list: &str) {
        let server = self.server.setup().set(setting, list).start_beside(&self.server).await;
        let asked = self.neighbour.asked();
        for target in [
            format!("/_matrix/federation/v1/media/download/{}", self.ours.media_id),
            "/_matrix/federation/v1/media/thumbnail/abc?width=1&height=1".to_owned(),
        ] {
            let answer = self.neighbour.asks(&server, &target).await;
            assert_eq!(answer.refusal(), "403 M_FORBIDDEN", "{setting} {list}: {target}");
            assert_eq!(answer.json()["error"], format!("Federation denied with {}.", self.neighbour.name));
        }
        assert_eq!(self.neighbour.asked(), asked, "nobody is contacted");
        server.gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn media_of_servers_that_are_not_allowed_is_forbidden_though_it_be_cached() {
    let world = world().await;
    world.check_readers(ALLOW, "example.org, *.example.com", "403 M_FORBIDDEN").await;
    let allowed = world.server.setup().set(ALLOW, "example.org").start_beside(&world.server).await;
    let refused = allowed.client().download(&world.cached).await;
    assert_eq!(refused.json()["error"], format!("Federation denied with {}.", world.neighbour.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn media_of_denied_servers_is_not_there_though_it_be_cached() {
    let world = world().await;
    let name = world.neighbour.name.to_string();
    world.check_readers(DENY, &name, "404 M_NOT_FOUND").await;
    // Another spelling of the name is no way around.
    let denied = world.server.setup().set(DENY, &name.to_uppercase()).start_beside(&world.server).await;
    let spelt = name.replace("localhost", "LocalHost.");
    let path = format!("/_matrix/client/v1/media/download/{spelt}/not_cached");
    assert_eq!(denied.client().get(&path).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(world.neighbour.asked_for_media(), 1, "for what is cached");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_not_allowed_or_denied_get_nothing_and_are_not_asked_for_their_keys() {
    let world = world().await;
    let name = world.neighbour.name.to_string();
    world.check_neighbour(ALLOW, "example.org").await;
    world.check_neighbour(DENY, &name).await;
    // On both lists: denied.
    let both = world.server.setup().set(ALLOW, &name).set(DENY, &name).start_beside(&world.server).await;
    let target = format!("/_matrix/federation/v1/media/download/{}", world.ours.media_id);
    assert_eq!(world.neighbour.asks(&both, &target).await.refusal(), "403 M_FORBIDDEN");
    // What is not signed at all says nothing of who it is from.
    assert_eq!(both.stranger().get(&target).await.refusal(), "401 M_UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_allowed_may_ask_and_be_asked() {
    let world = world().await;
    let list = format!("example.org,{}", world.neighbour.name);
    let server =
        world.server.setup().set(ALLOW, &list).set(DENY, "*.localhost").start_beside(&world.server).await;
    let client = server.client();
    assert_eq!(client.follow(client.download(&world.not_cached).await).await.body, "more");
    let target = format!("/_matrix/federation/v1/media/download/{}", world.ours.media_id);
    assert_eq!(SecondPart::of(&world.neighbour.asks(&server, &target).await).body, "our bytes");
}
