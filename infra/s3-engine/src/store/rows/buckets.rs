//! Buckets and their settings.

use rusqlite::{Connection, OptionalExtension, params};

use super::{from_sql, to_sql};
use crate::error::Error;

/// A bucket as it is listed.
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) created_ms: u64,
}

/// Says [`Error::NoSuchBucket`] unless the bucket is there.
pub(crate) fn require(rows: &Connection, name: &str) -> Result<(), Error> {
    let mut statement = rows.prepare_cached("SELECT 1 FROM buckets WHERE name = ?1")?;
    if statement.exists([name])? { Ok(()) } else { Err(Error::NoSuchBucket) }
}

/// Makes a bucket; [`Error::BucketAlreadyOwnedByYou`] when there is one.
pub(crate) fn create(rows: &Connection, name: &str, now_ms: u64) -> Result<(), Error> {
    let made = rows.execute(
        "INSERT INTO buckets (name, created_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![name, to_sql(now_ms)],
    )?;
    if made == 1 { Ok(()) } else { Err(Error::BucketAlreadyOwnedByYou) }
}

/// Removes an empty bucket with its settings. Uploads under way do not keep it: the caller aborts them.
pub(crate) fn delete(rows: &Connection, name: &str) -> Result<(), Error> {
    require(rows, name)?;
    if rows.prepare_cached("SELECT 1 FROM objects WHERE bucket = ?1 LIMIT 1")?.exists([name])? {
        return Err(Error::BucketNotEmpty);
    }
    rows.execute("DELETE FROM settings WHERE bucket = ?1", [name])?;
    rows.execute("DELETE FROM buckets WHERE name = ?1", [name])?;
    Ok(())
}

/// All buckets, by name.
pub(crate) fn list(rows: &Connection) -> Result<Vec<Bucket>, Error> {
    let mut statement = rows.prepare_cached("SELECT name, created_ms FROM buckets ORDER BY name")?;
    let buckets =
        statement.query_map([], |row| Ok(Bucket { name: row.get(0)?, created_ms: from_sql(row.get(1)?) }))?;
    Ok(buckets.collect::<Result<_, _>>()?)
}

/// Keeps one setting of a bucket, as JSON.
pub(crate) fn set(rows: &Connection, bucket: &str, kind: &str, value: &str) -> Result<(), Error> {
    require(rows, bucket)?;
    rows.execute(
        "INSERT OR REPLACE INTO settings (bucket, kind, value) VALUES (?1, ?2, ?3)",
        [bucket, kind, value],
    )?;
    Ok(())
}

/// One setting of a bucket, as it was kept.
pub(crate) fn setting(rows: &Connection, bucket: &str, kind: &str) -> Result<Option<String>, Error> {
    require(rows, bucket)?;
    let mut statement = rows.prepare_cached("SELECT value FROM settings WHERE bucket = ?1 AND kind = ?2")?;
    Ok(statement.query_row([bucket, kind], |row| row.get(0)).optional()?)
}

/// Forgets one setting of a bucket.
pub(crate) fn unset(rows: &Connection, bucket: &str, kind: &str) -> Result<(), Error> {
    require(rows, bucket)?;
    rows.execute("DELETE FROM settings WHERE bucket = ?1 AND kind = ?2", [bucket, kind])?;
    Ok(())
}
