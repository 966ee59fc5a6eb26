//! One step, one file; `pipeline.rs` and `ladder.rs` say in which order they are taken.

pub(crate) mod admit;
pub(crate) mod animate;
pub(crate) mod colour;
pub(crate) mod ladder;
pub(crate) mod measure;
pub(crate) mod opaque;
pub(crate) mod orient;
pub(crate) mod reduce;
pub(crate) mod resize;
pub(crate) mod sniff;
