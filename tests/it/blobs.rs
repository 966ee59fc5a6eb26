//! One object for equal bytes, bans by digest, and deletion that leaves nothing.

use std::collections::BTreeSet;

use bytes::Bytes;
use engine_host::{Effect, Fault, When};
use futures_util::{future::join_all, stream};
use http::StatusCode;
use media_core::{Content, MediaId, Mxc, Record, Sha256, State, Timestamp, limits::PART_BYTES};
use sha2::{Digest as _, Sha256 as Hasher};
use storage::{
    Incoming, Joined, Key, Outcome, Store, Written,
    bans::{Met, Walked},
    erase::Erased,
    guards::{Arrived, Spared},
};
use support::{Server, Setup, eventually, photos};

const ADMIN: &str = "@admin:example.org";

pub(crate) fn digest_of(bytes: &[u8]) -> Sha256 {
    Sha256(Hasher::digest(bytes).into())
}

fn store(server: &Server) -> &Store {
    &server.gateway.deps().store
}

async fn record_of(server: &Server, mxc: &Mxc) -> Record {
    store(server).records.get_latest(mxc).await.unwrap().unwrap()
}

async fn content_of(server: &Server, mxc: &Mxc) -> Content {
    record_of(server, mxc).await.content().unwrap().clone()
}

/// Waits until exactly so many objects are left: spare ones go when S3 has told of them.
async fn objects_are(server: &Server, count: usize) {
    eventually("spare objects to go", || async { (server.left_in_s3().await == (count, 0)).then_some(()) })
        .await;
}

async fn erase(server: &Server, mxc: &Mxc) -> Erased {
    match store(server).erase(mxc).await.unwrap() {
        Outcome::Won(erased) => erased,
        Outcome::Lost(there) => panic!("{mxc}: {there:?}"),
    }
}

/// Brings `bytes` as a function does that fetches or takes in, as far as the record.
pub(crate) async fn brought(store: &Store, mxc: &Mxc, key: &Key, bytes: &Bytes) -> (Content, Joined) {
    let body = stream::iter([Ok(bytes.clone())]);
    let mut body = Incoming::new(Box::pin(body), u64::MAX, None);
    let written = store.blobs.put(key, mxc, "a/b", &mut body).await.unwrap();
    let joined = store.join(mxc, key, &written).await.unwrap();
    let Written { size_bytes, sha256 } = written;
    let content = Content {
        object_key: joined.object_key.clone(),
        brought_as: key.to_string(),
        content_type: "a/b".into(),
        size_bytes,
        sha256: Some(sha256),
        upload_name: None,
    };
    (content, joined)
}

