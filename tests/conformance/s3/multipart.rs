//! Parts become one object at once, or not at all.

use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, ObjectAttributes,
};

use crate::place::{Place, check_refused, noise};

/// The least a part may have that is not the last.
const PART: usize = 5 * 1024 * 1024;

/// An upload under way.
struct Upload<'a> {
    place: &'a Place,
    key: &'a str,
    id: String,
}

impl<'a> Upload<'a> {
    async fn start(place: &'a Place, key: &'a str) -> Self {
        let create = place.s3.create_multipart_upload().bucket(&place.bucket).key(key);
        let created = create.content_type("video/mp4").metadata("made", "of parts").send().await.unwrap();
        assert_eq!(created.key(), Some(key));
        Self { place, key, id: created.upload_id().unwrap().to_owned() }
    }

    async fn part(&self, number: i32, bytes: Vec<u8>) -> CompletedPart {
        let upload = self.place.s3.upload_part().bucket(&self.place.bucket).key(self.key).upload_id(&self.id);
        let uploaded = upload.part_number(number).body(bytes.into()).send().await.unwrap();
        CompletedPart::builder().part_number(number).e_tag(uploaded.e_tag().unwrap()).build()
    }

    fn complete(&self, parts: Vec<CompletedPart>) -> CompleteMultipartUploadFluentBuilder {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.place.s3.complete_multipart_upload().bucket(&self.place.bucket).key(self.key);
        complete.upload_id(&self.id).multipart_upload(parts)
    }
}

fn named(number: i32, etag: &str) -> CompletedPart {
    CompletedPart::builder().part_number(number).e_tag(etag).build()
}

#[tokio::test]
async fn parts_become_one_object() {
    let place = Place::open().await;
    let bytes = noise(2 * PART + 1000);
    let upload = Upload::start(&place, "key").await;
    let third = upload.part(3, bytes[2 * PART..].to_vec()).await;
    let first = upload.part(1, bytes[..PART].to_vec()).await;
    let second = upload.part(2, bytes[PART..2 * PART].to_vec()).await;
    assert!(!place.exists("key").await, "nothing is there before it is complete");

    let done = upload.complete(vec![first, second, third]).send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-3\""), "{:?}", done.e_tag());
    let got = place.s3.get_object().bucket(&place.bucket).key("key").send().await.unwrap();
    assert_eq!(got.e_tag(), done.e_tag());
    assert_eq!(got.content_type(), Some("video/mp4"));
    assert_eq!(got.metadata().unwrap().get("made").map(String::as_str), Some("of parts"));
    assert!(got.body.collect().await.unwrap().to_vec() == bytes);
}

#[tokio::test]
async fn a_range_may_cross_from_part_to_part() {
    let place = Place::open().await;
    let bytes = noise(PART + 1000);
    let upload = Upload::start(&place, "key").await;
    let parts =
        vec![upload.part(1, bytes[..PART].to_vec()).await, upload.part(2, bytes[PART..].to_vec()).await];
    upload.complete(parts).send().await.unwrap();
    let range = format!("bytes={}-{}", PART - 10, PART + 9);
    let got = place.s3.get_object().bucket(&place.bucket).key("key").range(range).send().await.unwrap();
    assert!(got.body.collect().await.unwrap().to_vec() == bytes[PART - 10..PART + 10]);
}

#[tokio::test]
async fn a_part_can_be_read_by_its_number() {
    let place = Place::open().await;
    let bytes = noise(PART + 1000);
    let upload = Upload::start(&place, "key").await;
    let parts =
        vec![upload.part(1, bytes[..PART].to_vec()).await, upload.part(2, bytes[PART..].to_vec()).await];
    upload.complete(parts).send().await.unwrap();
    let got = place.s3.get_object().bucket(&place.bucket).key("key").part_number(2).send().await.unwrap();
    assert_eq!(got.parts_count(), Some(2));
    assert!(got.body.collect().await.unwrap().to_vec() == bytes[PART..]);
}

#[tokio::test]
async fn the_numbers_of_parts_may_have_gaps() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let parts = vec![upload.part(2, noise(PART)).await, upload.part(5, b"end".to_vec()).await];
    upload.complete(parts).send().await.unwrap();
    assert_eq!(place.read("key").await.len(), PART + 3);
}

#[tokio::test]
async fn parts_that_are_not_named_are_left_out() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    upload.part(1, noise(PART)).await;
    let chosen = upload.part(2, b"chosen".to_vec()).await;
    upload.complete(vec![chosen]).send().await.unwrap();
    assert_eq!(place.read("key").await, b"chosen");
}

#[tokio::test]
async fn a_part_sent_again_replaces_the_first() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let old = upload.part(1, b"old".to_vec()).await;
    let new = upload.part(1, b"new".to_vec()).await;
    check_refused(upload.complete(vec![old]).send().await, 400, "InvalidPart");
    upload.complete(vec![new]).send().await.unwrap();
    assert_eq!(place.read("key").await, b"new");
}

