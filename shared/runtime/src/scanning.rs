//! Whether media may be shown: the operator's scanner is asked before anybody can have it.
//!
//! What is small is scanned while whoever brings it waits; what is large is recorded as held ([`State::Scanning`]) and
//! scanned by `ingest` when its object has landed. The protocol stands in `docs/scanning.md`.

use std::{fmt, time::Duration};

use matrix::Bell;
use media_core::{
    Clock, Content, Mxc, Record, Sha256, State, UserId,
    limits::{SCAN_LINK_SPARE, SCANNED_AT_ONCE_BYTES},
};
use outbound::{SetupError, Trust, scanner::ScannerUrl};
use serde::{Deserialize, Serialize};
use storage::{Store, presign::Presentation};

use crate::config::{OnScanFailure, ScannerPlace, Scanning};

/// Who hides what a scanner does not want shown, as records say it.
pub const SCANNER: &str = "scanner";

/// Asks the operator's scanner, if there is one. Cheap to clone.
#[derive(Clone)]
pub struct Scanner {
    place: Option<Place>,
    settings: Scanning,
    store: Store,
    bell: Bell,
    clock: Clock,
}

#[derive(Clone)]
enum Place {
    Url(ScannerUrl),
    Function(String),
}

/// What a scanner is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Whose bytes they are.
    pub mxc: &'a Mxc,
    /// The object that has them.
    pub object_key: &'a str,
    /// How many.
    pub size_bytes: u64,
    /// The type that came with them.
    pub content_type: &'a str,
    /// Their digest, if it is known yet.
    pub sha256: Option<&'a Sha256>,
    /// Who uploaded them; nobody here, if they are another server's.
    pub uploader: Option<&'a UserId>,
}

/// How bytes are to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Everybody who may have them gets them.
    Yes,
    /// They are to be hidden.
    No,
    /// That is to be found out yet.
    NotYet,
}

/// What a scanner is sent.
#[derive(Serialize)]
struct Facts<'a> {
    mxc: String,
    url: &'a str,
    url_expires_at: u64,
    size: u64,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uploader: Option<&'a str>,
}

/// What it answers.
#[derive(Deserialize)]
struct Reply {
    verdict: Verdict,
    #[serde(default)]
    info: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Clean,
    Quarantine,
}

impl Scanner {
    /// The scanner that the settings name. Opens no connection.
    ///
    /// # Errors
    /// As [`ScannerUrl::new`].
    pub(crate) fn new(
        settings: &Scanning,
        store: &Store,
        trust: &Trust,
        bell: &Bell,
        clock: &Clock,
    ) -> Result<Self, SetupError> {
        let place = match &settings.scanner {
            None => None,
            Some(ScannerPlace::Url(url)) => {
                Some(Place::Url(ScannerUrl::new(url.clone(), trust, settings.time)?))
            }
            Some(ScannerPlace::Function(name)) => Some(Place::Function(name.clone())),
        };
        let (settings, store) = (settings.clone(), store.clone());
        Ok(Self { place, settings, store, bell: bell.clone(), clock: clock.clone() })
    }

    /// Whether bytes may be shown that are about to be recorded. What is large is held, and scanned when it has landed.
    pub async fn before_record(&self, subject: &Subject<'_>) -> Shown {
        match self.place {
            None => Shown::Yes,
            Some(_) if subject.size_bytes > SCANNED_AT_ONCE_BYTES => Shown::NotYet,
            Some(_) => self.scan(subject).await,
        }
    }

