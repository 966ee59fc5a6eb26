//! The MCUs of a scan in the order of its data, from restart to restart (T.81, E.2.4).

use std::ops::Range;

use crate::bits::Reader;

/// The MCUs of a scan, restart interval by restart interval (T.81, E.2.4), in runs that neither go beyond a row nor take long.
pub(crate) struct Intervals {
    columns: usize,
    total: usize,
    interval: usize,
    /// The MCU that comes next.
    next: usize,
    /// Where the interval ends.
    end: usize,
    /// How many intervals have begun.
    begun: usize,
}

/// MCUs in a run, at most: after so many the caller is asked whether to go on.
const MAX_RUN: usize = 1024;

impl Intervals {
    /// Before the first. With an interval of 0, all is one.
    pub(crate) fn new((columns, rows): (usize, usize), interval: usize) -> Self {
        let total = columns * rows;
        let interval = if interval == 0 { total } else { interval };
        Self { columns, total, interval, next: 0, end: 0, begun: 0 }
    }

    /// Goes on to the next interval that has data. What is left of the one before is passed over.
    pub(crate) fn begin(&mut self, reader: &mut Reader<'_>) -> bool {
        loop {
            self.next = self.end;
            if self.next >= self.total {
                return false;
            }
            self.end = self.total.min(self.next + self.interval);
            self.begun += 1;
            // The first has no marker before it; the second has the one with number 0.
            if self.begun == 1 || reader.restart(self.begun - 2) {
                return true;
            }
            if !reader.has_more() {
                return false;
            }
        }
    }

    /// The next MCUs of this interval: their row, and their columns.
    pub(crate) fn next_run(&mut self) -> Option<(usize, Range<usize>)> {
        let (row, start) = (self.next / self.columns, self.next % self.columns);
        let count = (self.end - self.next).min(self.columns - start).min(MAX_RUN);
        self.next += count;
        (count > 0).then_some((row, start..start + count))
    }
}
