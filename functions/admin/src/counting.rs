//! Sums by user or by server over the whole table, in bounded memory: who does not fit into one pass is counted in the next.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use matrix::Result;
use media_core::{ServerName, limits::COUNTED_AT_ONCE};
use runtime::Deps;
use storage::listing::Measured;

/// What there is of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Pieces of media.
    pub(crate) media: u64,
    /// Their bytes.
    pub(crate) media_bytes: u64,
    /// Thumbnails.
    pub(crate) thumbnails: u64,
    /// Their bytes.
    pub(crate) thumbnail_bytes: u64,
}

impl Sum {
    fn add(&mut self, item: &Measured) {
        let (count, bytes) = if item.is_thumbnail() {
            (&mut self.thumbnails, &mut self.thumbnail_bytes)
        } else {
            (&mut self.media, &mut self.media_bytes)
        };
        *count += 1;
        *bytes = bytes.saturating_add(item.size_bytes);
    }
}

/// Adds up what there is, of one server or of all: `group` says whose an item is, if it counts, and each group with its sum
/// goes to `each`, once. Scans the table, again for every [`COUNTED_AT_ONCE`] groups.
pub(crate) async fn count(
    deps: &Deps,
    origin: Option<&ServerName>,
    group: impl Fn(&Measured) -> Option<&str>,
    mut each: impl FnMut(String, Sum),
) -> Result<()> {
    let mut from = Some(0);
    while let Some(first) = from {
        let mut pass = Pass::new(first, COUNTED_AT_ONCE);
        let mut after = None;
        loop {
            let page = deps.store.records.measure(origin, after.as_ref()).await?;
            for item in &page.found {
                if let Some(name) = group(item) {
                    pass.add(name, item);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        from = pass.next();
        pass.groups.into_iter().for_each(|(name, sum)| each(name, sum));
    }
    Ok(())
}

/// One pass over the table: of all groups it counts those whose hash is in its range, which shrinks when they are too many.
/// Whoever stays in it was in it from the beginning and is counted in full.
struct Pass {
    from: u64,
    to: u64,
    groups: HashMap<String, Sum>,
    most: usize,
}

impl Pass {
    fn new(from: u64, most: usize) -> Self {
        Self { from, to: u64::MAX, groups: HashMap::new(), most }
    }

    fn add(&mut self, name: &str, item: &Measured) {
        if !(self.from..=self.to).contains(&place(name)) {
            return;
        }
        if let Some(sum) = self.groups.get_mut(name) {
            sum.add(item);
            return;
        }
        self.groups.entry(name.to_owned()).or_default().add(item);
        if self.groups.len() > self.most {
            self.shrink();
        }
    }

    /// Leaves the upper half to a later pass.
    fn shrink(&mut self) {
        let mut places: Vec<_> = self.groups.keys().map(|name| place(name)).collect();
        let middle = places.len() / 2;
        self.to = places.select_nth_unstable(middle).1.saturating_sub(1).max(self.from);
        let to = self.to;
        self.groups.retain(|name, _| place(name) <= to);
    }

    /// Where the next pass begins, if there is one.
    fn next(&self) -> Option<u64> {
        self.to.checked_add(1)
    }
}

/// The same in every pass, since this hasher has no secret.
fn place(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_groups_there_are_each_is_counted_once_and_in_full() {
        let items: Vec<_> = (0..3_000_u64)
            .map(|n| Measured {
                origin: "example.org".into(),
                user: Some(format!("@{}:example.org", n % 1_000)),
                created_at: Some(media_core::Timestamp(1)),
                size_bytes: 5,
            })
            .collect();
        let (mut from, mut passes, mut counted) = (Some(0), 0, HashMap::new());
        while let Some(first) = from {
            let mut pass = Pass::new(first, 100);
            for item in &items {
                pass.add(item.user.as_deref().unwrap(), item);
                assert!(pass.groups.len() <= 100);
            }
            from = pass.next();
            passes += 1;
            for (name, sum) in pass.groups {
                assert_eq!(counted.insert(name, sum), None);
            }
        }
        assert_eq!(counted.len(), 1_000);
        assert!(counted.values().all(|sum| (sum.media, sum.media_bytes) == (3, 15)));
        assert!((10..60).contains(&passes), "{passes} passes");
    }
}
