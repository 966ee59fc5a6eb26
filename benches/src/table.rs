//! The results as Markdown tables on standard output.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use crate::{load::Measured, operation::Operation, process::Memory, server::Kind};

/// How much of Synapse's memory a gateway may take.
const MEMORY_TO_REACH: f64 = 0.5;

/// One measurement and, for a gateway, Synapse's beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) connections: u16,
    pub(crate) kind: Kind,
    pub(crate) measured: Measured,
    pub(crate) synapse: Option<Measured>,
}

/// The head of the table of speeds.
pub(crate) fn speeds_head() -> io::Result<()> {
    writeln!(
        io::stdout(),
        "\n| operation           | connections | server         | per second |  p50 ms |  p99 ms | server cores | load cores | ÷ Synapse | to reach |\
         \n|---------------------|------------:|----------------|-----------:|--------:|--------:|-------------:|-----------:|----------:|----------|"
    )
}

/// One row of it.
pub(crate) fn speed(row: &Row) -> io::Result<()> {
    let Row { operation, connections, kind, measured, synapse } = row;
    let ratio = synapse.map(|synapse| measured.per_second / synapse.per_second);
    let goal = operation.ratio_to_reach(*kind, *connections);
    writeln!(
        io::stdout(),
        "| {:19} | {connections:11} | {:14} | {:10.0} | {:7.2} | {:7.2} | {:12.2} | {:10.2} | {:>9} | {:8} |",
        operation.name(),
        kind.name(),
        measured.per_second,
        milliseconds(measured.median),
        milliseconds(measured.p99),
        measured.server_cores,
        measured.load_cores,
        times(ratio),
        verdict(goal.map(|goal| format!("≥ {goal}")), ratio.zip(goal).map(|(ratio, goal)| ratio >= goal)),
    )
}

/// A sentence about the measurement before, where it does not break the table.
pub(crate) fn note(sentence: &str) -> io::Result<()> {
    writeln!(io::stderr(), "({sentence})")
}

/// What one server took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) kind: Kind,
    /// Before it was asked for anything.
    pub(crate) at_start: Memory,
    /// After everything.
    pub(crate) at_end: Memory,
}

/// The whole table of memory.
pub(crate) fn memory(servers: &[Taken]) -> io::Result<()> {
    writeln!(
        io::stdout(),
        "\n| server         | at the start MB | peak MB | at the end MB | end ÷ Synapse | peak ÷ Synapse | to reach   |\
         \n|----------------|----------------:|--------:|--------------:|--------------:|---------------:|------------|"
    )?;
    let synapse = servers.iter().find(|taken| taken.kind == Kind::Synapse).map(|taken| taken.at_end);
    for Taken { kind, at_start, at_end } in servers {
        let beside = synapse.filter(|_| *kind != Kind::Synapse);
        let ratio_of = |part: fn(Memory) -> u64| {
            beside.map(|synapse| megabytes(part(*at_end)) / megabytes(part(synapse)))
        };
        let ratio = ratio_of(|memory| memory.peak_kib);
        let goal = (*kind != Kind::Synapse).then(|| format!("≤ {MEMORY_TO_REACH}"));
        writeln!(
            io::stdout(),
            "| {:14} | {:15.0} | {:7.0} | {:13.0} | {:>13} | {:>14} | {:10} |",
            kind.name(),
            megabytes(at_start.now_kib),
            megabytes(at_end.peak_kib),
            megabytes(at_end.now_kib),
            times(ratio_of(|memory| memory.now_kib)),
            times(ratio),
            verdict(goal, ratio.map(|ratio| ratio <= MEMORY_TO_REACH)),
        )?;
    }
    Ok(())
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
}

/// A goal, marked when it was missed.
fn verdict(goal: Option<String>, is_met: Option<bool>) -> String {
    match (goal, is_met) {
        (None, _) => String::new(),
        (Some(goal), Some(false)) => format!("{goal}, no"),
        (Some(goal), Some(true)) => format!("{goal}, yes"),
        (Some(goal), None) => goal,
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn megabytes(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) * 1024.0 / 1e6
}
