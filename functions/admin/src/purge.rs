//! Deletes much at once: `POST /_synapse/admin/v1/purge_media_cache`, `…/media/delete`, and what stands under `…/purge/`.

use axum::{Json, extract::State};
use matrix::{Administrator, MediaPath, PathText, Query, Result};
use media_core::{Refusal, Timestamp};
use runtime::Deps;
use serde_json::{Value, json};
use storage::{
    guards::Spared,
    jobs::{Chosen, Handling, Work},
};

use crate::{
    asked,
    erasing::{self, Deleted},
    jobs::with_job,
    room_media,
    told::Answer,
    working::{self, Begun},
};

/// Other servers' media that nobody asked for since `before_ts`: it is fetched again when somebody does.
pub(crate) async fn cache(
    administrator: Administrator,
    State(deps): State<Deps>,
    query: Query,
) -> Result<Answer> {
    let chosen = unused_before(asked::before(&query)?, Origins { local: false, remote: true });
    let Begun { job, .. } = purge(&deps, chosen, &administrator).await?;
    Ok(with_job(json!({ "deleted": job.progress.done }), &job))
}

/// Our own media that nobody asked for since `before_ts` and that is larger than `size_gt`. What its uploader shows as
/// their own picture is kept, unless `keep_profiles=false`.
pub(crate) async fn unused(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: PathText,
    query: Query,
) -> Result<Answer> {
    let before_ms = asked::before(&query)?.0;
    let larger_than_bytes = query.number("size_gt")?.unwrap_or_default();
    let keep_avatars = query.flag("keep_profiles", true)?;
    // The older path names a server, which can only be ours.
    let server = path.get("serverName");
    if !server.is_empty() && server != deps.server_name {
        return Err(Refusal::NotOurs("Can only delete local media.").into());
    }
    let chosen = Chosen::Unused { before_ms, local: true, remote: false, larger_than_bytes, keep_avatars };
    let Begun { job, names } = purge(&deps, chosen, &administrator).await?;
    Ok(with_job(json!({ "deleted_media": names.ids(), "total": job.progress.done }), &job))
}

/// As [`cache`], and with `include_local=true` ours as well.
pub(crate) async fn old(
    administrator: Administrator,
    State(deps): State<Deps>,
    query: Query,
) -> Result<Answer> {
    let local = query.flag("include_local", false)?;
    let chosen = unused_before(asked::before(&query)?, Origins { local, remote: true });
    Ok(told(&[purge(&deps, chosen, &administrator).await?]))
}

/// What is quarantined. The bytes stay banned.
pub(crate) async fn quarantined(administrator: Administrator, State(deps): State<Deps>) -> Result<Answer> {
    Ok(told(&[purge(&deps, Chosen::Quarantined, &administrator).await?]))
}

/// What a user uploaded, before `before_ts` if that is said.
pub(crate) async fn user(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: PathText,
    query: Query,
) -> Result<Answer> {
    let user_id = asked::our_user(&path, &deps.server_name)?.to_string();
    let chosen = Chosen::User { user_id, before_ms: before_ms(&query)? };
    Ok(told(&[purge(&deps, chosen, &administrator).await?]))
}

/// What comes from a server.
pub(crate) async fn server(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: PathText,
    query: Query,
) -> Result<Answer> {
    let server_name = asked::server(&path)?.to_string();
    let chosen = Chosen::Server { server_name, before_ms: before_ms(&query)? };
    Ok(told(&[purge(&deps, chosen, &administrator).await?]))
}

/// The media of a room, as the homeserver lists it.
pub(crate) async fn room(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: PathText,
    query: Query,
) -> Result<Answer> {
    let before_ms = before_ms(&query)?;
    let room_id = path.get("roomId");
    let names = room_media::names(&deps, &administrator, room_id).await?;
    let begun =
        working::begin_with(&deps, Handling::Purge, room_id, before_ms, &names, &administrator.name).await?;
    Ok(told(&begun))
}

/// One piece of media, ours or another server's.
pub(crate) async fn one(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: MediaPath,
) -> Result<Answer> {
    let mxc = path.mxc()?;
    if erasing::erase(&deps, &mxc, &Spared::default()).await? == Deleted::Not {
        return Err(Refusal::NotFound.into());
    }
    tracing::info!(media.id = %mxc, by = administrator.name, "An administrator deleted media");
    Ok(Json(json!({ "purged": true, "affected": [mxc.to_string()], "total": 1 })))
}

struct Origins {
    local: bool,
    remote: bool,
}

fn unused_before(before: Timestamp, Origins { local, remote }: Origins) -> Chosen {
    Chosen::Unused { before_ms: before.0, local, remote, larger_than_bytes: 0, keep_avatars: true }
}

fn before_ms(query: &Query) -> Result<Option<u64>> {
    Ok(asked::optional_before(query)?.map(|before| before.0))
}

async fn purge(deps: &Deps, chosen: Chosen, administrator: &Administrator) -> Result<Begun> {
    working::begin(deps, Work { handling: Handling::Purge, chosen }, &administrator.name).await
}

/// As matrix-media-repo says it, with how many there were, and the job that is not done.
fn told(begun: &[Begun]) -> Answer {
    let affected: Vec<Value> =
        begun.iter().flat_map(|begun| begun.names.whole().as_array().cloned().unwrap_or_default()).collect();
    let total: u64 = begun.iter().map(|begun| begun.job.progress.done).sum();
    let mut answer = json!({ "purged": true, "affected": affected, "total": total });
    for Begun { job, .. } in begun {
        answer = with_job(answer, job).0;
    }
    Json(answer)
}
