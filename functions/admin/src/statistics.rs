//! `GET /_synapse/admin/v1/statistics/users/media`: how much each user has uploaded.

use axum::extract::State;
use matrix::{Administrator, Query, Result};
use media_core::Refusal;
use runtime::Deps;
use serde_json::json;
use storage::listing::Measured;

use crate::{
    asked::{self, Direction, Part},
    counting::{self, Sum},
    ranking::{By, Ranking},
    told::{self, Answer},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    User,
    Length,
    Count,
}

/// We know no names that are shown, so that order is by user ids.
const ORDERS: [(&str, Order); 4] = [
    ("user_id", Order::User),
    ("displayname", Order::User),
    ("media_length", Order::Length),
    ("media_count", Order::Count),
];

/// What came between two moments, both included, from users whose ids contain `search_term`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Looked<'a> {
    from_ms: u64,
    until_ms: Option<u64>,
    term: Option<&'a str>,
}

/// Everybody who has uploaded anything. It reads the whole table.
pub(crate) async fn by_user(_: Administrator, State(deps): State<Deps>, query: Query) -> Result<Answer> {
    let looked = Looked::read(&query)?;
    let part = Part::read(&query)?.ranked()?;
    let problem = "must be one of user_id, displayname, media_length, media_count";
    let order = asked::word(&query, "order_by", &ORDERS, problem)?.unwrap_or(Order::User);
    let direction = Direction::read(&query)?.unwrap_or(Direction::Forwards);

    let (mut total, mut ranking) = (0, Ranking::new(part, direction));
    counting::count(
        &deps,
        Some(&deps.server_name),
        |item| item.user.as_deref().filter(|user| looked.is_for(user, item)),
        |user, sum| {
            total += 1;
            ranking.push(key(order, &user, sum), user.clone(), (user, sum));
        },
    )
    .await?;

    let told = ranking.finish().into_iter().map(|(user, sum)| {
        json!({
            "user_id": user,
            "displayname": null,
            "media_count": sum.media,
            "media_length": sum.media_bytes,
        })
    });
    Ok(told::page("users", told.collect(), total, part.from, part.limit))
}

fn key(order: Order, user: &str, sum: Sum) -> By {
    match order {
        Order::User => By::Text(user.to_owned()),
        Order::Length => By::Number(sum.media_bytes),
        Order::Count => By::Number(sum.media),
    }
}

impl<'a> Looked<'a> {
    fn read(query: &'a Query) -> Result<Self, Refusal> {
        let from_ms = query.number("from_ts")?.unwrap_or_default();
        let until_ms = query.number("until_ts")?;
        if until_ms.is_some_and(|until| until <= from_ms) {
            return Err(Refusal::InvalidParam { name: "until_ts", problem: "must be later than `from_ts`" });
        }
        let term = query.get("search_term")?;
        if term == Some("") {
            return Err(Refusal::InvalidParam { name: "search_term", problem: "must not be empty" });
        }
        Ok(Self { from_ms, until_ms, term })
    }

    fn is_for(&self, user: &str, item: &Measured) -> bool {
        let Some(created_ms) = item.created_at.map(|at| at.0) else { return false };
        created_ms >= self.from_ms
            && self.until_ms.is_none_or(|until| created_ms <= until)
            && self.term.is_none_or(|term| user.contains(term))
    }
}
