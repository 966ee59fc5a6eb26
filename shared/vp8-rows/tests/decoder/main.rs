//! What the decoder promises, asked through its front door.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod likeness;
mod mutilations;
mod pictures;
mod truncations;

use vp8_rows::{Error, Frame, Lines, Rows};

/// A frame as a whole: its size, and its three planes without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Planes {
    size: (u32, u32),
    planes: [Vec<u8>; 3],
}

fn decoded(bitstream: &[u8]) -> Result<Planes, Error> {
    let frame = Frame::read(bitstream)?;
    let mut planes: [Vec<u8>; 3] = Default::default();
    frame.rows(&|| true, |Rows { luma, u, v }| {
        let push = |plane: &mut Vec<u8>, lines: &Lines<'_>| lines.iter().for_each(|line| plane.extend(line));
        planes.iter_mut().zip([luma, u, v]).for_each(|(plane, lines)| push(plane, lines));
    })?;
    Ok(Planes { size: (frame.width(), frame.height()), planes })
}
