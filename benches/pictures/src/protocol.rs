//! What is asked and answered, a JSON object a line. The runners of sharp and Pillow speak the same.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::work::Work;

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Reads a file, and keeps its bytes in place of the last one's.
    Load { file: PathBuf },
    /// Makes thumbnails of it, again and again.
    Make {
        work: Work,
        /// Until so much time has gone by on the wall …
        at_least_ms: u64,
        /// … or it was done so often. At least once.
        at_most: usize,
        /// A folder for what was made last.
        keep: Option<PathBuf>,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Loaded {
        bytes: usize,
    },
    Made {
        /// For each time it was done, in milliseconds.
        cpu_ms: Vec<f64>,
        wall_ms: Vec<f64>,
        pictures: Vec<Made>,
    },
}

/// One thumbnail.
#[derive(Debug, Serialize)]
pub(crate) struct Made {
    /// As `800x600/scale`.
    pub(crate) shape: String,
    pub(crate) format: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: usize,
}
