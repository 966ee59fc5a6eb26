//! Who may not do everything: what each operation needs, and what is said to those who may not. Asked of the engine alone,
//! since on AWS each question would need a role.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use engine_host::Policies;
use engine_host::policies::{Effect, Principal, Statement};

use crate::place::{Embedded, Endpoint, Place, check_body_says, check_refused, link_config, refusal};

/// The name and the secret of somebody who may do a few things.
const SOMEBODY: &str = "somebody";

/// What a place's buckets are called, and what is under `open/` there.
const BUCKETS: &str = "arn:aws:s3:::conformance-*";
const OPEN: &str = "arn:aws:s3:::conformance-*/open/*";

/// A place, and the client of somebody who may do these things there.
async fn place(allowed: &[(&str, &str)]) -> (Place, Client) {
    let statement = |&(action, resource): &(&str, &str)| Statement {
        effect: Effect::Allow,
        actions: vec![action.to_owned()],
        resources: vec![resource.to_owned()],
    };
    let somebody = Principal {
        access_key: SOMEBODY.to_owned(),
        secret_key: SOMEBODY.to_owned(),
        statements: allowed.iter().map(statement).collect(),
    };
    let policies = Policies::new([somebody], |_| {});
    let place = Place::embedded(Embedded::start(|options| options.policies = Some(policies))).await;
    let (access_key, secret_key) = (SOMEBODY.to_owned(), SOMEBODY.to_owned());
    let client = Endpoint { access_key, secret_key, ..place.endpoint.clone() }.client();
    (place, client)
}

#[tokio::test]
async fn reading_needs_get_object_on_the_object() {
    let (place, somebody) = place(&[("s3:GetObject", OPEN)]).await;
    for key in ["open/a", "closed/a"] {
        place.put(key, "x").await;
    }
    let bucket = &place.bucket;
    assert!(somebody.get_object().bucket(bucket).key("open/a").send().await.is_ok());
    assert!(somebody.head_object().bucket(bucket).key("open/a").send().await.is_ok());
    let get = somebody.get_object().bucket(bucket).key("closed/a").send().await;
    check_refused(get, 403, "AccessDenied");
    let head = somebody.head_object().bucket(bucket).key("closed/a").send().await;
    assert_eq!(refusal(head).0, 403);
    let put = somebody.put_object().bucket(bucket).key("open/b").body(b"y".to_vec().into()).send().await;
    check_refused(put, 403, "AccessDenied");
    let delete = somebody.delete_object().bucket(bucket).key("open/a").send().await;
    check_refused(delete, 403, "AccessDenied");
    check_refused(somebody.list_objects_v2().bucket(bucket).send().await, 403, "AccessDenied");
    assert!(place.exists("open/a").await && !place.exists("open/b").await);
}

#[tokio::test]
async fn a_link_carries_the_rights_of_whoever_signed_it() {
    let (place, somebody) = place(&[("s3:GetObject", OPEN)]).await;
    for key in ["open/a", "closed/a"] {
        place.put(key, "x").await;
    }
    for (key, status) in [("open/a", 200), ("closed/a", 403)] {
        let get = somebody.get_object().bucket(&place.bucket).key(key);
        let link = get.presigned(link_config()).await.unwrap();
        let answer = place.http.get(link.uri()).send().await.unwrap();
        assert_eq!(answer.status(), status, "{key}");
        if status == 403 {
            check_body_says(&answer.text().await.unwrap(), "AccessDenied");
        }
    }
    let put =
        somebody.put_object().bucket(&place.bucket).key("open/b").presigned(link_config()).await.unwrap();
    assert_eq!(place.http.put(put.uri()).body("y").send().await.unwrap().status(), 403);
    assert!(!place.exists("open/b").await);
}

#[tokio::test]
async fn who_may_not_list_is_not_told_what_is_missing() {
    for (list, status, code) in
        [("s3:ListBucket", 404, "NoSuchKey"), ("s3:GetBucketLocation", 403, "AccessDenied")]
    {
        let permissions = [("s3:GetObject", OPEN), ("s3:PutObject", OPEN), (list, BUCKETS)];
        let (place, somebody) = place(&permissions).await;
        let get = somebody.get_object().bucket(&place.bucket).key("open/missing").send().await;
        check_refused(get, status, code);
        let head = somebody.head_object().bucket(&place.bucket).key("open/missing").send().await;
        assert_eq!(refusal(head).0, status);
        let copy = somebody.copy_object().copy_source(format!("{}/open/missing", place.bucket));
        check_refused(copy.bucket(&place.bucket).key("open/copy").send().await, status, code);
    }
}