#[tokio::test]
async fn a_part_is_named_by_number_and_etag() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let part = upload.part(1, b"x".to_vec()).await;
    let wrong = named(1, "\"00000000000000000000000000000000\"");
    check_refused(upload.complete(vec![wrong]).send().await, 400, "InvalidPart");
    let missing = named(7, part.e_tag().unwrap());
    check_refused(upload.complete(vec![missing]).send().await, 400, "InvalidPart");
    upload.complete(vec![part]).send().await.unwrap();
}

#[tokio::test]
async fn parts_are_named_in_order() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let parts = vec![upload.part(2, noise(PART)).await, upload.part(1, noise(PART)).await];
    check_refused(upload.complete(parts).send().await, 400, "InvalidPartOrder");
}

#[tokio::test]
async fn only_the_last_part_may_be_small() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let parts = vec![upload.part(1, noise(PART - 1)).await, upload.part(2, noise(10)).await];
    check_refused(upload.complete(parts).send().await, 400, "EntityTooSmall");
    assert!(!place.exists("key").await);
}

#[tokio::test]
async fn an_upload_is_not_complete_without_parts() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    check_refused(upload.complete(Vec::new()).send().await, 400, "MalformedXML");
}

#[tokio::test]
async fn the_numbers_of_parts_go_from_one_to_ten_thousand() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    upload.part(10_000, b"x".to_vec()).await;
    for number in [0, 10_001] {
        let part = place.s3.upload_part().bucket(&place.bucket).key("key").upload_id(&upload.id);
        check_refused(part.part_number(number).send().await, 400, "InvalidArgument");
    }
}

#[tokio::test]
async fn an_aborted_upload_takes_no_more_parts() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let part = upload.part(1, b"x".to_vec()).await;
    let abort =
        || place.s3.abort_multipart_upload().bucket(&place.bucket).key("key").upload_id(&upload.id).send();
    abort().await.unwrap();
    let late = place.s3.upload_part().bucket(&place.bucket).key("key").upload_id(&upload.id).part_number(2);
    check_refused(late.send().await, 404, "NoSuchUpload");
    check_refused(upload.complete(vec![part]).send().await, 404, "NoSuchUpload");
    check_refused(abort().await, 404, "NoSuchUpload");
}

#[tokio::test]
async fn an_upload_belongs_to_its_key() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let part = place.s3.upload_part().bucket(&place.bucket).key("other").upload_id(&upload.id).part_number(1);
    check_refused(part.send().await, 404, "NoSuchUpload");
}

#[tokio::test]
async fn an_unknown_upload_is_no_such_upload() {
    let place = Place::open().await;
    let list = place.s3.list_parts().bucket(&place.bucket).key("key").upload_id("unknown").send().await;
    check_refused(list, 404, "NoSuchUpload");
}

#[tokio::test]
async fn parts_are_listed_in_order_page_by_page() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    for number in [3, 1, 2] {
        upload.part(number, vec![b'x'; usize::try_from(number).unwrap()]).await;
    }
    let list = || place.s3.list_parts().bucket(&place.bucket).key("key").upload_id(&upload.id).max_parts(2);
    let first = list().send().await.unwrap();
    let shown: Vec<_> = first.parts().iter().map(|part| (part.part_number(), part.size())).collect();
    assert_eq!(shown, [(Some(1), Some(1)), (Some(2), Some(2))]);
    assert!(first.parts().iter().all(|part| part.e_tag().is_some() && part.last_modified().is_some()));
    assert_eq!(first.is_truncated(), Some(true));
    let second = list().part_number_marker(first.next_part_number_marker().unwrap()).send().await.unwrap();
    assert_eq!(second.parts()[0].part_number(), Some(3));
    assert_eq!(second.is_truncated(), Some(false));
}

#[tokio::test]
async fn uploads_under_way_are_listed_by_key() {
    let place = Place::open().await;
    for key in ["b/2", "a", "b/1"] {
        Upload::start(&place, key).await;
    }
    let list = || place.s3.list_multipart_uploads().bucket(&place.bucket);
    let listed = list().send().await.unwrap();
    let keys: Vec<_> = listed.uploads().iter().filter_map(|upload| upload.key()).collect();
    assert_eq!(keys, ["a", "b/1", "b/2"]);
    assert!(
        listed.uploads().iter().all(|upload| upload.upload_id().is_some() && upload.initiated().is_some())
    );
    let below = list().prefix("b/").max_uploads(1).send().await.unwrap();
    assert_eq!(below.uploads()[0].key(), Some("b/1"));
    assert_eq!(below.is_truncated(), Some(true));
    let next = list().prefix("b/").key_marker(below.next_key_marker().unwrap());
    let next = next.upload_id_marker(below.next_upload_id_marker().unwrap()).send().await.unwrap();
    assert_eq!(next.uploads()[0].key(), Some("b/2"));
}

