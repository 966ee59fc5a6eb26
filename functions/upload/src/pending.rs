//! How many names a user may have that wait for their bytes.

use std::time::Duration;

use matrix::{Requester, Result};
use media_core::{Mxc, Record, Refusal, Reservation, State, Timestamp, UserId};
use storage::{Outcome, guards::Pending};

use crate::Upload;

/// How long a place may be without its record: whoever took it is about to write it, or died.
const RECORD_TIME: Duration = Duration::from_mins(1);

impl Upload {
    /// Takes one of the user's places, if there is one. Places whose name has expired or was filled are no longer taken,
    /// also when whoever filled it died before giving the place back.
    pub(crate) async fn take_place(&self, requester: &Requester, place: &Pending) -> Result<()> {
        let Some(limit) = self.allowance(&requester.user_id).pending else { return Ok(()) };
        let (records, user) = (&self.deps.store.records, &requester.user_id);
        let Outcome::Lost(taken) = records.take_pending(user, place, limit).await? else { return Ok(()) };
        let free = self.no_longer_taken(&taken).await?;
        records.free_pending(user, &free).await?;
        let Outcome::Lost(taken) = records.take_pending(user, place, limit).await? else { return Ok(()) };
        let first = taken.iter().map(|place| place.expires_at).min().unwrap_or_default();
        Err(Refusal::TooManyPending { retry_after: first.since(self.deps.clock.now()) }.into())
    }

    /// Gives the place of a name back that has its bytes now. When that fails the upload is done all the same, and the place
    /// is found free when the places run out.
    pub(crate) async fn give_place_back(&self, user: &UserId, mxc: &Mxc, reservation: &Reservation) {
        let place = Pending { media_id: mxc.media_id.to_string(), expires_at: reservation.expires_at };
        if let Err(error) = self.deps.store.records.free_pending(user, &[place]).await {
            tracing::warn!(%error, "A place among pending uploads could not be given back");
        }
    }

    async fn no_longer_taken(&self, taken: &[Pending]) -> Result<Vec<Pending>> {
        let now = self.deps.clock.now();
        let mut free = Vec::new();
        for place in taken {
            if place.expires_at <= now || !self.is_waiting(place, now).await? {
                free.push(place.clone());
            }
        }
        Ok(free)
    }

    async fn is_waiting(&self, place: &Pending, now: Timestamp) -> Result<bool> {
        let Ok(media_id) = place.media_id.parse() else { return Ok(false) };
        let mxc = Mxc { origin: self.deps.server_name.clone(), media_id };
        let taken_at = place.expires_at - self.deps.limits.reservation_life;
        Ok(match self.deps.store.records.get_latest(&mxc).await? {
            Some(Record { state: State::Reserved(_), .. }) => true,
            Some(_) => false,
            None => now.since(taken_at) < RECORD_TIME,
        })
    }
}