#[tokio::test]
async fn copying_needs_both_ends() {
    let (place, somebody) =
        place(&[("s3:GetObject", OPEN), ("s3:PutObject", "arn:aws:s3:::*/copies/*")]).await;
    for key in ["open/a", "closed/a"] {
        place.put(key, "x").await;
    }
    for (from, to, is_allowed) in
        [("open/a", "copies/a", true), ("closed/a", "copies/b", false), ("open/a", "open/b", false)]
    {
        let copy = somebody.copy_object().copy_source(format!("{}/{from}", place.bucket));
        let copied = copy.bucket(&place.bucket).key(to).send().await;
        assert_eq!(place.exists(to).await, is_allowed, "{from} {to}");
        if !is_allowed {
            check_refused(copied, 403, "AccessDenied");
        }
    }
}

#[tokio::test]
async fn an_upload_in_parts_is_a_put_and_ending_it_otherwise_is_not() {
    let (place, somebody) = place(&[("s3:PutObject", OPEN)]).await;
    let bucket = &place.bucket;
    let started = somebody.create_multipart_upload().bucket(bucket).key("open/a").send().await.unwrap();
    let id = started.upload_id.unwrap();
    let part = somebody.upload_part().bucket(bucket).key("open/a").upload_id(&id).part_number(1);
    let part = part.body(b"x".to_vec().into()).send().await.unwrap();
    let listed = somebody.list_parts().bucket(bucket).key("open/a").upload_id(&id).send().await;
    check_refused(listed, 403, "AccessDenied");
    let aborted = somebody.abort_multipart_upload().bucket(bucket).key("open/a").upload_id(&id).send().await;
    check_refused(aborted, 403, "AccessDenied");
    let uploads = somebody.list_multipart_uploads().bucket(bucket).send().await;
    check_refused(uploads, 403, "AccessDenied");
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = somebody.complete_multipart_upload().bucket(bucket).key("open/a").upload_id(&id);
    assert!(complete.multipart_upload(parts).send().await.is_ok());
    assert_eq!(place.read("open/a").await, b"x");
    let elsewhere = somebody.create_multipart_upload().bucket(bucket).key("closed/a").send().await;
    check_refused(elsewhere, 403, "AccessDenied");
}

#[tokio::test]
async fn many_are_deleted_one_by_one() {
    let (place, somebody) = place(&[("s3:DeleteObject", OPEN)]).await;
    let keys = ["open/a", "closed/a"];
    for key in keys {
        place.put(key, "x").await;
    }
    let objects = keys.map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let doomed = Delete::builder().set_objects(Some(objects.into())).build().unwrap();
    let answer = somebody.delete_objects().bucket(&place.bucket).delete(doomed).send().await.unwrap();
    let deleted: Vec<_> = answer.deleted().iter().filter_map(|deleted| deleted.key()).collect();
    let refused: Vec<_> = answer.errors().iter().map(|error| (error.key(), error.code())).collect();
    assert_eq!((deleted, refused), (vec!["open/a"], vec![(Some("closed/a"), Some("AccessDenied"))]));
    assert!(!place.exists("open/a").await && place.exists("closed/a").await);
}

#[tokio::test]
async fn tags_need_a_permission_of_their_own() {
    let (place, somebody) = place(&[("s3:PutObject", OPEN)]).await;
    let put = || somebody.put_object().bucket(&place.bucket).key("open/a").body(b"x".to_vec().into());
    check_refused(put().tagging("a=b").send().await, 403, "AccessDenied");
    assert!(put().send().await.is_ok());
}

#[tokio::test]
async fn a_policy_does_not_replace_the_signature() {
    let (place, _) = place(&[("s3:*", "*")]).await;
    let access_key = SOMEBODY.to_owned();
    let impostor = Endpoint { access_key, secret_key: "guessed".to_owned(), ..place.endpoint.clone() };
    let put = impostor.client().put_object().bucket(&place.bucket).key("key").send().await;
    check_refused(put, 403, "SignatureDoesNotMatch");
}
