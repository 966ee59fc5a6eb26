//! Works on jobs, step by step: a page of records is judged and handled, then the step is written down.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use matrix::{Error, Result};
use media_core::{
    Mxc, OwnedUserId, Record, UserId,
    access::Origin,
    limits::{JOB_CALL_TIME, JOB_CONCURRENCY, SCAN_PAGE},
};
use moka::future::Cache;
use runtime::{Deadline, Deps};
use storage::{
    Cursor, Job, SdkCalls,
    guards::Spared,
    jobs::{Chosen, Handling, JobOrder, NAMES_BYTES, Place, Progress, Stands, Work},
};
use tokio::time::Instant;

use crate::{
    erasing::{self, Deleted},
    hiding,
    judging::{Verdict, judge},
    told::Names,
};

/// How long before its own end an invocation begins no further step: a step of many deletions takes seconds.
const LAST_STEP: Duration = Duration::from_secs(45);

/// Entries of a list of names that one step handles.
const NAMES_PER_STEP: usize = 200;

/// Users of whose pictures one run of a job remembers what they are.
const CACHED_AVATARS: u64 = 1_000;

/// A job of which its call tells.
pub(crate) struct Begun {
    /// As it stood when the call had lasted long enough.
    pub(crate) job: Job,
    /// What was handled until then.
    pub(crate) names: Names,
}

/// Begins a job and stays with it until it is done or the call has lasted long enough; then others go on with it. It goes on,
/// too, when the caller goes away.
pub(crate) async fn begin(deps: &Deps, work: Work, by: &str) -> Result<Begun> {
    let job = Job::new(work, by, deps.clock.now());
    deps.store.ephemeral.start_job(&job, None).await?;
    tracing::info!(job.id = %job.id, work = ?job.work, "An administrator began a job");
    stay_with(deps, job, Instant::now() + JOB_CALL_TIME).await
}

/// The same for a list of names: as many jobs as it takes to hold them, each with what has come of it.
pub(crate) async fn begin_with(
    deps: &Deps,
    handling: Handling,
    list_of: &str,
    before_ms: Option<u64>,
    names: &[String],
    by: &str,
) -> Result<Vec<Begun>> {
    let until = Instant::now() + JOB_CALL_TIME;
    let mut jobs = Vec::new();
    for part in parts(names) {
        let chosen = Chosen::Named { list_of: list_of.to_owned(), before_ms };
        let job = Job::new(Work { handling, chosen }, by, deps.clock.now());
        deps.store.ephemeral.start_job(&job, Some(part)).await?;
        jobs.push(job);
    }
    let mut begun = Vec::new();
    for job in jobs {
        begun.push(stay_with(deps, job, until).await?);
    }
    Ok(begun)
}

/// Goes on with a job that somebody left, until it is done or this invocation has to end; then wakes the next.
///
/// # Errors
/// Only faults of ours, so that Lambda delivers the order again.
pub async fn continue_job(deps: &Deps, order: JobOrder, deadline: Deadline) -> Result<(), runtime::Error> {
    let Some(job) = deps.store.ephemeral.job(&order.job).await? else { return Ok(()) };
    let until = deadline.sooner(LAST_STEP).instant();
    let run = Box::pin(Worker::new(deps).work(job, until, &mut Names::default())).await?;
    run.end(deps).await?;
    Ok(())
}

/// Takes up the jobs on which nobody works any more: whoever did died with its process.
///
/// # Errors
/// Faults of ours.
pub async fn resume(deps: &Deps) -> Result<(), runtime::Error> {
    for job in deps.store.ephemeral.latest_jobs().await? {
        if job.is_stalled(deps.clock.now()) {
            wake(deps, &job).await?;
        }
    }
    Ok(())
}

async fn stay_with(deps: &Deps, job: Job, until: Instant) -> Result<Begun> {
    let deps = deps.clone();
    let work = async move {
        let mut names = Names::default();
        let run = Box::pin(Worker::new(&deps).work(job, Some(until), &mut names)).await?;
        let job = run.end(&deps).await?;
        Ok(Begun { job, names })
    };
    SdkCalls::spawn(work).await.map_err(Error::fault)?
}

async fn wake(deps: &Deps, job: &Job) -> Result<()> {
    Ok(deps.store.functions.continue_job(&JobOrder { job: job.id.clone() }).await?)
}

