//! What administrators are told: JSON, in the names that Synapse gives things.

use axum::Json;
use media_core::{Mxc, Record, access::Origin, limits::NAMED_IN_ANSWER};
use serde_json::{Map, Value, json};

/// An answer.
pub(crate) type Answer = Json<Value>;

/// A piece of media as Synapse lists it among its uploader's. A day is told as its first moment.
pub(crate) fn listed(record: &Record) -> Value {
    let content = record.content();
    json!({
        "media_id": record.mxc.media_id.as_str(),
        "media_type": content.map(|content| &content.content_type),
        "media_length": content.map(|content| content.size_bytes),
        "upload_name": content.and_then(|content| content.upload_name.as_ref()),
        "created_ts": record.created_at.0,
        "url_cache": null,
        "last_access_ts": record.last_access.map(|day| day.starts().0),
        "quarantined_by": record.quarantined_by,
        "authenticated": record.authenticated,
        "user_id": record.uploader,
        "safe_from_quarantine": record.protected,
        "sha256": content.and_then(|content| content.sha256).map(|sha256| sha256.to_string()),
    })
}

/// A piece of media as Synapse shows it alone: with its origin when it is another server's.
pub(crate) fn shown(record: &Record, origin: Origin) -> Value {
    let mut shown = listed(record);
    let (name, file) = match origin {
        Origin::Local => (Value::Null, Value::Null),
        Origin::Remote => {
            // Where the bytes are is ours to know, but a tool may want to see that they are somewhere.
            let file = record.content().map(|content| content.object_key.rsplit('/').next());
            (record.mxc.origin.as_str().into(), json!(file))
        }
    };
    shown["media_origin"] = name;
    shown["filesystem_id"] = file;
    if origin == Origin::Remote {
        shown["safe_from_quarantine"] = Value::Null;
    }
    shown
}

/// Names of what was done something with, as many as an answer says.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<Mxc>);

impl Names {
    /// Notes another, if there is room.
    pub(crate) fn push(&mut self, mxc: &Mxc) {
        if self.0.len() < NAMED_IN_ANSWER {
            self.0.push(mxc.clone());
        }
    }

    /// As Synapse says them: ids alone.
    pub(crate) fn ids(&self) -> Value {
        self.0.iter().map(|mxc| mxc.media_id.as_str()).collect()
    }

    /// As matrix-media-repo does: whole.
    pub(crate) fn whole(&self) -> Value {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// One page of a list that is `total` long and was asked for `from` an entry on, `limit` of them.
pub(crate) fn page(name: &str, entries: Vec<Value>, total: u64, from: u64, limit: u64) -> Answer {
    let mut page = Map::new();
    if from.saturating_add(limit) < total {
        page.insert("next_token".to_owned(), (from + entries.len() as u64).into());
    }
    page.insert(name.to_owned(), entries.into());
    page.insert("total".to_owned(), total.into());
    Json(page.into())
}
