//! Two of everything at once.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::place::{MAIN, Place, check_refused, item, number, set, set_of, text, values};

const FAILED: &str = "ConditionalCheckFailedException";

/// Asserts that exactly this many won and that all others learned that they did not, and gives the winners.
#[track_caller]
fn check_winners<T, E>(
    answers: Vec<Result<T, aws_sdk_dynamodb::error::SdkError<E>>>,
    expected: usize,
) -> Vec<usize>
where
    T: std::fmt::Debug,
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata + std::fmt::Debug,
{
    let mut winners = Vec::new();
    for (number, answer) in answers.into_iter().enumerate() {
        if answer.is_ok() {
            winners.push(number);
        } else {
            check_refused(answer, FAILED);
        }
    }
    assert_eq!(winners.len(), expected, "{winners:?} won");
    winners
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_that_demand_to_be_first_one_is() {
    let place = Place::open().await;
    let puts = (0..200).map(|by| {
        place.putting(item("x", [("by", number(by))])).condition_expression("attribute_not_exists(pk)").send()
    });
    let winner = check_winners(join_all(puts).await, 1)[0];
    assert_eq!(place.read("x").await, Some(item("x", [("by", number(winner))])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_additions_are_two_hundred() {
    let place = Place::open().await;
    let adds = (0..200)
        .map(|_| place.updating("x", "ADD n :one").expression_attribute_values(":one", number(1)).send());
    assert!(join_all(adds).await.iter().all(Result::is_ok));
    assert_eq!(place.read("x").await, Some(item("x", [("n", number(200))])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_that_want_the_lease_one_has_it() {
    let place = Place::open().await;
    place.put(item("x", [("lease_until_ms", number(100)), ("fence", number(6))])).await;
    let claims = (0..50).map(|by| {
        let claim = place.updating("x", "SET lease_by = :me, lease_until_ms = :until, fence = fence + :one");
        let claim = claim.condition_expression("attribute_not_exists(pk) OR lease_until_ms < :now");
        let me = text(by.to_string());
        let asked = [(":me", me), (":until", number(300)), (":one", number(1)), (":now", number(200))];
        claim.set_expression_attribute_values(values(asked)).send()
    });
    let winner = check_winners(join_all(claims).await, 1)[0];
    let there = place.read("x").await.unwrap();
    assert_eq!((&there["lease_by"], &there["fence"]), (&text(winner.to_string()), &number(7)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_with_one_fence_one_passes() {
    let place = Place::open().await;
    place.put(item("x", [("fence", number(7))])).await;
    let passing = (0..50).map(|by| {
        let update =
            place.updating("x", "SET fence = :next, passed_by = :me").condition_expression("fence = :fence");
        let asked = values([(":fence", number(7)), (":next", number(8)), (":me", number(by))]);
        update.set_expression_attribute_values(asked).send()
    });
    let winner = check_winners(join_all(passing).await, 1)[0];
    assert_eq!(place.read("x").await, Some(item("x", [("fence", number(8)), ("passed_by", number(winner))])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_places_are_taken_by_five() {
    let place = Place::open().await;
    let names: Vec<String> = (0..50).map(|by| format!("{by:02}")).collect();
    let wishes = names.iter().map(|name| {
        let take = place.updating("x", "ADD taken :name");
        let take = take.condition_expression("attribute_not_exists(taken) OR size(taken) < :limit");
        let asked = values([(":name", set([name.as_str()])), (":limit", number(5))]);
        take.set_expression_attribute_values(asked).send()
    });
    let winners = check_winners(join_all(wishes).await, 5);
    let taken = set_of(&place.read("x").await.unwrap(), "taken");
    assert_eq!(taken, winners.into_iter().map(|winner| names[winner].clone()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_that_delete_what_is_there_one_does() {
    let place = Place::open().await;
    place.put(item("x", [])).await;
    let deletes =
        (0..20).map(|_| place.deleting("x", MAIN).condition_expression("attribute_exists(pk)").send());
    check_winners(join_all(deletes).await, 1);
    assert_eq!(place.read("x").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_of_conditional_puts_loses_no_link() {
    let place = Place::open().await;
    place.put(item("x", [("links", number(0))])).await;
    let adds = (0..12).map(|_| async {
        loop {
            let seen = place.read("x").await.unwrap().remove("links").unwrap();
            let next = seen.as_n().unwrap().parse::<u32>().unwrap() + 1;
            let put =
                place.putting(item("x", [("links", number(next))])).condition_expression("links = :seen");
            if put.expression_attribute_values(":seen", seen).send().await.is_ok() {
                return;
            }
        }
    });
    join_all(adds).await;
    assert_eq!(place.read("x").await, Some(item("x", [("links", number(12))])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_sees_half_an_update() {
    let place = Arc::new(Place::open().await);
    place.put(item("x", [("one_half", number(0)), ("other_half", number(0))])).await;
    let writing = {
        let place = Arc::clone(&place);
        tokio::spawn(async move {
            for round in 1..=60 {
                let update = place.updating("x", "SET one_half = :round, other_half = :round");
                update.expression_attribute_values(":round", number(round)).send().await.unwrap();
            }
        })
    };
    let mut reads = 0;
    while !writing.is_finished() || reads == 0 {
        let seen = place.read("x").await.unwrap();
        assert_eq!(seen["one_half"], seen["other_half"]);
        reads += 1;
    }
    writing.await.unwrap();
}