#[tokio::test]
async fn a_finished_upload_is_listed_no_more() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let part = upload.part(1, b"x".to_vec()).await;
    upload.complete(vec![part]).send().await.unwrap();
    let listed = place.s3.list_multipart_uploads().bucket(&place.bucket).send().await.unwrap();
    assert!(listed.uploads().is_empty());
}

#[tokio::test]
async fn an_upload_may_demand_to_be_the_first() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let part = upload.part(1, b"parts".to_vec()).await;
    place.put("key", "plain").await;
    let refused = upload.complete(vec![part.clone()]).if_none_match("*").send().await;
    check_refused(refused, 412, "PreconditionFailed");
    assert_eq!(place.read("key").await, b"plain");
    // A refusal does not use the upload up.
    upload.complete(vec![part]).send().await.unwrap();
    assert_eq!(place.read("key").await, b"parts");
}

#[tokio::test]
async fn a_part_is_verified() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let part = place.s3.upload_part().bucket(&place.bucket).key("key").upload_id(&upload.id).part_number(1);
    let part = part.content_md5("XUFAKrxLKna5cZ2REBfFkg==").body(b"not hello".to_vec().into());
    check_refused(part.send().await, 400, "BadDigest");
    let listed =
        place.s3.list_parts().bucket(&place.bucket).key("key").upload_id(&upload.id).send().await.unwrap();
    assert!(listed.parts().is_empty());
}

#[tokio::test]
async fn a_part_may_be_copied_from_an_object() {
    let place = Place::open().await;
    place.put("source", "0123456789").await;
    let upload = Upload::start(&place, "key").await;
    let copy =
        place.s3.upload_part_copy().bucket(&place.bucket).key("key").upload_id(&upload.id).part_number(1);
    let copy = copy.copy_source(format!("{}/source", place.bucket)).copy_source_range("bytes=2-5");
    let copied = copy.send().await.unwrap();
    let part = named(1, copied.copy_part_result().unwrap().e_tag().unwrap());
    upload.complete(vec![part]).send().await.unwrap();
    assert_eq!(place.read("key").await, b"2345");
}

#[tokio::test]
async fn an_upload_keeps_the_checksum_it_was_started_with() {
    let place = Place::open().await;
    let create = place.s3.create_multipart_upload().bucket(&place.bucket).key("key");
    let created = create.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).send().await.unwrap();
    let id = created.upload_id().unwrap();
    let bytes = noise(PART + 10);
    let mut parts = Vec::new();
    for (number, bytes) in [(1, &bytes[..PART]), (2, &bytes[PART..])] {
        let upload =
            place.s3.upload_part().bucket(&place.bucket).key("key").upload_id(id).part_number(number);
        let upload = upload.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).body(bytes.to_vec().into());
        let uploaded = upload.send().await.unwrap();
        let part = named(number, uploaded.e_tag().unwrap());
        parts.push(
            CompletedPart::builder()
                .set_checksum_crc64_nvme(uploaded.checksum_crc64_nvme)
                .part_number(number)
                .set_e_tag(part.e_tag)
                .build(),
        );
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = place.s3.complete_multipart_upload().bucket(&place.bucket).key("key").upload_id(id);
    let done = complete.multipart_upload(parts).send().await.unwrap();

    // The same bytes in one piece have the same checksum.
    let whole = place.s3.put_object().bucket(&place.bucket).key("whole").body(bytes.into());
    let whole = whole.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).send().await.unwrap();
    assert!(whole.checksum_crc64_nvme().is_some());
    assert_eq!(done.checksum_crc64_nvme(), whole.checksum_crc64_nvme());
    let head = place.s3.head_object().bucket(&place.bucket).key("key").checksum_mode(ChecksumMode::Enabled);
    assert_eq!(head.send().await.unwrap().checksum_crc64_nvme(), whole.checksum_crc64_nvme());
}

#[tokio::test]
async fn an_object_of_parts_knows_how_many() {
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    let part = upload.part(1, b"x".to_vec()).await;
    upload.complete(vec![part]).send().await.unwrap();
    let attributes = place.s3.get_object_attributes().bucket(&place.bucket).key("key");
    let attributes = attributes.object_attributes(ObjectAttributes::ObjectParts).send().await.unwrap();
    assert_eq!(attributes.object_parts().unwrap().total_parts_count(), Some(1));
}

#[tokio::test]
async fn a_bucket_may_be_removed_while_an_upload_is_under_way() {
    // S3 removes such a bucket, too: it has no objects.
    let place = Place::open().await;
    let upload = Upload::start(&place, "key").await;
    upload.part(1, b"x".to_vec()).await;
    place.s3.delete_bucket().bucket(&place.bucket).send().await.unwrap();
}
