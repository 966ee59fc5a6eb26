//! Hides media and shows it again: with it everything that has its bytes, now and ever after.

use matrix::Result;
use media_core::{Mxc, Record, Sha256};
use runtime::Deps;
use storage::{Ban, Outcome, QuarantineChange, Reference, bans::Met};

/// Hides a record's media, and by its digest all that has the same bytes; what is protected is spared, and so is everything
/// else when the record itself is protected. Returns how many were hidden that were not.
pub(crate) async fn hide(deps: &Deps, record: &Record, by: &str) -> Result<u64> {
    if record.protected {
        return Ok(0);
    }
    let others = match digest_of(record) {
        Some(sha256) => hide_bytes(deps, &sha256, by).await?,
        None => 0,
    };
    // It may have no reference: while an upload that went straight to S3 has not been read, or where a crash left none.
    Ok(others + hide_one(deps, &record.mxc, by).await?)
}

/// Shows a record's media again, and all that has the same bytes.
pub(crate) async fn show(deps: &Deps, record: &Record, by: &str) -> Result<u64> {
    let others = match digest_of(record) {
        Some(sha256) => show_bytes(deps, &sha256, by).await?,
        None => 0,
    };
    Ok(others + show_one(deps, &record.mxc, by).await?)
}

/// Hides all that has these bytes. The ban comes first, so that what arrives meanwhile is hidden, too.
pub(crate) async fn hide_bytes(deps: &Deps, sha256: &Sha256, by: &str) -> Result<u64> {
    let ban = Ban { by: by.to_owned(), at: deps.clock.now() };
    deps.store.records.ban_to_come(sha256, &ban).await?;
    let mut hidden = 0;
    let mut references = References::of(deps, sha256);
    while let Some(reference) = references.next().await? {
        hidden += hide_reference(deps, sha256, &reference, &ban).await?;
    }
    Ok(hidden)
}

/// Shows all that has these bytes, after the ban is lifted.
pub(crate) async fn show_bytes(deps: &Deps, sha256: &Sha256, by: &str) -> Result<u64> {
    deps.store.records.lift_ban(sha256).await?;
    let mut shown = 0;
    let mut references = References::of(deps, sha256);
    while let Some(reference) = references.next().await? {
        shown += show_one(deps, &reference.mxc, by).await?;
    }
    Ok(shown)
}

/// Hides what a reference to banned bytes is about, also where its record is still to come. The change is noted first, since
/// what is noted twice does no harm.
async fn hide_reference(deps: &Deps, sha256: &Sha256, reference: &Reference, ban: &Ban) -> Result<u64> {
    let records = &deps.store.records;
    let there = records.get_latest(&reference.mxc).await?;
    if there.is_some_and(|record| record.protected || record.quarantined_by.is_some()) {
        return Ok(0);
    }
    note(deps, &reference.mxc, true, &ban.by).await?;
    Ok(match records.hide(sha256, reference, ban).await? {
        Met::Hidden(_) => 1,
        Met::Spared(_) | Met::Others(_) => 0,
    })
}

async fn hide_one(deps: &Deps, mxc: &Mxc, by: &str) -> Result<u64> {
    let records = &deps.store.records;
    let there = records.get_latest(mxc).await?;
    if there.is_none_or(|record| record.protected || record.quarantined_by.is_some()) {
        return Ok(0);
    }
    note(deps, mxc, true, by).await?;
    Ok(match records.quarantine(mxc, by).await? {
        Outcome::Won(()) => 1,
        Outcome::Lost(_) => 0,
    })
}

async fn show_one(deps: &Deps, mxc: &Mxc, by: &str) -> Result<u64> {
    let records = &deps.store.records;
    let there = records.get_latest(mxc).await?;
    if there.is_none_or(|record| record.quarantined_by.is_none()) {
        return Ok(0);
    }
    note(deps, mxc, false, by).await?;
    Ok(match records.release(mxc).await? {
        Outcome::Won(()) => 1,
        Outcome::Lost(_) => 0,
    })
}

async fn note(deps: &Deps, mxc: &Mxc, quarantined: bool, by: &str) -> Result<()> {
    let change = QuarantineChange::new(mxc, quarantined, by, deps.clock.now());
    deps.store.records.note_quarantine_change(&change).await?;
    Ok(())
}

fn digest_of(record: &Record) -> Option<Sha256> {
    record.content().and_then(|content| content.sha256)
}

/// Everybody who has some bytes, a page at a time.
struct References<'a> {
    deps: &'a Deps,
    sha256: &'a Sha256,
    page: std::vec::IntoIter<Reference>,
    last: Option<Reference>,
}

impl<'a> References<'a> {
    fn of(deps: &'a Deps, sha256: &'a Sha256) -> Self {
        Self { deps, sha256, page: Vec::new().into_iter(), last: None }
    }

    async fn next(&mut self) -> Result<Option<Reference>> {
        if self.page.as_slice().is_empty() {
            let page = self.deps.store.records.references(self.sha256, self.last.as_ref()).await?;
            self.page = page.into_iter();
        }
        let next = self.page.next();
        self.last.clone_from(&next);
        Ok(next)
    }
}
