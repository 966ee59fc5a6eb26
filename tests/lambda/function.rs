//! A function's process before its own Runtime API.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use media_core::Mxc;
use support::{
    Answer, Outcome, RuntimeApi,
    lambda::{
        cloud::Cloud,
        environment,
        events::{Event, request},
    },
};
use tokio::process::{Child, Command};

/// How long an invocation may take, where a test wants no other time: as long as the shortest that the template has.
pub(crate) const TIME: Duration = Duration::from_mins(1);

/// Dropped, it is killed.
pub(crate) struct Function {
    api: RuntimeApi,
    process: Child,
}

impl Function {
    /// Starts it as Lambda would.
    pub(crate) async fn start(name: &str, cloud: &Cloud) -> Self {
        Self::start_with(name, cloud, &[]).await
    }

    /// Starts it with some variables that the template does not have.
    pub(crate) async fn start_with(name: &str, cloud: &Cloud, more: &[(&str, &str)]) -> Self {
        let api = RuntimeApi::start().await;
        let environment = environment::of(name, cloud, &api);
        Self::start_in(name, api, environment, more)
    }

    fn start_in(
        name: &str,
        api: RuntimeApi,
        environment: BTreeMap<String, String>,
        more: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(binary(name));
        command.env_clear().envs(environment).envs(more.iter().copied());
        let process = command.stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        Self { api, process }
    }

    /// Answers a request, within [`TIME`].
    pub(crate) async fn answer(&self, event: Event) -> Answer {
        self.invoke(event).await.over_url()
    }

    /// Gets a path with the usual token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.answer(request("GET", path)).await
    }

    /// Handles an event, within [`TIME`].
    pub(crate) async fn invoke(&self, event: impl Into<String>) -> Outcome {
        self.api.invoke(event, TIME).await
    }

    /// Handles an event within so much time.
    pub(crate) async fn invoke_within(&self, time: Duration, event: impl Into<String>) -> Outcome {
        self.api.invoke(event, time).await
    }

    /// Whether it is still the process that was started.
    pub(crate) fn lives(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }
}

/// Uploads through the function of that name, and says what it is called.
pub(crate) async fn uploaded(upload: &Function, body: &[u8], content_type: &str) -> Mxc {
    let event = request("POST", "/_matrix/media/v3/upload").header("content-type", content_type).bytes(body);
    let answer = upload.answer(event).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["content_uri"].as_str().unwrap().parse().unwrap()
}

fn binary(name: &str) -> &'static str {
    match name {
        "upload" => env!("CARGO_BIN_EXE_upload-under-test"),
        "download-redirect" => env!("CARGO_BIN_EXE_download-redirect-under-test"),
        "thumbnail" => env!("CARGO_BIN_EXE_thumbnail-under-test"),
        "federation" => env!("CARGO_BIN_EXE_federation-under-test"),
        "remote-fetch" => env!("CARGO_BIN_EXE_remote-fetch-under-test"),
        "ingest" => env!("CARGO_BIN_EXE_ingest-under-test"),
        "admin" => env!("CARGO_BIN_EXE_admin-under-test"),
        "url-preview" => env!("CARGO_BIN_EXE_url-preview-under-test"),
        _ => panic!("{name} is no function"),
    }
}
