//! Who stands in front is known by a secret, and whoever comes past it gets no answer.

use std::process::Stdio;

use http::{Method, StatusCode};
use support::{Answer, Setup, client::plain_http};
use tokio::io::AsyncReadExt as _;

use crate::process::{self, Process};

const HEADER: &str = "x-origin-secret";
const CONFIG: &str = "/_matrix/client/v1/media/config";
const NEW: &str = "new-secret-of-the-front";
const OLD: &str = "old-secret-of-the-front";

#[tokio::test(flavor = "multi_thread")]
async fn only_who_says_one_of_the_secrets_is_answered() {
    let server = Setup::new().set("MEDIA_ORIGIN_SECRETS", &format!("{NEW},{OLD}")).start().await;
    let client = server.client();
    let calls = server.sdk_calls();
    for (method, path) in [
        (Method::GET, CONFIG),
        (Method::GET, "/_matrix/media/v3/config"),
        (Method::POST, "/_matrix/media/v3/upload"),
        (Method::GET, "/_matrix/client/v1/media/download/example.org/abc"),
        (Method::GET, "/_matrix/federation/v1/media/download/abc"),
        (Method::GET, "/_matrix/unknown"),
        (Method::GET, "/"),
    ] {
        for wrong in
            [None, Some("x"), Some("new-secret"), Some("new-secret-of-the-front,old-secret-of-the-front")]
        {
            let request = client.request(method.clone(), path);
            let request = wrong.into_iter().fold(request, |request, said| request.header(HEADER, said));
            let refused = Answer::of(request).await;
            assert_eq!(refused.refusal(), "403 M_FORBIDDEN", "{path} with {wrong:?}");
            assert_eq!(refused.header("x-content-type-options"), "nosniff");
        }
    }
    assert_eq!(server.sdk_calls(), calls, "nothing was asked of AWS");

    for secret in [NEW, OLD] {
        let config = Answer::of(client.request(Method::GET, CONFIG).header(HEADER, secret)).await;
        assert_eq!(config.status, StatusCode::OK);
        let unknown =
            Answer::of(client.request(Method::GET, "/_matrix/unknown").header(HEADER, secret)).await;
        assert_eq!(unknown.refusal(), "404 M_UNRECOGNIZED");
    }
    // A browser asks beforehand without any header of ours, and a proxy may answer it or not.
    let preflight = Answer::of(client.request(Method::OPTIONS, CONFIG)).await;
    assert!(preflight.status.is_success(), "{preflight:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_link_is_its_own_secret() {
    let server = Setup::new().set("MEDIA_ORIGIN_SECRETS", NEW).start().await;
    let client = server.client();
    let upload = client.request(Method::POST, "/_matrix/media/v3/upload").header(HEADER, NEW);
    let uploaded = Answer::of(upload.header("content-type", "text/plain").body("bytes")).await;
    let mxc: media_core::Mxc = uploaded.json()["content_uri"].as_str().unwrap().parse().unwrap();
    let path = format!("/_matrix/client/v1/media/download/{}/{}", mxc.origin, mxc.media_id);
    let redirect = Answer::of(client.request(Method::GET, &path).header(HEADER, NEW)).await;
    let bytes = Answer::of(plain_http().get(redirect.location().unwrap())).await;
    assert_eq!((bytes.status, &bytes.body[..]), (StatusCode::OK, &b"bytes"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_secret_nor_what_was_taken_for_it_is_written_down() {
    let folder = process::folder();
    let mut command = process::gateway(folder.path());
    command.env("MEDIA_ORIGIN_SECRETS", format!("{NEW},{OLD}")).stderr(Stdio::piped());
    let mut server = Process::start(&mut command).await;
    assert!(!server.welcome.contains(NEW), "{}", server.welcome);
    let mut stderr = server.stderr();
    for said in [NEW, OLD, "a-guess-at-the-secret"] {
        Answer::of(server.client().request(Method::GET, CONFIG).header(HEADER, said)).await;
    }
    server.signal("TERM").await;
    let mut said = String::new();
    stderr.read_to_string(&mut said).await.unwrap();
    let refused: Vec<_> = said.lines().filter(|line| line.contains(r#""status":403"#)).collect();
    assert_eq!(refused.len(), 1, "a refusal has its line: {said}");
    assert!(refused[0].contains(CONFIG), "{refused:?}");
    for secret in [NEW, OLD, "a-guess-at-the-secret"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
}
