//! Multipart uploads under way and their parts.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{from_sql, to_sql};
use crate::checksums::{Asked, Stored as Checksum};
use crate::error::Error;
use crate::objects::Described;
use crate::store::Extents;
use crate::tags::Tags;

/// An upload as it was started.
pub(crate) struct Upload {
    pub(crate) described: Described,
    pub(crate) tags: Tags,
    pub(crate) checksum: Option<Asked>,
}

/// An upload as it is listed.
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) started_ms: u64,
}

/// One part that has arrived.
pub(crate) struct Part {
    pub(crate) number: u32,
    /// Without the quotes.
    pub(crate) etag: String,
    pub(crate) size_bytes: u64,
    pub(crate) modified_ms: u64,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) extents: Extents,
}

/// Where an upload goes.
#[derive(Clone)]
pub(crate) struct UploadName {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) id: String,
}

pub(crate) fn start(rows: &Connection, name: &UploadName, upload: &Upload, now_ms: u64) -> Result<(), Error> {
    let mut statement = rows.prepare_cached(
        "INSERT INTO uploads (id, bucket, key, started_ms, described, tags, checksum) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        name.id,
        name.bucket,
        name.key,
        to_sql(now_ms),
        serde_json::to_string(&upload.described)?,
        serde_json::to_string(&upload.tags)?,
        upload.checksum.as_ref().map(serde_json::to_string).transpose()?,
    ])?;
    Ok(())
}

/// The upload of this name, or [`Error::NoSuchUpload`].
pub(crate) fn require(rows: &Connection, name: &UploadName) -> Result<Upload, Error> {
    let mut statement = rows.prepare_cached(
        "SELECT described, tags, checksum FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3",
    )?;
    let found = statement.query_row([&name.id, &name.bucket, &name.key], |row| Ok(upload_from(row)));
    found.optional()?.ok_or(Error::NoSuchUpload)?
}

/// Ends an upload: removes it and its parts, and gives the parts back.
pub(crate) fn finish(rows: &Connection, name: &UploadName) -> Result<Vec<Part>, Error> {
    let parts = all_parts(rows, &name.id)?;
    rows.prepare_cached("DELETE FROM parts WHERE upload = ?1")?.execute([&name.id])?;
    let ended = rows.prepare_cached("DELETE FROM uploads WHERE id = ?1")?.execute([&name.id])?;
    if ended == 1 { Ok(parts) } else { Err(Error::NoSuchUpload) }
}

/// Up to `limit` uploads of a bucket whose key begins with `prefix`, by key, after the given key and id.
pub(crate) fn list(
    rows: &Connection,
    bucket: &str,
    prefix: &str,
    after: (&str, &str),
    limit: usize,
) -> Result<Vec<Listed>, Error> {
    let mut statement = rows.prepare_cached(
        "SELECT id, key, started_ms FROM uploads WHERE bucket = ?1 AND (key, id) > (?3, ?4) \
         AND substr(key, 1, length(?2)) = ?2 ORDER BY key, id LIMIT ?5",
    )?;
    let uploads = statement
        .query_map(params![bucket, prefix, after.0, after.1, to_sql(limit as u64)], |row| {
            Ok(Listed { id: row.get(0)?, key: row.get(1)?, started_ms: from_sql(row.get(2)?) })
        })?;
    Ok(uploads.collect::<Result<_, _>>()?)
}

/// Up to `limit` uploads that were started before a time, in any bucket.
pub(crate) fn started_before(rows: &Connection, ms: u64, limit: usize) -> Result<Vec<UploadName>, Error> {
    let mut statement =
        rows.prepare_cached("SELECT bucket, key, id FROM uploads WHERE started_ms < ?1 LIMIT ?2")?;
    let names = statement.query_map(params![to_sql(ms), to_sql(limit as u64)], name_from)?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Every upload of a bucket.
pub(crate) fn of_bucket(rows: &Connection, bucket: &str) -> Result<Vec<UploadName>, Error> {
    let mut statement = rows.prepare_cached("SELECT bucket, key, id FROM uploads WHERE bucket = ?1")?;
    let names = statement.query_map([bucket], name_from)?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Writes a part, over the one of the same number, whose blobs it gives back.
pub(crate) fn put_part(rows: &Connection, upload: &str, part: &Part) -> Result<Option<Extents>, Error> {
    let mut statement = rows.prepare_cached("SELECT extents FROM parts WHERE upload = ?1 AND number = ?2")?;
    let replaced = statement
        .query_row(params![upload, part.number], |row| Ok(Extents::unpack(row.get_ref(0)?.as_blob()?)))
        .optional()?;
    let mut statement = rows.prepare_cached(
        "INSERT OR REPLACE INTO parts (upload, number, etag, size_bytes, modified_ms, checksum, extents) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        upload,
        part.number,
        part.etag,
        to_sql(part.size_bytes),
        to_sql(part.modified_ms),
        part.checksum.as_ref().map(serde_json::to_string).transpose()?,
        part.extents.pack(),
    ])?;
    Ok(replaced)
}

/// Up to `limit` parts of an upload, by number, after the given one.
pub(crate) fn parts(rows: &Connection, upload: &str, after: u32, limit: usize) -> Result<Vec<Part>, Error> {
    let mut statement = rows.prepare_cached(
        "SELECT number, etag, size_bytes, modified_ms, checksum, extents FROM parts \
         WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
    )?;
    let mut rows = statement.query(params![upload, after, to_sql(limit as u64)])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.push(part_from(row)?);
    }
    Ok(parts)
}

/// Every part of an upload, by number.
pub(crate) fn all_parts(rows: &Connection, upload: &str) -> Result<Vec<Part>, Error> {
    parts(rows, upload, 0, usize::MAX)
}

fn name_from(row: &Row<'_>) -> rusqlite::Result<UploadName> {
    Ok(UploadName { bucket: row.get(0)?, key: row.get(1)?, id: row.get(2)? })
}

fn upload_from(row: &Row<'_>) -> Result<Upload, Error> {
    let (described, tags): (String, String) = (row.get(0)?, row.get(1)?);
    let checksum: Option<String> = row.get(2)?;
    Ok(Upload {
        described: serde_json::from_str(&described)?,
        tags: serde_json::from_str(&tags)?,
        checksum: checksum.as_deref().map(serde_json::from_str).transpose()?,
    })
}

fn part_from(row: &Row<'_>) -> Result<Part, Error> {
    let checksum: Option<String> = row.get(4)?;
    let extents: Vec<u8> = row.get(5)?;
    Ok(Part {
        number: row.get(0)?,
        etag: row.get(1)?,
        size_bytes: from_sql(row.get(2)?),
        modified_ms: from_sql(row.get(3)?),
        checksum: checksum.as_deref().map(serde_json::from_str).transpose()?,
        extents: Extents::unpack(&extents),
    })
}
