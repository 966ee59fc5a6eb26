//! Uploads: every size and shape of body, and what is refused leaves nothing behind.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};
use support::{Answer, Server, Setup, eventually};
use tokio::io::AsyncWriteExt as _;

const PART: usize = media_core::limits::PART_BYTES;

fn noise(length: usize) -> Bytes {
    // A cheap generator: what matters is that no two parts are alike.
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_every_length_come_back_unchanged() {
    let server = Server::start().await;
    let client = server.client();
    for length in [0, 1, 4096, PART - 1, PART, PART + 1, 2 * PART + 4711] {
        let bytes = noise(length);
        let mxc = client.upload(bytes.clone(), "application/x-noise", "n").await;
        let back = client.follow(client.download(&mxc).await).await;
        assert_eq!((back.status, back.body == bytes), (StatusCode::OK, true), "{length} bytes");
        assert_eq!(back.header("content-type"), "application/x-noise");
        assert_eq!(back.header("content-disposition"), "attachment; filename=n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_is_taken_too() {
    let server = Server::start().await;
    let client = server.client();
    let pieces: Vec<_> = (0..50).map(|_| Ok::<_, std::io::Error>(noise(10_000))).collect();
    let body = reqwest::Body::wrap_stream(stream::iter(pieces));
    let mxc = client.upload(body, "text/plain", "").await;
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!(back.body.len(), 500_000);
    assert_eq!(back.header("content-disposition"), "inline");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_the_limit_is_taken_and_one_byte_more_is_not() {
    let server = Setup::new().set("MEDIA_MAX_UPLOAD_BYTES", "100000").start().await;
    let client = server.client();
    let config = client.get("/_matrix/client/v1/media/config").await.json();
    assert_eq!(config["m.upload.size"], 100_000);

    client.upload(noise(100_000), "a/b", "").await;
    assert_eq!(client.try_upload(noise(100_001), "a/b", "").await.refusal(), "413 M_TOO_LARGE");
    // Nobody said how long this one would be: it is cut off at the limit.
    let pieces: Vec<_> = (0..3).map(|_| Ok::<_, std::io::Error>(noise(50_000))).collect();
    let endless = reqwest::Body::wrap_stream(stream::iter(pieces));
    assert_eq!(client.try_upload(endless, "a/b", "").await.refusal(), "413 M_TOO_LARGE");
    assert_eq!(server.left_in_s3().await, (1, 0), "only what was acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_over_the_limit_leaves_no_part_behind() {
    let limit = 2 * PART;
    let server = Setup::new().set("MEDIA_MAX_UPLOAD_BYTES", &limit.to_string()).start().await;
    let pieces: Vec<_> = (0..=limit / 100_000).map(|_| Ok::<_, std::io::Error>(noise(100_000))).collect();
    let endless = reqwest::Body::wrap_stream(stream::iter(pieces));
    assert_eq!(server.client().try_upload(endless, "a/b", "").await.refusal(), "413 M_TOO_LARGE");
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_length_over_the_limit_is_refused_before_the_body_is_read() {
    let server = Setup::new().set("MEDIA_MAX_UPLOAD_BYTES", "1000").start().await;
    let mut socket = tokio::net::TcpStream::connect(server.gateway.address()).await.unwrap();
    let head = format!(
        "POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 1001\r\n\r\n",
        support::server::TOKEN
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // Not one byte of the body is sent; the answer comes all the same.
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut socket, &mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_cut_off_leaves_nothing_behind() {
    let server = Server::start().await;
    for sent in [1000, 2 * PART + 1000] {
        let mut socket = tokio::net::TcpStream::connect(server.gateway.address()).await.unwrap();
        let head = format!(
            "POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 90000000\r\n\r\n",
            support::server::TOKEN
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&noise(sent)).await.unwrap();
        if sent > PART {
            eventually("the multipart upload to have begun", || async {
                (server.left_in_s3().await.1 == 1).then_some(())
            })
            .await;
        }
        drop(socket);
        eventually("nothing to be left", || async { (server.left_in_s3().await == (0, 0)).then_some(()) })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_types_survive_and_cannot_add_a_header() {
    let server = Server::start().await;
    let client = server.client();
    for (content_type, name, disposition) in [
        ("image/png", "ascii", "inline; filename=ascii"),
        ("img/png", "name with spaces", "attachment; filename=\"name with spaces\""),
        ("text/html", "name;with;semicolons", "attachment; filename=\"name;with;semicolons\""),
        ("Text/Plain; charset=utf-8", "\u{1F414}", "inline; filename*=utf-8''%F0%9F%90%94"),
        ("image/svg+xml", "a\r\nSet-Cookie: b", "attachment; filename=\"aSet-Cookie: b\""),
        ("application/pdf", "", "attachment"),
    ] {
        let mxc = client.upload(Bytes::from_static(b"x"), content_type, name).await;
        let back = client.follow(client.download(&mxc).await).await;
        assert_eq!(back.header("content-type"), content_type);
        assert_eq!(back.header("content-disposition"), disposition);
        assert!(!back.headers.contains_key("set-cookie"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_type_is_an_octet_stream() {
    let server = Server::start().await;
    let client = server.client();
    let answer = Answer::of(client.request(Method::POST, "/_matrix/media/r0/upload").body("x")).await;
    let mxc = answer.json()["content_uri"].as_str().unwrap().parse().unwrap();
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!(back.header("content-type"), "application/octet-stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_no_utf8_is_refused() {
    let server = Server::start().await;
    let upload = server.client().request(Method::POST, "/_matrix/media/v3/upload?filename=%ff").body("x");
    assert_eq!(Answer::of(upload).await.refusal(), "400 M_INVALID_PARAM");
    assert_eq!(server.left_in_s3().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_uploads_at_once_than_there_are_places_are_told_to_come_back() {
    let server = Setup::new().set("MEDIA_CONCURRENT_UPLOADS", "1").start().await;
    let (release, held) = tokio::sync::oneshot::channel::<()>();
    let first = stream::once(async { Ok::<_, std::io::Error>(noise(PART + 1)) });
    let body = first.chain(stream::once(async move {
        let _ = held.await;
        Ok(Bytes::from_static(b"late"))
    }));
    let client = server.client();
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.try_upload(reqwest::Body::wrap_stream(body), "a/b", "").await }
    });
    // Seen from outside, so that nobody else is in the place meanwhile.
    eventually("the place to be taken", || async { (server.left_in_s3().await.1 == 1).then_some(()) }).await;
    let refused = client.try_upload("x", "a/b", "").await;
    assert_eq!(refused.refusal(), "429 M_LIMIT_EXCEEDED");
    assert_eq!(refused.header("retry-after"), "1");
    release.send(()).unwrap();
    assert_eq!(slow.await.unwrap().status, StatusCode::OK);
    assert_eq!(client.try_upload("x", "a/b", "").await.status, StatusCode::OK);
}
