//! Every guard under fire: many at once, and exactly one wins.

use std::{collections::HashSet, time::Duration};

use engine_host::{Effect, Fault, When};
use futures_util::future::join_all;
use media_core::{
    Content, MediaId, Mxc, OwnedUserId, Record, Reservation, State, Timestamp,
    record::{Failure, FailureReason, Lease, Picture},
    thumbnail::{Body, Format, Method, Shape, Thumbnail},
};
use storage::{
    Outcome, Records,
    guards::{Arrived, Pending},
};
use support::{Server, Setup};

/// How many run at each guard at once.
const RUNNERS: usize = 50;

fn name() -> Mxc {
    Mxc { origin: "example.org".try_into().unwrap(), media_id: MediaId::random() }
}

fn arrived(content: &Content, at: Timestamp) -> Arrived<'_> {
    Arrived { content, at, authenticated: true, quarantined_by: None, is_held: false }
}

fn alice() -> OwnedUserId {
    "@alice:example.org".try_into().unwrap()
}

fn content(key: &str) -> Content {
    Content {
        object_key: format!("originals/{key}"),
        brought_as: format!("originals/{key}"),
        content_type: "a/b".into(),
        size_bytes: 1,
        sha256: None,
        upload_name: None,
    }
}

fn record(mxc: &Mxc, state: State) -> Record {
    Record {
        mxc: mxc.clone(),
        state,
        created_at: Timestamp(1),
        uploader: Some(alice()),
        authenticated: true,
        quarantined_by: None,
        protected: false,
        last_access: None,
        picture: None,
    }
}

async fn records() -> (Server, Records) {
    let server = Server::start().await;
    let records = server.gateway.deps().store.records.clone();
    (server, records)
}

