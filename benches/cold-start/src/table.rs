//! The results as a Markdown table on standard output.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    time::Duration,
};

use crate::{
    asked::{Asked, Kind},
    options::Options,
};

/// How many times as long as the least a link may take, and how much memory any function.
const RATIO_TO_REACH: f64 = 1.5;
const MEMORY_TO_REACH_KIB: u64 = 64 * 1024;

/// What was measured of one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    ready: Vec<Duration>,
    answered: Vec<Duration>,
    pub(crate) peak_kib: u64,
}

impl Row {
    pub(crate) fn cold(&mut self, ready: Duration, answered: Duration) {
        self.ready.push(ready);
        self.answered.push(answered);
    }
}

pub(crate) fn print(all: &[Asked], rows: &BTreeMap<Kind, Row>, options: &Options) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| process | asked for | ready ms | ÷ hello | first answer ms | ÷ hello | peak MiB after {} requests |\n\
         |---|---|---:|---:|---:|---:|---:|",
        options.requests
    )?;
    let bare = &rows[&Kind::Hello];
    let (bare_ready, bare_answered) = (milliseconds(&bare.ready), milliseconds(&bare.answered));
    for Asked { kind, what, .. } in all {
        let row = &rows[kind];
        let (ready, answered) = (milliseconds(&row.ready), milliseconds(&row.answered));
        let memory = if row.peak_kib <= MEMORY_TO_REACH_KIB { "" } else { ", too much" };
        let ratio = ready / bare_ready;
        let slow =
            if *kind == Kind::Function("download-redirect") && ratio > RATIO_TO_REACH { ", no" } else { "" };
        writeln!(
            out,
            "| {} | {what} | {ready:.1} | {ratio:.2}{slow} | {answered:.1} | {:.2} | {:.0}{memory} |",
            kind.name(),
            answered / bare_answered,
            f64::from(u32::try_from(row.peak_kib).unwrap_or(u32::MAX)) / 1024.0,
        )?;
    }
    Ok(())
}

/// The median.
fn milliseconds(times: &[Duration]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map_or(f64::NAN, |median| median.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_run_does_not_count() {
        let times = [5, 1, 900, 2, 3].map(Duration::from_millis);
        assert!((milliseconds(&times) - 3.0).abs() < 1e-9);
    }
}
