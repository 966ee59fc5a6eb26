//! The events of a bucket, as S3 sends them to a queue (S3 user guide, "Event message structure").

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};

use crate::error::Error;
use crate::front::RequestId;
use crate::options::{Clock, Options};
use crate::store::Change;
use crate::store::rows::objects::Object;
use crate::store::rows::outbox;
use crate::times::iso8601;

/// Whom events name as owner and as author: there is only one account here.
const PRINCIPAL: &str = "EMBEDDED";

/// What stays as it is in a key within an event; a space becomes `+`, everything else is percent-encoded.
const KEPT_IN_KEYS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

/// Leaves the events that the host asked for in the outbox.
pub(crate) struct Announcer {
    region: String,
    prefixes: Vec<String>,
    removals: bool,
    now_ms: Clock,
}

/// What happened to which object.
pub(crate) struct Event<'a> {
    pub(crate) kind: EventKind,
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    /// What is there now; nothing after a removal.
    pub(crate) object: Option<&'a Object>,
    pub(crate) request_id: &'a RequestId,
}

/// The kinds of events, by how the object came or went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Put,
    Copy,
    CompleteMultipartUpload,
    Removed,
}

impl Announcer {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            region: options.region.clone(),
            prefixes: options.notify_prefixes.clone(),
            removals: options.notify_removed,
            now_ms: options.now_ms.clone(),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.now_ms)()
    }

    /// Leaves a message as part of the change that it tells of: there is never one without the other.
    pub(crate) fn announce(&self, change: &mut Change<'_>, event: &Event<'_>) -> Result<(), Error> {
        if !self.is_asked_for(event) {
            return Ok(());
        }
        let now_ms = self.now_ms();
        let sequencer = outbox::next_number(change.rows)?;
        let body = json!({ "Records": [self.record(event, now_ms, sequencer)] });
        outbox::send(change.rows, &body.to_string(), now_ms)?;
        change.ring();
        Ok(())
    }

    fn is_asked_for(&self, event: &Event<'_>) -> bool {
        (self.removals || event.kind != EventKind::Removed)
            && self.prefixes.iter().any(|prefix| event.key.starts_with(prefix.as_str()))
    }

    fn record(&self, event: &Event<'_>, now_ms: u64, sequencer: u64) -> Value {
        let mut object = json!({ "key": encoded_key(event.key), "sequencer": format!("{sequencer:018X}") });
        if let Some(there) = event.object {
            object["size"] = there.size_bytes.into();
            object["eTag"] = there.etag.as_str().into();
        }
        json!({
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self.region,
            "eventTime": iso8601(now_ms),
            "eventName": event.kind.name(),
            "userIdentity": { "principalId": PRINCIPAL },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": {
                "x-amz-request-id": event.request_id.short(),
                "x-amz-id-2": event.request_id.long(),
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "s3-engine",
                "bucket": {
                    "name": event.bucket,
                    "ownerIdentity": { "principalId": PRINCIPAL },
                    "arn": format!("arn:aws:s3:::{}", event.bucket),
                },
                "object": object,
            },
        })
    }
}

impl EventKind {
    fn name(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::Copy => "ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
            Self::Removed => "ObjectRemoved:Delete",
        }
    }
}

fn encoded_key(key: &str) -> String {
    percent_encode(key.as_bytes(), KEPT_IN_KEYS).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_in_a_form() {
        assert_eq!(encoded_key("originals/a b+c(1).png"), "originals/a+b%2Bc%281%29.png");
        assert_eq!(encoded_key("ä/ß"), "%C3%A4/%C3%9F");
    }
}
