//! What a condition may ask of an item.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::place::{Item, Place, bytes, flag, item, number, set, text, values};

/// An item against which conditions are held.
struct Subject {
    place: Place,
    item: Option<Item>,
}

impl Subject {
    async fn of<'a>(attributes: impl IntoIterator<Item = (&'a str, AttributeValue)>) -> Self {
        Self { place: Place::open().await, item: Some(item("x", attributes)) }
    }

    async fn absent() -> Self {
        Self { place: Place::open().await, item: None }
    }

    /// Asserts that a condition holds, or does not, by an update that would only note that it did.
    async fn check<const N: usize>(
        &self,
        condition: &str,
        given: [(&str, AttributeValue); N],
        expected: bool,
    ) {
        if let Some(item) = &self.item {
            self.place.put(item.clone()).await;
        }
        let update = self.place.updating("x", "SET held = :held").condition_expression(condition);
        let asked = values(given.into_iter().chain([(":held", flag(true))]));
        let update = update.set_expression_attribute_values(asked);
        let held = match update.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
            Ok(_) => true,
            Err(error) if error.is_conditional_check_failed_exception() => false,
            Err(error) => panic!("{condition}: {error:?}"),
        };
        assert_eq!(held, expected, "{condition}");
    }
}

#[tokio::test]
async fn numbers_are_compared_as_numbers() {
    let nine = Subject::of([("n", number(9))]).await;
    for (condition, than, expected) in [
        ("n < :than", "10", true),
        ("n > :than", "10", false),
        ("n < :than", "9", false),
        ("n <= :than", "9", true),
        ("n >= :than", "9.0", true),
        ("n = :than", "9.00", true),
        ("n <> :than", "9", false),
        ("n > :than", "-10", true),
        ("n <= :than", "8.99999999999999999999999999999999999", false),
    ] {
        nine.check(condition, [(":than", number(than))], expected).await;
    }
}

#[tokio::test]
async fn numbers_beyond_a_float_are_told_apart() {
    let large = Subject::of([("n", number("12345678901234567890123456789012345678"))]).await;
    large.check("n < :than", [(":than", number("12345678901234567890123456789012345679"))], true).await;
    large.check("n = :than", [(":than", number("12345678901234567890123456789012345679"))], false).await;
}

#[tokio::test]
async fn texts_are_compared_by_their_bytes() {
    let subject = Subject::of([("t", text("b"))]).await;
    for (condition, than, expected) in [
        ("t > :than", "B", true),
        ("t < :than", "ä", true),
        ("t < :than", "ba", true),
        ("t = :than", "B", false),
    ] {
        subject.check(condition, [(":than", text(than))], expected).await;
    }
}

#[tokio::test]
async fn values_of_two_types_are_neither_equal_nor_in_order() {
    let nine = Subject::of([("n", number(9))]).await;
    nine.check("n = :text", [(":text", text("9"))], false).await;
    nine.check("n < :text", [(":text", text("a"))], false).await;
    nine.check("n >= :text", [(":text", text("a"))], false).await;
}

#[tokio::test]
async fn what_is_absent_fails_every_comparison() {
    for subject in [Subject::of([]).await, Subject::absent().await] {
        for condition in ["n = :n", "n < :n", "n <= :n", "n > :n", "n >= :n", "size(n) < :n", "size(n) >= :n"]
        {
            subject.check(condition, [(":n", number(5))], false).await;
        }
        subject.check("contains(n, :n)", [(":n", text("a"))], false).await;
    }
}

#[tokio::test]
async fn presence_may_be_asked_for() {
    let subject = Subject::of([("hollow", text("")), ("off", flag(false))]).await;
    for (condition, expected) in [
        ("attribute_exists(pk)", true),
        ("attribute_exists(hollow)", true),
        ("attribute_exists(off)", true),
        ("attribute_exists(nowhere)", false),
        ("attribute_not_exists(nowhere)", true),
        ("attribute_not_exists(off)", false),
    ] {
        subject.check(condition, [], expected).await;
    }
    let absent = Subject::absent().await;
    absent.check("attribute_exists(pk)", [], false).await;
    absent.check("attribute_not_exists(pk)", [], true).await;
}

#[tokio::test]
async fn yes_is_not_no() {
    let subject = Subject::of([("off", flag(false))]).await;
    subject.check("off = :flag", [(":flag", flag(false))], true).await;
    subject.check("off = :flag", [(":flag", flag(true))], false).await;
}

#[tokio::test]
async fn a_set_has_a_size_and_members() {
    let subject = Subject::of([("members", set(["one", "two"]))]).await;
    for (limit, expected) in [(1, false), (2, false), (3, true)] {
        subject.check("size(members) < :limit", [(":limit", number(limit))], expected).await;
    }
    subject.check("contains(members, :it)", [(":it", text("one"))], true).await;
    // A member is meant, not a part of one.
    subject.check("contains(members, :it)", [(":it", text("on"))], false).await;
}