/// As much of a list as one job holds, part by part.
fn parts(mut names: &[String]) -> Vec<&[String]> {
    let mut parts = Vec::new();
    while !names.is_empty() {
        let mut bytes = 0;
        let fitting = names.iter().take_while(|name| {
            // Quotes and a comma.
            bytes += name.len() + 3;
            bytes <= NAMES_BYTES
        });
        let (part, rest) = names.split_at(fitting.count().max(1));
        parts.push(part);
        names = rest;
    }
    parts
}

fn done(record: &Record, count: u64, bytes: u64) -> Handled {
    Handled::Done { count, bytes, mxc: record.mxc.clone() }
}

struct Worker<'a> {
    deps: &'a Deps,
    /// What users show as their own picture; `None` where the homeserver does not say.
    avatars: Cache<OwnedUserId, Option<String>>,
}

/// How a run of a job ended.
enum Run {
    /// There is nothing left to do.
    Over(Job),
    /// Time was up.
    Left(Job),
    /// Somebody else works on it and goes on with it.
    Theirs(Job),
}

impl Run {
    /// Has somebody else go on with what is left.
    async fn end(self, deps: &Deps) -> Result<Job> {
        match self {
            Self::Over(job) => {
                let Progress { seen, done, bytes, spared, failed } = job.progress;
                let stands = &job.stands;
                tracing::info!(job.id = %job.id, ?stands, seen, done, bytes, spared, failed, "A job is over");
                Ok(job)
            }
            Self::Left(job) => {
                wake(deps, &job).await?;
                Ok(job)
            }
            Self::Theirs(job) => Ok(job),
        }
    }
}

/// How one record ended.
enum Handled {
    NotMeant,
    Spared,
    Failed,
    Done { count: u64, bytes: u64, mxc: Mxc },
}

impl<'a> Worker<'a> {
    fn new(deps: &'a Deps) -> Self {
        Self { deps, avatars: Cache::new(CACHED_AVATARS) }
    }

    /// Step by step until the end, or until somebody says stop, or somebody else turns out to work on it, or time is up. A
    /// step that was begun is ended. At least one is taken, so that a job of any size gets on.
    async fn work(&self, mut job: Job, until: Option<Instant>, names: &mut Names) -> Result<Run> {
        let ephemeral = &self.deps.store.ephemeral;
        loop {
            if job.stands != Stands::Running {
                return Ok(Run::Over(job));
            }
            let after = if ephemeral.is_job_cancelled(&job.id).await? {
                Job { stands: Stands::Cancelled, touched_ms: self.deps.clock.now().0, ..job.clone() }
            } else {
                self.step(&job, names).await?
            };
            if !ephemeral.step_job(&job, &after).await?.is_won() {
                tracing::info!(job.id = %job.id, "Somebody else works on this job");
                return Ok(Run::Theirs(job));
            }
            job = after;
            let is_late = until.is_some_and(|until| Instant::now() >= until);
            if is_late && job.stands == Stands::Running {
                return Ok(Run::Left(job));
            }
        }
    }

    async fn step(&self, job: &Job, names: &mut Names) -> Result<Job> {
        let (records, at) = self.next_records(job).await?;
        let mut progress = job.progress;
        progress.seen += records.len() as u64;
        let handling = stream::iter(records).map(|record| self.handle(job, record));
        let handled: Vec<_> = handling.buffer_unordered(JOB_CONCURRENCY).collect().await;
        for handled in handled {
            match handled {
                Handled::NotMeant => {}
                Handled::Spared => progress.spared += 1,
                Handled::Failed => progress.failed += 1,
                Handled::Done { count, bytes, mxc } => {
                    progress.done += count;
                    progress.bytes += bytes;
                    names.push(&mxc);
                }
            }
        }
        let stands = if at.is_some() { Stands::Running } else { Stands::Done };
        Ok(Job { at, stands, progress, touched_ms: self.deps.clock.now().0, ..job.clone() })
    }

    /// The records of the next step, and where the one after it begins.
    async fn next_records(&self, job: &Job) -> Result<(Vec<Record>, Option<Place>)> {
        let records = &self.deps.store.records;
        let after = match &job.at {
            Some(Place::After(cursor)) => Some(cursor),
            _ => None,
        };
        let origin = match &job.work.chosen {
            Chosen::Named { .. } => return self.next_named(job).await,
            Chosen::User { user_id, .. } => return self.next_of_user(user_id, after).await,
            Chosen::Server { server_name, .. } => {
                Some(server_name.as_str().try_into().map_err(Error::fault)?)
            }
            Chosen::Unused { remote: false, .. } => Some(&*self.deps.server_name),
            Chosen::Unused { .. } | Chosen::Quarantined => None,
        };
        let page = records.scan(origin, after).await?;
        Ok((page.found, page.next.map(Place::After)))
    }

