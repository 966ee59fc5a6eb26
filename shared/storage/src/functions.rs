//! How one function wakes another: Lambda's Invoke, on AWS or on the gateway's own loopback.

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use media_core::{MediaId, Mxc, OwnedServerName, mxc::MxcError};
use serde::{Deserialize, Serialize};

use crate::{Error, jobs::JobOrder};

/// The functions that functions wake.
#[derive(Clone, Debug)]
pub struct Functions {
    client: Client,
    remote_fetch: String,
    admin: String,
}

/// What `remote-fetch` is told: which item, and under which claim.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct FetchOrder {
    /// The server that has it.
    pub origin: String,
    /// Its name there.
    pub media_id: String,
    /// The attempt that holds the lease.
    pub attempt: String,
    /// The lease's fence.
    pub fence: u64,
    /// Whose budget of remote bytes is charged with what comes, as `matrix::Caller` writes them; nobody's without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charged_to: Option<String>,
    /// On whose behalf: a `traceparent` of the request that wants it. X-Ray's own header the SDK sends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl FetchOrder {
    /// The item's name.
    pub fn mxc(&self) -> Result<Mxc, MxcError> {
        Mxc::parse(&self.origin, &self.media_id)
    }

    /// An order for `mxc` under a claim that was won, at nobody's charge.
    #[must_use]
    pub fn new(mxc: &Mxc, attempt: &str, fence: u64) -> Self {
        let (origin, media_id): (&OwnedServerName, &MediaId) = (&mxc.origin, &mxc.media_id);
        Self {
            origin: origin.to_string(),
            media_id: media_id.to_string(),
            attempt: attempt.to_owned(),
            fence,
            charged_to: None,
            traceparent: telemetry::traceparent(),
        }
    }
}

impl Functions {
    pub(crate) fn new(client: Client, remote_fetch: String, admin: String) -> Self {
        Self { client, remote_fetch, admin }
    }

    /// Asks another function something and waits for its answer.
    pub async fn ask(&self, name: &str, question: Vec<u8>) -> Result<Vec<u8>, Error> {
        let asked = self.client.invoke().function_name(name).payload(Blob::new(question)).send().await;
        let answer = asked.map_err(|error| Error::call("Invoke", &error))?;
        match answer.function_error {
            None => Ok(answer.payload.map(Blob::into_inner).unwrap_or_default()),
            Some(error) => Err(Error::Call { operation: "Invoke", cause: format!("{name} failed: {error}") }),
        }
    }

    /// Wakes `remote-fetch` and does not wait for it: whoever wants the media looks at its record.
    ///
    /// Lambda delivers such an event at least once; a second delivery finds its lease used up.
    pub async fn wake_remote_fetch(&self, order: &FetchOrder) -> Result<(), Error> {
        self.wake(&self.remote_fetch, order).await
    }

    /// Wakes whoever goes on with a job, and does not wait for it. A second delivery finds somebody at work, or nothing
    /// left to do.
    pub async fn continue_job(&self, order: &JobOrder) -> Result<(), Error> {
        self.wake(&self.admin, order).await
    }

    async fn wake(&self, function: &str, order: &impl Serialize) -> Result<(), Error> {
        let payload = serde_json::to_vec(order).map_err(|error| Error::call("Invoke", &error))?;
        self.client
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(|error| Error::call("Invoke", &error))?;
        Ok(())
    }
}
