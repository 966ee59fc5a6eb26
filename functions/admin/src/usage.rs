//! `GET …/usage` and `…/usage/{serverName}`: how much there is of each server, or of one.

use axum::{Json, extract::State};
use matrix::{Administrator, PathText, Query, Result};
use runtime::Deps;
use serde_json::{Value, json};

use crate::{
    asked::{self, Direction, Part},
    counting::{self, Sum},
    ranking::{By, Ranking},
    told::{self, Answer},
};

/// The server with the most bytes first, unless `dir=f`. It reads the whole table.
pub(crate) async fn by_server(_: Administrator, State(deps): State<Deps>, query: Query) -> Result<Answer> {
    let part = Part::read(&query)?.ranked()?;
    let direction = Direction::read(&query)?.unwrap_or(Direction::Backwards);
    let (mut total, mut ranking) = (0, Ranking::new(part, direction));
    counting::count(
        &deps,
        None,
        |item| Some(item.origin.as_str()),
        |server, sum| {
            total += 1;
            let bytes = sum.media_bytes.saturating_add(sum.thumbnail_bytes);
            ranking.push(By::Number(bytes), server.clone(), (server, sum));
        },
    )
    .await?;
    let told = ranking.finish().into_iter().map(|(server, sum)| {
        let mut told = usage(sum);
        told["server_name"] = server.into();
        told
    });
    Ok(told::page("servers", told.collect(), total, part.from, part.limit))
}

/// One server; of which there is nothing has none.
pub(crate) async fn of_server(_: Administrator, State(deps): State<Deps>, path: PathText) -> Result<Answer> {
    let server = asked::server(&path)?;
    let mut all = Sum::default();
    counting::count(&deps, Some(&server), |item| Some(item.origin.as_str()), |_, sum| all = sum).await?;
    Ok(Json(usage(all)))
}

/// In the names of matrix-media-repo.
fn usage(sum: Sum) -> Value {
    json!({
        "raw_bytes": {
            "total": sum.media_bytes.saturating_add(sum.thumbnail_bytes),
            "media": sum.media_bytes,
            "thumbnails": sum.thumbnail_bytes,
        },
        "raw_counts": {
            "total": sum.media + sum.thumbnails,
            "media": sum.media,
            "thumbnails": sum.thumbnails,
        },
    })
}
