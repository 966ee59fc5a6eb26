//! Which media the old, unauthenticated paths still give out (client-server API 1.12, "freeze").

use std::collections::HashSet;

use crate::{access::Origin, clock::Timestamp, mxc::Mxc, record::Record, refusal::Refusal};

/// What an operator decided about the old paths.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Legacy {
    /// From when on new media is not shown there.
    pub frozen: Frozen,
    /// Shown there whatever else holds: the icons of `m.login.sso`, which a client needs before it has a token.
    pub exempt: HashSet<Mxc>,
}

/// From when on media is not shown on the old paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Frozen {
    /// No media ever is: right for whoever has none from before.
    #[default]
    Always,
    /// Media that is stored from this moment on is not. For another server's, stored means fetched.
    Since(Timestamp),
}

impl Legacy {
    /// Whether media that is stored at `now` is for the authenticated paths alone. Kept in its record from then on.
    #[must_use]
    pub fn is_frozen(&self, now: Timestamp) -> bool {
        match self.frozen {
            Frozen::Always => true,
            Frozen::Since(since) => now >= since,
        }
    }

    /// Whether `mxc`, of which `record` is known, may be asked for on the old paths at `now`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], as though it did not exist: for media that was stored under the freeze, and for another
    /// server's that would have to be fetched under it.
    pub fn admit(
        &self,
        mxc: &Mxc,
        origin: Origin,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.exempt.contains(mxc) {
            return Ok(());
        }
        let is_shown = match (self.frozen, record) {
            (Frozen::Always, _) => false,
            (Frozen::Since(_), Some(record)) if record.kept().is_some() => !record.authenticated,
            // Not here yet: it would be stored now. What is ours may be on its way since before the freeze, and its
            // record will say so.
            (Frozen::Since(_), _) => origin == Origin::Local || !self.is_frozen(now),
        };
        if is_shown { Ok(()) } else { Err(Refusal::NotFound) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Content, State};

    const FREEZE: Timestamp = Timestamp(1_000);

    fn mxc() -> Mxc {
        "mxc://example.org/abc".parse().unwrap()
    }

    fn stored(authenticated: bool) -> Record {
        Record {
            mxc: mxc(),
            state: State::Stored(Content {
                object_key: "originals/x".into(),
                brought_as: "originals/x".into(),
                content_type: "image/png".into(),
                size_bytes: 1,
                sha256: None,
                upload_name: None,
            }),
            created_at: Timestamp(0),
            uploader: None,
            authenticated,
            quarantined_by: None,
            protected: false,
            last_access: None,
            picture: None,
        }
    }

    #[track_caller]
    fn check(legacy: &Legacy, origin: Origin, record: Option<&Record>, now: u64, shown: bool) {
        let admitted = legacy.admit(&mxc(), origin, record, Timestamp(now));
        assert_eq!(admitted, if shown { Ok(()) } else { Err(Refusal::NotFound) });
    }

    #[test]
    fn nothing_is_shown_unless_somebody_says_since_when() {
        let legacy = Legacy::default();
        assert!(legacy.is_frozen(Timestamp(0)));
        for origin in [Origin::Local, Origin::Remote] {
            check(&legacy, origin, None, 0, false);
            check(&legacy, origin, Some(&stored(false)), 0, false);
        }
    }

    #[test]
    fn what_was_stored_before_the_freeze_is_shown_and_what_came_after_is_not() {
        let legacy = Legacy { frozen: Frozen::Since(FREEZE), exempt: HashSet::new() };
        assert!(!legacy.is_frozen(Timestamp(999)) && legacy.is_frozen(FREEZE));
        for origin in [Origin::Local, Origin::Remote] {
            check(&legacy, origin, Some(&stored(false)), 5_000, true);
            check(&legacy, origin, Some(&stored(true)), 5_000, false);
        }
        check(&legacy, Origin::Remote, None, 999, true);
        check(&legacy, Origin::Remote, None, 1_000, false);
        check(&legacy, Origin::Local, None, 1_000, true);
    }

    #[test]
    fn what_is_exempt_is_shown_always() {
        let legacy = Legacy { frozen: Frozen::Always, exempt: HashSet::from([mxc()]) };
        check(&legacy, Origin::Local, Some(&stored(true)), 5_000, true);
        check(&legacy, Origin::Remote, None, 5_000, true);
    }
}