    async fn next_of_user(&self, user: &str, after: Option<&Cursor>) -> Result<(Vec<Record>, Option<Place>)> {
        let user: &UserId = user.try_into().map_err(Error::fault)?;
        let page = self.deps.store.records.of_user(user, false, Some(SCAN_PAGE), after).await?;
        let names: Vec<_> = page.found.into_iter().map(|owned| owned.mxc).collect();
        Ok((self.deps.store.records.get_many(&names).await?, page.next.map(Place::After)))
    }

    async fn next_named(&self, job: &Job) -> Result<(Vec<Record>, Option<Place>)> {
        let names = self.deps.store.ephemeral.job_names(&job.id).await?;
        let from = match job.at {
            Some(Place::Name(from)) => from,
            _ => 0,
        };
        let to = names.len().min(from + NAMES_PER_STEP);
        // A room's events say what they like: what is no name is nobody's media.
        let some = names.get(from..to).unwrap_or_default().iter();
        let some: Vec<Mxc> = some.filter_map(|name| name.parse().ok()).collect();
        let next = (to < names.len()).then_some(Place::Name(to));
        Ok((self.deps.store.records.get_many(&some).await?, next))
    }

    async fn handle(&self, job: &Job, record: Record) -> Handled {
        let record = &record;
        let origin = self.deps.reader.origin_of(&record.mxc);
        match judge(&job.work, record, origin, self.deps.clock.now()) {
            Verdict::NotMeant => return Handled::NotMeant,
            Verdict::Spared => return Handled::Spared,
            Verdict::Meant if self.is_shown(&job.work.chosen, record, origin).await => {
                return Handled::Spared;
            }
            Verdict::Meant => {}
        }
        let handled = match job.work.handling {
            Handling::Purge => self.purge(&job.work.chosen, &record.mxc).await,
            Handling::Quarantine => {
                hiding::hide(self.deps, record, &job.asked_by).await.map(|count| done(record, count, 0))
            }
            Handling::Release => {
                hiding::show(self.deps, record, &job.asked_by).await.map(|count| done(record, count, 0))
            }
        };
        handled.unwrap_or_else(|error| {
            tracing::warn!(job.id = %job.id, media.id = %record.mxc, %error, "A job left something undone");
            Handled::Failed
        })
    }

    /// What has been protected meanwhile, or hidden where that counts, is spared all the same.
    async fn purge(&self, chosen: &Chosen, mxc: &Mxc) -> Result<Handled> {
        let quarantined = matches!(chosen, Chosen::Unused { .. });
        let spared = Spared { protected: true, quarantined, used_since: None };
        Ok(match erasing::erase(self.deps, mxc, &spared).await? {
            Deleted::Gone { bytes } => Handled::Done { count: 1, bytes, mxc: mxc.clone() },
            Deleted::Not => Handled::Spared,
        })
    }

    /// Whether its uploader shows it as their own picture, where that is asked for. It counts as shown, too, when the
    /// homeserver does not say.
    async fn is_shown(&self, chosen: &Chosen, record: &Record, origin: Origin) -> bool {
        let (Chosen::Unused { keep_avatars: true, .. }, Origin::Local) = (chosen, origin) else {
            return false;
        };
        let (Some(user), Some(homeserver)) = (&record.uploader, &self.deps.homeserver) else { return false };
        if let Some(avatar) = self.avatars.get(user).await {
            return avatar.is_some_and(|avatar| avatar == record.mxc.to_string());
        }
        match homeserver.avatar(user).await {
            Ok(avatar) => {
                self.avatars.insert(user.clone(), avatar.clone()).await;
                avatar.is_some_and(|avatar| avatar == record.mxc.to_string())
            }
            Err(cause) => {
                tracing::warn!(%cause, "The homeserver does not say what a user's picture is, so media was kept");
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_any_length_is_cut_into_what_a_job_holds() {
        let names: Vec<String> = (0..20_000).map(|n| format!("mxc://example.org/{n:0>40}")).collect();
        let parts = parts(&names);
        assert!(parts.len() > 3);
        assert_eq!(parts.concat(), names);
        for part in parts {
            assert!(serde_json::to_string(part).unwrap().len() <= NAMES_BYTES + 2);
        }
        assert!(super::parts(&[]).is_empty());
    }
}
