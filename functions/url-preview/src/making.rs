//! From a link to its preview: get the page, read it, ask its site what else there is to say, bring its picture home.

use std::{
    io::{self, Read},
    time::Duration,
};

use mime::Mime;
use outbound::pages::{Page, PageError, Role, Wish};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    Preview, Previews,
    asked::Asked,
    life,
    oembed::{self, Embed},
    page::{self, Said, fill},
    pdf,
    picture::{Pictured, Searching},
};

/// How long a page may take to come, redirects included.
pub(crate) const PAGE_TIME: Duration = Duration::from_secs(10);

/// How long its site may take to say more of it, or a file to show its end.
pub(crate) const FURTHER_TIME: Duration = Duration::from_secs(5);

/// How long its pictures may take after that, all that are tried together.
pub(crate) const PICTURE_TIME: Duration = Duration::from_secs(10);

/// How much of a page is read, in bytes (Synapse's `max_spider_size`). What comes after is not missed: whatever a page
/// says of itself, it says at its beginning.
const PAGE_BYTES: u64 = 10 * 1024 * 1024;

const ACCEPT: &str = "text/html, application/xhtml+xml, image/*;q=0.9, */*;q=0.1";

const ACCEPT_OEMBED: &str = "application/json+oembed, application/json;q=0.9, text/json;q=0.5";

/// What came of it.
pub(crate) struct Made {
    /// The preview, or why there is none.
    pub(crate) preview: Result<Preview, Failure>,
    /// How long it may be given out without looking again.
    pub(crate) life: Duration,
    /// What others sent for it.
    pub(crate) bytes: u64,
}

/// Why a page has no preview. Kept in the table, so that the page is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    /// The link says a private address.
    Fenced,
    /// The operator does not want it.
    Denied,
    /// The page cannot be had.
    Unavailable,
    /// It is nothing that is previewed.
    WrongKind,
    /// It is a picture, and larger than we fetch.
    TooLarge,
}

/// What is behind a link, by what its server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    Picture,
    Video,
    Audio,
    Pdf,
}

impl Previews {
    /// Makes the preview, whatever is remembered.
    pub(crate) async fn make(&self, asked: &Asked) -> Made {
        let mut making = Making { previews: self, asked, life: None, bytes: 0 };
        let preview = making.preview().await;
        let life = life::of(preview.is_ok(), making.life);
        Made { preview, life, bytes: making.bytes }
    }
}

/// A preview on its way.
struct Making<'a> {
    previews: &'a Previews,
    asked: &'a Asked,
    /// What the page's server or its site says of how long it is good.
    life: Option<Duration>,
    /// What others sent so far.
    bytes: u64,
}

