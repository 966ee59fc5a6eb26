//! Long work of an administrator, in steps: what is asked, how far it is, and that it is to stop.
//!
//! A job lives in the table of what may be forgotten. Each step is done and then written down ([`Ephemeral::replace`]), so
//! two processes that work on one job notice it, and what a dead one did is done again, which changes nothing.

use media_core::{
    Timestamp,
    limits::{JOB_MEMORY, JOB_STALLED_AFTER, LISTED_JOBS},
    mxc::random_name,
};
use serde::{Deserialize, Serialize};

use crate::{Ephemeral, Error, Outcome, ephemeral::Expiring, listing::Cursor};

/// Characters of a job's id.
const ID_CHARS: usize = 16;

/// The entry that lists the latest jobs.
const LATEST: &str = "J#";

/// How often the list is written again when somebody else was quicker.
const LIST_ATTEMPTS: usize = 16;

/// The most bytes of names that one job holds. An item of DynamoDB has 400 KiB.
pub const NAMES_BYTES: usize = 256 * 1024;

/// One job. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// What is to be done.
    pub work: Work,
    /// Who asked for it.
    pub asked_by: String,
    /// When.
    pub started_ms: u64,
    /// When somebody last worked on it.
    pub touched_ms: u64,
    /// How it stands.
    pub stands: Stands,
    /// Where its next step begins; `None` before the first.
    pub at: Option<Place>,
    /// How far it is.
    pub progress: Progress,
}

/// What is to be done with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// What.
    pub handling: Handling,
    /// With which media.
    pub chosen: Chosen,
}

/// What is done with a piece of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handling {
    /// It is deleted, bytes and all.
    Purge,
    /// It is hidden, and so is everything that has its bytes.
    Quarantine,
    /// That is undone.
    Release,
}

/// Which media a job is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// What nobody asked for since a moment.
    Unused {
        /// The moment.
        before_ms: u64,
        /// Of our users' media.
        local: bool,
        /// Of other servers' media.
        remote: bool,
        /// Only what has more bytes than this.
        larger_than_bytes: u64,
        /// Not what its uploader shows as their own picture.
        keep_avatars: bool,
    },
    /// What is hidden.
    Quarantined,
    /// What one user uploaded.
    User {
        /// The user.
        user_id: String,
        /// Only before this moment.
        before_ms: Option<u64>,
    },
    /// What comes from one server.
    Server {
        /// Its name.
        server_name: String,
        /// Only before this moment.
        before_ms: Option<u64>,
    },
    /// What stands in a list beside the job ([`Ephemeral::job_names`]).
    Named {
        /// What the list is of, for people: a room's id.
        list_of: String,
        /// Only before this moment.
        before_ms: Option<u64>,
    },
}

/// Where a step begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// After this key.
    After(Cursor),
    /// With this entry of the list of names.
    Name(usize),
}

/// How a job stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// Somebody works on it, or will.
    Running,
    /// All of it is done.
    Done,
    /// An administrator ended it.
    Cancelled,
}

/// How far a job is, in pieces of media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Looked at.
    pub seen: u64,
    /// Done.
    pub done: u64,
    /// Bytes of what was done.
    pub bytes: u64,
    /// Meant, but spared: protected, somebody's own picture, or hidden.
    pub spared: u64,
    /// Meant, but it went wrong, so it was left for another time.
    pub failed: u64,
}

/// What whoever goes on with a job is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOrder {
    /// Which.
    pub job: String,
}

impl Job {
    /// A job that begins now.
    #[must_use]
    pub fn new(work: Work, asked_by: &str, now: Timestamp) -> Self {
        Self {
            id: random_name(ID_CHARS),
            work,
            asked_by: asked_by.to_owned(),
            started_ms: now.0,
            touched_ms: now.0,
            stands: Stands::Running,
            at: None,
            progress: Progress::default(),
        }
    }

    /// Whether nobody seems to work on it any more, though it is not done.
    #[must_use]
    pub fn is_stalled(&self, now: Timestamp) -> bool {
        self.stands == Stands::Running && now.since(Timestamp(self.touched_ms)) >= JOB_STALLED_AFTER
    }
}

impl Ephemeral {
    /// Writes a new job down, its names before it, and puts it on the list.
    pub async fn start_job(&self, job: &Job, names: Option<&[String]>) -> Result<(), Error> {
        let expires_at = self.clock().now() + JOB_MEMORY;
        if let Some(names) = names {
            self.put(&names_key(&job.id), &Expiring { value: names, expires_at }).await?;
        }
        self.put(&key(&job.id), &Expiring { value: job, expires_at }).await?;
        self.list_job(&job.id).await
    }

    /// The job, as it is at this moment.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, Error> {
        Ok(self.get_latest(&key(id)).await?.map(|entry| entry.value))
    }

    /// The names of a job that is about a list of them.
    pub async fn job_names(&self, id: &str) -> Result<Vec<String>, Error> {
        Ok(self.get_latest(&names_key(id)).await?.map(|entry| entry.value).unwrap_or_default())
    }

    /// The latest jobs, the newest first; those that were forgotten are left out.
    pub async fn latest_jobs(&self) -> Result<Vec<Job>, Error> {
        let listed: Vec<String> = self.get_latest(LATEST).await?.map(|entry| entry.value).unwrap_or_default();
        let mut jobs = Vec::with_capacity(listed.len());
        for id in listed.iter().rev() {
            jobs.extend(self.job(id).await?);
        }
        Ok(jobs)
    }

    /// Writes down that a step of `before` was done. The loser is not the only one who works on the job.
    pub async fn step_job(&self, before: &Job, after: &Job) -> Result<Outcome<(), ()>, Error> {
        let expires_at = self.clock().now() + JOB_MEMORY;
        self.replace(&key(&before.id), Some(before), &Expiring { value: after.clone(), expires_at }).await
    }

    /// Says that a job is to stop: whoever works on it looks before each step.
    pub async fn cancel_job(&self, id: &str) -> Result<(), Error> {
        let expires_at = self.clock().now() + JOB_MEMORY;
        self.put(&cancel_key(id), &Expiring { value: true, expires_at }).await
    }

    /// Whether it is to stop.
    pub async fn is_job_cancelled(&self, id: &str) -> Result<bool, Error> {
        Ok(self.get_latest::<bool>(&cancel_key(id)).await?.is_some())
    }

    async fn list_job(&self, id: &str) -> Result<(), Error> {
        for _ in 0..LIST_ATTEMPTS {
            let seen: Option<Vec<String>> = self.get_latest(LATEST).await?.map(|entry| entry.value);
            let mut list = seen.clone().unwrap_or_default();
            list.push(id.to_owned());
            list.drain(..list.len().saturating_sub(LISTED_JOBS));
            let entry = Expiring { value: list, expires_at: self.clock().now() + JOB_MEMORY };
            if self.replace(LATEST, seen.as_ref(), &entry).await?.is_won() {
                return Ok(());
            }
        }
        // The job runs all the same, and who asked for it knows its id.
        tracing::warn!("A job could not be put on the list: too many were started at once");
        Ok(())
    }
}

fn key(id: &str) -> String {
    format!("J#{id}")
}

fn names_key(id: &str) -> String {
    format!("J#{id}#names")
}

fn cancel_key(id: &str) -> String {
    format!("J#{id}#cancel")
}
