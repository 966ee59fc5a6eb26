//! What must hold of each parser that reads what anybody sent, whatever that is.
//!
//! Every module is one parser. Its functions panic when something does not hold, and return when it does; `hold` takes any
//! bytes, and is what the fuzzer calls. The same functions run in continuous integration: over input that `proptest`
//! makes up, and over the corpus that fuzzing left behind (`tests/fuzz/corpus`).

pub mod content_disposition;
pub mod jpeg_shrink;
pub mod multipart;
pub mod range;
pub mod server_name;
pub mod vp8_rows;
pub mod x_matrix;

/// Something that is fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The target's name, and its corpus's.
    pub name: &'static str,
    /// What takes the fuzzer's bytes, and panics when something does not hold.
    pub hold: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "content_disposition", hold: content_disposition::hold },
    Target { name: "jpeg_shrink", hold: jpeg_shrink::hold },
    Target { name: "multipart", hold: multipart::hold },
    Target { name: "range", hold: range::hold },
    Target { name: "server_name", hold: server_name::hold },
    Target { name: "vp8_rows", hold: vp8_rows::hold },
    Target { name: "x_matrix", hold: x_matrix::hold },
];
