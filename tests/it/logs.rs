//! What is written down of a request: one line with everything that an operator needs and nothing that is a secret.

use std::{collections::BTreeSet, process::Stdio};

use http::StatusCode;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::process::{self, Process, TOKEN};

const FILE_NAME: &str = "a-name-nobody-else-should-read.txt";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_line_without_a_secret() {
    let folder = process::folder();
    let mut server = Process::start(process::gateway(folder.path()).stderr(Stdio::piped())).await;
    let mut stderr = server.stderr();
    let client = server.client();
    let mxc = client.upload("ten bytes!", "text/plain", FILE_NAME).await;
    let back = client.follow(client.download(&mxc).await).await;
    assert_eq!(back.status, StatusCode::OK);
    let query = format!("/_matrix/client/v1/media/config?access_token={TOKEN}");
    assert_eq!(client.get(&query).await.status, StatusCode::OK);
    let named = format!("/_matrix/client/v1/media/download/{}/{}/{FILE_NAME}", mxc.origin, mxc.media_id);
    assert_eq!(client.get(&named).await.status, StatusCode::TEMPORARY_REDIRECT);
    server.signal("TERM").await;
    let mut said = String::new();
    stderr.read_to_string(&mut said).await.unwrap();
    assert!(server.ended().await.success());

    let key = std::fs::read_to_string(folder.path().join("engine-credentials")).unwrap();
    let (access_key, secret_key) = key.trim().split_once(' ').unwrap();
    for secret in [TOKEN, FILE_NAME, "X-Amz-Signature", "ten bytes!", access_key, secret_key] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }

    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let requests: Vec<_> = lines.iter().filter(|line| !line["route"].is_null()).collect();
    let routes: BTreeSet<_> = requests.iter().filter_map(|line| line["route"].as_str()).collect();
    let expected = [
        "/_matrix/client/v1/media/config",
        "/_matrix/client/v1/media/download/{serverName}/{mediaId}",
        "/_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}",
        "/_matrix/media/v3/upload",
        "/media/{*key}",
    ];
    assert_eq!((requests.len(), routes), (expected.len(), expected.into()));
    for request in requests {
        for field in ["method", "status", "duration_ms", "received_bytes", "sent_bytes", "sdk_calls"] {
            assert!(!request[field].is_null(), "{field} in {request}");
        }
        assert_eq!(request["complete"], true, "{request}");
        if request["route"] == "/_matrix/media/v3/upload" {
            let figures = ["status", "received_bytes", "sdk_calls"].map(|field| request[field].as_u64());
            assert_eq!(figures, [Some(200), Some(10), Some(4)], "{request}");
        }
    }
}
