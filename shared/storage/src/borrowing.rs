//! Thumbnails of equal bytes: made for one piece of media, they serve every other that shares the object.

use media_core::{Content, Mxc, limits::LENDERS};

use crate::{Error, MediaAndThumbnails, Records};

impl Records {
    /// Gives `mxc` the thumbnails, and what is known of the picture, of other media that shares its object. How many that
    /// were; `None` when nobody has looked at the picture yet, or none of the few that are asked.
    pub async fn borrow_thumbnails(&self, mxc: &Mxc, content: &Content) -> Result<Option<usize>, Error> {
        let Some(sha256) = &content.sha256 else { return Ok(None) };
        let others = self.references(sha256, None).await?.into_iter().filter(|other| other.mxc != *mxc);
        for other in others.take(LENDERS) {
            let Some(MediaAndThumbnails { record, thumbnails }) =
                self.get_with_thumbnails(&other.mxc).await?
            else {
                continue;
            };
            let is_same_object = record.content().is_some_and(|is| is.object_key == content.object_key);
            let Some(picture) = record.picture.filter(|_| is_same_object) else { continue };
            for thumbnail in &thumbnails {
                self.add_thumbnail(mxc, &content.object_key, thumbnail).await?;
            }
            // Last: whoever is stopped before has looked at nothing yet.
            self.note_picture(mxc, &content.object_key, picture).await?;
            return Ok(Some(thumbnails.len()));
        }
        Ok(None)
    }
}