/// Runs `runner` for 0..RUNNERS at once and returns who won.
async fn winners<F: Future<Output = bool> + Send + 'static>(runner: impl Fn(usize) -> F) -> Vec<usize> {
    let ran = join_all((0..RUNNERS).map(|number| tokio::spawn(runner(number)))).await;
    ran.into_iter().enumerate().filter_map(|(number, won)| won.unwrap().then_some(number)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_reserves_a_name_and_its_record_is_there() {
    let (_server, records) = records().await;
    let mxc = name();
    let won = winners(|number| {
        let (records, record) = (records.clone(), record(&mxc, State::Stored(content(&number.to_string()))));
        async move { records.reserve(&record).await.unwrap().is_won() }
    })
    .await;
    assert_eq!(won.len(), 1);
    let there = records.get(&mxc).await.unwrap().unwrap();
    assert_eq!(there.content().unwrap().object_key, format!("originals/{}", won[0]));
    // The winner's own write, tried again because its answer was lost, is still a win; anybody else's is not.
    let again = record(&mxc, State::Stored(content(&won[0].to_string())));
    assert!(records.reserve(&again).await.unwrap().is_won());
    let other = record(&mxc, State::Stored(content("other")));
    assert!(matches!(records.reserve(&other).await.unwrap(), Outcome::Lost(winner) if winner == there));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_completes_a_reservation() {
    let (_server, records) = records().await;
    let mxc = name();
    let expires_at = Timestamp(1000);
    assert!(
        records
            .reserve(&record(&mxc, State::Reserved(Reservation { expires_at, staging_key: None })))
            .await
            .unwrap()
            .is_won()
    );

    let stranger: OwnedUserId = "@mallory:example.org".try_into().unwrap();
    assert!(!records.complete(&mxc, &stranger, arrived(&content("m"), Timestamp(1))).await.unwrap().is_won());
    assert!(!records.complete(&mxc, &alice(), arrived(&content("late"), expires_at)).await.unwrap().is_won());

    let won = winners(|number| {
        let (records, mxc) = (records.clone(), mxc.clone());
        async move {
            let content = content(&number.to_string());
            records.complete(&mxc, &alice(), arrived(&content, Timestamp(1))).await.unwrap().is_won()
        }
    })
    .await;
    assert_eq!(won.len(), 1);
    let winner = content(&won[0].to_string());
    assert_eq!(records.get(&mxc).await.unwrap().unwrap().content(), Some(&winner));
    assert!(
        records.complete(&mxc, &alice(), arrived(&winner, Timestamp(1))).await.unwrap().is_won(),
        "its own hand"
    );
    assert!(matches!(
        records.complete(&name(), &alice(), arrived(&winner, Timestamp(1))).await.unwrap(),
        Outcome::Lost(None)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_claims_a_remote_item_and_the_next_one_after_its_death() {
    let (_server, records) = records().await;
    let mxc = name();
    let claim = |now: u64| {
        let (records, mxc) = (records.clone(), mxc.clone());
        move |number: usize| {
            let (records, mxc) = (records.clone(), mxc.clone());
            async move {
                let outcome =
                    records.claim(&mxc, &number.to_string(), Timestamp(now), Timestamp(now + 10_000)).await;
                outcome.unwrap().is_won()
            }
        }
    };
    let first = winners(claim(100_000)).await;
    assert_eq!(first.len(), 1);
    let State::Fetching(lease) = records.get(&mxc).await.unwrap().unwrap().state else { panic!("no lease") };
    assert_eq!((lease.fence, lease.held_by.clone()), (1, first[0].to_string()));

    assert_eq!(
        winners(claim(111_999)).await,
        first,
        "alive until its end and the skew: only its own hand wins"
    );
    let fence = |record: Record| match record.state {
        State::Fetching(lease) => lease.fence,
        other => panic!("{other:?}"),
    };
    let own_hand = fence(records.get(&mxc).await.unwrap().unwrap());
    let second = winners(claim(200_000)).await;
    assert_eq!(second.len(), 1);
    assert_eq!(fence(records.get(&mxc).await.unwrap().unwrap()), own_hand + 1);

    // The dead holder wakes up: what it brings is not taken.
    assert!(!records.store(&mxc, &lease, arrived(&content("zombie"), Timestamp(2))).await.unwrap().is_won());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_by_its_holder_until_somebody_else_claims() {
    let (_server, records) = records().await;
    let mxc = name();
    let claim = |attempt: &'static str, now: u64| {
        let (records, mxc) = (records.clone(), mxc.clone());
        async move { records.claim(&mxc, attempt, Timestamp(now), Timestamp(now + 15_000)).await.unwrap() }
    };
    let Outcome::Won(mine) = claim("mine", 100_000).await else { panic!("lost to nobody") };
    let until = async || match records.get_latest(&mxc).await.unwrap().unwrap().state {
        State::Fetching(lease) => lease.expires_at,
        other => panic!("{other:?}"),
    };
    let renewals = |lease: &Lease, until: u64| {
        let (records, mxc, lease) = (records.clone(), mxc.clone(), lease.clone());
        winners(move |_| {
            let (records, mxc, lease) = (records.clone(), mxc.clone(), lease.clone());
            async move { records.renew(&mxc, &lease, Timestamp(until)).await.unwrap().is_won() }
        })
    };
    assert_eq!(renewals(&mine, 120_000).await.len(), RUNNERS, "a renewal that meets itself is fine");
    assert_eq!(until().await, Timestamp(120_000));
    assert!(!claim("other", 121_999).await.is_won(), "alive for as long as it was renewed");
    for not_mine in
        [Lease { fence: mine.fence + 1, ..mine.clone() }, Lease { held_by: "other".into(), ..mine.clone() }]
    {
        assert!(renewals(&not_mine, 130_000).await.is_empty());
    }
    // Late, but nobody was quicker.
    assert_eq!(renewals(&mine, 130_000).await.len(), RUNNERS);

    // At the moment of its death renewal and claim meet. Whatever their order, one of them has the lease afterwards.
    let (renewed, claimed) =
        tokio::join!(records.renew(&mxc, &mine, Timestamp(150_000)), claim("other", 132_000));
    let (renewed, holder) = (
        renewed.unwrap().is_won(),
        match claimed {
            Outcome::Won(theirs) => theirs,
            Outcome::Lost(_) => mine.clone(),
        },
    );
    assert!(renewed || holder != mine, "somebody won");
    assert_eq!(renewals(&mine, 160_000).await.is_empty(), holder != mine);
    assert_eq!(renewals(&holder, 160_000).await.len(), RUNNERS);

    assert!(records.store(&mxc, &holder, arrived(&content("x"), Timestamp(2))).await.unwrap().is_won());
    assert!(renewals(&holder, 170_000).await.is_empty(), "what is stored has no lease");
    assert_eq!(records.get_latest(&mxc).await.unwrap().unwrap().content(), Some(&content("x")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_after_a_failure_changes_nothing() {
    let (_server, records) = records().await;
    let mxc = name();
    let Outcome::Won(lease) = records.claim(&mxc, "a", Timestamp(1), Timestamp(1000)).await.unwrap() else {
        panic!("lost to nobody")
    };
    let failure = Failure { reason: FailureReason::NotFound, attempts: 1, retry_at: Timestamp(5) };
    assert!(records.fail(&mxc, &lease, &failure).await.unwrap().is_won());
    assert!(!records.renew(&mxc, &lease, Timestamp(9000)).await.unwrap().is_won());
    assert_eq!(records.get_latest(&mxc).await.unwrap().unwrap().state, State::Failed(failure));
    assert!(
        !records.renew(&name(), &lease, Timestamp(9000)).await.unwrap().is_won(),
        "nothing is made by renewing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_leaves_a_mark_and_the_next_one_after_its_expiry() {
    let server = Server::start().await;
    let ephemeral = server.gateway.deps().store.ephemeral.clone();
    let mark = |now: u64| {
        let ephemeral = ephemeral.clone();
        winners(move |_| {
            let ephemeral = ephemeral.clone();
            async move {
                let mark = ephemeral.put_if_absent("L#a", Timestamp(now), Timestamp(now + 1000)).await;
                mark.unwrap().is_won()
            }
        })
    };
    assert_eq!(mark(1).await.len(), 1);
    assert_eq!(mark(1000).await.len(), 0);
    assert_eq!(mark(1001).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_whose_answer_was_lost_meets_itself_and_has_won() {
    let server = Setup::new().with_dynamodb_faults().start().await;
    let faults = server.surroundings.dynamodb_faults.clone().unwrap();
    let fault = Fault { operation: Some("PutItem".into()), when: When::Nth(1), effect: Effect::CutAfter };
    faults.inject(fault);
    let ephemeral = &server.gateway.deps().store.ephemeral;
    let mark = || ephemeral.put_if_absent("L#a", Timestamp(1), Timestamp(1000));
    assert!(mark().await.unwrap().is_won());
    assert_eq!(faults.seen(), ["PutItem", "PutItem"], "it was tried again");
    assert!(!mark().await.unwrap().is_won(), "somebody else's");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_stores_under_a_lease() {
    let (_server, records) = records().await;
    let mxc = name();
    let claimed = records.claim(&mxc, "me", Timestamp(1), Timestamp(1000)).await.unwrap();
    let Outcome::Won(lease) = claimed else { panic!("lost to nobody") };
    let won = winners(|number| {
        let (records, mxc, lease) = (records.clone(), mxc.clone(), lease.clone());
        async move {
            records
                .store(&mxc, &lease, arrived(&content(&number.to_string()), Timestamp(2)))
                .await
                .unwrap()
                .is_won()
        }
    })
    .await;
    assert_eq!(won.len(), 1);
    let winner = content(&won[0].to_string());
    assert_eq!(records.get(&mxc).await.unwrap().unwrap().content(), Some(&winner));
    assert!(
        records.store(&mxc, &lease, arrived(&winner, Timestamp(2))).await.unwrap().is_won(),
        "its own hand"
    );
    let failure = Failure { reason: FailureReason::NotFound, attempts: 1, retry_at: Timestamp(5) };
    assert!(!records.fail(&mxc, &lease, &failure).await.unwrap().is_won(), "stored is stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_kept_until_its_retry_time_and_then_one_claims_again() {
    let (_server, records) = records().await;
    let mxc = name();
    let Outcome::Won(lease) = records.claim(&mxc, "a", Timestamp(1), Timestamp(1000)).await.unwrap() else {
        panic!("lost to nobody")
    };
    let failure = Failure { reason: FailureReason::TooLarge, attempts: 1, retry_at: Timestamp(50_000) };
    assert!(records.fail(&mxc, &lease, &failure).await.unwrap().is_won());
    let there = records.get(&mxc).await.unwrap().unwrap();
    assert_eq!(there.state, State::Failed(failure));
    let claim = |now| records.claim(&mxc, "b", Timestamp(now), Timestamp(now + 1000));
    assert!(matches!(claim(49_999).await.unwrap(), Outcome::Lost(Some(record)) if record == there));
    assert!(matches!(claim(50_000).await.unwrap(), Outcome::Won(Lease { fence: 2, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_records_a_thumbnail() {
    let (_server, records) = records().await;
    let mxc = name();
    let made = |number: usize| Thumbnail {
        shape: Shape::new(32, 32, Method::Crop),
        format: Format::Png,
        width: 32,
        height: 32,
        size_bytes: 3,
        body: Body::Inline(vec![1, 2, u8::try_from(number).unwrap()]),
    };
    let won = winners(|number| {
        let (records, mxc) = (records.clone(), mxc.clone());
        async move { records.add_thumbnail(&mxc, "originals/x", &made(number)).await.unwrap().is_won() }
    })
    .await;
    assert_eq!(won.len(), 1);
    assert!(
        records.add_thumbnail(&mxc, "originals/x", &made(won[0])).await.unwrap().is_won(),
        "its own hand"
    );
    let lost = records.add_thumbnail(&mxc, "originals/x", &made(99)).await.unwrap();
    assert_eq!(lost, Outcome::Lost(made(won[0])));
    // Of another object it is another thumbnail, and readers of the record's own object do not see it.
    assert!(records.add_thumbnail(&mxc, "originals/y", &made(98)).await.unwrap().is_won());
    records.reserve(&record(&mxc, State::Stored(content("x")))).await.unwrap();
    assert_eq!(records.get_with_thumbnails(&mxc).await.unwrap().unwrap().thumbnails, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_touches_in_a_day() {
    let (_server, records) = records().await;
    let mxc = name();
    records.reserve(&record(&mxc, State::Stored(content("x")))).await.unwrap();
    let day = Duration::from_hours(24);
    for today in [Timestamp(0) + day * 10, Timestamp(0) + day * 11] {
        let won = winners(|_| {
            let (records, mxc) = (records.clone(), mxc.clone());
            async move { records.touch(&mxc, today).await.unwrap().is_won() }
        })
        .await;
        assert_eq!(won.len(), 1);
        assert_eq!(records.get(&mxc).await.unwrap().unwrap().last_access, Some(today.day()));
    }
    assert!(
        !records.touch(&name(), Timestamp(0)).await.unwrap().is_won(),
        "what is not there is not touched"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hiding_and_sparing_need_something_that_is_there() {
    let (_server, records) = records().await;
    let absent = name();
    assert!(!records.quarantine(&absent, "@admin:example.org").await.unwrap().is_won());
    assert!(!records.release(&absent).await.unwrap().is_won());
    assert!(!records.protect(&absent, true).await.unwrap().is_won());
    assert_eq!(records.get(&absent).await.unwrap(), None, "nothing was made by trying");

    // Whoever comes first, protected media never ends up hidden after it was protected.
    for _ in 0..10 {
        let mxc = name();
        records.reserve(&record(&mxc, State::Stored(content("x")))).await.unwrap();
        let (hidden, spared) =
            tokio::join!(records.quarantine(&mxc, "@admin:example.org"), records.protect(&mxc, true));
        assert!(spared.unwrap().is_won());
        let there = records.get_latest(&mxc).await.unwrap().unwrap();
        assert_eq!(there.quarantined_by.is_some(), hidden.unwrap().is_won());
        assert!(there.protected);
        assert!(!records.quarantine(&mxc, "@admin:example.org").await.unwrap().is_won());
        assert!(records.release(&mxc).await.unwrap().is_won());
        assert!(records.protect(&mxc, false).await.unwrap().is_won());
        assert!(records.quarantine(&mxc, "@admin:example.org").await.unwrap().is_won());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_is_noted_of_the_object_that_was_read() {
    let (_server, records) = records().await;
    let mxc = name();
    records.reserve(&record(&mxc, State::Stored(content("x")))).await.unwrap();
    let found = Picture::Measured { width: 3, height: 4, moves: false };
    assert!(!records.note_picture(&mxc, "originals/y", found).await.unwrap().is_won());
    assert!(records.note_picture(&mxc, "originals/x", found).await.unwrap().is_won());
    assert_eq!(records.get(&mxc).await.unwrap().unwrap().picture, Some(found));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_limit_take_a_place_and_a_freed_one_is_taken_again() {
    let (_server, records) = records().await;
    let place =
        |number: usize| Pending { media_id: number.to_string(), expires_at: Timestamp(number as u64) };
    let take = |number: usize| {
        let records = records.clone();
        async move { records.take_pending(&alice(), &place(number), 5).await.unwrap().is_won() }
    };
    let won = winners(take).await;
    assert_eq!(won.len(), 5);
    assert!(take(won[0]).await, "its own hand takes no second place");
    let Outcome::Lost(taken) = records.take_pending(&alice(), &place(99), 5).await.unwrap() else {
        panic!("a sixth place")
    };
    let taken: HashSet<usize> = taken.iter().map(|place| place.media_id.parse().unwrap()).collect();
    assert_eq!(taken, won.iter().copied().collect());
    records.free_pending(&alice(), &[place(won[0])]).await.unwrap();
    records.free_pending(&alice(), &[place(won[0])]).await.unwrap();
    assert!(take(99).await);
    assert!(!take(98).await);
}
