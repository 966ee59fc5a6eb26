//! Whether S3 and DynamoDB answer: one of the cheapest calls to the bucket and to each table, all at once.

use std::time::Duration;

use futures_util::future::join3;

use crate::{Blobs, Ephemeral, Error, Records, Store, item::attribute, item::text};

/// The key that is asked for. No record and no entry begins like this, so there is never anything to be read.
const NOTHING: &str = "nothing";

/// One of those that do not answer.
#[derive(Debug)]
pub struct Silent {
    /// Which: words for whoever asks, without a name that they do not know already.
    pub what: &'static str,
    /// Why, as far as that is known: for the log.
    pub why: String,
}

impl Store {
    /// Those that do not answer within `limit`, or answer that we may not ask. Needs `s3:ListBucket` and
    /// `dynamodb:GetItem`.
    pub async fn silent(&self, limit: Duration) -> Vec<Silent> {
        let (bucket, media, ephemeral) = join3(
            tokio::time::timeout(limit, self.blobs.reach()),
            tokio::time::timeout(limit, self.records.reach()),
            tokio::time::timeout(limit, self.ephemeral.reach()),
        )
        .await;
        let asked = [("the bucket", bucket), ("the media table", media), ("the ephemeral table", ephemeral)];
        let silent = asked.into_iter().filter_map(|(what, answered)| match answered {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Silent { what, why: error.to_string() }),
            Err(_elapsed) => Some(Silent { what, why: format!("no answer within {limit:?}") }),
        });
        silent.collect()
    }
}

impl Blobs {
    async fn reach(&self) -> Result<(), Error> {
        let answered = self.client().head_bucket().bucket(self.bucket()).send().await;
        answered.map(drop).map_err(|error| Error::call("HeadBucket", &error))
    }
}

impl Records {
    async fn reach(&self) -> Result<(), Error> {
        let ask = self.client().get_item().table_name(self.table());
        let answered = ask.key(attribute::PK, text(NOTHING)).key(attribute::SK, text(NOTHING)).send().await;
        answered.map(drop).map_err(|error| Error::call("GetItem", &error))
    }
}

impl Ephemeral {
    async fn reach(&self) -> Result<(), Error> {
        let ask = self.client().get_item().table_name(self.table());
        let answered = ask.key(attribute::PK, text(NOTHING)).send().await;
        answered.map(drop).map_err(|error| Error::call("GetItem", &error))
    }
}
