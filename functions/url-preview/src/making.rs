//! From a link to its preview: get the page, read it, bring its picture home.

use std::time::Duration;

use mime::Mime;
use outbound::pages::{Page, PageError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Preview, Previews,
    asked::Asked,
    page::{self, Said},
    picture::Pictured,
};

/// How long a page may take to come, redirects included.
pub(crate) const PAGE_TIME: Duration = Duration::from_secs(10);

/// How long its picture may take after that.
pub(crate) const PICTURE_TIME: Duration = Duration::from_secs(10);

/// How much of a page is read, in bytes (Synapse's `max_spider_size`). What comes after is not missed: whatever a page
/// says of itself, it says at its beginning.
const PAGE_BYTES: usize = 10 * 1024 * 1024;

const ACCEPT: &str = "text/html, application/xhtml+xml, image/*;q=0.9, */*;q=0.1";

/// What came of it.
pub(crate) struct Made {
    /// The preview, or why there is none.
    pub(crate) preview: Result<Preview, Failure>,
    /// What others sent for it.
    pub(crate) bytes: u64,
}

/// Why a page has no preview. Kept in the table, so that the page is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// The link says a private address.
    Fenced,
    /// The page cannot be had.
    Unavailable,
    /// It is no page and no picture.
    WrongKind,
    /// It is a picture, and larger than we fetch.
    TooLarge,
}

/// What is behind a link, by what its server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    Picture,
}

impl Previews {
    /// Makes the preview, whatever is remembered.
    pub(crate) async fn make(&self, asked: &Asked) -> Made {
        let got = self.deps.pages.get(asked.url.clone(), ACCEPT, &asked.languages, PAGE_TIME).await;
        let opened = got.map_err(|error| {
            tracing::info!(%error, "A page cannot be had");
            failure(&error)
        });
        match opened.and_then(|opened| Ok((kind(opened.content_type.as_deref())?, opened))) {
            Ok((Kind::Page, opened)) => self.of_page(opened, asked).await,
            Ok((Kind::Picture, opened)) => self.of_picture(opened).await,
            Err(failure) => Made { preview: Err(failure), bytes: 0 },
        }
    }

    async fn of_page(&self, opened: Page, asked: &Asked) -> Made {
        let (url, content_type) = (opened.url.clone(), opened.content_type.clone());
        let body = match opened.read(PAGE_BYTES).await {
            Ok(body) => body.bytes,
            Err(error) => {
                tracing::info!(%error, "A page breaks off");
                return Made { preview: Err(failure(&error)), bytes: 0 };
            }
        };
        let page_bytes = body.len() as u64;
        let read = tokio::task::spawn_blocking(move || page::read(&body, content_type.as_deref(), &url));
        // A panic in the reader has met a page that nobody foresaw: it says nothing to us, and the process lives.
        let Said { tags, picture } = read.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "Reading a page panicked");
            Said::default()
        });
        let pictured = match picture {
            Some(url) => self.bring_picture(url, &asked.languages).await,
            None => None,
        };
        let bytes = page_bytes + pictured.as_ref().map_or(0, |pictured| pictured.size_bytes);
        Made { preview: Ok(with_picture(tags, pictured)), bytes }
    }

    /// A link that leads straight to a picture.
    async fn of_picture(&self, opened: Page) -> Made {
        let name = page::file_name(&opened.url);
        match self.take_picture(opened).await {
            Ok(pictured) => {
                let bytes = pictured.as_ref().map_or(0, |pictured| pictured.size_bytes);
                let title = name.map(|name| ("og:title".to_owned(), Value::from(name)));
                Made { preview: Ok(with_picture(title.into_iter().collect(), pictured)), bytes }
            }
            Err(failure) => Made { preview: Err(failure), bytes: 0 },
        }
    }
}

/// `og:image` is always ours, its measures are those of the very bytes, and without it there are none (client-server API,
/// `preview_url`).
fn with_picture(mut tags: Preview, pictured: Option<Pictured>) -> Preview {
    tags.retain(|name, _| {
        name != "og:image"
            && (!name.starts_with("og:image:") || (name == "og:image:alt" && pictured.is_some()))
    });
    if let Some(Pictured { mxc, content_type, size_bytes, width, height }) = pictured {
        tags.insert("og:image".to_owned(), mxc.to_string().into());
        tags.insert("og:image:type".to_owned(), content_type.into());
        tags.insert("og:image:width".to_owned(), width.into());
        tags.insert("og:image:height".to_owned(), height.into());
        tags.insert("matrix:image:size".to_owned(), size_bytes.into());
    }
    tags
}

/// A page whose server does not say what it is, is taken for one: whatever else it is, it will say nothing of itself.
fn kind(content_type: Option<&str>) -> Result<Kind, Failure> {
    let Some(said) = content_type else { return Ok(Kind::Page) };
    let mime: Mime = said.parse().map_err(|_| Failure::WrongKind)?;
    match (mime.type_(), mime.subtype().as_str(), mime.suffix()) {
        (mime::TEXT, "html", _) | (mime::APPLICATION, "xhtml", Some(mime::XML)) => Ok(Kind::Page),
        (mime::IMAGE, ..) => Ok(Kind::Picture),
        _ => Err(Failure::WrongKind),
    }
}

pub(crate) fn failure(error: &PageError) -> Failure {
    match error {
        PageError::Fenced(_) => Failure::Fenced,
        PageError::Status(_) | PageError::Unreachable(_) => Failure::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_pictures_are_previewed_and_nothing_else_is_even_read() {
        for (said, expected) in [
            (None, Ok(Kind::Page)),
            (Some("text/html"), Ok(Kind::Page)),
            (Some("Text/HTML; Charset=utf-8"), Ok(Kind::Page)),
            (Some("application/xhtml+xml"), Ok(Kind::Page)),
            (Some("image/png"), Ok(Kind::Picture)),
            (Some("image/svg+xml"), Ok(Kind::Picture)),
            (Some("application/json"), Err(Failure::WrongKind)),
            (Some("application/pdf"), Err(Failure::WrongKind)),
            (Some("video/mp4"), Err(Failure::WrongKind)),
            (Some("text/plain"), Err(Failure::WrongKind)),
            (Some("nonsense"), Err(Failure::WrongKind)),
        ] {
            assert_eq!(kind(said), expected, "{said:?}");
        }
    }
}
