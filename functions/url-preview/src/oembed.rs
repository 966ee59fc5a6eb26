//! What a page's site says of it in oEmbed (<https://oembed.com/>): asked where the site is known to answer, or where the
//! page says so.

use std::{sync::LazyLock, time::Duration};

use outbound::sites::Site;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::page::{
    self, MAX_DESCRIPTION_CHARS, MAX_VALUE_CHARS, Picture, Said, fill, on_one_line, shorten, words,
};

/// The largest answer that is read, in bytes.
pub(crate) const ANSWER_BYTES: usize = 256 * 1024;

/// The sites that are known to answer, in data: patterns of their pages, and where to ask.
static PROVIDERS: LazyLock<Vec<Provider>> = LazyLock::new(|| {
    // The unit test reads it, so that this never finds it broken.
    serde_json::from_str(include_str!("providers.json")).unwrap_or_default()
});

#[derive(Deserialize)]
struct Provider {
    #[serde(deserialize_with = "patterns")]
    pages: Vec<Site>,
    endpoint: String,
}

/// What a site says of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Embed {
    /// OpenGraph's names for it.
    said: Said,
    /// How long that is true (`cache_age`).
    pub(crate) life: Option<Duration>,
}

/// Where to ask about a page before the page itself; `None` for most of the web.
pub(crate) fn endpoint(page: &Url) -> Option<Url> {
    let knows = |provider: &&Provider| provider.pages.iter().any(|site| site.has(page));
    let mut endpoint = Url::parse(&PROVIDERS.iter().find(knows)?.endpoint).ok()?;
    endpoint.query_pairs_mut().append_pair("url", page.as_str()).append_pair("format", "json");
    Some(endpoint)
}

impl Embed {
    /// Reads an answer about `page`; `None` when it is none, or says nothing.
    pub(crate) fn read(answer: &[u8], page: &Url) -> Option<Self> {
        let answer: Value = serde_json::from_slice(answer).ok()?;
        let text = |name: &str| answer.get(name)?.as_str().map(on_one_line).filter(|said| !said.is_empty());
        let link = |name: &str| text(name).and_then(|said| Picture::read(page, &said));
        let kind = text("type")?;
        let mut said = Said::default();
        let title = text("title").or_else(|| text("author_name"));
        fill(&mut said.tags, "og:title", title.map(|title| shorten(&title, MAX_VALUE_CHARS)));
        fill(
            &mut said.tags,
            "og:site_name",
            text("provider_name").filter(|name| name.chars().count() <= MAX_VALUE_CHARS),
        );
        said.pictures.said.extend(if kind == "photo" { link("url") } else { None });
        said.pictures.said.extend(link("thumbnail_url"));
        let html = answer.get("html").and_then(Value::as_str).unwrap_or_default();
        match kind.as_str() {
            "video" => tell_video(&mut said, &answer, html, page),
            "rich" => {
                let description = shorten(&words(html), MAX_DESCRIPTION_CHARS);
                fill(&mut said.tags, "og:description", Some(description));
            }
            _ => {}
        }
        let life = answer.get("cache_age").and_then(number).map(Duration::from_secs);
        let says = !said.tags.is_empty() || !said.pictures.said.is_empty();
        says.then_some(Self { said, life })
    }

    /// What the answer alone says, where the page was not asked.
    pub(crate) fn alone(self) -> Said {
        self.said
    }

    /// Fills the gaps of what the page says; words that only stand on it say less than this.
    pub(crate) fn complete(self, page: &mut Said) {
        if page.is_guess && self.said.tags.contains_key("og:description") {
            page.tags.remove("og:description");
        }
        for (name, said) in self.said.tags {
            fill(&mut page.tags, &name, Some(said));
        }
        page.pictures.said.extend(self.said.pictures.said);
    }
}

/// The player, where there is one that is a page of the web.
fn tell_video(said: &mut Said, answer: &Value, html: &str, page: &Url) {
    let tags = &mut said.tags;
    fill(tags, "og:type", Some("video.other"));
    let Some(player) = page::player(html, page) else { return };
    fill(tags, "og:video", Some(String::from(player)));
    for (theirs, ours) in [("width", "og:video:width"), ("height", "og:video:height")] {
        fill(tags, ours, answer.get(theirs).and_then(number));
    }
}

