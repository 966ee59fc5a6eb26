//! Buckets, and the settings that a set-up script writes and reads.

use aws_sdk_s3::types::{
    BucketVersioningStatus, CorsConfiguration, CorsRule, Event, ExpirationStatus, LifecycleExpiration,
    LifecycleRule, LifecycleRuleFilter, NotificationConfiguration, PublicAccessBlockConfiguration,
    QueueConfiguration, VersioningConfiguration,
};

use crate::place::{Place, check_refused};

#[tokio::test]
async fn a_bucket_is_made_found_and_removed() {
    let place = Place::open().await;
    let name = format!("{}-two", place.bucket);
    place.s3.create_bucket().bucket(&name).send().await.unwrap();
    place.s3.head_bucket().bucket(&name).send().await.unwrap();
    place.s3.delete_bucket().bucket(&name).send().await.unwrap();
    check_refused(place.s3.head_bucket().bucket(&name).send().await, 404, "NotFound");
}

#[tokio::test]
async fn buckets_are_listed_with_their_age() {
    let place = Place::open().await;
    let listed = place.s3.list_buckets().send().await.unwrap();
    let ours =
        listed.buckets().iter().find(|bucket| bucket.name() == Some(&place.bucket)).expect("is listed");
    assert!(ours.creation_date().is_some());
}

#[tokio::test]
async fn a_bucket_that_is_there_cannot_be_made_again() {
    let place = Place::open().await;
    place.put("kept", "x").await;
    let again = place.s3.create_bucket().bucket(&place.bucket).send().await;
    check_refused(again, 409, "BucketAlreadyOwnedByYou");
    assert!(place.exists("kept").await);
}

#[tokio::test]
async fn a_bucket_with_objects_cannot_be_removed() {
    let place = Place::open().await;
    place.put("kept", "x").await;
    check_refused(place.s3.delete_bucket().bucket(&place.bucket).send().await, 409, "BucketNotEmpty");
    assert_eq!(place.read("kept").await, b"x");
}

#[tokio::test]
async fn a_missing_bucket_cannot_be_removed() {
    let place = Place::open().await;
    let delete = place.s3.delete_bucket().bucket(format!("{}-not", place.bucket)).send().await;
    check_refused(delete, 404, "NoSuchBucket");
}

#[tokio::test]
async fn a_bucket_needs_a_proper_name() {
    let place = Place::open().await;
    for name in ["Upper", "a", "has_underscore", "192.168.0.1"] {
        check_refused(place.s3.create_bucket().bucket(name).send().await, 400, "InvalidBucketName");
    }
}

#[tokio::test]
async fn a_bucket_says_where_it_is() {
    let place = Place::open().await;
    let location = place.s3.get_bucket_location().bucket(&place.bucket).send().await.unwrap();
    let told = location.location_constraint().map_or("", |constraint| constraint.as_str());
    let expected = if place.endpoint.region == "us-east-1" { "" } else { &place.endpoint.region };
    assert_eq!(told, expected);
}

#[tokio::test]
async fn cors_rules_are_kept() {
    let place = Place::open().await;
    let get = || place.s3.get_bucket_cors().bucket(&place.bucket).send();
    check_refused(get().await, 404, "NoSuchCORSConfiguration");
    let rule =
        CorsRule::builder().allowed_methods("GET").allowed_origins("*").max_age_seconds(60).build().unwrap();
    let rules = CorsConfiguration::builder().cors_rules(rule.clone()).build().unwrap();
    place.s3.put_bucket_cors().bucket(&place.bucket).cors_configuration(rules).send().await.unwrap();
    assert_eq!(get().await.unwrap().cors_rules(), [rule]);
    place.s3.delete_bucket_cors().bucket(&place.bucket).send().await.unwrap();
    check_refused(get().await, 404, "NoSuchCORSConfiguration");
}

#[tokio::test]
async fn lifecycle_rules_are_kept() {
    let place = Place::open().await;
    let get = || place.s3.get_bucket_lifecycle_configuration().bucket(&place.bucket).send();
    check_refused(get().await, 404, "NoSuchLifecycleConfiguration");
    let rule = LifecycleRule::builder()
        .id("staging")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("staging/").build())
        .expiration(LifecycleExpiration::builder().days(2).build())
        .build()
        .unwrap();
    let rules =
        aws_sdk_s3::types::BucketLifecycleConfiguration::builder().rules(rule.clone()).build().unwrap();
    let put = place.s3.put_bucket_lifecycle_configuration().bucket(&place.bucket);
    put.lifecycle_configuration(rules).send().await.unwrap();
    assert_eq!(get().await.unwrap().rules(), [rule]);
    place.s3.delete_bucket_lifecycle().bucket(&place.bucket).send().await.unwrap();
    check_refused(get().await, 404, "NoSuchLifecycleConfiguration");
}

#[tokio::test]
async fn the_block_of_public_access_is_kept() {
    let place = Place::open().await;
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build();
    let put = place.s3.put_public_access_block().bucket(&place.bucket);
    put.public_access_block_configuration(block.clone()).send().await.unwrap();
    let got = place.s3.get_public_access_block().bucket(&place.bucket).send().await.unwrap();
    assert_eq!(got.public_access_block_configuration(), Some(&block));
    place.s3.delete_public_access_block().bucket(&place.bucket).send().await.unwrap();
    let gone = place.s3.get_public_access_block().bucket(&place.bucket).send().await;
    check_refused(gone, 404, "NoSuchPublicAccessBlockConfiguration");
}

#[tokio::test]
async fn versioning_begins_as_nothing_at_all() {
    let place = Place::open().await;
    let got = place.s3.get_bucket_versioning().bucket(&place.bucket).send().await.unwrap();
    assert_eq!(got.status(), None);
    let off = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
    let put = place.s3.put_bucket_versioning().bucket(&place.bucket);
    put.versioning_configuration(off).send().await.unwrap();
    let got = place.s3.get_bucket_versioning().bucket(&place.bucket).send().await.unwrap();
    assert_eq!(got.status(), Some(&BucketVersioningStatus::Suspended));
}

#[tokio::test]
async fn the_settings_of_notifications_begin_empty_and_are_kept() {
    let place = Place::open().await;
    let get = || place.s3.get_bucket_notification_configuration().bucket(&place.bucket).send();
    assert!(get().await.unwrap().queue_configurations().is_empty());
    let queue = QueueConfiguration::builder()
        .id("ingest")
        .queue_arn("arn:aws:sqs:us-east-1:000000000000:ingest")
        .events(Event::S3ObjectCreated)
        .build()
        .unwrap();
    let wanted = NotificationConfiguration::builder().queue_configurations(queue.clone()).build();
    let put = place.s3.put_bucket_notification_configuration().bucket(&place.bucket);
    put.notification_configuration(wanted).skip_destination_validation(true).send().await.unwrap();
    assert_eq!(get().await.unwrap().queue_configurations(), [queue]);
}

#[tokio::test]
async fn a_missing_bucket_has_no_settings() {
    let place = Place::open().await;
    let nowhere = format!("{}-not", place.bucket);
    check_refused(place.s3.get_bucket_cors().bucket(&nowhere).send().await, 404, "NoSuchBucket");
    check_refused(place.s3.get_bucket_versioning().bucket(&nowhere).send().await, 404, "NoSuchBucket");
    check_refused(place.s3.get_bucket_location().bucket(&nowhere).send().await, 404, "NoSuchBucket");
}
