//! The blobs that make up one object, in order: one for a plain upload, one for each part of a multipart upload,
//! none for an empty object.

use super::BlobId;

/// One blob of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) blob: BlobId,
    pub(crate) size_bytes: u64,
}

/// All blobs of an object, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Extents(pub(crate) Vec<Extent>);

/// Packed, an extent is the blob's name and its size as eight bytes, most significant first.
const PACKED_LENGTH: usize = BlobId::LENGTH + size_of::<u64>();

impl Extents {
    pub(crate) fn one(blob: BlobId, size_bytes: u64) -> Self {
        Self(vec![Extent { blob, size_bytes }])
    }

    /// The blob that stands for the whole object: no other object ever has it.
    pub(crate) fn first(&self) -> Option<BlobId> {
        self.0.first().map(|extent| extent.blob)
    }

    pub(crate) fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.0.iter().map(|extent| extent.blob)
    }

    /// What to read for the bytes from `start` up to, not including, `end`: each blob with the place to begin at
    /// and the number of bytes to take.
    pub(crate) fn pieces(&self, start: u64, end: u64) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut begins = 0;
        for extent in &self.0 {
            let ends = begins + extent.size_bytes;
            let (from, to) = (start.max(begins), end.min(ends));
            if from < to {
                pieces.push(Piece { blob: extent.blob, offset: from - begins, length: to - from });
            }
            begins = ends;
        }
        pieces
    }

    /// The bytes of the object that its `number`-th part holds, counted from 1.
    pub(crate) fn part(&self, number: usize) -> Option<(u64, u64)> {
        let index = number.checked_sub(1)?;
        let part = self.0.get(index)?;
        let start = self.0[..index].iter().map(|extent| extent.size_bytes).sum();
        Some((start, start + part.size_bytes))
    }

    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.0.len() * PACKED_LENGTH);
        for extent in &self.0 {
            packed.extend_from_slice(&extent.blob.0);
            packed.extend_from_slice(&extent.size_bytes.to_be_bytes());
        }
        packed
    }

    pub(crate) fn unpack(packed: &[u8]) -> Self {
        let (extents, _torn) = packed.as_chunks::<PACKED_LENGTH>();
        Self(extents.iter().map(unpack_one).collect())
    }
}

/// A run of bytes within one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) blob: BlobId,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

fn unpack_one(packed: &[u8; PACKED_LENGTH]) -> Extent {
    let mut blob = [0; BlobId::LENGTH];
    let mut size = [0; size_of::<u64>()];
    blob.copy_from_slice(&packed[..BlobId::LENGTH]);
    size.copy_from_slice(&packed[BlobId::LENGTH..]);
    Extent { blob: BlobId(blob), size_bytes: u64::from_be_bytes(size) }
}

impl std::fmt::Debug for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Extents {
        let extent = |name, size_bytes| Extent { blob: BlobId([name; BlobId::LENGTH]), size_bytes };
        Extents(vec![extent(1, 10), extent(2, 5), extent(3, 20)])
    }

    #[test]
    fn packing_and_unpacking_changes_nothing() {
        assert!(Extents::unpack(&three().pack()) == three());
        assert!(Extents::unpack(&[]) == Extents::default());
    }

    #[test]
    fn a_range_takes_from_each_blob_what_lies_in_it() {
        let piece = |name, offset, length| Piece { blob: BlobId([name; BlobId::LENGTH]), offset, length };
        assert_eq!(three().pieces(0, 35), [piece(1, 0, 10), piece(2, 0, 5), piece(3, 0, 20)]);
        assert_eq!(three().pieces(9, 16), [piece(1, 9, 1), piece(2, 0, 5), piece(3, 0, 1)]);
        assert_eq!(three().pieces(10, 15), [piece(2, 0, 5)]);
        assert_eq!(three().pieces(15, 15), []);
    }

    #[test]
    fn a_part_knows_where_it_lies() {
        assert_eq!(three().part(1), Some((0, 10)));
        assert_eq!(three().part(3), Some((15, 35)));
        assert_eq!(three().part(0), None);
        assert_eq!(three().part(4), None);
    }
}