    /// Whether these bytes may be shown, however large they are.
    pub async fn scan(&self, subject: &Subject<'_>) -> Shown {
        let Some(place) = &self.place else { return Shown::Yes };
        let asked = tokio::time::timeout(self.settings.time, self.ask(place, subject)).await;
        let problem = match asked {
            Ok(Ok(Reply { verdict: Verdict::Clean, .. })) => return Shown::Yes,
            Ok(Ok(Reply { verdict: Verdict::Quarantine, info })) => {
                let (mxc, info) = (subject.mxc, shortened(&info));
                tracing::warn!(media.origin = %mxc.origin, media.id = %mxc.media_id, %info, "The scanner hides media");
                return Shown::No;
            }
            Ok(Err(problem)) => problem,
            Err(_) => "it took too long".to_owned(),
        };
        let policy = self.settings.on_failure;
        tracing::error!(media.origin = %subject.mxc.origin, %problem, ?policy, "The scanner gave no verdict");
        match policy {
            OnScanFailure::Admit => Shown::Yes,
            OnScanFailure::Hold => Shown::NotYet,
        }
    }

    /// Has held media scanned; other media is as it is. Whether `record`, which then says what there is now, is held no
    /// longer.
    pub async fn release(&self, record: &mut Record) -> Result<bool, storage::Error> {
        let State::Scanning(content) = record.state.clone() else { return Ok(true) };
        let shown = if record.quarantined_by.is_some() {
            // Nobody gets it either way.
            Shown::Yes
        } else {
            self.scan(&Subject::of(&record.mxc, &content, record.uploader.as_deref())).await
        };
        if shown == Shown::NotYet {
            return Ok(false);
        }
        if let (Shown::No, Some(sha256)) = (shown, &content.sha256) {
            self.ban(sha256).await?;
        }
        self.store.records.end_scan(&record.mxc, &content, shown.hidden_by()).await?;
        self.bell.ring(&record.mxc);
        record.quarantined_by = shown.hidden_by().map(ToOwned::to_owned).or(record.quarantined_by.take());
        record.state = State::Stored(content);
        Ok(true)
    }

    /// Bans bytes that are hidden, if the operator wants that: every copy, here and to come.
    pub async fn ban(&self, sha256: &Sha256) -> Result<(), storage::Error> {
        if self.settings.bans {
            self.store.records.ban(sha256, SCANNER, self.clock.now()).await?;
        }
        Ok(())
    }

    async fn ask(&self, place: &Place, subject: &Subject<'_>) -> Result<Reply, String> {
        let life = self.settings.time + SCAN_LINK_SPARE;
        let shown_as = Presentation::new(subject.content_type, None);
        let url = self.store.blobs.lend(subject.object_key, &shown_as, life).await;
        let url = url.map_err(|error| error.to_string())?;
        let facts = Facts {
            mxc: subject.mxc.to_string(),
            url: &url,
            url_expires_at: (self.clock.now() + life).0,
            size: subject.size_bytes,
            content_type: subject.content_type,
            sha256: subject.sha256.map(Sha256::to_string),
            uploader: subject.uploader.map(UserId::as_str),
        };
        let facts = serde_json::to_vec(&facts).map_err(|error| error.to_string())?;
        let said = match place {
            Place::Url(scanner) => scanner.ask(&facts).await?,
            Place::Function(name) => {
                self.store.functions.ask(name, facts).await.map_err(|error| error.to_string())?
            }
        };
        serde_json::from_slice(&said).map_err(|error| format!("its answer makes no sense: {error}"))
    }
}

impl<'a> Subject<'a> {
    /// The bytes of some content.
    #[must_use]
    pub fn of(mxc: &'a Mxc, content: &'a Content, uploader: Option<&'a UserId>) -> Self {
        Self {
            mxc,
            object_key: &content.object_key,
            size_bytes: content.size_bytes,
            content_type: &content.content_type,
            sha256: content.sha256.as_ref(),
            uploader,
        }
    }
}

impl Shown {
    /// Who hides it, as the record says it.
    #[must_use]
    pub fn hidden_by(self) -> Option<&'static str> {
        (self == Self::No).then_some(SCANNER)
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// As much of what a scanner says as a line of the log has room for.
fn shortened(info: &str) -> &str {
    const INFO_BYTES: usize = 200;
    &info[..info.floor_char_boundary(INFO_BYTES)]
}

/// How long a scanner has when nothing is said.
pub(crate) const STANDARD_TIME: Duration = Duration::from_secs(30);
