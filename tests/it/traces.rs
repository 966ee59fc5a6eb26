//! One trace from the client's request to the homeserver and to the fetch that it sets off, and no further.

use std::process::Stdio;

use http::{Method, StatusCode};
use media_core::Timestamp;
use serde_json::Value;
use storage::Outcome;
use support::{Answer, Authority, Client, Origin, Reply, Server, Setup, homeserver::Homeserver};
use tokio::io::AsyncReadExt as _;

use crate::{
    federation::server_behind_tls,
    metrics::{Figures, counting},
    process::{self, Process},
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

const TOKEN: &str = "a-token";

/// A gateway with figures, over the engines of another, with a homeserver of its own.
async fn gateway(server: &Server, homeserver: &Homeserver, folder: &std::path::Path) -> Process {
    homeserver.knows(TOKEN, "@alice:example.org");
    let mut command = counting(process::gateway(folder));
    command.envs(server.environment_beside());
    command.env_remove("MEDIA_DEV_TOKENS").env("MEDIA_HOMESERVER_URL", homeserver.url());
    Process::start(command.stderr(Stdio::piped())).await
}

async fn get(client: &Client, path: &str, header: (&str, &str)) -> Answer {
    Answer::of(client.request(Method::GET, path).header(header.0, header.1)).await
}

/// The whole way at once: its figures, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_through_to_the_fetch_and_ends_at_other_servers() {
    let authority = Authority::new();
    let (server, homeserver) = tokio::join!(server_behind_tls(&authority, Setup::new()), Homeserver::start());
    let origin = Origin::start(&authority).await;
    let media = Reply::two_parts("Content-Type: text/plain", "their bytes");
    origin.answers("/_matrix/federation/v1/media/download/", media);
    let mxc = origin.mxc("wanted");
    // Somebody began to fetch it, long ago.
    let records = &server.gateway.deps().store.records;
    let begun = records.claim(&mxc, "dead", Timestamp(1), Timestamp(2)).await.unwrap();
    assert!(matches!(begun, Outcome::Won(_)));
    let folder = process::folder();
    let mut process = gateway(&server, &homeserver, folder.path()).await;
    let (client, mut figures) = (process.client().with_token(TOKEN), Figures::of(&mut process));

    let path = format!("/_matrix/client/v1/media/download/{}/{}?timeout_ms=30000", mxc.origin, mxc.media_id);
    let answer = get(&client, &path, ("traceparent", &format!("00-{TRACE_ID}-{SPAN_ID}-01"))).await;
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);

    // In whichever order they end.
    let is_one = |line: &Value| line["trace_id"] == TRACE_ID;
    let mut lines = [figures.find(is_one).await, figures.find(is_one).await];
    lines.sort_by_key(|line| line["job"].is_null());
    let [fetch, request] = &lines;
    assert_eq!((&fetch["job"], &request["status"]), (&"remote-fetch".into(), &307.into()));
    for (line, name, count) in [
        (request, "RemoteMisses", 1),
        (request, "LeaseTakeovers", 1),
        (request, "Invocations", 1),
        (fetch, "Jobs", 1),
        (fetch, "BytesFetched", 11),
        (fetch, "S3Writes", 1),
    ] {
        assert_eq!(line[name].as_u64(), Some(count), "{name} in {line}");
    }

    let told = homeserver.traceparents();
    let [told] = &told[..] else { panic!("asked once: {told:?}") };
    assert!(told.starts_with(&format!("00-{TRACE_ID}-")) && told.ends_with("-01"), "{told}");
    assert!(!told.contains(SPAN_ID), "each call has an id of its own: {told}");
    for asked in origin.asked() {
        for header in ["traceparent", "tracestate", "x-amzn-trace-id"] {
            assert!(!asked.headers.contains_key(header), "{header} in {asked:?}");
        }
    }

    let answer = get(&client, &path, ("x-unknown", "1")).await;
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    let again = figures.of_route("/download/{serverName}/{mediaId}").await;
    assert_eq!(again["RemoteHits"], 1, "{again}");
    assert_ne!(again["trace_id"], TRACE_ID);

    // What it says of this between the lines names the trace, too.
    let mut stderr = process.stderr();
    process.signal("TERM").await;
    let mut said = String::new();
    stderr.read_to_string(&mut said).await.unwrap();
    let took_over = said.lines().find(|line| line.contains("Took over a dead lease")).expect(&said);
    assert!(took_over.contains(TRACE_ID), "{took_over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_begins_a_trace_of_its_own() {
    let folder = process::folder();
    let mut server = Process::start(&mut counting(process::gateway(folder.path()))).await;
    let (client, mut figures) = (server.client(), Figures::of(&mut server));
    let path = "/_matrix/client/v1/media/config";
    let x_ray = format!("Root=1-{}-{};Sampled=1", &TRACE_ID[..8], &TRACE_ID[8..]);
    for (header, value, is_taken) in [
        ("traceparent", format!("00-{TRACE_ID}-{SPAN_ID}-00"), true),
        ("x-amzn-trace-id", x_ray, true),
        ("traceparent", format!("00-{TRACE_ID}-{SPAN_ID}-00-more"), false),
        ("x-amzn-trace-id", "Root=2-x".to_owned(), false),
    ] {
        get(&client, path, (header, &value)).await;
        let line = figures.of_route("/config").await;
        assert_eq!(line["trace_id"] == TRACE_ID, is_taken, "{value}: {line}");
    }
    let twice = client.request(Method::GET, path);
    let value = format!("00-{TRACE_ID}-{SPAN_ID}-00");
    Answer::of(twice.header("traceparent", &value).header("traceparent", &value)).await;
    assert_ne!(figures.of_route("/config").await["trace_id"], TRACE_ID);
}
