//! Who has which bytes: the blob that equal bytes share, and a reference for each piece of media that has them.

use media_core::{Mxc, Sha256, Timestamp, limits::REFERENCES_PAGE};

use crate::{
    Error, Records,
    item::{
        self, Item, MAIN, OWN, SHARING, attribute, hash_key, number_in, parse_reference_sort_key,
        reference_sort_key, text, text_in,
    },
};

/// What is known of some bytes, whoever has them. Its guarded writes are in [`crate::guards`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The one object that all share; `None` while nobody has these bytes.
    pub object_key: Option<String>,
    /// Who banned them, and when.
    pub ban: Option<Ban>,
    /// The object that was the one before, and is deleted or about to be.
    pub(crate) left_key: Option<String>,
    /// Changes with every write.
    pub(crate) touched: String,
}

/// A ban on some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Who decided it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A piece of media that has some bytes, or is about to, or was when its writer died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Whose bytes they are.
    pub mxc: Mxc,
    /// The object that they came as ([`media_core::Content::brought_as`]).
    pub brought_as: String,
}

impl Reference {
    /// Whether the record that it is for is written anew, under a name that nobody knows yet or that waits for bytes; what
    /// is fetched from elsewhere has its record before.
    pub(crate) fn may_precede_its_record(&self) -> bool {
        self.brought_as.starts_with("originals/")
    }
}

impl Blob {
    pub(crate) fn read(item: &Item) -> Self {
        let by = text_in(item, attribute::BANNED_BY);
        let at = number_in(item, attribute::BANNED_MS).unwrap_or_default();
        Self {
            object_key: text_in(item, attribute::OBJECT_KEY),
            ban: by.map(|by| Ban { by, at: Timestamp(at) }),
            left_key: text_in(item, attribute::LEFT_KEY),
            touched: text_in(item, attribute::TOUCHED).unwrap_or_default(),
        }
    }
}

impl Records {
    /// What is known of these bytes at this moment.
    pub async fn blob(&self, sha256: &Sha256) -> Result<Option<Blob>, Error> {
        Ok(self.get_item(&hash_key(sha256), MAIN, true).await?.map(|item| Blob::read(&item)))
    }

    /// Notes that `mxc` has these bytes, which came as `brought_as`. Written before the record says so; writing it twice
    /// changes nothing.
    pub async fn add_reference(&self, sha256: &Sha256, mxc: &Mxc, brought_as: &str) -> Result<(), Error> {
        self.client()
            .put_item()
            .table_name(self.table())
            .item(attribute::PK, text(hash_key(sha256)))
            .item(attribute::SK, text(reference_sort_key(mxc, brought_as)))
            .send()
            .await
            .map_err(|error| Error::call("PutItem", &error))?;
        Ok(())
    }

    /// Takes such a note back: when its record is read no more, or when it lost its race.
    pub(crate) async fn remove_reference(
        &self,
        sha256: &Sha256,
        mxc: &Mxc,
        brought_as: &str,
    ) -> Result<(), Error> {
        self.delete_item(&hash_key(sha256), &reference_sort_key(mxc, brought_as)).await
    }

    /// One page of those who have these bytes, in a fixed order: those after `after`, or the first. Consistent, so that
    /// whoever noted its reference before is among them. An empty page is the end.
    pub async fn references(
        &self,
        sha256: &Sha256,
        after: Option<&Reference>,
    ) -> Result<Vec<Reference>, Error> {
        let from =
            after.map_or_else(|| OWN.to_owned(), |last| reference_sort_key(&last.mxc, &last.brought_as));
        let mut page = self.sort_keys(sha256, &from, REFERENCES_PAGE).await?;
        page.retain(|key| after.is_none() || *key != from);
        // A reference that cannot be read would end the walk too early, which is worse than a fault.
        let references = page.iter().map(|key| {
            let (mxc, brought_as) = parse_reference_sort_key(key)
                .ok_or_else(|| Error::item(&hash_key(sha256), format!("`{key}` is no reference")))?;
            Ok(Reference { mxc, brought_as })
        });
        references.collect()
    }

    /// Whether this reference is there at this moment.
    pub(crate) async fn is_reference(&self, sha256: &Sha256, is: &Reference) -> Result<bool, Error> {
        let sort_key = reference_sort_key(&is.mxc, &is.brought_as);
        Ok(self.get_item(&hash_key(sha256), &sort_key, true).await?.is_some())
    }

    /// Whether anybody shares the object of these bytes.
    pub(crate) async fn is_shared(&self, sha256: &Sha256) -> Result<bool, Error> {
        Ok(!self.sort_keys(sha256, SHARING, 1).await?.is_empty())
    }

    /// The sort keys of a blob's references, from one on.
    async fn sort_keys(&self, sha256: &Sha256, from: &str, limit: i32) -> Result<Vec<String>, Error> {
        let page = self
            .client()
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(hash_key(sha256)))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(item::after(SHARING)))
            .limit(limit)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::call("Query", &error))?;
        Ok(page.items().iter().filter_map(|item| text_in(item, attribute::SK)).collect())
    }
}
