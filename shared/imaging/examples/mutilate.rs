//! Mutilates pictures for as long as it is told to, and keeps those that panic, take too much memory, or take too long.
//!
//! ```sh
//! cargo run --profile gateway -p imaging --example mutilate -- 20 1 found tests/fixtures
//! ```
//!
//! Minutes, a number to begin chance with, a folder for what is found, and folders of more pictures to begin with. What takes more
//! memory or time than others of its kind, or answers otherwise, is mutilated in its turn.

#![expect(clippy::unwrap_used, reason = "who runs this looks at it")]
#![expect(clippy::print_stdout, reason = "who runs this looks at it")]

#[path = "../tests/mutilation/mod.rs"]
mod mutilation;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use imaging::{Unthumbnailable, content_type, measure, thumbnails};
use media_core::{
    Limits,
    thumbnail::{Method, Shape, USUAL},
};
use mutilation::{Chance, Seed, files, lossless, mutilate, seeds};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What a picture may take, as in `tests/bombs.rs`: the decoder's share, and the thumbnails that come of it.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What a picture may take of one core.
const MOST_TIME: Duration = Duration::from_secs(1);

/// Pictures to begin with, above those that were given.
const MOST_KEPT: usize = 20_000;

/// Of the pictures that are mutilated, every so manyth is one of lossless WebP: how much memory its codes take is estimated.
const LOSSLESS_EVERY: usize = 4;

/// What became of a picture.
struct Outcome {
    answer: Result<usize, Unthumbnailable>,
    panicked: bool,
    bytes: usize,
    time: Duration,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [minutes, start, found, folders @ ..] = arguments.as_slice() else {
        return println!("minutes, a number, a folder for what is found, and folders of pictures");
    };
    let found = Path::new(found);
    std::fs::create_dir_all(found).unwrap();
    let ends = Instant::now() + Duration::from_secs(60 * minutes.parse::<u64>().unwrap());
    let mut chance = Chance(start.parse().unwrap());
    let (given, webps) = (pictures(folders), lossless());
    let mut kept: Vec<Seed> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let (mut runs, mut finds) = (0_u64, 0_u64);
    std::panic::set_hook(Box::new(|_| {}));
    while Instant::now() < ends {
        let (name, source) = match chance.below(LOSSLESS_EVERY) {
            0 => &webps[chance.below(webps.len())],
            1 => &given[chance.below(given.len())],
            _ if !kept.is_empty() => &kept[chance.below(kept.len())],
            _ => &given[chance.below(given.len())],
        };
        let (_, other) = &given[chance.below(given.len())];
        let broken = mutilate(source, if chance.below(2) == 0 { source } else { other }, &mut chance);
        // What ends the process leaves the picture behind.
        std::fs::write(found.join("last"), &broken).unwrap();
        let outcome = outcome(&broken);
        runs += 1;
        let kind = content_type(&broken).unwrap_or("none");
        *counts.entry(format!("{kind} {:?}", outcome.answer.map(|_| ()))).or_default() += 1;
        if outcome.panicked || outcome.bytes > MOST_BYTES || outcome.time > MOST_TIME {
            finds += 1;
            let Outcome { panicked, bytes, time, answer } = &outcome;
            println!("{finds}: {name}: panicked {panicked}, {bytes} bytes, {time:?}, {answer:?}");
            std::fs::write(found.join(format!("{start}-{finds}")), &broken).unwrap();
        }
        let size = measure(&broken).map(|seen| seen.width.max(1).ilog2() + seen.height.max(1).ilog2());
        let cost = (outcome.bytes.max(1).ilog2(), outcome.time.as_micros().max(1).ilog2() / 2);
        let looks = (kind, format!("{size:?} {:?}", outcome.answer), cost);
        if kept.len() < MOST_KEPT && broken.len() < 1 << 17 && seen.insert(looks) {
            kept.push((name.clone(), broken));
        }
    }
    println!("{runs} runs, {finds} finds, {} kept", kept.len());
    for (answer, count) in counts {
        println!("{count:>10} {answer}");
    }
}

fn pictures(folders: &[String]) -> Vec<Seed> {
    seeds().into_iter().chain(folders.iter().flat_map(|folder| files(Path::new(folder)))).collect()
}

/// All usual thumbnails, and one that moves.
fn outcome(source: &[u8]) -> Outcome {
    let moving = Shape { animated: true, ..Shape::new(96, 96, Method::Crop) };
    let shapes: Vec<Shape> = USUAL.into_iter().chain([moving]).collect();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let begins = busy();
    let answer = catch_unwind(AssertUnwindSafe(|| {
        measure(source)?;
        let made = thumbnails(source, &shapes, &Limits::default(), &|| false)?;
        Ok(made.len())
    }));
    Outcome {
        panicked: answer.is_err(),
        answer: answer.unwrap_or(Err(Unthumbnailable::NotAPicture)),
        bytes: MEMORY.peak_usage().saturating_sub(before),
        time: busy().saturating_sub(begins),
    }
}

/// How long this thread has had a core, where the system tells (Linux); elsewhere how late it is.
fn busy() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|said| said.split(' ').next()?.parse().ok())
        .map_or_else(|| START.elapsed(), Duration::from_nanos)
}
