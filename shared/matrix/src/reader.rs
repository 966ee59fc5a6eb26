//! How a reader gets its bytes: they are here, or on their way, or somebody is sent for them.

use std::{sync::Arc, time::Duration};

use media_core::{
    Clock, Content, Legacy, Limits, Mxc, Neighbours, OwnedServerName, Record, Refusal, Timestamp,
    access::{self, Answer, Origin},
    clock::jittered,
    limits::{LEASE_LIFE, POLL_FIRST, POLL_MAX, RETRY_FIRST},
    mxc::random_name,
    record::{Failure, FailureReason, Lease},
};
use storage::{Functions, Outcome, Records, functions::FetchOrder};
use telemetry::Metric;

use crate::{Bell, Caller, Error, PastQuarantine, Query, Result, Throttle};

/// Characters of chance in the name of an attempt: enough that two never meet.
const ATTEMPT_CHARS: usize = 24;

/// Waits for media and has other servers' fetched.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The name of this server: what has another origin is remote.
    pub server_name: OwnedServerName,
    /// With whom we have to do.
    pub neighbours: Arc<Neighbours>,
    /// What is known.
    pub records: Records,
    /// Who is sent for remote media.
    pub functions: Functions,
    /// The time.
    pub clock: Clock,
    /// The bounds.
    pub limits: Arc<Limits>,
    /// What the old paths still show.
    pub legacy: Arc<Legacy>,
    /// Who has had how much fetched.
    pub throttle: Throttle,
    /// Rung in this process when bytes were stored.
    pub bell: Bell,
}

/// How somebody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// By which door.
    pub door: Door,
    /// How long they wait for media that is on its way.
    pub wait: Duration,
}

/// The doors, each with its own rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// With an access token. Other servers' media is fetched for this caller.
    Client(Caller),
    /// The same for an administrator who wants to see what is quarantined.
    PastQuarantine(Caller),
    /// Without one, on the old paths: only what they still show.
    Legacy(Caller),
    /// Signed by another server, for our own media alone.
    Federation,
}

impl Door {
    /// The door for somebody with an access token.
    #[must_use]
    pub fn for_client(caller: Caller, PastQuarantine(past): PastQuarantine) -> Self {
        if past { Self::PastQuarantine(caller) } else { Self::Client(caller) }
    }
}

impl Reader {
    /// Whose media this is.
    #[must_use]
    pub fn origin_of(&self, mxc: &Mxc) -> Origin {
        if mxc.origin == self.server_name { Origin::Local } else { Origin::Remote }
    }

    /// How somebody asks for `mxc` on the old paths, and whether they may be sent elsewhere for the bytes.
    ///
    /// # Errors
    /// A parameter that makes no sense; [`Refusal::NotFound`] for another server's media where the caller does not want it
    /// fetched (`allow_remote=false`), cached or not.
    pub fn legacy_ask(&self, mxc: &Mxc, query: &Query, caller: Caller) -> Result<(Ask, bool), Refusal> {
        let may_redirect = query.flag("allow_redirect", false)?;
        if !query.flag("allow_remote", true)? && self.origin_of(mxc) == Origin::Remote {
            return Err(Refusal::NotFound);
        }
        let ask = Ask { door: Door::Legacy(caller), wait: query.wait(&self.limits)? };
        Ok((ask, may_redirect))
    }

    /// Whose media this is, unless readers may have nothing of that server, cached or not.
    fn admitted_origin(&self, mxc: &Mxc) -> Result<Origin, Refusal> {
        let origin = self.origin_of(mxc);
        if origin == Origin::Remote {
            self.neighbours.may_be_read(&mxc.origin)?;
        }
        Ok(origin)
    }

