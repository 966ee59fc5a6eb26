//! `GET /_synapse/admin/v1/room/{roomId}/media`: which media a room has. The homeserver knows, and we ask it.

use axum::{Json, extract::State};
use matrix::{Administrator, PathText, Result};
use media_core::Refusal;
use outbound::administration::{RoomError, RoomMedia};
use runtime::Deps;
use serde_json::json;

use crate::told::Answer;

/// As the homeserver says it.
pub(crate) async fn list(
    administrator: Administrator,
    State(deps): State<Deps>,
    path: PathText,
) -> Result<Answer> {
    let RoomMedia { local, remote } = ask(&deps, &administrator, path.get("roomId")).await?;
    Ok(Json(json!({ "local": local, "remote": remote })))
}

/// All of them in one list.
pub(crate) async fn names(deps: &Deps, administrator: &Administrator, room_id: &str) -> Result<Vec<String>> {
    let RoomMedia { mut local, remote } = ask(deps, administrator, room_id).await?;
    local.extend(remote);
    Ok(local)
}

async fn ask(deps: &Deps, administrator: &Administrator, room_id: &str) -> Result<RoomMedia> {
    let token = administrator.token()?;
    let Some(homeserver) = &deps.homeserver else {
        return Err(Refusal::RoomUnknown("there is no homeserver".to_owned()).into());
    };
    let asked = homeserver.media_in_room(token, room_id).await;
    asked.map_err(|error| match error {
        RoomError::Forbidden => Refusal::NeedsAdministratorsToken.into(),
        RoomError::Circle => Refusal::AskedInACircle.into(),
        RoomError::Unavailable(cause) => Refusal::RoomUnknown(cause).into(),
    })
}
