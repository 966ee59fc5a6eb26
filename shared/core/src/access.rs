//! Who may have which bytes, and what they get instead.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    limits::{CLOCK_SKEW, Limits, RETRY_FIRST, RETRY_MAX},
    record::{Content, FailureReason, Record, State},
    refusal::Refusal,
};

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The bytes are here.
    Serve(Box<Content>),
    /// They are on their way: look again later.
    Wait,
    /// They are another server's and somebody has to bring them home.
    Fetch,
    /// No.
    Refuse(Refusal),
}

/// Whose media is asked for, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Ours.
    Local,
    /// Another server's.
    Remote,
}

/// Decides what a reader gets who asks at `now` for media of which `record` is known.
///
/// Quarantined media is refused exactly like unknown media, so that nobody learns from the answer that it is here
/// (Synapse does the same).
#[must_use]
pub fn decide(origin: Origin, record: Option<&Record>, now: Timestamp, limits: &Limits) -> Answer {
    let Some(record) = record else {
        return match origin {
            Origin::Local => Answer::Refuse(Refusal::NotFound),
            Origin::Remote => Answer::Fetch,
        };
    };
    if record.quarantined_by.is_some() {
        return Answer::Refuse(Refusal::NotFound);
    }
    match &record.state {
        State::Stored(content) => Answer::Serve(Box::new(content.clone())),
        State::Reserved(reservation) if reservation.expires_at > now => Answer::Wait,
        State::Scanning(_) => Answer::Wait,
        // Another server's that is being deleted can be fetched anew once it is gone, which takes a moment.
        State::Reserved(_) | State::Deleting(_) | State::Barred => Answer::Refuse(Refusal::NotFound),
        State::Fetching(lease) if lease.expires_at + CLOCK_SKEW > now => Answer::Wait,
        State::Failed(failure) if failure.retry_at > now => Answer::Refuse(match failure.reason {
            FailureReason::NotFound => Refusal::NotFound,
            FailureReason::TooLarge => Refusal::RemoteTooLarge { limit_bytes: limits.remote_bytes },
            FailureReason::Unavailable => Refusal::RemoteUnavailable(record.mxc.origin.to_string()),
        }),
        State::Fetching(_) | State::Failed(_) => Answer::Fetch,
    }
}

/// How long nobody tries again after `attempts` failures in a row: doubling, within named bounds.
#[must_use]
pub fn back_off(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    (RETRY_FIRST * 2_u32.pow(doublings)).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Failure, Lease, Remains, Reservation};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn record(state: State) -> Record {
        Record {
            mxc: "mxc://example.org/abc".parse().unwrap(),
            state,
            created_at: Timestamp(0),
            uploader: None,
            authenticated: true,
            quarantined_by: None,
            protected: false,
            last_access: None,
            picture: None,
        }
    }

    fn content() -> Content {
        Content {
            object_key: "originals/x".into(),
            brought_as: "originals/x".into(),
            content_type: "image/png".into(),
            size_bytes: 1,
            sha256: None,
            upload_name: None,
        }
    }

    fn check(origin: Origin, record: Option<&Record>, expected: &Answer) {
        assert_eq!(&decide(origin, record, NOW, &Limits::default()), expected);
    }

    #[test]
    fn what_is_still_to_be_scanned_is_waited_for_and_not_fetched_anew() {
        for origin in [Origin::Local, Origin::Remote] {
            check(origin, Some(&record(State::Scanning(content()))), &Answer::Wait);
        }
    }

    #[test]
    fn unknown_media_is_refused_at_home_and_fetched_from_elsewhere() {
        check(Origin::Local, None, &Answer::Refuse(Refusal::NotFound));
        check(Origin::Remote, None, &Answer::Fetch);
    }

    #[test]
    fn stored_media_is_served_unless_quarantined() {
        let mut stored = record(State::Stored(content()));
        check(Origin::Local, Some(&stored), &Answer::Serve(Box::new(content())));
        stored.quarantined_by = Some("@admin:example.org".into());
        check(Origin::Local, Some(&stored), &Answer::Refuse(Refusal::NotFound));
    }

    #[test]
    fn a_reservation_is_waited_for_until_it_expires() {
        let reserved_until =
            |expires_at| record(State::Reserved(Reservation { expires_at, staging_key: None }));
        check(Origin::Local, Some(&reserved_until(Timestamp(NOW.0 + 1))), &Answer::Wait);
        check(Origin::Local, Some(&reserved_until(NOW)), &Answer::Refuse(Refusal::NotFound));
    }

    #[test]
    fn a_fetch_is_waited_for_until_its_lease_and_the_skew_are_over() {
        let leased_until = |expires_at| {
            record(State::Fetching(Lease {
                fence: 1,
                held_by: "a".into(),
                expires_at: Timestamp(expires_at),
            }))
        };
        check(Origin::Remote, Some(&leased_until(NOW.0 - 1_999)), &Answer::Wait);
        check(Origin::Remote, Some(&leased_until(NOW.0 - 2_000)), &Answer::Fetch);
    }

    #[test]
    fn a_failure_is_remembered_until_its_retry_time() {
        let failed = |reason, retry_at| {
            record(State::Failed(Failure { reason, attempts: 1, retry_at: Timestamp(retry_at) }))
        };
        let later = NOW.0 + 1;
        check(
            Origin::Remote,
            Some(&failed(FailureReason::NotFound, later)),
            &Answer::Refuse(Refusal::NotFound),
        );
        check(
            Origin::Remote,
            Some(&failed(FailureReason::TooLarge, later)),
            &Answer::Refuse(Refusal::RemoteTooLarge { limit_bytes: Limits::default().remote_bytes }),
        );
        check(Origin::Remote, Some(&failed(FailureReason::Unavailable, NOW.0)), &Answer::Fetch);
    }

    #[test]
    fn what_is_being_deleted_or_has_not_come_yet_is_not_there() {
        for state in [State::Deleting(Remains::default()), State::Barred] {
            for origin in [Origin::Local, Origin::Remote] {
                check(origin, Some(&record(state.clone())), &Answer::Refuse(Refusal::NotFound));
            }
        }
    }

    #[test]
    fn back_off_doubles_within_bounds() {
        assert_eq!(back_off(1), RETRY_FIRST);
        assert_eq!(back_off(3), RETRY_FIRST * 4);
        assert_eq!(back_off(u32::MAX), RETRY_MAX);
    }
}