pub(crate) fn record(mxc: &Mxc, state: State, quarantined_by: Option<String>) -> Record {
    Record {
        mxc: mxc.clone(),
        state,
        created_at: Timestamp(1),
        uploader: None,
        authenticated: true,
        quarantined_by,
        protected: false,
        last_access: None,
        picture: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_bytes_are_one_object_whichever_way_they_come() {
    let server = Server::start().await;
    let client = server.client();
    let body = Bytes::from_static(b"the same");
    let first = client.upload(body.clone(), "text/plain", "one.txt").await;
    let second = client.upload(body.clone(), "text/html", "two.txt").await;
    let (third, _) = client.create().await;
    assert_eq!(client.put(&third, body.clone(), "a/b", "").await.status, StatusCode::OK);
    objects_are(&server, 1).await;

    let shared = content_of(&server, &first).await;
    for (mxc, content_type) in [(&first, "text/plain"), (&second, "text/html"), (&third, "a/b")] {
        assert_eq!(content_of(&server, mxc).await.object_key, shared.object_key);
        let back = client.follow(client.download(mxc).await).await;
        assert_eq!((&back.body, back.header("content-type")), (&body, content_type), "each as it came");
    }
    let noted: BTreeSet<_> =
        server.references_to(&digest_of(&body)).await.into_iter().map(|mxc| mxc.to_string()).collect();
    assert_eq!(noted, [&first, &second, &third].map(ToString::to_string).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_here_already_lends_its_thumbnails() {
    let server = Server::start().await;
    let client = server.client();
    let photo = photos::fixture("photo.jpg");
    let first = client.upload(photo.clone(), "image/jpeg", "").await;
    let made = server.thumbnails_of(&first).await;
    let puts = server.sdk_calls_of("PutObject");
    let second = client.upload(photo, "image/jpeg", "").await;
    let borrowed = server.thumbnails_of(&second).await;
    let sorted = |mut thumbnails: Vec<media_core::thumbnail::Thumbnail>| {
        thumbnails.sort_by_key(|thumbnail| (thumbnail.shape, thumbnail.format));
        thumbnails
    };
    assert_eq!(sorted(borrowed), sorted(made));
    assert_eq!(server.sdk_calls_of("PutObject"), puts + 1, "nothing but the upload itself");
    assert_eq!(record_of(&server, &first).await.picture, record_of(&server, &second).await.picture);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_straight_to_s3_shares_and_the_links_to_it_live_on() {
    let server = Server::start().await;
    let client = server.client();
    let straight = async |bytes: &'static str| {
        let (mxc, reply) = client.create().await;
        let url = reply["com.beeper.msc3870.upload_url"].as_str().unwrap();
        let put = support::client::plain_http().put(url).body(bytes);
        assert!(put.send().await.unwrap().status().is_success());
        assert_eq!(client.complete(&mxc, "").await.status, StatusCode::OK);
        mxc
    };
    // Others find what came straight first, and what comes straight finds others.
    let first = straight("bytes").await;
    server.thumbnails_of(&first).await;
    let second = client.upload("bytes", "a/b", "").await;
    server.thumbnails_of(&second).await;
    let third = straight("bytes").await;
    let link = client.download(&third).await;
    server.thumbnails_of(&third).await;
    let contents = [content_of(&server, &first).await, content_of(&server, &second).await];
    let last = content_of(&server, &third).await;
    assert!(contents.iter().all(|content| content.object_key == last.object_key), "{contents:?} {last:?}");
    assert_eq!((contents[0].spare_object(), last.sha256), (None, Some(digest_of(b"bytes"))));
    assert_eq!(client.follow(link).await.body, "bytes", "given before anybody knew its digest");
    objects_are(&server, 2).await;

    for mxc in [first, second, third] {
        erase(&server, &mxc).await;
    }
    objects_are(&server, 0).await;
    assert_eq!(server.all_items().await.iter().filter(|(pk, _)| !pk.starts_with("U#")).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_leaves_nothing_and_nothing_that_others_have_goes() {
    let server = Server::start().await;
    let client = server.client();
    let photo = photos::fixture("photo.jpg");
    let first = client.upload(photo.clone(), "image/jpeg", "").await;
    server.thumbnails_of(&first).await;
    let second = client.upload(photo.clone(), "image/jpeg", "").await;
    server.thumbnails_of(&second).await;
    client.follow(client.thumbnail(&second, "width=200&height=100&method=crop").await).await;

    let erased = erase(&server, &first).await;
    assert_eq!(
        (erased.bytes_are_gone, erased.ended_it, erased.size_bytes),
        (false, true, photo.len() as u64)
    );
    assert_eq!(erased.uploader.unwrap(), "@alice:example.org");
    assert_eq!(client.download(&first).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(client.follow(client.download(&second).await).await.body, photo);
    for query in ["width=640&height=480", "width=200&height=100&method=crop"] {
        assert_eq!(client.follow(client.thumbnail(&second, query).await).await.status, StatusCode::OK);
    }
    assert_eq!(
        store(&server).erase(&first).await.unwrap(),
        Outcome::Lost(None),
        "there is nothing to delete"
    );

    assert!(erase(&server, &second).await.bytes_are_gone);
    objects_are(&server, 0).await;
    assert_eq!(server.all_items().await, []);
    let again = client.upload(photo.clone(), "image/jpeg", "").await;
    assert_eq!(client.follow(client.download(&again).await).await.body, photo);
    server.thumbnails_of(&again).await;
    assert_eq!(
        client.follow(client.thumbnail(&again, "width=640&height=480").await).await.status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_state_it_is_in_it_can_be_deleted() {
    let server = Server::start().await;
    let client = server.client();
    let (reserved, reply) = client.create().await;
    let url = reply["com.beeper.msc3870.upload_url"].as_str().unwrap();
    assert!(
        support::client::plain_http().put(url).body("staged").send().await.unwrap().status().is_success()
    );
    let fetching = Mxc { origin: "elsewhere.example".try_into().unwrap(), media_id: MediaId::random() };
    let records = &store(&server).records;
    let claim = || records.claim(&fetching, "attempt", Timestamp(1), Timestamp(1000));
    let Outcome::Won(lease) = claim().await.unwrap() else { panic!("lost to nobody") };
    assert_eq!(server.left_in_s3().await, (1, 0));
    for mxc in [&reserved, &fetching] {
        let erased = erase(&server, mxc).await;
        assert_eq!((erased.size_bytes, erased.bytes_are_gone), (0, true));
    }
    assert_eq!(server.left_in_s3().await, (0, 0));
    assert_eq!(client.put(&reserved, "late", "a/b", "").await.refusal(), "404 M_NOT_FOUND");

    // What was being fetched when it was deleted is not taken any more; whoever wants it fetches anew.
    let key = Key::new_remote();
    let (content, _) = brought(store(&server), &fetching, &key, &Bytes::from_static(b"theirs")).await;
    let arrived = Arrived {
        content: &content,
        at: Timestamp(2),
        authenticated: true,
        quarantined_by: None,
        is_held: false,
    };
    assert_eq!(records.store(&fetching, &lease, arrived).await.unwrap(), Outcome::Lost(None));
    store(&server).let_go(&fetching, &content).await.unwrap();
    assert_eq!(server.left_in_s3().await, (0, 0));
    assert!(claim().await.unwrap().is_won());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spared_stays() {
    let server = Server::start().await;
    let mxc = server.client().upload("x", "a/b", "").await;
    let (store, today) = (store(&server), server.surroundings.clock.now().day());
    let spared = async |spared: Spared| {
        let lost = store.erase_unless(&mxc, &spared).await.unwrap();
        assert!(matches!(lost, Outcome::Lost(Some(record)) if record.content().is_some()), "{spared:?}");
    };
    spared(Spared { used_since: Some(today), ..Spared::default() }).await;
    store.records.protect(&mxc, true).await.unwrap();
    spared(Spared { protected: true, ..Spared::default() }).await;
    store.records.protect(&mxc, false).await.unwrap();
    store.records.quarantine(&mxc, ADMIN).await.unwrap();
    spared(Spared { quarantined: true, protected: true, used_since: None }).await;
    store.records.release(&mxc).await.unwrap();
    let tomorrow = media_core::Day(today.0 + 1);
    let none = Spared { protected: true, quarantined: true, used_since: Some(tomorrow) };
    assert!(store.erase_unless(&mxc, &none).await.unwrap().is_won());
}

/// More calls than a deletion makes to one service.
const CALLS: usize = 9;

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_stops_at_any_call_is_ended_by_the_next() {
    let stopped = join_all((1..=CALLS).map(async |call| {
        let server = Setup::new().with_dynamodb_faults().start().await;
        let client = server.client();
        let photo = photos::fixture("transparent.png");
        let kept = client.upload(photo.clone(), "image/png", "").await;
        server.thumbnails_of(&kept).await;
        let surroundings = &server.surroundings;
        let engines = [surroundings.s3_faults.clone(), surroundings.dynamodb_faults.clone().unwrap()];
        let mut stopped = 0;
        for (faults, effect) in
            engines.iter().flat_map(|faults| [Effect::Fail, Effect::CutAfter].map(|effect| (faults, effect)))
        {
            // Alone, and beside another with the same bytes.
            for body in [photos::fixture("mountains.jpg"), photo.clone()] {
                let mxc = client.upload(body, "image/png", "").await;
                server.thumbnails_of(&mxc).await;
                faults.inject(Fault { operation: None, when: When::From(call), effect: effect.clone() });
                let first = store(&server).erase(&mxc).await;
                faults.clear();
                stopped += usize::from(first.is_err());
                let second = store(&server).erase(&mxc).await.unwrap();
                assert!(second.is_won() || second == Outcome::Lost(None), "{call} {effect:?} {second:?}");
                assert_eq!(client.download(&mxc).await.refusal(), "404 M_NOT_FOUND");
            }
        }
        assert_eq!(client.follow(client.download(&kept).await).await.body, photo);
        erase(&server, &kept).await;
        objects_are(&server, 0).await;
        assert_eq!(server.all_items().await, []);
        stopped
    }))
    .await;
    assert_eq!(stopped[0], 8, "at the first call always");
    assert!(stopped.iter().sum::<usize>() > 24, "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_hides_what_is_here_and_what_comes_and_outlives_it_all() {
    let server = Server::start().await;
    let client = server.client();
    let (records, now) = (&store(&server).records, Timestamp(77));
    let digest = digest_of(b"banned");
    let (here, spared) = (client.upload("banned", "a/b", "").await, client.upload("banned", "a/b", "").await);
    records.protect(&spared, true).await.unwrap();
    assert_eq!(records.ban(&digest, ADMIN, now).await.unwrap(), Walked { hidden: 1, spared: 1 });
    assert_eq!(records.ban(&digest, ADMIN, now).await.unwrap(), Walked { hidden: 1, spared: 1 }, "again");
    assert_eq!(client.download(&here).await.refusal(), "404 M_NOT_FOUND");
    assert_eq!(client.download(&spared).await.status, StatusCode::TEMPORARY_REDIRECT);

    for mxc in [here, spared] {
        erase(&server, &mxc).await;
    }
    objects_are(&server, 0).await;
    let ban = records.ban_on(&digest).await.unwrap().expect("kept");
    assert_eq!((ban.by.as_str(), ban.at), (ADMIN, now));

    // An upload has its answer and is seen by nobody, whichever way it comes.
    let comes = client.upload("banned", "a/b", "").await;
    let (filled, _) = client.create().await;
    assert_eq!(client.put(&filled, "banned", "a/b", "").await.status, StatusCode::OK);
    let (straight, reply) = client.create().await;
    let url = reply["com.beeper.msc3870.upload_url"].as_str().unwrap();
    assert!(
        support::client::plain_http().put(url).body("banned").send().await.unwrap().status().is_success()
    );
    assert_eq!(client.complete(&straight, "").await.status, StatusCode::OK);
    server.thumbnails_of(&straight).await;
    for mxc in [&comes, &filled, &straight] {
        assert_eq!(client.download(mxc).await.refusal(), "404 M_NOT_FOUND");
        assert_eq!(record_of(&server, mxc).await.quarantined_by.as_deref(), Some(ADMIN));
    }
    records.lift_ban(&digest).await.unwrap();
    assert_eq!(records.ban_on(&digest).await.unwrap(), None);
    let free = client.upload("banned", "a/b", "").await;
    assert_eq!(client.download(&free).await.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test(flavor = "multi_thread")]
async fn banned_uploads_may_be_refused_and_leave_nothing() {
    let server = Setup::new().set("MEDIA_BANNED_UPLOADS", "refuse").start().await;
    let client = server.client();
    for length in [6, PART_BYTES + 6] {
        let body = Bytes::from(vec![7; length]);
        store(&server).records.ban(&digest_of(&body), ADMIN, Timestamp(1)).await.unwrap();
        assert_eq!(client.try_upload(body.clone(), "a/b", "").await.refusal(), "403 M_FORBIDDEN");
        let (mxc, _) = client.create().await;
        assert_eq!(client.put(&mxc, body.clone(), "a/b", "").await.refusal(), "403 M_FORBIDDEN");
        assert_eq!(server.references_to(&digest_of(&body)).await, []);
        assert_eq!(client.put(&mxc, "other bytes", "a/b", "").await.status, StatusCode::OK);
    }
    objects_are(&server, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_meets_what_joined_before_it_and_is_recorded_after() {
    let server = Server::start().await;
    let store = store(&server);
    let body = Bytes::from_static(b"between");
    let digest = digest_of(&body);
    let mxc = Mxc { origin: "example.org".try_into().unwrap(), media_id: MediaId::random() };
    let (content, joined) = brought(store, &mxc, &Key::new_original(), &body).await;
    assert_eq!(joined.ban, None);
    let claimed = Mxc { origin: "elsewhere.example".try_into().unwrap(), media_id: MediaId::random() };
    let claim = store.records.claim(&claimed, "me", Timestamp(1), Timestamp(1000)).await.unwrap();
    let Outcome::Won(lease) = claim else { panic!("lost to nobody") };
    let (fetched, _) = brought(store, &claimed, &Key::new_remote(), &body).await;

    assert_eq!(
        store.records.ban(&digest, ADMIN, Timestamp(5)).await.unwrap(),
        Walked { hidden: 2, spared: 0 }
    );
    let there = store.records.get_latest(&mxc).await.unwrap().unwrap();
    assert_eq!(there.state, State::Barred, "word was left");
    assert!(
        matches!(store.erase(&mxc).await.unwrap(), Outcome::Lost(Some(there)) if there.state == State::Barred)
    );

    let late = record(&mxc, State::Stored(content), None);
    for _ in 0..2 {
        assert!(store.records.reserve(&late).await.unwrap().is_won(), "once, and its own hand");
    }
    let arrived = Arrived {
        content: &fetched,
        at: Timestamp(2),
        authenticated: true,
        quarantined_by: None,
        is_held: false,
    };
    assert!(store.records.store(&claimed, &lease, arrived).await.unwrap().is_won());
    for mxc in [mxc, claimed] {
        let there = store.records.get_latest(&mxc).await.unwrap().unwrap();
        assert_eq!((there.quarantined_by.as_deref(), there.content().is_some()), (Some(ADMIN), true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn references_are_read_in_pages_and_those_of_previews_beside_them() {
    let server = Server::start().await;
    let records = &store(&server).records;
    let digest = digest_of(b"many");
    let name = |number: usize| Mxc::parse("example.org", &format!("{number:04}")).unwrap();
    let add = |number: usize| async move {
        let key = format!("{}/{number}", ["originals", "remote", "previews"][number % 3]);
        records.add_reference(&digest, &name(number), &key).await.unwrap();
    };
    join_all((0..250).map(add)).await;
    let (mut seen, mut last) = (BTreeSet::new(), None);
    loop {
        let page = records.references(&digest, last.as_ref()).await.unwrap();
        assert!(page.len() <= 100);
        seen.extend(page.iter().map(|reference| reference.mxc.media_id.clone()));
        match page.last() {
            Some(reference) => last = Some(reference.clone()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 250);
    let gone = storage::Reference { mxc: name(1), brought_as: "remote/1".into() };
    let ban = storage::Ban { by: ADMIN.into(), at: Timestamp(1) };
    assert_eq!(
        records.hide(&digest, &gone, &ban).await.unwrap(),
        Met::Others(name(1)),
        "nobody waits for it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_whose_object_is_missing_is_not_believed() {
    let server = Server::start().await;
    let client = server.client();
    let lost = client.upload("precious", "a/b", "").await;
    server.thumbnails_of(&lost).await;
    store(&server).blobs.delete(&content_of(&server, &lost).await.object_key).await.unwrap();
    let (one, two) = tokio::join!(client.upload("precious", "a/b", ""), client.upload("precious", "a/b", ""));
    for mxc in [&one, &two] {
        server.thumbnails_of(mxc).await;
        assert_eq!(client.follow(client.download(mxc).await).await.body, "precious");
    }
    objects_are(&server, 1).await;
}
