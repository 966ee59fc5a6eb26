//! What an administrator asks with, read once: pages, orders, moments.

use matrix::{PathText, Query, Result};
use media_core::{
    OwnedServerName, OwnedUserId, Refusal, ServerName, Timestamp, UserId,
    limits::{LIST_DEFAULT, LIST_MAX, RANKED_MAX},
    mxc::parse_server_name,
};

/// The earliest moment that is believed to be meant in milliseconds: in December 1970. Whoever sends seconds means later
/// (Synapse's bound).
const EARLIEST_MS: u64 = 30_000_000_000;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// How many entries stand before it.
    pub(crate) from: u64,
    /// How many it has.
    pub(crate) limit: u64,
}

/// In which direction a list runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The smallest first.
    Forwards,
    /// The largest first.
    Backwards,
}

impl Part {
    /// `from` and `limit`; a limit beyond [`LIST_MAX`] is that.
    pub(crate) fn read(query: &Query) -> Result<Self, Refusal> {
        let from = query.number("from")?.unwrap_or_default();
        let limit = query.number("limit")?.unwrap_or(LIST_DEFAULT).min(LIST_MAX);
        Ok(Self { from, limit })
    }

    /// The entry after its last.
    pub(crate) fn end(self) -> u64 {
        self.from.saturating_add(self.limit)
    }

    /// The same for a list that is ranked in memory.
    pub(crate) fn ranked(self) -> Result<Self, Refusal> {
        if self.end() > RANKED_MAX {
            let problem = "is too far down a list in this order: 100000 entries are ranked";
            return Err(Refusal::InvalidParam { name: "from", problem });
        }
        Ok(self)
    }
}

impl Direction {
    /// `dir`, if it is there.
    pub(crate) fn read(query: &Query) -> Result<Option<Self>, Refusal> {
        match query.get("dir")? {
            None => Ok(None),
            Some("f") => Ok(Some(Self::Forwards)),
            Some("b") => Ok(Some(Self::Backwards)),
            Some(_) => Err(Refusal::InvalidParam { name: "dir", problem: "must be `f` or `b`" }),
        }
    }
}

/// One word of a list, by what it stands for.
pub(crate) fn word<T: Copy>(
    query: &Query,
    name: &'static str,
    words: &[(&str, T)],
    problem: &'static str,
) -> Result<Option<T>, Refusal> {
    let Some(said) = query.get(name)? else { return Ok(None) };
    let known = words.iter().find(|(word, _)| *word == said).map(|(_, is)| *is);
    known.map(Some).ok_or(Refusal::InvalidParam { name, problem })
}

/// `before_ts`, which must be there and be in milliseconds.
pub(crate) fn before(query: &Query) -> Result<Timestamp, Refusal> {
    let name = "before_ts";
    optional_before(query)?.ok_or(Refusal::MissingParam(name))
}

/// `before_ts`, if it is there.
pub(crate) fn optional_before(query: &Query) -> Result<Option<Timestamp>, Refusal> {
    let name = "before_ts";
    match query.number(name)? {
        Some(..EARLIEST_MS) => {
            let problem = "is in the year 1970: it must be in milliseconds, not in seconds";
            Err(Refusal::InvalidParam { name, problem })
        }
        before => Ok(before.map(Timestamp)),
    }
}

/// A user of ours from the path.
pub(crate) fn our_user(path: &PathText, us: &ServerName) -> Result<OwnedUserId, Refusal> {
    let problem = "must be a Matrix user id, such as @user:example.org";
    let user: OwnedUserId =
        path.get("userId").try_into().map_err(|_| Refusal::InvalidParam { name: "userId", problem })?;
    if <UserId>::server_name(&user) == us {
        Ok(user)
    } else {
        Err(Refusal::NotOurs("Can only look up local users."))
    }
}

/// A server from the path.
pub(crate) fn server(path: &PathText) -> Result<OwnedServerName> {
    Ok(parse_server_name(path.get("serverName"))?)
}
