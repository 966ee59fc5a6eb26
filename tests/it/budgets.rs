//! What each operation costs in calls to AWS, counted inside the SDK and pinned: a call more is a decision, not an
//! accident.

use std::collections::BTreeMap;

use support::{Server, photos};

/// The calls made while `work` ran, by operation; what `ingest` does on its own is waited for first.
pub(crate) async fn calls_of<F: Future>(server: &Server, work: F) -> BTreeMap<String, u64> {
    let before = server.sdk_calls();
    work.await;
    let after = server.sdk_calls();
    let made = |(operation, count): (String, u64)| {
        let more = count - before.get(&operation).copied().unwrap_or(0);
        (more > 0).then_some((operation, more))
    };
    after.into_iter().filter_map(made).collect()
}

pub(crate) fn calls<const N: usize>(of: [(&str, u64); N]) -> BTreeMap<String, u64> {
    of.into_iter().map(|(operation, count)| (operation.to_owned(), count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_hit_is_one_read_and_no_call_to_s3() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("text", "text/plain", "").await;
    server.thumbnails_of(&mxc).await;
    assert_eq!(calls_of(&server, client.download(&mxc)).await, calls([("GetItem", 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thumbnail_hit_is_one_query() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload(photos::fixture("photo.jpg"), "image/jpeg", "").await;
    server.thumbnails_of(&mxc).await;
    for query in ["width=32&height=32&method=crop", "width=800&height=600"] {
        assert_eq!(calls_of(&server, client.thumbnail(&mxc, query)).await, calls([("Query", 1)]), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_access_of_a_day_is_noted_by_one_write() {
    let server = Server::start().await;
    let client = server.client();
    let mxc = client.upload("text", "text/plain", "").await;
    server.thumbnails_of(&mxc).await;
    server.surroundings.clock.advance(std::time::Duration::from_hours(24));
    let first = calls_of(&server, client.download(&mxc)).await;
    assert_eq!(first, calls([("GetItem", 1), ("UpdateItem", 1)]));
    assert_eq!(calls_of(&server, client.download(&mxc)).await, calls([("GetItem", 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_upload_is_one_put_and_three_writes() {
    let server = Server::start().await;
    let client = server.client();
    let before = server.sdk_calls();
    // Of a text, `ingest` makes these calls besides: it opens the object, reads the record, notes what it found.
    let ingest = calls([("GetObject", 1), ("Query", 1), ("UpdateItem", 1)]);
    let mxc = client.upload("text", "text/plain", "").await;
    server.thumbnails_of(&mxc).await;
    let after = server.sdk_calls();
    let made = |operation: &str| {
        let count = |calls: &BTreeMap<String, u64>| calls.get(operation).copied().unwrap_or(0);
        count(&after) - count(&before)
    };
    // Reference and record; and one that joins those who have the same bytes, which tells of a ban as well.
    assert_eq!((made("PutObject"), made("PutItem")), (1, 2), "{after:?}");
    assert_eq!(made("UpdateItem"), 1 + ingest["UpdateItem"], "{after:?}");
    assert_eq!(made("HeadObject"), 0, "nobody had these bytes");
    assert_eq!(made("CreateMultipartUpload"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_costs_three_guarded_writes_and_filling_it_one_read_and_four_writes_more() {
    let server = Server::start().await;
    let client = server.client();
    let created = calls_of(&server, client.create()).await;
    // How often this user creates names (nobody counted before, so it is asked and then written), a place, the record.
    assert_eq!(created, calls([("UpdateItem", 3), ("PutItem", 1)]));
    // Now the bucket is in use: one call less.
    let (mxc, _) = client.create().await;
    let created = calls_of(&server, client.create()).await;
    assert_eq!(created, calls([("UpdateItem", 2), ("PutItem", 1)]));

    let filled = calls_of(&server, async {
        client.put(&mxc, "text", "text/plain", "").await;
        server.thumbnails_of(&mxc).await;
    })
    .await;
    // The reservation is read; object, reference, blob, record, place. `ingest` notes what it found.
    assert_eq!((filled["PutObject"], filled["PutItem"], filled["UpdateItem"]), (1, 1, 3 + 1), "{filled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_here_already_cost_one_look_more_and_their_deletion_six_calls_or_twelve() {
    let server = Server::start().await;
    let client = server.client();
    let first = client.upload("text", "text/plain", "").await;
    server.thumbnails_of(&first).await;
    let mut second = None;
    let uploaded = calls_of(&server, async {
        let mxc = client.upload("text", "text/plain", "").await;
        server.thumbnails_of(&mxc).await;
        second = Some(mxc);
    })
    .await;
    assert_eq!((uploaded["HeadObject"], uploaded["PutObject"]), (1, 1), "{uploaded:?}");
    support::eventually("the spare object to go", || async {
        (server.left_in_s3().await == (1, 0)).then_some(())
    })
    .await;

    let store = &server.gateway.deps().store;
    let mut erased = Vec::new();
    for mxc in [first, second.unwrap()] {
        erased.push(calls_of(&server, Box::pin(store.erase(&mxc))).await);
    }
    // The record marked, its thumbnails looked for, the reference, the blob, who else has it, the record.
    let shared = [("UpdateItem", 1), ("Query", 2), ("DeleteItem", 2), ("GetItem", 1)];
    assert_eq!(erased[0], calls(shared), "the first");
    // The object and the spare one that had been its own, with their thumbnails; the blob left and forgotten.
    let last = [
        ("UpdateItem", 2),
        ("Query", 2),
        ("DeleteItem", 3),
        ("GetItem", 1),
        ("ListObjectsV2", 2),
        ("DeleteObject", 2),
    ];
    assert_eq!(erased[1], calls(last), "the last");
}
