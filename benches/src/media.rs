//! What is asked of the servers: bytes to bring, and names of what each of them was brought before.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use crate::{
    connection::Connection,
    error::{Error, RequestError},
    server::Server,
};

/// Where all of them take uploads.
pub(crate) const UPLOAD_PATH: &str = "/_matrix/media/v3/upload";

/// Bytes of one upload: 1 MB.
pub(crate) const UPLOAD_BYTES: usize = 1_000_000;

/// Bytes of one download: 100 KB.
pub(crate) const DOWNLOAD_BYTES: usize = 100_000;

/// A real photograph as a client uploads it; `tests/fixtures/README.md` says whose it is.
const PHOTO: &[u8] = include_bytes!("../../tests/fixtures/photo.jpg");

/// Where one server keeps what it was brought.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) download: String,
    pub(crate) small_thumbnail: String,
    pub(crate) large_thumbnail: String,
}

impl Media {
    /// Brings the server a file and a photograph, and waits for the thumbnails.
    pub(crate) async fn bring(server: &Server) -> Result<Self, Error> {
        let mut connection = server.connect().await?;
        let file = upload(&mut connection, "application/octet-stream", random_bytes(DOWNLOAD_BYTES)).await?;
        let photo = upload(&mut connection, "image/jpeg", Bytes::from_static(PHOTO)).await?;
        let thumbnail = format!("/_matrix/client/v1/media/thumbnail/{photo}");
        let media = Self {
            download: format!("/_matrix/client/v1/media/download/{file}"),
            small_thumbnail: format!("{thumbnail}?width=96&height=96&method=crop"),
            large_thumbnail: format!("{thumbnail}?width=640&height=480&method=scale"),
        };
        for path in [&media.small_thumbnail, &media.large_thumbnail] {
            let status = connection.get(path).await?.status;
            if status != StatusCode::OK && status != StatusCode::TEMPORARY_REDIRECT {
                return Err(RequestError::Status(status).into());
            }
        }
        Ok(media)
    }
}

/// Bytes that no disk and no filter finds easy.
pub(crate) fn random_bytes(count: usize) -> Bytes {
    let mut bytes = vec![0; count];
    rand::fill(&mut bytes[..]);
    bytes.into()
}

/// The name of what was uploaded, as a path: `origin/media-id`.
async fn upload(
    connection: &mut Connection,
    content_type: &'static str,
    bytes: Bytes,
) -> Result<String, RequestError> {
    let answer = connection.post_for_json(UPLOAD_PATH, content_type, bytes).await?;
    let name = answer.get("content_uri").and_then(Value::as_str).and_then(|uri| uri.strip_prefix("mxc://"));
    name.map(ToOwned::to_owned).ok_or(RequestError::Json("a content URI"))
}
