//! `POST …/upload/{serverName}/{mediaId}/complete`: the bytes for a name went straight to S3.
//!
//! <https://github.com/matrix-org/matrix-spec-proposals/pull/3870>, as the clients of mautrix speak it: `create` gives them a
//! URL, they PUT the bytes there, and tell us.

use axum::{Json, extract::State};
use matrix::{MediaPath, Query, Requester, Result};
use media_core::{Content, Mxc, Refusal, Reservation, admit};
use serde_json::{Value, json};
use storage::{Key, staging::Staged};

use crate::{Upload, arriving::Taken, counted::Counted};

/// What lies in staging is measured, typed and admitted, then copied by S3 itself to where media is kept. No byte of it
/// passes through here, so nobody knows its digest yet: `ingest` reads it afterwards.
///
/// Who tells us twice, since the first answer was lost, is told the same twice.
pub(crate) async fn complete_upload(
    requester: Requester,
    State(upload): State<Upload>,
    path: MediaPath,
    query: Query,
) -> Result<Json<Value>> {
    let file_name = query.get("filename")?;
    let mxc = path.mxc()?;
    let accepted = match upload.reserved(&requester, &path).await {
        Ok((_, reservation)) => upload.accept(&requester, &mxc, &reservation, file_name).await,
        Err(refusal) => Err(refusal),
    };
    match accepted {
        Ok(()) | Err(matrix::Error::Refusal(Refusal::CannotOverwrite)) => {
            Ok(Json(json!({ "content_uri": mxc.to_string() })))
        }
        Err(error) => Err(error),
    }
}

impl Upload {
    async fn accept(
        &self,
        requester: &Requester,
        mxc: &Mxc,
        reservation: &Reservation,
        file_name: Option<&str>,
    ) -> Result<()> {
        let blobs = &self.deps.store.blobs;
        let staging_key = reservation.staging_key.as_deref().ok_or(Refusal::NothingUploaded)?;
        let Some(staged) = blobs.look_at_staged(staging_key).await? else {
            return Err(self.why_nothing_is_there(requester, mxc).await?.into());
        };
        let key = Key::new_original();
        let (label, counted) = match self.admit_staged(requester, &staged, file_name, &key).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                blobs.delete(staging_key).await?;
                return Err(refusal);
            }
        };
        if !blobs.accept_staged(&staged, &key, mxc, &label.content_type).await? {
            self.give_back(&counted).await?;
            return Err(self.why_nothing_is_there(requester, mxc).await?.into());
        }
        let content = Content {
            object_key: key.to_string(),
            brought_as: key.to_string(),
            content_type: label.content_type,
            size_bytes: staged.size_bytes,
            sha256: None,
            upload_name: label.upload_name,
        };
        let (quarantined_by, is_held) = match self.show(requester, mxc, &content, None).await {
            Ok(shown) => shown,
            Err(refusal) => {
                self.take_away(mxc, &content, &counted).await?;
                blobs.delete(staging_key).await?;
                return Err(refusal);
            }
        };
        counted.may_be_recorded();
        let taken = Taken { content, quarantined_by, is_held, counted };
        self.complete(requester, mxc, reservation, &taken).await?;
        if let Err(error) = blobs.delete(staging_key).await {
            tracing::warn!(%error, "An accepted upload could not be deleted from staging; it is swept");
        }
        Ok(())
    }

    /// Nothing came; or whoever told us at the same moment was first.
    async fn why_nothing_is_there(&self, requester: &Requester, mxc: &Mxc) -> Result<Refusal> {
        let record = self.deps.store.records.get_latest(mxc).await?;
        let filled = admit::fill(record.as_ref(), &requester.user_id, self.deps.clock.now());
        Ok(filled.err().unwrap_or(Refusal::NothingUploaded))
    }

    async fn admit_staged(
        &self,
        requester: &Requester,
        staged: &Staged,
        file_name: Option<&str>,
        key: &Key,
    ) -> Result<(admit::Label, Counted)> {
        let limit_bytes = self.deps.limits.direct_upload_bytes;
        if staged.size_bytes > limit_bytes {
            return Err(Refusal::TooLarge { limit_bytes }.into());
        }
        let label = admit::label(staged.content_type.as_deref(), file_name);
        admit::admit_type(&label.content_type, &self.deps.config.uploads.forbidden_types)?;
        let counted = self.count(requester, key, staged.size_bytes).await?;
        Ok((label, counted))
    }
}
