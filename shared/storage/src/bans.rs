//! Bans: some bytes are shown to nobody, whoever has them or brings them.
//!
//! The ban stands at the blob, which stays for it when all who had the bytes are gone. An upload learns of it when it joins
//! the blob, at no cost, and its record is born hidden. One that joined a moment before is among the references that the
//! ban walks afterwards, though its record may be still to come: a name that waited for its bytes, or is being fetched, is
//! hidden as it is, and where there is no record yet the ban leaves word.

use media_core::{Mxc, Record, Sha256, Timestamp, limits::BLOB_ATTEMPTS};

use crate::{
    Error, Outcome, Records,
    references::{Ban, Reference},
};

/// What a ban did to one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// It is hidden, or will be as soon as it is there.
    Hidden(Mxc),
    /// It is protected.
    Spared(Mxc),
    /// The name has other bytes, or is gone.
    Others(Mxc),
}

/// What a ban did in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// How many records are hidden.
    pub hidden: u64,
    /// How many were spared.
    pub spared: u64,
}

impl Records {
    /// Bans these bytes, here and to come, and hides everything that has them. Doing it again changes nothing, and ends what
    /// another time was stopped. Looks at all references, a page at a time; whoever has little time bans first
    /// ([`Records::ban_to_come`]) and walks by themselves ([`Records::references`], [`Records::hide`]).
    pub async fn ban(&self, sha256: &Sha256, by: &str, at: Timestamp) -> Result<Walked, Error> {
        let ban = Ban { by: by.to_owned(), at };
        self.ban_to_come(sha256, &ban).await?;
        let mut walked = Walked::default();
        let mut last = None;
        loop {
            let page = self.references(sha256, last.as_ref()).await?;
            for reference in &page {
                match self.hide(sha256, reference, &ban).await? {
                    Met::Hidden(_) => walked.hidden += 1,
                    Met::Spared(_) => walked.spared += 1,
                    Met::Others(_) => {}
                }
            }
            match page.into_iter().next_back() {
                Some(reference) => last = Some(reference),
                None => return Ok(walked),
            }
        }
    }

    /// Bans these bytes for those who bring them from now on. What is here is still to be hidden.
    pub async fn ban_to_come(&self, sha256: &Sha256, ban: &Ban) -> Result<(), Error> {
        self.note_ban(sha256, ban).await
    }

    /// The ban on these bytes.
    pub async fn ban_on(&self, sha256: &Sha256) -> Result<Option<Ban>, Error> {
        Ok(self.blob(sha256).await?.and_then(|blob| blob.ban))
    }

    /// Hides what a reference to banned bytes is about, after they were banned.
    pub async fn hide(&self, sha256: &Sha256, reference: &Reference, ban: &Ban) -> Result<Met, Error> {
        let mxc = reference.mxc.clone();
        for _ in 0..BLOB_ATTEMPTS {
            match self.quarantine_bytes(reference, &ban.by).await? {
                Outcome::Won(()) => return Ok(Met::Hidden(mxc)),
                Outcome::Lost(Some(there)) if has_other_bytes(&there, reference) => {
                    return Ok(Met::Others(mxc));
                }
                Outcome::Lost(Some(Record { protected: true, .. })) => return Ok(Met::Spared(mxc)),
                // It came between, and can be met now.
                Outcome::Lost(Some(_)) => {}
                Outcome::Lost(None) if !reference.may_precede_its_record() => return Ok(Met::Others(mxc)),
                Outcome::Lost(None) => {
                    if self.bar(&mxc, ban).await?.is_won() {
                        return self.is_awaited(sha256, reference).await;
                    }
                }
            }
        }
        Err(Error::item(&mxc.to_string(), "it came and went too often at once"))
    }

    /// Whether whoever brings the bytes is still to come, after word was left for them. Else it is taken back.
    async fn is_awaited(&self, sha256: &Sha256, reference: &Reference) -> Result<Met, Error> {
        let mxc = reference.mxc.clone();
        if self.is_reference(sha256, reference).await? {
            return Ok(Met::Hidden(mxc));
        }
        self.unbar(&mxc).await?;
        Ok(Met::Others(mxc))
    }
}

fn has_other_bytes(there: &Record, reference: &Reference) -> bool {
    there.kept().is_some_and(|content| content.brought_as != reference.brought_as)
}
