//! Real HTTP on whatever serves bytes: the link, the old paths, and a picture straight from its record.

use http::{Method, StatusCode};
use sha2::{Digest as _, Sha256};
use support::{Answer, Client, Server, Setup, photos};

const BYTES: &str = "0123456789";

/// Something that serves the same bytes: a URL, and who may read it.
struct Place {
    name: &'static str,
    url: String,
    /// The same for HEAD, where a signature is for one method only.
    head_url: String,
    client: Client,
    length: u64,
}

impl Place {
    async fn ask(&self, method: Method, headers: &[(&str, &str)]) -> Answer {
        let url = if method == Method::HEAD { &self.head_url } else { &self.url };
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request).await
    }

    async fn get(&self, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, headers).await
    }
}

async fn places(server: &Server) -> Vec<Place> {
    let client = server.client();
    let base = format!("http://{}", server.gateway.address());
    let mxc = client.upload(BYTES, "text/plain", "digits").await;
    let (origin, id) = (&mxc.origin, &mxc.media_id);
    let path = format!("/_matrix/client/v1/media/download/{origin}/{id}");
    let link = client.get(&path).await.location().unwrap().to_owned();
    let head = Answer::of(client.request(Method::HEAD, &path)).await;
    assert_eq!(head.status, StatusCode::TEMPORARY_REDIRECT);
    let head_link = head.location().unwrap().to_owned();
    let legacy = format!("{base}/_matrix/media/v3/download/{origin}/{id}");

    let photo = client.upload(photos::fixture("mountains.jpg"), "image/jpeg", "").await;
    server.thumbnails_of(&photo).await;
    let (origin, id) = (&photo.origin, &photo.media_id);
    let small =
        format!("{base}/_matrix/client/v1/media/thumbnail/{origin}/{id}?width=32&height=32&method=crop");
    let inline = Answer::of(client.with_base("").request(Method::GET, &small)).await;
    assert_eq!(inline.status, StatusCode::OK, "it comes from its record");
    let anybody = Client::new("", None);
    vec![
        Place { name: "link", url: link, head_url: head_link, client: anybody.clone(), length: 10 },
        Place { name: "legacy", url: legacy.clone(), head_url: legacy, client: anybody, length: 10 },
        Place {
            name: "record",
            url: small.clone(),
            head_url: small,
            client: client.with_base(""),
            length: inline.body.len() as u64,
        },
    ]
}

fn tag_of(bytes: &[u8]) -> String {
    format!("\"{}\"", media_core::Sha256(Sha256::digest(bytes).into()))
}