    /// The content of `mxc`, of which `record` was known a moment ago; waits as long as `ask` says if it is on its way.
    ///
    /// A hit makes no call at all, but for the first of a day, which is noted. Whoever finds that nobody is fetching remote
    /// media claims it and sends `remote-fetch`; everybody waits on the record, so that it does not matter in which process
    /// the winner is. In this process the bell wakes them at once.
    pub async fn content(&self, mxc: &Mxc, mut record: Option<Record>, ask: &Ask) -> Result<Content> {
        let origin = self.admitted_origin(mxc)?;
        let deadline = self.clock.now() + ask.wait;
        let mut listening = None;
        let mut rung = None;
        let mut pause = POLL_FIRST;
        loop {
            let now = self.clock.now();
            if let (Door::PastQuarantine(_), Some(record)) = (&ask.door, &mut record) {
                record.quarantined_by = None;
            }
            if let Door::Legacy(_) = ask.door {
                self.legacy.admit(mxc, origin, record.as_ref(), now)?;
            }
            let answer = access::decide(origin, record.as_ref(), now, &self.limits);
            if listening.is_none() && origin == Origin::Remote {
                count_first_look(&answer);
            }
            match answer {
                Answer::Serve(content) => {
                    self.note_access(mxc, record.as_ref(), now).await;
                    return Ok(*content);
                }
                Answer::Refuse(refusal) => return Err(refusal.into()),
                Answer::Wait => {}
                Answer::Fetch => self.send_for(mxc, record.as_ref(), &ask.door).await?,
            }
            let left = deadline.since(now);
            if left.is_zero() {
                return Err(Refusal::NotYetUploaded.into());
            }
            let bell = listening.get_or_insert_with(|| self.bell.listen(mxc));
            let heard = rung.take().unwrap_or_else(|| bell.rung());
            let _ = tokio::time::timeout(jittered(pause).min(left), heard).await;
            pause = (pause * 2).min(POLL_MAX);
            // Before the look, so that nothing that comes after it goes unheard.
            rung = Some(bell.rung());
            record = self.records.get_latest(mxc).await?;
        }
    }

    /// Keeps the day of the last access, by which retention goes: one write per item and day.
    async fn note_access(&self, mxc: &Mxc, record: Option<&Record>, now: Timestamp) {
        if record.is_some_and(|record| record.last_access >= Some(now.day())) {
            return;
        }
        // Whoever asks gets the bytes whether or not this could be written down.
        if let Err(error) = self.records.touch(mxc, now).await {
            tracing::warn!(media.origin = %mxc.origin, %error, "An access could not be noted");
        }
    }

    /// Claims a remote item and sends `remote-fetch` for it; losing the claim means that somebody else did.
    ///
    /// Whoever has had too much fetched already is refused here, and whoever wins is charged with what comes.
    async fn send_for(&self, mxc: &Mxc, known: Option<&Record>, door: &Door) -> Result<()> {
        let caller = match door {
            Door::Client(caller) | Door::PastQuarantine(caller) | Door::Legacy(caller) => caller,
            // Never for another server: it has the origin to ask.
            Door::Federation => return Err(Refusal::NotFound.into()),
        };
        self.throttle.room_for_remote(caller).await?;
        let attempt = random_name(ATTEMPT_CHARS);
        let now = self.clock.now();
        let Outcome::Won(lease) = self.records.claim(mxc, &attempt, now, now + LEASE_LIFE).await? else {
            return Ok(());
        };
        if known.is_some_and(|record| matches!(record.state, media_core::State::Fetching(_))) {
            telemetry::count(Metric::LeaseTakeovers, 1);
            tracing::info!(media.origin = %mxc.origin, fence = lease.fence, "Took over a dead lease");
        }
        let charged_to = self.throttle.charged_to(caller);
        let order = FetchOrder { charged_to, ..FetchOrder::new(mxc, &lease.held_by, lease.fence) };
        match self.functions.wake_remote_fetch(&order).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // Nobody will work under this lease: give it back, so that the next reader need not outwait it.
                self.give_back(mxc, &lease).await?;
                Err(Error::fault(error))
            }
        }
    }

    async fn give_back(&self, mxc: &Mxc, lease: &Lease) -> Result<()> {
        let reason = FailureReason::Unavailable;
        let failure = Failure { reason, attempts: 1, retry_at: self.clock.now() + RETRY_FIRST };
        self.records.fail(mxc, lease, &failure).await?;
        Ok(())
    }
}

/// Whether other servers' media was here when somebody asked for it.
fn count_first_look(answer: &Answer) {
    match answer {
        Answer::Serve(_) => telemetry::count(Metric::RemoteHits, 1),
        Answer::Fetch | Answer::Wait => telemetry::count(Metric::RemoteMisses, 1),
        Answer::Refuse(_) => {}
    }
}
