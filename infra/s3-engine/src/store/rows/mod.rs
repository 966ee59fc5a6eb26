//! Every statement the engine ever runs, by what it is about.

pub(crate) mod buckets;
pub(crate) mod objects;
pub(crate) mod outbox;
pub(crate) mod uploads;

use std::collections::HashSet;

use rusqlite::Connection;

use super::{BlobId, Extents};

/// Makes the tables of a new folder; leaves those of an old one alone.
pub(crate) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)
}

/// Keys compare by their UTF-8 bytes, which is SQLite's own order of text and S3's order of keys.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (
    bucket TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (bucket, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    etag TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    described TEXT NOT NULL,
    tags TEXT NOT NULL,
    checksum TEXT,
    extents BLOB NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    described TEXT NOT NULL,
    tags TEXT NOT NULL,
    checksum TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_by_key ON uploads (bucket, key, id);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL,
    number INTEGER NOT NULL,
    etag TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    checksum TEXT,
    extents BLOB NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL,
    sent_ms INTEGER NOT NULL,
    visible_ms INTEGER NOT NULL,
    receive_count INTEGER NOT NULL,
    receipt TEXT
);
CREATE INDEX IF NOT EXISTS outbox_by_visibility ON outbox (visible_ms, id);
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    sent_ms INTEGER NOT NULL,
    died_ms INTEGER NOT NULL,
    receive_count INTEGER NOT NULL
);
";

/// Every blob that an object or a part is made of.
pub(crate) fn named_blobs(connection: &Connection) -> rusqlite::Result<HashSet<BlobId>> {
    let mut named = HashSet::new();
    let mut statement =
        connection.prepare("SELECT extents FROM objects UNION ALL SELECT extents FROM parts")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        named.extend(Extents::unpack(row.get_ref(0)?.as_blob()?).blobs());
    }
    Ok(named)
}

/// SQLite's integers are signed; ours never reach the half that it lacks.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
