//! The first of many in some order, without holding the many.

use std::{cmp::Ordering, collections::BinaryHeap};

use crate::asked::{Direction, Part};

/// What a list is ordered by. Nothing comes before everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    Nothing,
    Flag(bool),
    Number(u64),
    Text(String),
}

/// The entries before the end of a [`Part`], as far as they have come. It holds as many and no more.
pub(crate) struct Ranking<T> {
    part: Part,
    direction: Direction,
    worst_first: BinaryHeap<Entry<T>>,
}

struct Entry<T> {
    by: By,
    /// Among equals the order is by name, whatever the direction, so that pages do not overlap.
    name: String,
    direction: Direction,
    is: T,
}

impl<T> Ranking<T> {
    pub(crate) fn new(part: Part, direction: Direction) -> Self {
        Self { part, direction, worst_first: BinaryHeap::new() }
    }

    /// Considers another entry.
    pub(crate) fn push(&mut self, by: By, name: String, is: T) {
        self.worst_first.push(Entry { by, name, direction: self.direction, is });
        if self.worst_first.len() as u64 > self.part.end() {
            self.worst_first.pop();
        }
    }

    /// The part that was wanted, in order.
    pub(crate) fn finish(self) -> Vec<T> {
        let from = usize::try_from(self.part.from).unwrap_or(usize::MAX);
        self.worst_first.into_sorted_vec().into_iter().skip(from).map(|entry| entry.is).collect()
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by = self.by.cmp(&other.by);
        let by = if self.direction == Direction::Forwards { by } else { by.reverse() };
        by.then_with(|| self.name.cmp(&other.name))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: u64, limit: u64, direction: Direction, expected: &[&str]) {
        let mut ranking = Ranking::new(Part { from, limit }, direction);
        for (by, name) in
            [(By::Number(2), "b"), (By::Nothing, "d"), (By::Number(2), "a"), (By::Number(7), "c")]
        {
            ranking.push(by, name.to_owned(), name);
            assert!(ranking.worst_first.len() as u64 <= from + limit);
        }
        assert_eq!(ranking.finish(), expected, "{from} {limit} {direction:?}");
    }

    #[test]
    fn equals_are_in_the_order_of_their_names_in_both_directions() {
        check(0, 9, Direction::Forwards, &["d", "a", "b", "c"]);
        check(0, 9, Direction::Backwards, &["c", "a", "b", "d"]);
    }

    #[test]
    fn pages_meet_and_do_not_overlap() {
        check(0, 2, Direction::Forwards, &["d", "a"]);
        check(2, 2, Direction::Forwards, &["b", "c"]);
        check(4, 2, Direction::Forwards, &[]);
        check(0, 0, Direction::Forwards, &[]);
    }
}
