//! What retention decides is carried out, and only while it holds.

use std::time::Duration;

use engine_host::{Effect, Fault, When};
use media_core::{
    MediaId, Mxc, Record, State, Timestamp,
    retain::{self, Fate, Retention},
};
use storage::{Outcome, retaining::Carried};
use support::{Server, Setup};

const DAY: Duration = Duration::from_hours(24);

const KEEP: Retention = Retention { remote_days: Some(30), local_days: None };

async fn latest(server: &Server, mxc: &Mxc) -> Option<Record> {
    server.gateway.deps().store.records.get_latest(mxc).await.unwrap()
}

/// Looks at a record and does what is decided of it.
async fn retained(server: &Server, mxc: &Mxc, keep: Retention) -> (Fate, Carried) {
    let deps = server.gateway.deps();
    let (record, now) = (latest(server, mxc).await.unwrap(), deps.clock.now());
    let fate = retain::decide(&record, &deps.server_name, now, keep);
    (fate, deps.store.carry_out(mxc, fate, now).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_waited_for_in_vain_leaves_nothing() {
    let server = Server::start().await;
    let (client, deps) = (server.client(), server.gateway.deps());
    let (reserved, reply) = client.create().await;
    let url = reply["com.beeper.msc3870.upload_url"].as_str().unwrap();
    assert!(
        support::client::plain_http().put(url).body("staged").send().await.unwrap().status().is_success()
    );
    let fetching = Mxc { origin: "elsewhere.example".try_into().unwrap(), media_id: MediaId::random() };
    let now = deps.clock.now();
    assert!(deps.store.records.claim(&fetching, "dead", now, now + DAY).await.unwrap().is_won());
    for mxc in [&reserved, &fetching] {
        assert_eq!(retained(&server, mxc, KEEP).await, (Fate::Stay, Carried::Stays));
    }
    server.surroundings.clock.advance(DAY * 2);
    for mxc in [&reserved, &fetching] {
        let (fate, carried) = retained(&server, mxc, KEEP).await;
        assert!(matches!((fate, carried), (Fate::Waited, Carried::Gone(_))));
        assert_eq!(latest(&server, mxc).await, None);
    }
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asked_for_goes_unless_somebody_does_in_that_moment() {
    let server = Server::start().await;
    let client = server.client();
    let keep = Retention { remote_days: None, local_days: Some(30) };
    let (unused, used) = (client.upload("unused", "a/b", "").await, client.upload("used", "a/b", "").await);
    server.surroundings.clock.advance(DAY * 31);
    let (fate, now) = {
        let record = latest(&server, &used).await.unwrap();
        let now = server.surroundings.clock.now();
        (retain::decide(&record, &server.gateway.deps().server_name, now, keep), now)
    };
    assert!(matches!(fate, Fate::Unused { .. }));
    client.download(&used).await;
    let store = &server.gateway.deps().store;
    assert_eq!(store.carry_out(&used, fate, now).await.unwrap(), Carried::Stays);
    assert!(matches!(retained(&server, &unused, keep).await.1, Carried::Gone(_)));
    assert_eq!(latest(&server, &unused).await, None);
    assert_eq!(retained(&server, &used, keep).await, (Fate::Stay, Carried::Stays));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_died_is_ended_and_word_that_nobody_reads_is_taken_back() {
    let server = Setup::new().with_dynamodb_faults().start().await;
    let mxc = server.client().upload("half", "a/b", "").await;
    server.thumbnails_of(&mxc).await;
    let (store, faults) =
        (&server.gateway.deps().store, server.surroundings.dynamodb_faults.clone().unwrap());
    faults.inject(Fault { operation: None, when: When::From(3), effect: Effect::Fail });
    assert!(store.erase(&mxc).await.is_err());
    faults.clear();
    assert!(matches!(latest(&server, &mxc).await.unwrap().state, State::Deleting(_)));
    assert!(matches!(retained(&server, &mxc, KEEP).await, (Fate::HalfDeleted, Carried::Gone(_))));
    assert_eq!((latest(&server, &mxc).await, server.left_in_s3().await), (None, (0, 0)));

    let dead = Mxc::new_on(&server.gateway.deps().server_name);
    let body = bytes::Bytes::from_static(b"banned");
    let digest = crate::blobs::digest_of(&body);
    crate::blobs::brought(store, &dead, &storage::Key::new_original(), &body).await;
    store.records.ban(&digest, "@admin:example.org", Timestamp(1)).await.unwrap();
    assert_eq!(latest(&server, &dead).await.unwrap().state, State::Barred);
    assert_eq!(retained(&server, &dead, KEEP).await, (Fate::UnreadWord, Carried::Stays));
    assert_eq!(latest(&server, &dead).await, None);
    assert_eq!(store.erase(&dead).await.unwrap(), Outcome::Lost(None));
}
