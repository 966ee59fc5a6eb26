//! Objects: one row for each key of a bucket.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{buckets, from_sql, to_sql};
use crate::checksums::Stored as Checksum;
use crate::error::Error;
use crate::objects::Described;
use crate::store::Extents;
use crate::tags::Tags;

/// An object, all but its bytes.
#[derive(Clone)]
pub(crate) struct Object {
    /// Without the quotes.
    pub(crate) etag: String,
    pub(crate) size_bytes: u64,
    pub(crate) modified_ms: u64,
    pub(crate) described: Described,
    pub(crate) tags: Tags,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) extents: Extents,
}

/// An object as it is listed.
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) etag: String,
    pub(crate) size_bytes: u64,
    pub(crate) modified_ms: u64,
}

/// The object of this key; tells a missing bucket from a missing object.
pub(crate) fn require(rows: &Connection, bucket: &str, key: &str) -> Result<Object, Error> {
    if let Some(object) = get(rows, bucket, key)? {
        return Ok(object);
    }
    buckets::require(rows, bucket)?;
    Err(Error::NoSuchKey)
}

/// The object of this key, if there is one.
pub(crate) fn get(rows: &Connection, bucket: &str, key: &str) -> Result<Option<Object>, Error> {
    let mut statement = rows.prepare_cached(
        "SELECT etag, size_bytes, modified_ms, described, tags, checksum, extents FROM objects \
         WHERE bucket = ?1 AND key = ?2",
    )?;
    statement.query_row([bucket, key], |row| Ok(object_from(row))).optional()?.transpose()
}

/// The ETag and the blobs of this key: what a write needs to know of the object it replaces.
pub(crate) fn current(
    rows: &Connection,
    bucket: &str,
    key: &str,
) -> Result<Option<(String, Extents)>, Error> {
    let mut statement =
        rows.prepare_cached("SELECT etag, extents FROM objects WHERE bucket = ?1 AND key = ?2")?;
    let found = statement
        .query_row([bucket, key], |row| Ok((row.get(0)?, Extents::unpack(row.get_ref(1)?.as_blob()?))));
    Ok(found.optional()?)
}

/// Writes the object, over the one that was there.
pub(crate) fn put(rows: &Connection, bucket: &str, key: &str, object: &Object) -> Result<(), Error> {
    let mut statement = rows.prepare_cached(
        "INSERT OR REPLACE INTO objects \
         (bucket, key, etag, size_bytes, modified_ms, described, tags, checksum, extents) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement.execute(params![
        bucket,
        key,
        object.etag,
        to_sql(object.size_bytes),
        to_sql(object.modified_ms),
        serde_json::to_string(&object.described)?,
        serde_json::to_string(&object.tags)?,
        object.checksum.as_ref().map(serde_json::to_string).transpose()?,
        object.extents.pack(),
    ])?;
    Ok(())
}

/// Replaces the tags of an object; `false` when there is none.
pub(crate) fn put_tags(rows: &Connection, bucket: &str, key: &str, tags: &Tags) -> Result<bool, Error> {
    let mut statement = rows.prepare_cached("UPDATE objects SET tags = ?3 WHERE bucket = ?1 AND key = ?2")?;
    Ok(statement.execute(params![bucket, key, serde_json::to_string(tags)?])? == 1)
}

/// Removes the row of this key.
pub(crate) fn delete(rows: &Connection, bucket: &str, key: &str) -> Result<(), Error> {
    rows.prepare_cached("DELETE FROM objects WHERE bucket = ?1 AND key = ?2")?.execute([bucket, key])?;
    Ok(())
}

/// Shows the objects of a bucket in the order of their keys until `visit` says to stop. `from` is where to begin,
/// itself included only if `inclusive`. Rows that are not shown are not read.
pub(crate) fn walk(
    rows: &Connection,
    bucket: &str,
    from: &str,
    inclusive: bool,
    mut visit: impl FnMut(Listed) -> ControlFlow<()>,
) -> Result<(), Error> {
    let statement = if inclusive {
        "SELECT key, etag, size_bytes, modified_ms FROM objects WHERE bucket = ?1 AND key >= ?2 ORDER BY key"
    } else {
        "SELECT key, etag, size_bytes, modified_ms FROM objects WHERE bucket = ?1 AND key > ?2 ORDER BY key"
    };
    let mut statement = rows.prepare_cached(statement)?;
    let mut rows = statement.query([bucket, from])?;
    while let Some(row) = rows.next()? {
        let listed = Listed {
            key: row.get(0)?,
            etag: row.get(1)?,
            size_bytes: from_sql(row.get(2)?),
            modified_ms: from_sql(row.get(3)?),
        };
        if visit(listed).is_break() {
            break;
        }
    }
    Ok(())
}

fn object_from(row: &Row<'_>) -> Result<Object, Error> {
    let described = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
    let tags = row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?;
    let checksum = row.get_ref(5)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    let extents = row.get_ref(6)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Object {
        etag: row.get(0)?,
        size_bytes: from_sql(row.get(1)?),
        modified_ms: from_sql(row.get(2)?),
        described: serde_json::from_str(described)?,
        tags: serde_json::from_str(tags)?,
        checksum: checksum.map(serde_json::from_str).transpose()?,
        extents: Extents::unpack(extents),
    })
}
