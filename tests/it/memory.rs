//! What passes through is not held: a gigabyte of upload leaves the process as small as it was, and so does any page.

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use support::{Answer, Client, Web, photos};

use crate::{
    hostile_pages::bombs,
    process::{self, Process},
};

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

#[tokio::test(flavor = "multi_thread")]
async fn no_page_makes_the_process_large() {
    let web = Web::start().await;
    web.page("/small", "<title>Small</title>");
    for (coding, bomb) in bombs() {
        let html = ("content-type", "text/html");
        web.answers(&format!("/{coding}"), 200, &[html, ("content-encoding", coding)], bomb);
    }
    for (name, piece) in [
        ("/text", "word ".repeat(20_000)),
        ("/tags", "<div><b>".repeat(10_000)),
        ("/attributes", format!("<p {}", "a=b c=d ".repeat(10_000))),
        (
            "/metas",
            (0..5000)
                .map(|n| format!("<meta property='og:x{n}' content='{n}'>"))
                .collect::<Vec<_>>()
                .concat(),
        ),
        ("/script", format!("<script type='application/ld+json'>[{}", "{},".repeat(10_000))),
        ("/comment", format!("<!-- {}", "x".repeat(50_000))),
    ] {
        web.page(name, piece);
        web.never_ends(name);
    }
    web.answers("/large.bmp", 200, &[("content-type", "image/bmp")], photos::drawn_as_bitmap(2000, 1700));
    let names = [
        "/gzip",
        "/br",
        "/zstd",
        "/text",
        "/tags",
        "/attributes",
        "/metas",
        "/script",
        "/comment",
        "/large.bmp",
    ];
    for name in names {
        // In a process of its own: what one page leaves with the allocator is not the next one's.
        let folder = process::folder();
        let mut command = process::gateway(folder.path());
        command.env("MEDIA_FAST", "true").env("MEDIA_PREVIEW_ALLOW_NETWORKS", "127.0.0.0/8");
        let server = Process::start(&mut command).await;
        preview(&server.client(), &web, "/small").await;
        let before = server.memory_kib("VmRSS");
        preview(&server.client(), &web, name).await;
        let peak = server.memory_kib("VmHWM");
        assert!(peak <= before + GROWTH_KIB, "{name}: {before} KiB before, {peak} KiB at the peak");
    }
}

async fn preview(client: &Client, web: &Web, path: &str) {
    let asked = format!("/_matrix/client/v1/media/preview_url?url={}", web.url(path));
    let answer = client.get(&asked).await;
    assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}: {answer:?}");
}
