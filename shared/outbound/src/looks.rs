//! Counts the bytes that a parser looks at, in tests only: the proof that its work grows with what comes and no faster.

#[cfg(not(test))]
pub(crate) fn at(_: usize) {}

#[cfg(test)]
pub(crate) use counting::{at, during};

#[cfg(test)]
mod counting {
    use std::cell::Cell;

    thread_local! {
        static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    /// Notes that so many bytes were looked at.
    pub(crate) fn at(bytes: usize) {
        LOOKED_AT.set(LOOKED_AT.get() + bytes);
    }

    /// How many bytes `work` looks at.
    pub(crate) fn during(work: impl FnOnce()) -> usize {
        let before = LOOKED_AT.get();
        work();
        LOOKED_AT.get() - before
    }
}
