//! One decode for all sizes: the larger first, the smaller ones from it.

use image::metadata::Orientation;
use media_core::thumbnail::{Fit, Shape, USUAL, fit};

use super::{colour::to_srgb, opaque::opaque, orient::orient, resize::resize};
use crate::{
    Unthumbnailable,
    budget::Budget,
    encode::Came,
    formats::{self, Decoded, Header, Kind},
    raster::Raster,
};

/// What smaller thumbnails are made from, the largest first: the usual ones that show the whole picture.
const RUNGS: [Shape; 3] = [USUAL[4], USUAL[3], USUAL[2]];

/// A source that was measured and admitted.
#[derive(Clone, Copy)]
pub(crate) struct Admitted<'a> {
    pub(crate) source: &'a [u8],
    pub(crate) kind: Kind,
    pub(crate) header: &'a Header,
    pub(crate) budget: Budget<'a>,
}

/// Makes rasters of one picture. What each is made from depends on the picture and on the raster wanted, never on what
/// else is wanted with it, so that the same thumbnail has the same bytes always: records, keys and entity tags rely on it.
pub(crate) struct Ladder<'a> {
    admitted: Admitted<'a>,
    size: (u32, u32),
    /// What is decoded for all the usual thumbnails: large enough for each of them.
    needed: (u32, u32),
    decoded: Option<Decoded>,
    rungs: Vec<Raster>,
}

impl<'a> Ladder<'a> {
    pub(crate) fn new(admitted: Admitted<'a>) -> Self {
        let seen = admitted.header.seen();
        let size = (seen.width, seen.height);
        let usual = USUAL.map(|shape| fit(size, shape).resized);
        let widest = usual.iter().map(|size| size.0).max().unwrap_or(1);
        let tallest = usual.iter().map(|size| size.1).max().unwrap_or(1);
        Self { admitted, size, needed: (widest, tallest), decoded: None, rungs: Vec::new() }
    }

    /// The picture in this shape, and what it may be encoded as: from the smallest rung that is large enough, from what was
    /// decoded for all, or decoded for itself.
    pub(crate) fn raster(&mut self, shape: Shape) -> Result<(Raster, Came), Unthumbnailable> {
        self.admitted.budget.in_time()?;
        let fit = fit(self.size, shape);
        let kind = self.admitted.kind;
        if !covers(self.needed, fit) {
            self.forget();
            let alone = self.admitted.decode(fit.resized)?;
            return Ok((alone.reduced(fit, &self.admitted.budget)?, alone.came(kind)));
        }
        let came = self.decoded()?.came(kind);
        let small = match RUNGS.into_iter().rposition(|rung| covers(self.fit(rung).resized, fit)) {
            Some(rung) => resize(self.rung(rung)?, fit)?,
            None => self.reduced(fit)?,
        };
        Ok((small, came))
    }

    /// Lets go of what is held, for something that needs the memory; what is asked for afterwards is decoded again.
    pub(crate) fn forget(&mut self) {
        (self.decoded, self.rungs) = (None, Vec::new());
    }

    fn fit(&self, shape: Shape) -> Fit {
        fit(self.size, shape)
    }

    fn decoded(&mut self) -> Result<&Decoded, Unthumbnailable> {
        match &mut self.decoded {
            Some(decoded) => Ok(decoded),
            none => Ok(none.insert(self.admitted.decode(self.needed)?)),
        }
    }

    fn reduced(&mut self, fit: Fit) -> Result<Raster, Unthumbnailable> {
        let budget = self.admitted.budget;
        self.decoded()?.reduced(fit, &budget)
    }

    fn rung(&mut self, wanted: usize) -> Result<&Raster, Unthumbnailable> {
        for rung in RUNGS.iter().take(wanted + 1).skip(self.rungs.len()) {
            let fit = self.fit(*rung);
            let next = match self.rungs.last() {
                Some(above) => resize(above, fit)?,
                None => self.reduced(fit)?,
            };
            self.rungs.push(next);
        }
        Ok(&self.rungs[wanted])
    }
}

impl Admitted<'_> {
    /// Pixels the right way up, at least this many as seen where the picture has them.
    fn decode(&self, at_least: (u32, u32)) -> Result<Decoded, Unthumbnailable> {
        self.budget.in_time()?;
        let at_least = self.header.turned(at_least);
        let Decoded { raster, profile } = formats::decode(self.source, self.kind, at_least, &self.budget)?;
        self.budget.in_time()?;
        if self.header.orientation != Orientation::NoTransforms {
            self.budget.has_memory(2 * raster.bytes())?;
        }
        Ok(Decoded { raster: orient(opaque(raster)?, self.header.orientation)?, profile })
    }
}

impl Decoded {
    fn came(&self, kind: Kind) -> Came {
        match (kind, &self.raster) {
            (Kind::Jpeg, _) | (_, Raster::YCbCr(_)) => Came::AsPhotograph,
            (Kind::WebP, _) => Came::AsWebP,
            _ => Came::Otherwise,
        }
    }

    /// Resized, and only then in sRGB: there are fewer pixels to change.
    fn reduced(&self, fit: Fit, budget: &Budget<'_>) -> Result<Raster, Unthumbnailable> {
        let held = self.raster.bytes();
        budget.has_memory(held + self.raster.bytes_at(fit.cut))?;
        let small = resize(&self.raster, fit)?;
        to_srgb(small, self.profile.as_deref(), held, budget)
    }
}

/// Whether a picture of this size is large enough.
fn covers(size: (u32, u32), fit: Fit) -> bool {
    size.0 >= fit.resized.0 && size.1 >= fit.resized.1
}
