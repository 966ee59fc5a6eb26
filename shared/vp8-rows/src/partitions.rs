//! Where the frequencies of each row of macroblocks are (section 9.5).

use crate::{bools::Bools, error::Error};

/// Cuts what follows the first partition into two to the power of `log_count` pieces. Of each but the last the size stands in
/// front; what is cut short, or not there at all, is what is there.
pub(crate) fn split(bytes: &[u8], log_count: u8) -> Result<Vec<Bools<'_>>, Error> {
    let count = 1 << log_count;
    let no_sizes = Error::Broken("no sizes of partitions");
    let (sizes, mut rest) = bytes.split_at_checked(3 * (count - 1)).ok_or(no_sizes)?;
    let mut partitions = Vec::with_capacity(count);
    for size in sizes.as_chunks::<3>().0 {
        let size = u32::from_le_bytes([size[0], size[1], size[2], 0]) as usize;
        let (partition, behind_it) = rest.split_at(size.min(rest.len()));
        partitions.push(Bools::new(partition));
        rest = behind_it;
    }
    partitions.push(Bools::new(rest));
    Ok(partitions)
}
