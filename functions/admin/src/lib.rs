//! An operator looks at media, hides it, deletes it and counts it.
//!
//! Two dialects: Synapse's administration API, so that its tools work unchanged, and what matrix-media-repo has besides. What
//! concerns one piece of media is done at once. What concerns many is a job (`jobs`): begun within its call, and gone on with
//! elsewhere when the call has lasted long enough. `judging` says which records an order means, `hiding` and `erasing` do it.

mod asked;
mod counting;
mod erasing;
mod found;
mod hiding;
mod jobs;
mod judging;
mod media;
mod own_media;
mod protect;
mod purge;
mod quarantine;
mod quarantine_changes;
mod ranking;
mod room_media;
mod statistics;
mod told;
mod usage;
mod user_media;
mod working;

use axum::{
    Router,
    extract::State,
    routing::{MethodRouter, delete, get, post},
};
use matrix::{Administrator, PathText, Result, routes};
use runtime::Deps;
use storage::jobs::Handling::{self, Quarantine, Release};

use crate::told::Answer;

pub use crate::working::{continue_job, resume};

/// All paths of administration. Behind each a slash may stand, as some tools write it.
pub fn router(deps: &Deps) -> Router {
    let mut all: Vec<(&str, MethodRouter<Deps>)> = vec![
        (routes::ADMIN_MEDIA, get(media::look).delete(media::delete)),
        (routes::ADMIN_QUARANTINE, post(quarantine::quarantine)),
        (routes::ADMIN_UNQUARANTINE, post(quarantine::unquarantine)),
        (routes::ADMIN_PROTECT, post(protect::protect)),
        (routes::ADMIN_UNPROTECT, post(protect::unprotect)),
        (routes::ADMIN_QUARANTINE_CHANGES, get(quarantine_changes::list)),
        (routes::ADMIN_ROOM_MEDIA, get(room_media::list)),
        (routes::ADMIN_PURGE_CACHE, post(purge::cache)),
        (routes::ADMIN_USER_MEDIA, get(user_media::list).delete(user_media::delete)),
        (routes::ADMIN_USER_STATISTICS, get(statistics::by_user)),
        (routes::ADMIN_PURGE_REMOTE, post(purge::cache)),
        (routes::ADMIN_PURGE_OLD, post(purge::old)),
        (routes::ADMIN_PURGE_QUARANTINED, post(purge::quarantined)),
        (routes::ADMIN_PURGE_USER, post(purge::user)),
        (routes::ADMIN_PURGE_ROOM, post(purge::room)),
        (routes::ADMIN_PURGE_SERVER, post(purge::server)),
        (routes::ADMIN_PURGE_MEDIA, post(purge::one)),
        (routes::ADMIN_USAGE, get(usage::by_server)),
        (routes::ADMIN_USAGE_OF, get(usage::of_server)),
        (routes::ADMIN_JOBS, get(jobs::all)),
        (routes::ADMIN_UNFINISHED_JOBS, get(jobs::unfinished)),
        (routes::ADMIN_JOB, get(jobs::one).delete(jobs::cancel)),
        (routes::DELETE_OWN, delete(own_media::delete)),
    ];
    all.extend(routes::ADMIN_DELETE_UNUSED.map(|path| (path, post(purge::unused))));
    all.extend(routes::ADMIN_QUARANTINE_ROOM.map(|path| (path, hiding(Quarantine, quarantine::room))));
    all.push((routes::ADMIN_QUARANTINE_USER, hiding(Quarantine, quarantine::user)));
    for (handling, form) in [(Quarantine, 0), (Release, 1)] {
        all.extend([
            (routes::ADMIN_HIDE_MEDIA[form], hiding(handling, quarantine::media)),
            (routes::ADMIN_HIDE_USER[form], hiding(handling, quarantine::user)),
            (routes::ADMIN_HIDE_ROOM[form], hiding(handling, quarantine::room)),
            (routes::ADMIN_HIDE_SERVER[form], hiding(handling, quarantine::server)),
            (routes::ADMIN_HIDE_BYTES[form], hiding(handling, quarantine::bytes)),
        ]);
    }
    let mut router = Router::new();
    for (path, endpoint) in all {
        router = router.route(path, endpoint.clone()).route(&format!("{path}/"), endpoint);
    }
    router.with_state(deps.clone())
}

/// The endpoint of a call that hides, or of one that undoes it, by the same words.
fn hiding<F, A>(handling: Handling, handle: F) -> MethodRouter<Deps>
where
    F: Fn(Handling, Administrator, Deps, PathText) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Answer>> + Send + 'static,
{
    post(move |administrator: Administrator, State(deps): State<Deps>, path: PathText| {
        handle(handling, administrator, deps, path)
    })
}