async fn server() -> Server {
    Setup::new().set("MEDIA_LEGACY_FROZEN_SINCE", "2999-01-01T00:00:00Z").start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entity_tag_is_strong_and_made_of_the_digest() {
    let server = server().await;
    let digest = tag_of(BYTES.as_bytes());
    for place in places(&server).await {
        let whole = place.get(&[]).await;
        assert_eq!(whole.status, StatusCode::OK, "{}", place.name);
        let etag = whole.header("etag");
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 64, "{}: {etag}", place.name);
        if place.name != "record" {
            assert_eq!(etag, digest, "{}", place.name);
        }
        assert_eq!(whole.header("cache-control"), "private, max-age=31536000, immutable", "{}", place.name);
        assert_eq!(whole.header("accept-ranges"), "bytes", "{}", place.name);
        assert_eq!(whole.header("x-content-type-options"), "nosniff", "{}", place.name);
        assert_eq!(whole.header("cross-origin-resource-policy"), "cross-origin", "{}", place.name);
        assert!(whole.header("content-security-policy").starts_with("sandbox;"), "{}", place.name);
        assert_eq!(whole.header("content-length"), place.length.to_string(), "{}", place.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_bytes_have_equal_tags_whoever_uploaded_them_and_in_how_many_parts() {
    let server = server().await;
    let client = server.client();
    let large = vec![7; 2 * media_core::limits::PART_BYTES + 1];
    let digest = tag_of(&large);
    for _ in 0..2 {
        let mxc = client.upload(large.clone(), "a/b", "").await;
        assert_eq!(client.follow(client.download(&mxc).await).await.header("etag"), digest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_the_same_is_not_sent_again() {
    let server = server().await;
    for place in places(&server).await {
        let etag = place.get(&[]).await.header("etag").to_owned();
        for said in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let unchanged = place.get(&[("if-none-match", &said)]).await;
            assert_eq!((unchanged.status, unchanged.body.len()), (StatusCode::NOT_MODIFIED, 0), "{said}");
            assert_eq!(unchanged.header("etag"), etag, "{}", place.name);
            assert!(unchanged.header("cache-control").contains("immutable"), "{}", place.name);
            assert_eq!(unchanged.header("access-control-allow-origin"), "*", "{}", place.name);
        }
        let changed = place.get(&[("if-none-match", "\"x\", W/\"y\"")]).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", place.name);
        let other = place.get(&[("if-match", "\"x\"")]).await;
        assert_eq!(other.status, StatusCode::PRECONDITION_FAILED, "{}", place.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_range_is_answered_with_that_part() {
    let server = server().await;
    for place in places(&server).await {
        let whole = place.get(&[]).await;
        let length = place.length;
        let suffix = format!("bytes={}-", length - 3);
        for (range, start, end) in [
            ("bytes=2-4", 2, 5),
            ("bytes=-4", length - 4, length),
            (suffix.as_str(), length - 3, length),
            ("bytes=1-999999", 1, length),
        ] {
            let part = place.get(&[("range", range)]).await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{} {range}", place.name);
            let expected = &whole.body[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
            assert_eq!(&part.body[..], expected, "{} {range}", place.name);
            assert_eq!(part.header("content-range"), format!("bytes {start}-{}/{length}", end - 1));
            assert_eq!(part.header("content-length"), (end - start).to_string());
            assert_eq!(part.header("etag"), whole.header("etag"));
        }
        let beyond = place.get(&[("range", &format!("bytes={length}-"))]).await;
        assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE, "{}", place.name);
        assert_eq!(beyond.header("content-range"), format!("bytes */{length}"), "{}", place.name);
        assert_eq!(beyond.header("access-control-allow-origin"), "*", "{}", place.name);
        for ignored in ["bytes=0-1,3-4", "bytes=5-2", "items=0-1", "nonsense"] {
            let answer = place.get(&[("range", ignored)]).await;
            assert_eq!((answer.status, &answer.body), (StatusCode::OK, &whole.body), "{ignored}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_given_only_of_what_the_others_are_of() {
    let server = server().await;
    for place in places(&server).await {
        let etag = place.get(&[]).await.header("etag").to_owned();
        let same = place.get(&[("range", "bytes=2-"), ("if-range", &etag)]).await;
        assert_eq!(same.status, StatusCode::PARTIAL_CONTENT, "{}", place.name);
        for other in ["\"x\"", &format!("W/{etag}"), "Tue, 24 Nov 2020 14:41:42 GMT"] {
            let answer = place.get(&[("range", "bytes=2-"), ("if-range", other)]).await;
            assert_eq!(answer.status, StatusCode::OK, "{} {other}", place.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_the_headers_of_the_answer_and_no_body() {
    let server = server().await;
    for place in places(&server).await {
        let (head, whole) = (place.ask(Method::HEAD, &[]).await, place.get(&[]).await);
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{}", place.name);
        for name in ["content-type", "content-length", "content-disposition", "etag", "cache-control"] {
            assert_eq!(head.header(name), whole.header(name), "{} {name}", place.name);
        }
        let etag = whole.header("etag");
        let unchanged = place.ask(Method::HEAD, &[("if-none-match", etag)]).await;
        assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED, "{}", place.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_and_an_unchanged_copy_read_nothing_from_s3() {
    let server = server().await;
    let mxc = server.client().upload(BYTES, "text/plain", "").await;
    server.thumbnails_of(&mxc).await;
    let etag = server.client().legacy_download(&mxc, "").await.header("etag").to_owned();
    let reads = server.sdk_calls_of("GetObject");
    let path = format!("/_matrix/media/v3/download/{}/{}", mxc.origin, mxc.media_id);
    Answer::of(server.client().request(Method::HEAD, &path)).await;
    Answer::of(server.client().request(Method::GET, &path).header("if-none-match", etag)).await;
    assert_eq!(server.sdk_calls_of("GetObject"), reads);
}