impl Making<'_> {
    async fn preview(&mut self) -> Result<Preview, Failure> {
        // Sites that are known to answer give their pages to browsers alone, or without a word in them.
        if let Some(endpoint) = oembed::endpoint(&self.asked.url)
            && let Some(embed) = self.embed(endpoint, &self.asked.url).await
        {
            return Ok(self.with_picture(embed.alone()).await);
        }
        let opened = self
            .previews
            .deps
            .pages
            .get(self.asked.url.clone(), self.wish(Role::Page, ACCEPT, PAGE_TIME))
            .await;
        let opened = opened.map_err(|error| failure(&error))?;
        let kind = kind(opened.content_type.as_deref())?;
        self.life = opened.life(self.previews.deps.clock.now());
        match kind {
            Kind::Page => self.of_page(opened).await,
            Kind::Picture => self.of_picture(opened).await,
            Kind::Video => Ok(self.of_file(&opened, "og:video", "video.other")),
            Kind::Audio => Ok(self.of_file(&opened, "og:audio", "music.song")),
            Kind::Pdf => self.of_pdf(opened).await,
        }
    }

    async fn of_page(&mut self, opened: Page) -> Result<Preview, Failure> {
        let (url, content_type) = (opened.url.clone(), opened.content_type.clone());
        let mut reader = opened.reader().map_err(|error| failure(&error))?.take(PAGE_BYTES);
        let read = tokio::task::spawn_blocking(move || {
            let read = page::read(&mut reader, content_type.as_deref(), &url);
            (read, PAGE_BYTES - reader.limit())
        });
        // A panic in the reader has met a page that nobody foresaw: it says nothing to us, and the process lives.
        let ((mut said, end), bytes) = read.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "Reading a page panicked");
            ((Said::default(), Ok(())), 0)
        });
        self.bytes += bytes;
        if let Err(error) = end {
            self.broke_off(&error, &said)?;
        }
        if let Some(endpoint) = said.oembed.take()
            && let Some(embed) = self.embed(endpoint, &self.asked.url).await
        {
            embed.complete(&mut said);
        }
        Ok(self.with_picture(said).await)
    }

    /// A page that broke off may have said something before; it is not believed for long.
    fn broke_off(&mut self, error: &io::Error, said: &Said) -> Result<(), Failure> {
        tracing::info!(%error, "A page breaks off");
        self.life = Some(Duration::ZERO);
        if said.tags.is_empty() { Err(Failure::Unavailable) } else { Ok(()) }
    }

    /// What the page's site says of it. Whatever goes wrong, the page speaks for itself.
    async fn embed(&mut self, endpoint: Url, page: &Url) -> Option<Embed> {
        let pages = &self.previews.deps.pages;
        let opened = pages.get(endpoint, self.wish(Role::Part, ACCEPT_OEMBED, FURTHER_TIME)).await;
        let answer = match opened {
            Ok(opened) => opened.read(oembed::ANSWER_BYTES).await,
            Err(error) => Err(error),
        };
        let answer = answer.map_err(|error| tracing::info!(%error, "A page's oEmbed cannot be had")).ok()?;
        self.bytes += answer.bytes.len() as u64;
        let embed = Embed::read(&answer.bytes, page)?;
        self.life = embed.life.or(self.life);
        Some(embed)
    }

    /// The first of the pictures that can be had.
    async fn with_picture(&mut self, said: Said) -> Preview {
        let mut searching = Searching::new(self.previews, &self.asked.languages);
        let pictured = searching.first_of(said.pictures).await;
        self.bytes += searching.bytes;
        with_picture(said.tags, pictured)
    }

    /// A link that leads straight to a picture.
    async fn of_picture(&mut self, opened: Page) -> Result<Preview, Failure> {
        let mut tags = Preview::new();
        fill(&mut tags, "og:title", page::file_name(&opened.url));
        let pictured = self.previews.take_picture(opened).await?;
        self.bytes += pictured.as_ref().map_or(0, |pictured| pictured.size_bytes);
        Ok(with_picture(tags, pictured))
    }

    /// A link to something that is played: that it is, where, and by which name. Nothing of it is fetched.
    fn of_file(&self, opened: &Page, place: &str, kind: &str) -> Preview {
        let mut tags = Preview::new();
        fill(&mut tags, "og:title", page::file_name(&opened.url));
        fill(&mut tags, "og:type", Some(kind));
        fill(
            &mut tags,
            place,
            Some(self.asked.url.as_str()).filter(|url| url.len() <= page::MAX_VALUE_CHARS),
        );
        let said = opened.content_type.as_deref().and_then(|said| said.parse::<Mime>().ok());
        fill(&mut tags, &format!("{place}:type"), said.map(|mime| mime.essence_str().to_owned()));
        tags
    }

    /// A link to a document: its title, or the name of the file.
    async fn of_pdf(&mut self, opened: Page) -> Result<Preview, Failure> {
        let name = page::file_name(&opened.url);
        let url = opened.url.clone();
        let head = opened.read(pdf::HEAD_BYTES).await.map_err(|error| failure(&error))?;
        let tail = if head.is_whole { Vec::new() } else { self.end(url).await.unwrap_or_default() };
        self.bytes += (head.bytes.len() + tail.len()) as u64;
        let title = pdf::title(&head.bytes, &tail);
        let mut tags = Preview::new();
        fill(&mut tags, "og:title", title.map(|title| page::shorten(&title, page::MAX_VALUE_CHARS)).or(name));
        Ok(tags)
    }

    /// The last bytes of a file, if its server hands out parts.
    async fn end(&self, url: Url) -> Option<Vec<u8>> {
        let role = Role::End(pdf::TAIL_BYTES as u64);
        let opened =
            self.previews.deps.pages.get(url, self.wish(role, "application/pdf", FURTHER_TIME)).await.ok()?;
        if !opened.is_part {
            return None;
        }
        opened.read(pdf::TAIL_BYTES).await.ok().map(|end| end.bytes)
    }

    fn wish(&self, role: Role, accept: &'static str, within: Duration) -> Wish<'_> {
        Wish { role, accept, languages: &self.asked.languages, within }
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
        tags.insert("og:image".to_owned(), mxc.into());
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
        (mime::VIDEO, ..) => Ok(Kind::Video),
        (mime::AUDIO, ..) | (mime::APPLICATION, "ogg", _) => Ok(Kind::Audio),
        (mime::APPLICATION, "pdf" | "x-pdf", _) => Ok(Kind::Pdf),
        _ => Err(Failure::WrongKind),
    }
}

pub(crate) fn failure(error: &PageError) -> Failure {
    tracing::info!(%error, "A page cannot be had");
    match error {
        PageError::Fenced(_) => Failure::Fenced,
        PageError::Denied => Failure::Denied,
        PageError::Status(_) | PageError::Unreachable(_) => Failure::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_previewed_is_known_by_its_type_and_nothing_else_is_even_read() {
        for (said, expected) in [
            (None, Ok(Kind::Page)),
            (Some("text/html"), Ok(Kind::Page)),
            (Some("Text/HTML; Charset=utf-8"), Ok(Kind::Page)),
            (Some("application/xhtml+xml"), Ok(Kind::Page)),
            (Some("image/png"), Ok(Kind::Picture)),
            (Some("image/svg+xml"), Ok(Kind::Picture)),
            (Some("video/mp4"), Ok(Kind::Video)),
            (Some("audio/mpeg"), Ok(Kind::Audio)),
            (Some("application/pdf"), Ok(Kind::Pdf)),
            (Some("application/json"), Err(Failure::WrongKind)),
            (Some("application/octet-stream"), Err(Failure::WrongKind)),
            (Some("text/plain"), Err(Failure::WrongKind)),
            (Some("nonsense"), Err(Failure::WrongKind)),
        ] {
            assert_eq!(kind(said), expected, "{said:?}");
        }
    }
}
