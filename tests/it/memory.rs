//! What passes through is not held: a gigabyte of upload leaves the process as small as it was.

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use support::Answer;

use crate::process::{self, Process};

const PIECE: usize = 64 * 1024;
const PIECES: usize = 16 * 1024;

/// How much more than before the upload the process may ever hold, in KiB.
const GROWTH_KIB: u64 = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_a_gigabyte_leaves_memory_flat() {
    let folder = process::folder();
    let mut command = process::gateway(folder.path());
    command.env("MEDIA_FAST", "true").env("MEDIA_MAX_UPLOAD_BYTES", "2000000000");
    let server = Process::start(&mut command).await;
    let client = server.client();
    client.upload("small", "text/plain", "").await;

    let before = server.memory_kib("VmRSS");
    let piece = Bytes::from(vec![7; PIECE]);
    let pieces = (0..PIECES).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let body = reqwest::Body::wrap_stream(stream::iter(pieces));
    let mxc = client.upload(body, "application/octet-stream", "").await;
    let peak = server.memory_kib("VmHWM");
    assert!(peak <= before + GROWTH_KIB, "{before} KiB before, {peak} KiB at the peak");

    let link = client.download(&mxc).await.location().unwrap().to_owned();
    let last = Answer::of(support::client::plain_http().get(link).header("range", "bytes=-1")).await;
    assert_eq!(last.status, StatusCode::PARTIAL_CONTENT);
    let whole = PIECE * PIECES;
    assert_eq!(last.header("content-range"), format!("bytes {}-{}/{whole}", whole - 1, whole - 1));
}
