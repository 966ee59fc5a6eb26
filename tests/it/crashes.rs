//! SIGKILL in the middle of anything: what was acknowledged is there, and the rest works again.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use engine_host::{Effect, Fault, When};
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};
use media_core::{Mxc, limits::PART_BYTES, thumbnail::USUAL};
use support::{Answer, Authority, Client, Setup, eventually, photos};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

use crate::process::{self, Process, TOKEN};

/// Clients that upload at the same time.
const CLIENTS: usize = 4;

/// Uploads acknowledged before each kill.
const ACKNOWLEDGED: usize = 20;

/// Kills in a row over one folder.
const KILLS: usize = 3;

type Kept = Arc<Mutex<Vec<(Mxc, Bytes)>>>;

/// Uploads one thing after the other until the server is gone, and keeps what was acknowledged.
async fn upload_until_the_end(client: Client, seed: usize, kept: Kept) {
    for round in 0.. {
        let body = match (seed + round) % 4 {
            0 => photos::fixture("mountains.jpg"),
            1 => Bytes::from(vec![u8::try_from(round % 251).unwrap(); PART_BYTES + 4711]),
            _ => Bytes::from(format!("text {seed} {round}")),
        };
        let upload = client.request(Method::POST, "/_matrix/media/v3/upload").body(body.clone());
        let Ok(answer) = Answer::try_of(upload).await else { return };
        let mxc = answer.json()["content_uri"].as_str().unwrap().parse().unwrap();
        kept.lock().unwrap().push((mxc, body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_upload_is_lost() {
    let folder = process::folder();
    let kept = Kept::default();
    for kill in 1..=KILLS {
        let server = Process::start(&mut process::gateway(folder.path())).await;
        let clients = (0..CLIENTS)
            .map(|seed| tokio::spawn(upload_until_the_end(server.client(), seed, kept.clone())))
            .collect::<Vec<_>>();
        eventually("enough uploads", || async {
            (kept.lock().unwrap().len() >= kill * ACKNOWLEDGED).then_some(())
        })
        .await;
        server.kill().await;
        for client in clients {
            client.await.unwrap();
        }
    }

    let server = Process::start(&mut process::gateway(folder.path())).await;
    let drafts = std::fs::read_dir(folder.path().join("s3/tmp")).unwrap().count();
    assert_eq!(drafts, 0, "what was half written is swept out");
    let client = server.client();
    let kept = std::mem::take(&mut *kept.lock().unwrap());
    for (mxc, body) in kept {
        let back = client.follow(client.download(&mxc).await).await;
        assert_eq!((back.status, back.body == body), (StatusCode::OK, true), "{mxc}");
    }
    client.upload("after it all", "text/plain", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_that_was_not_handled_is_handled_after_the_restart() {
    let folder = process::folder();
    let server = Process::start(&mut process::gateway(folder.path())).await;
    let photo = photos::fixture("photo.jpg");
    let mxc = server.client().upload(photo, "image/jpeg", "").await;
    // Decoding that picture alone takes longer than this.
    server.kill().await;

    let server = Setup::new().start_over(folder).await;
    assert_eq!(server.thumbnails_of(&mxc).await.len(), USUAL.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_died_is_taken_over_by_the_next_reader() {
    let authority = Authority::new();
    let origin = crate::federation::server_behind_tls(&authority, Setup::new()).await;
    let mxc = origin.client().upload("some bytes", "text/plain", "").await;
    origin.thumbnails_of(&mxc).await;
    let (release, released) = watch::channel(false);
    origin.surroundings.s3_faults.inject(Fault {
        operation: Some("GetObject".to_owned()),
        when: When::Always,
        effect: Effect::Wait(released),
    });

    let front = authority.front("localhost").await;
    let folder = process::folder();
    let mut command = process::gateway(folder.path());
    command
        .env("MEDIA_SERVER_NAME", format!("localhost:{}", front.port()))
        .env("MEDIA_FEDERATION_CA_FILE", authority.file())
        .env("MEDIA_FEDERATION_ALLOW_NETWORKS", "127.0.0.0/8,::1/128");
    let home = Process::start(&mut command).await;
    let target = Arc::new(Mutex::new(home.address()));
    front.pass_on_to_whatever_is_at(Arc::clone(&target));

    let reader = home.client();
    let asked = mxc.clone();
    let reading = tokio::spawn(async move {
        let path = format!("/_matrix/client/v1/media/download/{}/{}", asked.origin, asked.media_id);
        Answer::try_of(reader.request(Method::GET, &path)).await
    });
    eventually("the origin to be asked", || async {
        (!origin.surroundings.s3_faults.seen().is_empty()).then_some(())
    })
    .await;
    home.kill().await;
    assert!(reading.await.unwrap().is_err(), "nobody is left to answer");
    release.send(true).unwrap();

    let home = Process::start(&mut command).await;
    *target.lock().unwrap() = home.address();
    let client = home.client();
    // For longer than the dead one's lease, which nobody renews any more.
    let path = format!("/_matrix/client/v1/media/download/{}/{}?timeout_ms=60000", mxc.origin, mxc.media_id);
    let back = client.follow(client.get(&path).await).await;
    assert_eq!((back.status, &back.body[..]), (StatusCode::OK, &b"some bytes"[..]));
}

/// An upload of which the first half is on its way; the second follows when the test says so.
pub(crate) async fn half_an_upload(
    client: &Client,
) -> (oneshot::Sender<()>, JoinHandle<reqwest::Result<Answer>>) {
    let (send, receive) = oneshot::channel::<()>();
    let begun = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&begun);
    let rest = async move {
        seen.store(true, Ordering::SeqCst);
        receive.await.unwrap();
        Ok::<_, std::io::Error>(Bytes::from_static(b"and the end"))
    };
    let body = stream::iter([Ok(Bytes::from_static(b"the beginning "))]).chain(stream::once(rest));
    let upload = client.request(Method::POST, "/_matrix/media/v3/upload");
    let uploading = tokio::spawn(Answer::try_of(upload.body(reqwest::Body::wrap_stream(body))));
    eventually("the upload to be under way", || async { begun.load(Ordering::SeqCst).then_some(()) }).await;
    (send, uploading)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_told_to_stop_ends_what_is_under_way() {
    for signal in ["TERM", "INT"] {
        let folder = process::folder();
        let server = Process::start(&mut process::gateway(folder.path())).await;
        let (send, uploading) = half_an_upload(&server.client()).await;

        server.signal(signal).await;
        eventually("nobody else to be let in", || async {
            tokio::net::TcpStream::connect(server.address()).await.is_err().then_some(())
        })
        .await;
        send.send(()).unwrap();
        let mxc = uploading.await.unwrap().unwrap().json()["content_uri"].as_str().unwrap().parse().unwrap();
        assert!(server.ended().await.success(), "SIG{signal}");

        let server = Process::start(&mut process::gateway(folder.path())).await;
        let client = server.client().with_token(TOKEN);
        let back = client.follow(client.download(&mxc).await).await;
        assert_eq!(&back.body[..], b"the beginning and the end");
    }
}
