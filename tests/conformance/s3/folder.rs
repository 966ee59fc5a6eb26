//! What the embedded engine leaves in its folder, and what it makes of what it finds there.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use s3_engine::Durability;

use crate::place::{Embedded, Place, Signing, check_refused, noise};

/// Every file below a folder of the engine.
fn files(embedded: &Embedded, folder: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                collect(&entry.path(), found);
            } else {
                found.push(entry.path());
            }
        }
    }
    let mut found = Vec::new();
    collect(&embedded.folder.path().join("s3").join(folder), &mut found);
    found
}

async fn bucket(embedded: &Embedded) -> aws_sdk_s3::Client {
    let s3 = embedded.endpoint.client();
    s3.create_bucket().bucket("kept").send().await.unwrap();
    s3
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, bytes: Vec<u8>) {
    s3.put_object().bucket("kept").key(key).body(bytes.into()).send().await.unwrap();
}

async fn read(s3: &aws_sdk_s3::Client, key: &str) -> Vec<u8> {
    let got = s3.get_object().bucket("kept").key(key).send().await.unwrap();
    got.body.collect().await.unwrap().to_vec()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    for durability in [Durability::Durable, Durability::Fast] {
        let embedded = Embedded::start(|options| options.durability = durability);
        let s3 = bucket(&embedded).await;
        put(&s3, "small", b"x".to_vec()).await;
        put(&s3, "large", noise(3_000_000)).await;
        put(&s3, "replaced", b"old".to_vec()).await;
        put(&s3, "replaced", b"new".to_vec()).await;
        let embedded = embedded.killed_and_restarted(|_| {});
        let s3 = embedded.endpoint.client();
        assert_eq!(read(&s3, "small").await, b"x");
        assert!(read(&s3, "large").await == noise(3_000_000));
        assert_eq!(read(&s3, "replaced").await, b"new");
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_close() {
    let embedded = Embedded::start(|_| {});
    let s3 = bucket(&embedded).await;
    put(&s3, "key", b"x".to_vec()).await;
    embedded.engine.close();
    let log = embedded.folder.path().join("s3/rows.sqlite-wal");
    assert!(fs::metadata(log).map_or(true, |log| log.len() == 0), "the log is folded in");
    let embedded = embedded.killed_and_restarted(|_| {});
    assert_eq!(read(&embedded.endpoint.client(), "key").await, b"x");
}

#[tokio::test]
async fn a_closed_engine_says_that_it_is_closed() {
    let embedded = Embedded::start(|_| {});
    let s3 = bucket(&embedded).await;
    embedded.engine.close();
    check_refused(s3.put_object().bucket("kept").key("key").send().await, 503, "ServiceUnavailable");
    check_refused(s3.get_object().bucket("kept").key("key").send().await, 503, "ServiceUnavailable");
}

#[tokio::test]
async fn leftovers_of_a_kill_are_swept() {
    let embedded = Embedded::start(|_| {});
    let s3 = bucket(&embedded).await;
    put(&s3, "key", b"x".to_vec()).await;
    let kept = files(&embedded, "blobs");
    let folder = embedded.folder.path().join("s3");
    fs::write(folder.join("tmp/00000000000000000000000000000000"), "half an upload").unwrap();
    let stray = kept[0].with_file_name("0".repeat(30));
    fs::write(&stray, "a blob whose row was never written").unwrap();
    let foreign = folder.join("blobs/README");
    let embedded = embedded.killed_and_restarted(|_| {});
    assert_eq!(files(&embedded, "tmp"), Vec::<PathBuf>::new());
    assert_eq!(files(&embedded, "blobs"), kept);
    assert!(!foreign.exists());
    assert_eq!(read(&embedded.endpoint.client(), "key").await, b"x");
}

#[tokio::test]
async fn replaced_and_deleted_bytes_leave_the_disk() {
    let embedded = Embedded::start(|_| {});
    let s3 = bucket(&embedded).await;
    for _ in 0..3 {
        put(&s3, "key", noise(600_000)).await;
    }
    put(&s3, "other", noise(10)).await;
    s3.delete_object().bucket("kept").key("other").send().await.unwrap();
    // Closing waits for the deletions under way.
    embedded.engine.close();
    assert_eq!(files(&embedded, "blobs").len(), 1);
}

#[tokio::test]
async fn no_key_becomes_a_path() {
    let embedded = Embedded::start(|_| {});
    let s3 = bucket(&embedded).await;
    for key in ["../../outside", "/absolute", "a/../../b", "name.txt"] {
        put(&s3, key, b"x".to_vec()).await;
    }
    for path in files(&embedded, "") {
        let path = path.to_string_lossy().into_owned();
        assert!(!["outside", "absolute", "name.txt"].iter().any(|name| path.contains(name)), "{path}");
    }
    assert!(!embedded.folder.path().join("outside").exists());
}

#[tokio::test]
async fn refused_and_broken_uploads_leave_nothing_on_the_disk() {
    let place = Place::embedded(Embedded::start(|_| {})).await;
    let wrong =
        place.s3.put_object().bucket(&place.bucket).key("key").content_md5("XUFAKrxLKna5cZ2REBfFkg==");
    check_refused(wrong.body(noise(900_000).into()).send().await, 400, "BadDigest");
    let (endpoint, bucket) = (place.endpoint.clone(), place.bucket.clone());
    let cut = tokio::task::spawn_blocking(move || {
        Signing::new(&endpoint, "PUT", &bucket, "key")
            .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            .send_cut_short(2_000_000, &noise(1_500_000));
    });
    cut.await.unwrap();
    let embedded = place.engine();
    // The connection is gone; the last lot may still be on its way to the disk.
    while !files(embedded, "tmp").is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(files(embedded, "blobs"), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn uploads_of_the_day_before_are_swept() {
    let now_ms = Arc::new(AtomicU64::new(1_800_000_000_000));
    let clock = Arc::clone(&now_ms);
    let embedded = Embedded::start(|options| options.now_ms = Arc::new(move || clock.load(Ordering::SeqCst)));
    let s3 = bucket(&embedded).await;
    let start = |key: &'static str| s3.create_multipart_upload().bucket("kept").key(key).send();
    let old = start("old").await.unwrap();
    let part = s3.upload_part().bucket("kept").key("old").set_upload_id(old.upload_id).part_number(1);
    part.body(b"x".to_vec().into()).send().await.unwrap();
    now_ms.fetch_add(u64::try_from(Duration::from_hours(23).as_millis()).unwrap(), Ordering::SeqCst);
    start("young").await.unwrap();
    assert_eq!(embedded.engine.sweep_uploads().await.unwrap(), 0);
    now_ms.fetch_add(u64::try_from(Duration::from_hours(2).as_millis()).unwrap(), Ordering::SeqCst);
    assert_eq!(embedded.engine.sweep_uploads().await.unwrap(), 1);
    let left = s3.list_multipart_uploads().bucket("kept").send().await.unwrap();
    assert_eq!(left.uploads().len(), 1);
    assert_eq!(left.uploads()[0].key(), Some("young"));
    embedded.engine.close();
    assert_eq!(files(&embedded, "blobs"), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, "in the way").unwrap();
    let mut options = crate::place::options(&folder);
    options.folder = file;
    let error = s3_engine::S3Engine::open(options).unwrap_err();
    assert!(matches!(error, s3_engine::OpenError::Folder(_)), "{error}");
}
