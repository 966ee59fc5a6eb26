//! Which records an order means, and which of those it spares.

use media_core::{Record, State, Timestamp, access::Origin, chosen::is_unused_since};
use storage::jobs::{Chosen, Handling, Work};

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The order is not about it, or it is so already.
    NotMeant,
    /// It would be, but it is protected, or hidden where only what is not is purged.
    Spared,
    /// The order is carried out.
    Meant,
}

/// Judges one record that a job came by.
///
/// What is protected is never hidden nor purged by an order about many; what is quarantined is not purged for its age, which
/// would let go of evidence (Synapse does so, too).
pub(crate) fn judge(work: &Work, record: &Record, origin: Origin, now: Timestamp) -> Verdict {
    let is_meant = is_chosen(&work.chosen, record, origin, now)
        && match work.handling {
            // Whoever is bringing it home would not notice; and of what has not come there is nothing.
            Handling::Purge => !matches!(record.state, State::Fetching(_) | State::Barred),
            Handling::Quarantine => record.quarantined_by.is_none(),
            Handling::Release => record.quarantined_by.is_some(),
        };
    let for_its_age = matches!(work.chosen, Chosen::Unused { .. }) && record.quarantined_by.is_some();
    match work.handling {
        _ if !is_meant => Verdict::NotMeant,
        Handling::Purge | Handling::Quarantine if record.protected || for_its_age => Verdict::Spared,
        Handling::Purge | Handling::Quarantine | Handling::Release => Verdict::Meant,
    }
}

fn is_chosen(chosen: &Chosen, record: &Record, origin: Origin, now: Timestamp) -> bool {
    let is_before = |before_ms: &Option<u64>| before_ms.is_none_or(|before| record.created_at.0 < before);
    match chosen {
        Chosen::Unused { before_ms, local, remote, larger_than_bytes, .. } => {
            let of_this_origin = match origin {
                Origin::Local => *local,
                Origin::Remote => *remote,
            };
            // What has no bytes takes no room.
            let is_large = record
                .content()
                .is_some_and(|content| *larger_than_bytes == 0 || content.size_bytes > *larger_than_bytes);
            of_this_origin && is_large && is_unused_since(record, origin, Timestamp(*before_ms), now)
        }
        Chosen::Quarantined => record.quarantined_by.is_some(),
        Chosen::User { user_id, before_ms } => {
            record.uploader.as_ref().is_some_and(|user| user == user_id) && is_before(before_ms)
        }
        Chosen::Server { server_name, before_ms } => {
            record.mxc.origin == server_name.as_str() && is_before(before_ms)
        }
        Chosen::Named { before_ms, .. } => is_before(before_ms),
    }
}

#[cfg(test)]
mod tests {
    use media_core::{Content, record::Lease};

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn record() -> Record {
        Record {
            mxc: "mxc://example.org/abc".parse().unwrap(),
            state: State::Stored(Content {
                object_key: "originals/x".into(),
                brought_as: "originals/x".into(),
                content_type: "image/png".into(),
                size_bytes: 10,
                sha256: None,
                upload_name: None,
            }),
            created_at: Timestamp(1_000),
            uploader: Some("@a:example.org".try_into().unwrap()),
            authenticated: true,
            quarantined_by: None,
            protected: false,
            last_access: None,
            picture: None,
        }
    }

    fn unused(larger_than_bytes: u64) -> Chosen {
        let (before_ms, local, remote, keep_avatars) = (2_000, true, false, false);
        Chosen::Unused { before_ms, local, remote, larger_than_bytes, keep_avatars }
    }

    fn check(handling: Handling, chosen: &Chosen, record: &Record, expected: Verdict) {
        let work = Work { handling, chosen: chosen.clone() };
        assert_eq!(judge(&work, record, Origin::Local, NOW), expected, "{work:?} {record:?}");
    }

    #[test]
    fn an_order_is_about_what_it_says() {
        use Handling::Purge;
        let user = |user: &str, before_ms| Chosen::User { user_id: user.to_owned(), before_ms };
        check(Purge, &unused(0), &record(), Verdict::Meant);
        check(Purge, &unused(9), &record(), Verdict::Meant);
        check(Purge, &unused(10), &record(), Verdict::NotMeant);
        check(Purge, &user("@a:example.org", None), &record(), Verdict::Meant);
        check(Purge, &user("@a:example.org", Some(1_000)), &record(), Verdict::NotMeant);
        check(Purge, &user("@b:example.org", None), &record(), Verdict::NotMeant);
        check(Purge, &Chosen::Quarantined, &record(), Verdict::NotMeant);
        let remote = Work { handling: Purge, chosen: unused(0) };
        assert_eq!(judge(&remote, &record(), Origin::Remote, NOW), Verdict::NotMeant);
    }

    #[test]
    fn what_is_protected_is_spared_and_what_is_hidden_is_not_purged_for_its_age() {
        let protected = Record { protected: true, ..record() };
        let hidden = Record { quarantined_by: Some("@b:example.org".into()), ..record() };
        let all = Chosen::User { user_id: "@a:example.org".into(), before_ms: None };
        for handling in [Handling::Purge, Handling::Quarantine] {
            check(handling, &all, &protected, Verdict::Spared);
        }
        check(Handling::Purge, &unused(0), &hidden, Verdict::Spared);
        check(Handling::Purge, &all, &hidden, Verdict::Meant);
        check(Handling::Purge, &Chosen::Quarantined, &hidden, Verdict::Meant);
        check(Handling::Quarantine, &all, &hidden, Verdict::NotMeant);
        check(Handling::Release, &all, &hidden, Verdict::Meant);
        check(Handling::Release, &all, &record(), Verdict::NotMeant);
    }

    #[test]
    fn what_is_on_its_way_is_not_purged() {
        let lease = Lease { fence: 1, held_by: "x".into(), expires_at: NOW };
        let coming = Record { state: State::Fetching(lease), ..record() };
        let all = Chosen::Server { server_name: "example.org".into(), before_ms: None };
        check(Handling::Purge, &all, &coming, Verdict::NotMeant);
        check(Handling::Quarantine, &all, &coming, Verdict::Meant);
    }
}
