//! `GET` and `DELETE /_synapse/admin/v1/users/{userId}/media`: what a user uploaded, and a page of it deleted.

use std::collections::HashMap;

use axum::{Json, extract::State};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use matrix::{Administrator, Error, PathText, Query, Result};
use media_core::{Mxc, Record, UserId, limits::JOB_CONCURRENCY};
use runtime::Deps;
use serde_json::json;
use storage::{Page, guards::Spared, listing::Owned};

use crate::{
    asked::{self, Direction, Part},
    erasing::{self, Deleted},
    ranking::{By, Ranking},
    told::{self, Answer, Names},
};

/// What the list may be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    MediaId,
    UploadName,
    CreatedTs,
    LastAccessTs,
    MediaLength,
    MediaType,
    QuarantinedBy,
    SafeFromQuarantine,
}

const ORDERS: [(&str, Order); 8] = [
    ("media_id", Order::MediaId),
    ("upload_name", Order::UploadName),
    ("created_ts", Order::CreatedTs),
    ("last_access_ts", Order::LastAccessTs),
    ("media_length", Order::MediaLength),
    ("media_type", Order::MediaType),
    ("quarantined_by", Order::QuarantinedBy),
    ("safe_from_quarantine", Order::SafeFromQuarantine),
];

/// Records that are read at once to rank them.
const RANKED_AT_ONCE: usize = 1_000;

/// The list, the newest first unless something else is said.
pub(crate) async fn list(
    _: Administrator,
    State(deps): State<Deps>,
    path: PathText,
    query: Query,
) -> Result<Answer> {
    let (records, total, part) = find(&deps, &path, &query).await?;
    Ok(told::page("media", records.iter().map(told::listed).collect(), total, part.from, part.limit))
}

/// Deletes what the list would show: a page, and whoever asks until nothing comes back has deleted all. Protected or
/// quarantined makes no difference here, as in Synapse: the administrator has seen the list.
pub(crate) async fn delete(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: PathText,
    query: Query,
) -> Result<Answer> {
    let (records, ..) = find(&deps, &path, &query).await?;
    let mut deleted = Names::default();
    let mut total = 0;
    let names: Vec<_> = records.into_iter().map(|record| record.mxc).collect();
    let deletions = stream::iter(names).map(async |mxc| {
        let ended = erasing::erase(&deps, &mxc, &Spared::default()).await?;
        Ok::<_, Error>((mxc, ended))
    });
    let mut deletions = std::pin::pin!(deletions.buffered(JOB_CONCURRENCY));
    while let Some((mxc, ended)) = deletions.try_next().await? {
        if ended != Deleted::Not {
            deleted.push(&mxc);
            total += 1;
        }
    }
    tracing::info!(count = total, by = administrator.name, "An administrator deleted a user's media");
    Ok(Json(json!({ "deleted_media": deleted.ids(), "total": total })))
}

/// The part of the list that is asked for, how long the whole is, and which part that was.
async fn find(deps: &Deps, path: &PathText, query: &Query) -> Result<(Vec<Record>, u64, Part)> {
    let user = asked::our_user(path, &deps.server_name)?;
    let part = Part::read(query)?;
    let direction = Direction::read(query)?;
    let problem = "must be one of media_id, upload_name, created_ts, last_access_ts, media_length, media_type, \
                   quarantined_by, safe_from_quarantine";
    let order = asked::word(query, "order_by", &ORDERS, problem)?;
    let (order, direction) = match (order, direction) {
        (None, None) => (Order::CreatedTs, Direction::Backwards),
        (order, direction) => (order.unwrap_or(Order::CreatedTs), direction.unwrap_or(Direction::Forwards)),
    };
    let (names, total) = match order {
        Order::CreatedTs => by_age(deps, &user, part, direction).await?,
        order => ranked(deps, &user, part.ranked()?, order, direction).await?,
    };
    Ok((in_order(deps, &names).await?, total, part))
}

/// The index has this order. All of its names are counted, which is a page of reading for every few thousand.
async fn by_age(deps: &Deps, user: &UserId, part: Part, direction: Direction) -> Result<(Vec<Mxc>, u64)> {
    let (mut total, mut names, mut after) = (0_u64, Vec::new(), None);
    loop {
        let newest_first = direction == Direction::Backwards;
        let page = deps.store.records.of_user(user, newest_first, None, after.as_ref()).await?;
        for Owned { mxc, .. } in page.found {
            if (part.from..part.end()).contains(&total) {
                names.push(mxc);
            }
            total += 1;
        }
        after = page.next;
        if after.is_none() {
            return Ok((names, total));
        }
    }
}

/// Every record is read and ranked, and as many are held as stand before the end of the part.
async fn ranked(
    deps: &Deps,
    user: &UserId,
    part: Part,
    order: Order,
    direction: Direction,
) -> Result<(Vec<Mxc>, u64)> {
    let (mut total, mut ranking, mut after) = (0, Ranking::new(part, direction), None);
    loop {
        let Page { found, next } = deps.store.records.of_user(user, false, None, after.as_ref()).await?;
        total += found.len() as u64;
        let names: Vec<_> = found.into_iter().map(|owned| owned.mxc).collect();
        for some in names.chunks(RANKED_AT_ONCE) {
            if order == Order::MediaId {
                // The name says it all.
                for mxc in some {
                    let id = mxc.media_id.to_string();
                    ranking.push(By::Text(id.clone()), id, mxc.clone());
                }
                continue;
            }
            for record in deps.store.records.get_many(some).await? {
                ranking.push(key(&record, order), record.mxc.media_id.to_string(), record.mxc);
            }
        }
        after = next;
        if after.is_none() {
            return Ok((ranking.finish(), total));
        }
    }
}

fn key(record: &Record, order: Order) -> By {
    let content = record.content();
    let number = |number: Option<u64>| number.map_or(By::Nothing, By::Number);
    let text = |text: Option<&str>| text.map_or(By::Nothing, |text| By::Text(text.to_owned()));
    match order {
        Order::MediaId => By::Text(record.mxc.media_id.to_string()),
        Order::UploadName => text(content.and_then(|content| content.upload_name.as_deref())),
        Order::CreatedTs => By::Number(record.created_at.0),
        Order::LastAccessTs => number(record.last_access.map(|day| day.0.into())),
        Order::MediaLength => number(content.map(|content| content.size_bytes)),
        Order::MediaType => text(content.map(|content| content.content_type.as_str())),
        Order::QuarantinedBy => text(record.quarantined_by.as_deref()),
        Order::SafeFromQuarantine => By::Flag(record.protected),
    }
}

/// The records of these names in this order; what was deleted meanwhile is left out.
async fn in_order(deps: &Deps, names: &[Mxc]) -> Result<Vec<Record>> {
    let records = deps.store.records.get_many(names).await?;
    let mut by_name: HashMap<_, _> = records.into_iter().map(|record| (record.mxc.clone(), record)).collect();
    Ok(names.iter().filter_map(|mxc| by_name.remove(mxc)).collect())
}
