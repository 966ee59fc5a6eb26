//! Frames of lossy WebPs: whatever the bytes are, they are decoded or refused, the same every time, in as many rows as the header says.

use vp8_rows::{Error, Frame, Lines};

/// Pixels of a frame that is decoded here to its end: more of them are more of the same.
const MAX_PIXELS: u32 = 1 << 16;

/// Takes what a `VP8 ` chunk holds.
///
/// # Panics
/// When something does not hold.
pub fn hold(input: &[u8]) {
    let Ok(frame) = Frame::read(input) else { return };
    let rows = frame.height().div_ceil(16) as usize;
    let is_small = frame.width() * frame.height() <= MAX_PIXELS;
    let most = if is_small { rows } else { 1 };
    let (ended, whole) = decoded(&frame, most);
    assert_eq!(ended, if most == rows { Ok(()) } else { Err(Error::Stopped) });
    assert_eq!(whole.len(), most);
    the_rows_are_those_of_the_header(&frame, &whole);
    assert_eq!(decoded(&frame, 1).1, whole[..1], "decoded twice");
    // Of the frequencies nothing is needed.
    if let Ok(cut) = Frame::read(&input[..input.len() - input.len() / 8]) {
        assert_eq!(decoded(&cut, most).1.len(), most);
    }
}

/// Each row of macroblocks has sixteen rows of luma and eight of both chromas, as long as the picture has them.
///
/// # Panics
/// When it does not hold.
pub fn the_rows_are_those_of_the_header(frame: &Frame<'_>, rows: &[[Plane; 3]]) {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    for (row, [luma, u, v]) in rows.iter().enumerate() {
        let left = (height - 16 * row).min(16);
        assert_eq!((luma.width, luma.samples.len()), (width, width * left));
        for chroma in [u, v] {
            assert_eq!(chroma.width, width.div_ceil(2));
            assert_eq!(chroma.samples.len(), chroma.width * left.div_ceil(2));
        }
    }
}

/// Some rows of one plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    width: usize,
    samples: Vec<u8>,
}

/// What became of so many rows of macroblocks.
fn decoded(frame: &Frame<'_>, most: usize) -> (Result<(), Error>, Vec<[Plane; 3]>) {
    let rows = std::cell::RefCell::new(Vec::new());
    let plane = |lines: &Lines<'_>| {
        let lines: Vec<_> = lines.iter().collect();
        Plane { width: lines.first().map_or(0, |line| line.len()), samples: lines.concat() }
    };
    let ended = frame.rows(&|| rows.borrow().len() < most, |next| {
        rows.borrow_mut().push([&next.luma, &next.u, &next.v].map(plane));
    });
    (ended, rows.into_inner())
}
