//! What DynamoDB knows of each piece of media: the reads, and the writes that need no guard.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use media_core::{Mxc, Record, thumbnail::Thumbnail};

use crate::{
    Error,
    item::{self, Item, MAIN, attribute, media_key, text, text_in},
};

/// The durable table. Its guarded writes are in [`crate::guards`].
#[derive(Clone, Debug)]
pub struct Records {
    client: Client,
    table: String,
}

/// Everything in one partition of the table: what a thumbnail request needs, from one `Query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaAndThumbnails {
    /// The media's own record.
    pub record: Record,
    /// The thumbnails that were made of its object, in no order that means anything. What a late hand left of another
    /// object is not among them.
    pub thumbnails: Vec<Thumbnail>,
}

impl Records {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The record, from one `GetItem` when there is one.
    ///
    /// The first look is eventually consistent, which costs half. Only when it finds nothing is the table asked again,
    /// consistently: the media may have been uploaded a moment ago.
    pub async fn get(&self, mxc: &Mxc) -> Result<Option<Record>, Error> {
        match self.get_once(mxc, false).await? {
            Some(record) => Ok(Some(record)),
            None => self.get_latest(mxc).await,
        }
    }

    /// The record as it is at this moment: for whoever waits for it to change.
    pub async fn get_latest(&self, mxc: &Mxc) -> Result<Option<Record>, Error> {
        self.get_once(mxc, true).await
    }

    /// The record and its thumbnails, from one `Query` when there is a record; looks again as [`Self::get`] does.
    pub async fn get_with_thumbnails(&self, mxc: &Mxc) -> Result<Option<MediaAndThumbnails>, Error> {
        match self.query_once(mxc, false).await? {
            Some(found) => Ok(Some(found)),
            None => self.query_once(mxc, true).await,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    async fn get_once(&self, mxc: &Mxc, consistent: bool) -> Result<Option<Record>, Error> {
        let found = self.get_item(&media_key(mxc), MAIN, consistent).await?;
        found.as_ref().map(item::to_record).transpose()
    }

    pub(crate) async fn get_item(&self, pk: &str, sk: &str, consistent: bool) -> Result<Option<Item>, Error> {
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(attribute::PK, text(pk))
            .key(attribute::SK, text(sk))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(|error| Error::call("GetItem", &error))?;
        Ok(found.item)
    }

    pub(crate) async fn delete_item(&self, pk: &str, sk: &str) -> Result<(), Error> {
        self.client
            .delete_item()
            .table_name(&self.table)
            .key(attribute::PK, text(pk))
            .key(attribute::SK, text(sk))
            .send()
            .await
            .map_err(|error| Error::call("DeleteItem", &error))?;
        Ok(())
    }

    /// The sort keys of all thumbnails of some media, whatever they were made of.
    pub(crate) async fn thumbnail_sort_keys(&self, mxc: &Mxc) -> Result<Vec<String>, Error> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :thumbnail)")
            .expression_attribute_values(":pk", text(media_key(mxc)))
            .expression_attribute_values(":thumbnail", text(item::THUMBNAIL))
            .projection_expression(attribute::SK)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let items = pages.collect::<Result<Vec<_>, _>>().await;
        let items = items.map_err(|error| Error::call("Query", &error))?;
        Ok(items.iter().filter_map(|item| text_in(item, attribute::SK)).collect())
    }

    /// One page is enough: at most 64 thumbnails of 4 KiB are far below DynamoDB's megabyte.
    async fn query_once(&self, mxc: &Mxc, consistent: bool) -> Result<Option<MediaAndThumbnails>, Error> {
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(media_key(mxc)))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(|error| Error::call("Query", &error))?;
        let (main, others): (Vec<_>, Vec<_>) = page.items().iter().partition(|found| is_main(found));
        let Some(main) = main.first() else { return Ok(None) };
        let record = item::to_record(main)?;
        let source = record.content().map(|content| content.object_key.as_str());
        let thumbnails = others.into_iter().filter(|found| is_thumbnail(found) && is_made_of(found, source));
        let thumbnails = thumbnails.map(item::to_thumbnail).collect::<Result<_, _>>()?;
        Ok(Some(MediaAndThumbnails { record, thumbnails }))
    }
}

fn is_main(found: &Item) -> bool {
    matches!(found.get(attribute::SK), Some(AttributeValue::S(sk)) if sk == MAIN)
}

fn is_thumbnail(found: &Item) -> bool {
    matches!(found.get(attribute::SK), Some(AttributeValue::S(sk)) if sk.starts_with(item::THUMBNAIL))
}

fn is_made_of(found: &Item, source: Option<&str>) -> bool {
    text_in(found, attribute::SOURCE_KEY).as_deref() == source
}
