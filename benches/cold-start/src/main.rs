//! `benches/cold-start/run`: every function as the process that Lambda starts, beside the least that `lambda_http` can be.

mod asked;
mod options;
mod process;
mod table;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use support::lambda::Cloud;

use crate::{
    asked::{Asked, Kind},
    options::Options,
    process::{Error, Started},
    table::Row,
};

/// One thread: the cores are the functions'.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match measured(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed pipe is nobody's fault.
            let _ = writeln!(io::stderr(), "The benchmark ended early: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measured(options: &Options) -> Result<(), Error> {
    let cloud = Cloud::start().await;
    let all = asked::of_all(&cloud).await;
    // Once for nothing, so that binaries and pictures are where they will be.
    for asked in &all {
        started(options, &cloud, asked).await?;
    }
    let mut rows: BTreeMap<Kind, Row> = BTreeMap::new();
    // Taking turns, so that a busy moment is everybody's.
    for _ in 0..options.runs {
        for asked in &all {
            let Started { process, ready, answered } = started(options, &cloud, asked).await?;
            rows.entry(asked.kind).or_default().cold(ready, answered);
            drop(process);
        }
    }
    for asked in &all {
        let Started { process, .. } = started(options, &cloud, asked).await?;
        for _ in 0..options.requests {
            process.answer(asked).await?;
        }
        rows.entry(asked.kind).or_default().peak_kib = process.peak_kib()?;
    }
    table::print(&all, &rows, options)?;
    Ok(())
}

async fn started(options: &Options, cloud: &Cloud, asked: &Asked) -> Result<Started, Error> {
    let binary = options.functions.join(asked.kind.name()).join("bootstrap");
    process::start(&binary, cloud, asked).await
}
