//! `POST /_synapse/admin/v1/media/quarantine/…` and its kin: hides media, or shows it again.

use axum::{Json, extract::State};
use matrix::{Administrator, MediaPath, PathText, Result};
use media_core::{Mxc, Refusal, Sha256};
use runtime::Deps;
use serde_json::json;
use storage::jobs::{Chosen, Handling, Work};

use crate::{
    asked,
    found::find,
    hiding,
    jobs::with_job,
    room_media,
    told::Answer,
    working::{self, Begun},
};

/// One piece of media and all that has its bytes. What is not here is told to be unknown: Synapse says `{}`, and leaves an
/// administrator in the belief that it is hidden.
pub(crate) async fn quarantine(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: MediaPath,
) -> Result<Answer> {
    let record = find(&deps, &path.mxc()?).await?;
    hiding::hide(&deps, &record, &administrator.name).await?;
    Ok(Json(json!({})))
}

/// That is undone.
pub(crate) async fn unquarantine(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: MediaPath,
) -> Result<Answer> {
    let record = find(&deps, &path.mxc()?).await?;
    hiding::show(&deps, &record, &administrator.name).await?;
    Ok(Json(json!({})))
}

/// The same, and says how many there were.
pub(crate) async fn media(
    handling: Handling,
    administrator: Administrator,
    deps: Deps,
    path: PathText,
) -> Result<Answer> {
    let mxc = Mxc::parse(path.get("serverName"), path.get("mediaId"))?;
    let record = find(&deps, &mxc).await?;
    let count = match handling {
        Handling::Release => hiding::show(&deps, &record, &administrator.name).await?,
        Handling::Quarantine | Handling::Purge => hiding::hide(&deps, &record, &administrator.name).await?,
    };
    Ok(counted(count))
}

/// Whatever has these bytes, here or yet to come.
pub(crate) async fn bytes(
    handling: Handling,
    administrator: Administrator,
    deps: Deps,
    path: PathText,
) -> Result<Answer> {
    let problem = "must be a SHA-256 in 64 hexadecimal digits";
    let sha256 = Sha256::from_hex(path.get("sha256"));
    let sha256 = sha256.ok_or(Refusal::InvalidParam { name: "sha256", problem })?;
    let count = match handling {
        Handling::Release => hiding::show_bytes(&deps, &sha256, &administrator.name).await?,
        Handling::Quarantine | Handling::Purge => {
            hiding::hide_bytes(&deps, &sha256, &administrator.name).await?
        }
    };
    Ok(counted(count))
}

/// What a user uploaded.
pub(crate) async fn user(
    handling: Handling,
    administrator: Administrator,
    deps: Deps,
    path: PathText,
) -> Result<Answer> {
    let user_id = asked::our_user(&path, &deps.server_name)?.to_string();
    many(handling, Chosen::User { user_id, before_ms: None }, &administrator, &deps).await
}

/// What comes from a server.
pub(crate) async fn server(
    handling: Handling,
    administrator: Administrator,
    deps: Deps,
    path: PathText,
) -> Result<Answer> {
    let server_name = asked::server(&path)?.to_string();
    many(handling, Chosen::Server { server_name, before_ms: None }, &administrator, &deps).await
}

/// The media of a room, as the homeserver lists it.
pub(crate) async fn room(
    handling: Handling,
    administrator: Administrator,
    deps: Deps,
    path: PathText,
) -> Result<Answer> {
    let room_id = path.get("roomId");
    let names = room_media::names(&deps, &administrator, room_id).await?;
    let begun = working::begin_with(&deps, handling, room_id, None, &names, &administrator.name).await?;
    let mut answer = counted(begun.iter().map(|begun| begun.job.progress.done).sum());
    for Begun { job, .. } in &begun {
        answer = with_job(answer.0, job);
    }
    Ok(answer)
}

async fn many(
    handling: Handling,
    chosen: Chosen,
    administrator: &Administrator,
    deps: &Deps,
) -> Result<Answer> {
    let Begun { job, .. } = working::begin(deps, Work { handling, chosen }, &administrator.name).await?;
    Ok(with_job(counted(job.progress.done).0, &job))
}

/// In Synapse's word, which matrix-media-repo has, too, also for the way back.
fn counted(count: u64) -> Answer {
    Json(json!({ "num_quarantined": count }))
}
