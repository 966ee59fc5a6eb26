//! `GET …/tasks/all`, `…/unfinished` and `…/{jobId}`: the jobs there are and how far they have come; `DELETE`: one is to stop.

use axum::{Json, extract::State};
use matrix::{Administrator, PathText, Result};
use media_core::Refusal;
use runtime::Deps;
use serde_json::{Value, json};
use storage::{Job, jobs::Stands};

use crate::{told::Answer, working};

/// The latest. Whoever looks takes up what was left lying.
pub(crate) async fn all(_: Administrator, State(deps): State<Deps>) -> Result<Answer> {
    let jobs = look(&deps).await?;
    Ok(Json(jobs.iter().map(told).collect()))
}

/// Those of them that are not done.
pub(crate) async fn unfinished(_: Administrator, State(deps): State<Deps>) -> Result<Answer> {
    let jobs = look(&deps).await?;
    Ok(Json(jobs.iter().filter(|job| job.stands == Stands::Running).map(told).collect()))
}

/// One.
pub(crate) async fn one(_: Administrator, State(deps): State<Deps>, path: PathText) -> Result<Answer> {
    let job = deps.store.ephemeral.job(path.get("jobId")).await?;
    let job = job.ok_or(Refusal::NoSuchJob)?;
    if job.is_stalled(deps.clock.now()) {
        resume(&deps).await;
    }
    Ok(Json(told(&job)))
}

/// Whoever works on it looks before each step, so that it ends soon and what was done stays done.
pub(crate) async fn cancel(_: Administrator, State(deps): State<Deps>, path: PathText) -> Result<Answer> {
    let id = path.get("jobId");
    deps.store.ephemeral.job(id).await?.ok_or(Refusal::NoSuchJob)?;
    deps.store.ephemeral.cancel_job(id).await?;
    Ok(Json(json!({})))
}

async fn look(deps: &Deps) -> Result<Vec<Job>> {
    let jobs = deps.store.ephemeral.latest_jobs().await?;
    let now = deps.clock.now();
    if jobs.iter().any(|job| job.is_stalled(now)) {
        resume(deps).await;
    }
    Ok(jobs)
}

/// Whoever only looks is told all the same when nobody can be woken.
async fn resume(deps: &Deps) {
    if let Err(error) = working::resume(deps).await {
        tracing::warn!(%error, "Jobs that were left lying could not be taken up");
    }
}

/// In the names of matrix-media-repo, with what there is besides.
fn told(job: &Job) -> Value {
    let is_finished = job.stands != Stands::Running;
    json!({
        "task_id": job.id,
        "task_name": job.work.handling,
        "params": job.work.chosen,
        "asked_by": job.asked_by,
        "start_ts": job.started_ms,
        "end_ts": is_finished.then_some(job.touched_ms),
        "is_finished": is_finished,
        "state": job.stands,
        "progress": job.progress,
    })
}

/// Adds to an answer which job is not done yet; whose job is, gets what Synapse would say and no more.
pub(crate) fn with_job(mut answer: Value, job: &Job) -> Answer {
    if job.stands == Stands::Running {
        answer["job_id"] = job.id.as_str().into();
    }
    Json(answer)
}
