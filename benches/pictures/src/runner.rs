//! Answers requests until there are no more.

use std::{
    fs,
    io::{BufRead, Write},
    path::Path,
    time::{Duration, Instant},
};

use imaging::Picture;

use crate::{
    clock::{Cost, timed},
    error::Error,
    protocol::{Answer, Made, Request},
    work::{self, Work},
};

pub(crate) fn answer(requests: impl BufRead, mut answers: impl Write) -> Result<(), Error> {
    let mut source = Vec::new();
    for line in requests.lines() {
        let answer = match serde_json::from_str(&line?)? {
            Request::Load { file } => {
                source = fs::read(file)?;
                Answer::Loaded { bytes: source.len() }
            }
            Request::Make { work, at_least_ms, at_most, keep } => {
                let (costs, pictures) = again(work, &source, Duration::from_millis(at_least_ms), at_most)?;
                if let Some(folder) = keep {
                    store(&pictures, &folder)?;
                }
                Answer::Made {
                    cpu_ms: costs.iter().map(|cost| cost.cpu.as_secs_f64() * 1e3).collect(),
                    wall_ms: costs.iter().map(|cost| cost.wall.as_secs_f64() * 1e3).collect(),
                    pictures: pictures.iter().map(made).collect(),
                }
            }
        };
        writeln!(answers, "{}", serde_json::to_string(&answer)?)?;
        answers.flush()?;
    }
    Ok(())
}

/// The same work until enough time went by; what each time cost, and what was made the last time.
fn again(
    work: Work,
    source: &[u8],
    at_least: Duration,
    at_most: usize,
) -> Result<(Vec<Cost>, Vec<Picture>), Error> {
    let began = Instant::now();
    let mut costs = Vec::new();
    loop {
        let (pictures, cost) = timed(|| work::make(work, source));
        costs.push(cost);
        if costs.len() >= at_most || began.elapsed() >= at_least {
            return Ok((costs, pictures?));
        }
    }
}

fn store(pictures: &[Picture], folder: &Path) -> Result<(), Error> {
    for picture in pictures {
        let made = made(picture);
        let name = made.shape.replace('/', "-");
        fs::write(folder.join(format!("{name}.{}", made.format)), &picture.bytes)?;
    }
    Ok(())
}

fn made(picture: &Picture) -> Made {
    let shape = picture.shape;
    Made {
        shape: format!("{}x{}/{}", shape.width, shape.height, shape.method.as_str()),
        format: picture.format.as_str(),
        width: picture.width,
        height: picture.height,
        bytes: picture.bytes.len(),
    }
}
