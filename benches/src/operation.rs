//! The five operations that are measured, each until its last byte.

use bytes::{Buf as _, Bytes};
use clap::ValueEnum;
use http::StatusCode;
use http_body_util::Full;

use crate::{
    connection::{Answer, Connection},
    error::RequestError,
    media::{DOWNLOAD_BYTES, Media, UPLOAD_BYTES, UPLOAD_PATH},
    server::Kind,
};

/// Bytes at the head of an upload that make it unlike any other.
pub(crate) const UNIQUE_BYTES: usize = 16;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// 1 MB of random bytes up, each time others
    Upload,
    /// 100 KB down, the bytes included
    Download,
    /// The redirect to 100 KB, which is not followed
    Redirect,
    /// The 96 × 96 crop of a photograph
    SmallThumbnail,
    /// The 640 × 480 thumbnail of a photograph
    LargeThumbnail,
}

impl Operation {
    pub(crate) const ALL: [Self; 5] =
        [Self::Upload, Self::Download, Self::Redirect, Self::SmallThumbnail, Self::LargeThumbnail];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload of 1 MB",
            Self::Download => "download of 100 KB",
            Self::Redirect => "redirect to 100 KB",
            Self::SmallThumbnail => "thumbnail 96 × 96",
            Self::LargeThumbnail => "thumbnail 640 × 480",
        }
    }

    /// What Synapse does instead: it answers downloads with the bytes, never with a redirect.
    pub(crate) fn for_synapse(self) -> Self {
        match self {
            Self::Redirect => Self::Download,
            other => other,
        }
    }

    /// How many times as fast as Synapse a gateway is to be.
    pub(crate) fn ratio_to_reach(self, kind: Kind, connections: u16) -> Option<f64> {
        match (self, kind) {
            (_, Kind::Synapse) | (Self::LargeThumbnail, _) => None,
            (Self::Upload, Kind::Durable) => (connections == 8).then_some(1.0),
            (Self::Upload, Kind::Fast) => (connections == 8).then_some(3.0),
            (Self::Download, _) => Some(2.0),
            (Self::Redirect | Self::SmallThumbnail, _) => Some(4.0),
        }
    }

    /// Does it once. `shared` is what all uploads have in common.
    pub(crate) async fn perform(
        self,
        connection: &mut Connection,
        media: &Media,
        shared: &Bytes,
    ) -> Result<(), RequestError> {
        match self {
            Self::Upload => {
                let unique: [u8; UNIQUE_BYTES] = rand::random();
                let body = Full::new(Bytes::copy_from_slice(&unique).chain(shared.clone()));
                let answer = connection.post(UPLOAD_PATH, "application/octet-stream", body).await?;
                expect_status(&answer, StatusCode::OK)
            }
            Self::Redirect => {
                let answer = connection.get(&media.download).await?;
                expect_status(&answer, StatusCode::TEMPORARY_REDIRECT)
            }
            Self::Download => {
                let size_bytes = fetch(connection, &media.download).await?;
                if size_bytes == DOWNLOAD_BYTES as u64 { Ok(()) } else { Err(RequestError::Size(size_bytes)) }
            }
            Self::SmallThumbnail => fetch_picture(connection, &media.small_thumbnail).await,
            Self::LargeThumbnail => fetch_picture(connection, &media.large_thumbnail).await,
        }
    }
}

/// The part that all uploads share, which is nearly all of them: making new random bytes would cost more than sending.
pub(crate) fn shared_bytes() -> Bytes {
    crate::media::random_bytes(UPLOAD_BYTES - UNIQUE_BYTES)
}

async fn fetch_picture(connection: &mut Connection, path: &str) -> Result<(), RequestError> {
    match fetch(connection, path).await? {
        0 => Err(RequestError::Size(0)),
        _ => Ok(()),
    }
}

/// The bytes, at once or behind one redirect.
async fn fetch(connection: &mut Connection, path: &str) -> Result<u64, RequestError> {
    let mut answer = connection.get(path).await?;
    if answer.status == StatusCode::TEMPORARY_REDIRECT
        && let Some(location) = answer.location.take()
    {
        answer = connection.follow(&location).await?;
    }
    expect_status(&answer, StatusCode::OK)?;
    Ok(answer.size_bytes)
}

fn expect_status(answer: &Answer, expected: StatusCode) -> Result<(), RequestError> {
    if answer.status == expected { Ok(()) } else { Err(RequestError::Status(answer.status)) }
}
