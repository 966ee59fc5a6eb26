//! Two of everything at once.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use crate::place::{Place, Signing, noise, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_that_demand_to_be_first_one_is() {
    let place = Place::open().await;
    let puts = (0..50).map(|number| {
        let put = place.s3.put_object().bucket(&place.bucket).key("key").if_none_match("*");
        put.body(format!("number {number}").into_bytes().into()).send()
    });
    let answers = join_all(puts).await;
    let winner = answers.iter().position(Result::is_ok).expect("one wins");
    let refused = answers.into_iter().filter(Result::is_err).map(refusal);
    // S3 may also answer 409 to a write that another one is just overtaking.
    let refused: Vec<u16> = refused.map(|(status, _)| status).collect();
    assert_eq!(refused.len(), 49);
    assert!(refused.iter().all(|status| matches!(status, 412 | 409)), "{refused:?}");
    assert_eq!(place.read("key").await, format!("number {winner}").into_bytes());
}

/// An upload of eight bytes whose second half waits for a word.
struct SlowUpload {
    go_on: mpsc::Sender<Bytes>,
    answer: tokio::task::JoinHandle<(u16, String)>,
}

impl SlowUpload {
    fn start(place: &Place, first_half: &'static str) -> Self {
        let (go_on, mut halves) = mpsc::channel::<Bytes>(1);
        let (endpoint, bucket, http) = (place.endpoint.clone(), place.bucket.clone(), place.http.clone());
        let answer = tokio::spawn(async move {
            let body =
                futures_util::stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(first_half)) });
            let rest = futures_util::stream::poll_fn(move |context| {
                halves.poll_recv(context).map(|half| half.map(Ok::<_, std::io::Error>))
            });
            let body = reqwest::Body::wrap_stream(futures_util::StreamExt::chain(body, rest));
            Signing::new(&endpoint, "PUT", &bucket, "key")
                .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
                .header("content-length", "8")
                .header("if-none-match", "*")
                .send(&http, body)
                .await
        });
        Self { go_on, answer }
    }

    async fn finish(self, second_half: &'static str) -> (u16, String) {
        self.go_on.send(Bytes::from(second_half)).await.unwrap();
        drop(self.go_on);
        self.answer.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_slow_uploads_that_overlap_one_is_first() {
    let place = Place::open().await;
    let early = SlowUpload::start(&place, "earl");
    let late = SlowUpload::start(&place, "late");
    // Both have been let in, for nothing is there yet; the one that ends first is the one that wins.
    let (won, _) = late.finish("late").await;
    let (lost, body) = early.finish("y123").await;
    assert_eq!((won, lost), (200, 412), "{body}");
    assert_eq!(place.read("key").await, b"latelate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_always_sees_one_whole_version() {
    let place = Arc::new(Place::open().await);
    let version = |letter: u8| vec![letter; 400_000];
    place.put("key", version(b'a')).await;
    let writing = {
        let place = Arc::clone(&place);
        tokio::spawn(async move {
            for round in 0..60_u8 {
                place.put("key", version(b'a' + round % 26)).await;
            }
        })
    };
    let mut reads = 0;
    while !writing.is_finished() || reads == 0 {
        let bytes = place.read("key").await;
        assert_eq!(bytes.len(), 400_000);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "one version, not two");
        reads += 1;
    }
    writing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_has_begun_may_finish() {
    let place = Place::open().await;
    let bytes = noise(8 * 1024 * 1024);
    place.put("key", bytes.clone()).await;
    let mut body = place.s3.get_object().bucket(&place.bucket).key("key").send().await.unwrap().body;
    let mut read = body.next().await.unwrap().unwrap().to_vec();
    place.s3.delete_object().bucket(&place.bucket).key("key").send().await.unwrap();
    place.put("key", "another").await;
    while let Some(chunk) = body.next().await {
        read.extend_from_slice(&chunk.unwrap());
    }
    assert!(read == bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_stays_whole() {
    let place = Place::open().await;
    let bodies: Vec<Vec<u8>> = (0..16_u8).map(|number| vec![number; 300_000]).collect();
    let puts = bodies.iter().map(|body| place.put("key", body.clone()));
    join_all(puts).await;
    assert!(bodies.contains(&place.read("key").await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_completed_once() {
    let place = Place::open().await;
    let created = place.s3.create_multipart_upload().bucket(&place.bucket).key("key").send().await.unwrap();
    let id = created.upload_id().unwrap();
    let part = place.s3.upload_part().bucket(&place.bucket).key("key").upload_id(id).part_number(1);
    let part = part.body(ByteStream::from_static(b"part")).send().await.unwrap();
    let completions = (0..8).map(|_| {
        let named = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag.clone()).build();
        let parts = CompletedMultipartUpload::builder().parts(named).build();
        let complete = place.s3.complete_multipart_upload().bucket(&place.bucket).key("key");
        complete.upload_id(id).multipart_upload(parts).send()
    });
    let done = join_all(completions).await.into_iter().flatten().count();
    // S3 answers a repetition as it answered the first for a while; this engine refuses it.
    assert!(done >= 1);
    assert_eq!(place.read("key").await, b"part");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_conditional_puts_loses_no_link() {
    let place = Place::open().await;
    place.put("counter", "0").await;
    let add = |place: &Place| {
        let (s3, bucket) = (place.s3.clone(), place.bucket.clone());
        async move {
            loop {
                let got = s3.get_object().bucket(&bucket).key("counter").send().await.unwrap();
                let etag = got.e_tag().unwrap().to_owned();
                let count = String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap();
                let next = (count.parse::<u32>().unwrap() + 1).to_string();
                let put = s3.put_object().bucket(&bucket).key("counter").if_match(etag);
                if put.body(next.into_bytes().into()).send().await.is_ok() {
                    return;
                }
            }
        }
    };
    join_all((0..12).map(|_| add(&place))).await;
    assert_eq!(place.read("counter").await, b"12");
}
