//! What is counted to a user for an upload, and what they may.

use std::sync::atomic::{AtomicBool, Ordering};

use matrix::{Caller, Error, Requester, Result};
use media_core::{
    Allowance, OwnedUserId, Refusal, UserId,
    refusal::Hoard,
    usage::{Count, Over},
};
use storage::{Key, Outcome};

use crate::Upload;

/// What was counted of one upload; nothing where the user has no limit that counts.
///
/// Whoever is stopped gives it back: a client that goes away takes its request with it, and might not upload any more after
/// a few such days.
pub(crate) struct Counted(Option<Counting>);

struct Counting {
    upload: Upload,
    user: OwnedUserId,
    begun: Count,
    so_far: u64,
    comes_to_nothing: AtomicBool,
}

impl Counted {
    /// From here on a record may name the bytes: whoever is stopped now leaves them counted.
    pub(crate) fn may_be_recorded(&self) {
        if let Some(counting) = &self.0 {
            counting.comes_to_nothing.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(counting) = self.0.take_if(|counting| *counting.comes_to_nothing.get_mut()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = counting.give_back().await {
                tracing::warn!(%error, "What was counted to a user could not be given back; a recount puts it right");
            }
        });
    }
}

impl Counting {
    async fn give_back(&self) -> Result<()> {
        let returned = self.begun.returned(self.so_far);
        // What takes away is within every allowance.
        self.upload.write_count(&self.user, &returned, &self.upload.allowance(&self.user)).await
    }
}

impl Upload {
    /// What this user may upload.
    pub(crate) fn allowance(&self, user: &UserId) -> Allowance {
        if self.deps.throttle.is_unlimited(&Caller::User(user.to_owned())) {
            Allowance::default()
        } else {
            self.deps.limits.allowance_of(user)
        }
    }

    /// The largest of this user's uploads through us, in bytes.
    pub(crate) fn upload_limit(&self, user: &UserId) -> u64 {
        self.allowance(user).upload_bytes.unwrap_or(self.deps.limits.upload_bytes)
    }

    /// Counts an upload that is about to be stored as `key`, of so many bytes as far as is known.
    pub(crate) async fn count(&self, requester: &Requester, key: &Key, bytes: u64) -> Result<Counted> {
        let (user, allowance) = (&requester.user_id, self.allowance(&requester.user_id));
        if !allowance.is_counted() {
            return Ok(Counted(None));
        }
        let begun = Count::begun(&key.to_string(), bytes, self.deps.clock.now());
        self.write_count(user, &begun, &allowance).await?;
        let comes_to_nothing = AtomicBool::new(true);
        let (upload, user) = (self.clone(), user.clone());
        Ok(Counted(Some(Counting { upload, user, begun, so_far: bytes, comes_to_nothing })))
    }

    /// Counts what came beyond what was counted, or gives the rest back.
    pub(crate) async fn measure(&self, counted: &mut Counted, bytes: u64) -> Result<()> {
        let Counted(Some(Counting { user, begun, so_far, .. })) = counted else { return Ok(()) };
        if *so_far != bytes {
            let measured = begun.measured(bytes, *so_far);
            self.write_count(user, &measured, &self.allowance(user)).await?;
            *so_far = bytes;
        }
        Ok(())
    }

    /// Takes a count back: the upload came to nothing.
    pub(crate) async fn give_back(&self, counted: &Counted) -> Result<()> {
        let Counted(Some(counting)) = counted else { return Ok(()) };
        counting.give_back().await?;
        counted.may_be_recorded();
        Ok(())
    }

    async fn write_count(&self, user: &UserId, count: &Count, allowance: &Allowance) -> Result<()> {
        let (records, now) = (&self.deps.store.records, self.deps.clock.now());
        match records.count(user, count, allowance, now).await? {
            Outcome::Won(()) => Ok(()),
            Outcome::Lost(over) => Err(self.refused(over)),
        }
    }

    fn refused(&self, over: Over) -> Error {
        let more = || self.deps.config.uploads.limit_page.clone();
        let refusal = match over {
            Over::Bytes => Refusal::UserLimit { what: Hoard::Bytes, more: more() },
            Over::Files => Refusal::UserLimit { what: Hoard::Files, more: more() },
            Over::Lately(retry_after) => Refusal::UploadedMuchLately { retry_after },
        };
        refusal.into()
    }
}