#[tokio::test]
async fn text_and_bytes_have_a_size_and_parts() {
    let subject = Subject::of([("word", text("media")), ("content", bytes([0, 1, 2]))]).await;
    subject.check("size(word) = :size", [(":size", number(5))], true).await;
    subject.check("size(content) = :size", [(":size", number(3))], true).await;
    subject.check("contains(word, :part)", [(":part", text("edi"))], true).await;
    subject.check("begins_with(word, :part)", [(":part", text("med"))], true).await;
    subject.check("begins_with(word, :part)", [(":part", text("edi"))], false).await;
}

#[tokio::test]
async fn and_binds_before_or_and_not_before_both() {
    let subject = Subject::of([("a", number(1))]).await;
    for (condition, expected) in [
        ("a = :one OR a = :two AND a = :two", true),
        ("(a = :one OR a = :two) AND a = :two", false),
        ("NOT a = :one OR a = :one AND NOT a = :two", true),
        ("NOT (a = :one OR a = :two)", false),
        ("NOT a = :one AND a = :two", false),
    ] {
        subject.check(condition, [(":one", number(1)), (":two", number(2))], expected).await;
    }
}

#[tokio::test]
async fn a_value_may_lie_between_two_or_among_several() {
    let subject = Subject::of([("n", number(5))]).await;
    for (low, high, expected) in [(5, 5, true), (4, 6, true), (6, 9, false), (1, 4, false)] {
        let bounds = [(":low", number(low)), (":high", number(high))];
        subject.check("n BETWEEN :low AND :high", bounds, expected).await;
    }
    subject.check("n IN (:a, :b)", [(":a", number(1)), (":b", number(5))], true).await;
    subject.check("n IN (:a, :b)", [(":a", number(1)), (":b", text("5"))], false).await;
}

#[tokio::test]
async fn a_lease_is_had_when_it_is_free_expired_or_ones_own() {
    const CLAIM: &str = "attribute_not_exists(pk) \
        OR (work_state = :failed AND retry_ms <= :now) \
        OR (work_state = :working AND lease_until_ms <= :dead) \
        OR (work_state = :working AND lease_by = :me)";
    let given = || {
        [
            (":failed", text("failed")),
            (":working", text("working")),
            (":me", text("me")),
            (":now", number(1_000)),
            (":dead", number(900)),
        ]
    };
    Subject::absent().await.check(CLAIM, given(), true).await;
    let failed = |retry_ms: u32| [("work_state", text("failed")), ("retry_ms", number(retry_ms))];
    let working = |by: &str, until_ms: u32| {
        [("work_state", text("working")), ("lease_by", text(by)), ("lease_until_ms", number(until_ms))]
    };
    Subject::of(failed(1_000)).await.check(CLAIM, given(), true).await;
    Subject::of(failed(1_001)).await.check(CLAIM, given(), false).await;
    Subject::of(working("another", 900)).await.check(CLAIM, given(), true).await;
    Subject::of(working("another", 901)).await.check(CLAIM, given(), false).await;
    Subject::of(working("me", 5_000)).await.check(CLAIM, given(), true).await;
    Subject::of([("work_state", text("done"))]).await.check(CLAIM, given(), false).await;
}

#[tokio::test]
async fn a_place_is_had_below_the_limit_or_again() {
    const PLACE: &str = "attribute_not_exists(taken) OR size(taken) < :limit OR contains(taken, :mine)";
    let given = || [(":limit", number(2)), (":mine", text("mine"))];
    Subject::absent().await.check(PLACE, given(), true).await;
    Subject::of([]).await.check(PLACE, given(), true).await;
    Subject::of([("taken", set(["other"]))]).await.check(PLACE, given(), true).await;
    Subject::of([("taken", set(["other", "third"]))]).await.check(PLACE, given(), false).await;
    Subject::of([("taken", set(["other", "mine"]))]).await.check(PLACE, given(), true).await;
}

#[tokio::test]
async fn a_day_is_noted_once() {
    const ONCE: &str = "attribute_exists(pk) AND (attribute_not_exists(seen_day) OR seen_day < :today)";
    let today = || [(":today", number(20_000))];
    Subject::absent().await.check(ONCE, today(), false).await;
    Subject::of([]).await.check(ONCE, today(), true).await;
    Subject::of([("seen_day", number(9_999))]).await.check(ONCE, today(), true).await;
    Subject::of([("seen_day", number(20_000))]).await.check(ONCE, today(), false).await;
}
