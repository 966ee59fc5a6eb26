//! The queue of messages about objects, and the letters that nobody could deal with.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{from_sql, to_sql};
use crate::error::Error;

/// A message that was just handed out.
pub(crate) struct Received {
    pub(crate) receipt: String,
    pub(crate) body: String,
    pub(crate) receive_count: u32,
    pub(crate) sent_ms: u64,
}

/// A message that was handed out too often.
pub(crate) struct Dead {
    pub(crate) id: i64,
    pub(crate) body: String,
    pub(crate) sent_ms: u64,
    pub(crate) died_ms: u64,
    pub(crate) receive_count: u32,
}

/// How many messages are in which state.
pub(crate) struct Counts {
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
    pub(crate) dead: u64,
}

/// The number that the next message will get. Numbers only grow, across restarts, too.
pub(crate) fn next_number(rows: &Connection) -> Result<u64, Error> {
    let mut statement = rows.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")?;
    let last: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(from_sql(last.unwrap_or_default()) + 1)
}

pub(crate) fn send(rows: &Connection, body: &str, now_ms: u64) -> Result<(), Error> {
    let mut statement = rows.prepare_cached(
        "INSERT INTO outbox (body, sent_ms, visible_ms, receive_count) VALUES (?1, ?2, ?2, 0)",
    )?;
    statement.execute(params![body, to_sql(now_ms)])?;
    Ok(())
}

/// When the next message becomes visible; `None` when there is none at all.
pub(crate) fn next_visible_ms(rows: &Connection) -> Result<Option<u64>, Error> {
    let mut statement = rows.prepare_cached("SELECT min(visible_ms) FROM outbox")?;
    let next: Option<i64> = statement.query_row([], |row| row.get(0))?;
    Ok(next.map(from_sql))
}

/// Moves visible messages that were handed out `max_receive_count` times to the dead letters.
pub(crate) fn bury_the_dead(rows: &Connection, now_ms: u64, max_receive_count: u32) -> Result<usize, Error> {
    let mut statement = rows.prepare_cached(
        "INSERT INTO dead_letters (id, body, sent_ms, died_ms, receive_count) \
         SELECT id, body, sent_ms, ?1, receive_count FROM outbox WHERE visible_ms <= ?1 AND receive_count >= ?2",
    )?;
    let died = statement.execute(params![to_sql(now_ms), max_receive_count])?;
    if died > 0 {
        rows.prepare_cached("DELETE FROM outbox WHERE visible_ms <= ?1 AND receive_count >= ?2")?
            .execute(params![to_sql(now_ms), max_receive_count])?;
    }
    Ok(died)
}

/// Hands out up to `max` visible messages, oldest first, and hides them until `hidden_until_ms`.
pub(crate) fn receive(
    rows: &Connection,
    max: usize,
    now_ms: u64,
    hidden_until_ms: u64,
) -> Result<Vec<Received>, Error> {
    let mut statement = rows.prepare_cached(
        "SELECT id, body, receive_count, sent_ms FROM outbox WHERE visible_ms <= ?1 ORDER BY id LIMIT ?2",
    )?;
    let found = statement.query_map(params![to_sql(now_ms), to_sql(max as u64)], found_from)?;
    let mut received = Vec::new();
    for found in found {
        let (id, mut message) = found?;
        message.receipt = format!("{id}-{}", hex::encode(rand::random::<[u8; 8]>()));
        message.receive_count += 1;
        rows.prepare_cached(
            "UPDATE outbox SET visible_ms = ?2, receive_count = ?3, receipt = ?4 WHERE id = ?1",
        )?
        .execute(params![id, to_sql(hidden_until_ms), message.receive_count, message.receipt])?;
        received.push(message);
    }
    Ok(received)
}

/// Shows every message that is hidden: those who had them are gone.
pub(crate) fn show_all(rows: &Connection) -> Result<usize, rusqlite::Error> {
    rows.execute("UPDATE outbox SET visible_ms = 0", [])
}

/// Removes a message that was dealt with; `false` when the receipt is no longer the one last handed out.
pub(crate) fn delete(rows: &Connection, receipt: &str) -> Result<bool, Error> {
    let Some(id) = id_of(receipt) else {
        return Ok(false);
    };
    let mut statement = rows.prepare_cached("DELETE FROM outbox WHERE id = ?1 AND receipt = ?2")?;
    Ok(statement.execute(params![id, receipt])? == 1)
}

/// Hides a message until another time; `false` when the receipt is no longer the one last handed out.
pub(crate) fn hide_until(rows: &Connection, receipt: &str, visible_ms: u64) -> Result<bool, Error> {
    let Some(id) = id_of(receipt) else {
        return Ok(false);
    };
    let mut statement =
        rows.prepare_cached("UPDATE outbox SET visible_ms = ?3 WHERE id = ?1 AND receipt = ?2")?;
    Ok(statement.execute(params![id, receipt, to_sql(visible_ms)])? == 1)
}

pub(crate) fn counts(rows: &Connection, now_ms: u64) -> Result<Counts, Error> {
    let mut statement = rows.prepare_cached(
        "SELECT (SELECT count(*) FROM outbox WHERE visible_ms <= ?1), \
         (SELECT count(*) FROM outbox WHERE visible_ms > ?1), (SELECT count(*) FROM dead_letters)",
    )?;
    Ok(statement.query_row([to_sql(now_ms)], |row| {
        Ok(Counts {
            visible: from_sql(row.get(0)?),
            in_flight: from_sql(row.get(1)?),
            dead: from_sql(row.get(2)?),
        })
    })?)
}

/// Up to `limit` dead letters after the given one, oldest first.
pub(crate) fn dead(rows: &Connection, after: i64, limit: usize) -> Result<Vec<Dead>, Error> {
    let mut statement = rows.prepare_cached(
        "SELECT id, body, sent_ms, died_ms, receive_count FROM dead_letters WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let dead = statement.query_map(params![after, to_sql(limit as u64)], |row| {
        Ok(Dead {
            id: row.get(0)?,
            body: row.get(1)?,
            sent_ms: from_sql(row.get(2)?),
            died_ms: from_sql(row.get(3)?),
            receive_count: row.get(4)?,
        })
    })?;
    Ok(dead.collect::<Result<_, _>>()?)
}

/// Gives every dead letter another life, as new messages of their old age.
pub(crate) fn revive(rows: &Connection, now_ms: u64) -> Result<usize, Error> {
    let revived = rows.execute(
        "INSERT INTO outbox (body, sent_ms, visible_ms, receive_count) \
         SELECT body, sent_ms, ?1, 0 FROM dead_letters ORDER BY id",
        [to_sql(now_ms)],
    )?;
    rows.execute("DELETE FROM dead_letters", [])?;
    Ok(revived)
}

fn id_of(receipt: &str) -> Option<i64> {
    receipt.split_once('-')?.0.parse().ok()
}

fn found_from(row: &Row<'_>) -> rusqlite::Result<(i64, Received)> {
    let message = Received {
        receipt: String::new(),
        body: row.get(1)?,
        receive_count: row.get(2)?,
        sent_ms: from_sql(row.get(3)?),
    };
    Ok((row.get(0)?, message))
}