/// A number, which many write as text.
fn number(said: &Value) -> Option<u64> {
    said.as_u64().or_else(|| said.as_str()?.trim().parse().ok())
}

fn patterns<'de, D: serde::Deserializer<'de>>(read: D) -> Result<Vec<Site>, D::Error> {
    let patterns = Vec::<String>::deserialize(read)?;
    patterns.iter().map(|pattern| pattern.parse().map_err(serde::de::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: &Value) -> Option<Embed> {
        Embed::read(answer.to_string().as_bytes(), &Url::parse("https://example.org/page").unwrap())
    }

    #[test]
    fn the_sites_that_are_known_are_asked_about_their_pages_and_no_others() {
        let providers: Vec<Provider> = serde_json::from_str(include_str!("providers.json")).unwrap();
        assert!(
            providers.len() >= 12
                && providers.iter().all(|provider| provider.endpoint.starts_with("https://")
                    && Url::parse(&provider.endpoint).is_ok())
        );
        let endpoint = |page: &str| endpoint(&Url::parse(page).unwrap()).map(String::from);
        assert_eq!(
            endpoint("https://www.youtube.com/watch?v=a&t=1").as_deref(),
            Some(
                "https://www.youtube.com/oembed?url=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3Da%26t%3D1&format=json"
            )
        );
        for page in ["https://vimeo.com/1", "https://youtu.be/x", "https://x.com/a/status/1"] {
            assert!(endpoint(page).is_some(), "{page}");
        }
        for page in [
            "https://example.org/",
            "https://www.youtube.com/about",
            "https://youtube.com.example.org/watch?v=a",
        ] {
            assert_eq!(endpoint(page), None, "{page}");
        }
    }

    #[test]
    fn each_type_says_what_it_has() {
        let link = |url| Picture::At(Url::parse(url).unwrap());
        let photo = read(&json!({ "type": "photo", "version": "1.0", "title": "Waves", "url": "/waves.jpg",
            "thumbnail_url": "/small.jpg", "width": 100, "height": 50, "cache_age": "3600" }))
        .unwrap();
        assert_eq!(photo.life, Some(Duration::from_hours(1)));
        let pictures = [link("https://example.org/waves.jpg"), link("https://example.org/small.jpg")];
        assert_eq!(photo.said.pictures.said, pictures);
        assert_eq!(Value::from(photo.said.tags), json!({ "og:title": "Waves" }));

        let video = read(&json!({ "type": "video", "title": "A film", "provider_name": "Films",
            "width": 640, "height": "360",
            "html": "<div><iframe width=640 src='https://films.example/embed/1'></iframe></div>" }))
        .unwrap();
        assert_eq!(
            Value::from(video.said.tags),
            json!({ "og:title": "A film", "og:site_name": "Films", "og:type": "video.other",
            "og:video": "https://films.example/embed/1", "og:video:width": 640, "og:video:height": 360 })
        );

        let rich = read(&json!({ "type": "rich", "author_name": "Somebody", "cache_age": 60,
            "html": "<blockquote><p>What I &amp; you<br>say</p><a>1 May</a><script>x()</script></blockquote>" }))
        .unwrap();
        assert_eq!(
            Value::from(rich.said.tags),
            json!({ "og:title": "Somebody", "og:description": "What I & you say 1 May" })
        );

        let title = read(&json!({ "type": "link", "title": "A page" })).unwrap();
        assert_eq!(Value::from(title.said.tags), json!({ "og:title": "A page" }));
    }

    #[test]
    fn what_is_no_answer_says_nothing() {
        for nothing in [
            json!([]),
            json!({}),
            json!({ "type": "link" }),
            json!({ "title": "of no type" }),
            json!({ "type": 7, "title": "x" }),
        ] {
            assert_eq!(read(&nothing), None, "{nothing}");
        }
        assert_eq!(Embed::read(b"<html>", &Url::parse("https://example.org/").unwrap()), None);
        let odd = read(&json!({ "type": "video", "title": "x", "html": "<iframe src='javascript:alert(1)'>",
                "thumbnail_url": "ftp://x/" }));
        assert_eq!(Value::from(odd.unwrap().said.tags), json!({ "og:title": "x", "og:type": "video.other" }));
    }
}
