//! One step, one file, in the order in which the pipeline takes them.

pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod fit;
pub(crate) mod measure;
pub(crate) mod resize;
pub(crate) mod sniff;
