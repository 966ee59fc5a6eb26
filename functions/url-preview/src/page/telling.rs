//! The best of what was found: OpenGraph where the page speaks it, Twitter's cards where it does not, then JSON-LD, titles,
//! headings and running text.

use serde_json::Value;
use url::Url;

use super::{
    Candidates, Picture, Said,
    finding::Found,
    summary::{self, on_one_line, shorten},
};
use crate::Preview;

/// Names told of one page (Synapse's numbers, here and below).
const MAX_TAGS: usize = 50;

/// The longest value that is told, in letters.
pub(crate) const MAX_VALUE_CHARS: usize = 1000;

/// What calls itself the main text is believed when it is this long, in bytes; some say so of an empty frame.
const MIN_MAIN_BYTES: usize = 50;

/// Twitter's name for what OpenGraph has a name of its own for.
const TWITTER: [(&str, &str); 5] = [
    ("twitter:title", "og:title"),
    ("twitter:description", "og:description"),
    ("twitter:image:alt", "og:image:alt"),
    ("twitter:site", "og:site_name"),
    ("twitter:url", "og:url"),
];

/// Values that are links, and told as such or not at all.
const LINKS: [&str; 7] = [
    "og:url",
    "og:audio",
    "og:audio:url",
    "og:audio:secure_url",
    "og:video",
    "og:video:url",
    "og:video:secure_url",
];

/// Makes the answer of what was found on the page that came from `url`.
pub(super) fn tell(mut found: Found, url: &Url) -> Said {
    for (theirs, ours) in TWITTER {
        if let Some(said) = found.properties.remove(theirs) {
            found.properties.entry(ours.to_owned()).or_insert(said);
        }
    }
    let base = found.base.as_deref().and_then(|base| url.join(base.trim()).ok());
    let base = base.as_ref().unwrap_or(url);
    // First, so that no flood of other names keeps them out.
    let mut tags = Preview::new();
    let (description, is_guess) = description(&found);
    for (name, said) in [("og:title", title(&found).unwrap_or_default()), ("og:description", description)] {
        if !said.is_empty() {
            tags.insert(name.to_owned(), said.into());
        }
    }
    for (name, said) in &found.properties {
        if tags.len() < MAX_TAGS
            && !name.starts_with("twitter:")
            && !tags.contains_key(name)
            && let Some(value) = value(name, said, base)
        {
            tags.insert(name.clone(), value);
        }
    }
    Said {
        tags,
        is_guess,
        pictures: pictures(&found, base),
        oembed: found.oembed.as_deref().filter(|_| !found.is_answered()).and_then(|said| link(base, said)),
    }
}

/// Long titles are shortened, other values that are too long say nothing worth cutting.
fn title(found: &Found) -> Option<String> {
    let said = found.properties.get("og:title").or(found.thing.headline.as_ref());
    let said = said.map(|title| on_one_line(title)).filter(|title| !title.is_empty());
    let title = said.or_else(|| found.title.clone());
    let title = title.or_else(|| found.headings.iter().flatten().next().cloned());
    title.map(|title| shorten(&title, MAX_VALUE_CHARS))
}

/// The description, and whether it is only the beginning of the text.
fn description(found: &Found) -> (String, bool) {
    let said = [
        found.properties.get("og:description"),
        found.description.as_ref(),
        found.thing.description.as_ref(),
    ];
    let said = said.into_iter().flatten().map(|said| on_one_line(said)).find(|said| !said.is_empty());
    if let Some(said) = said {
        return (shorten(&said, summary::MAX_CHARS), false);
    }
    let (main, other) = (&found.main, &found.other);
    let running = if main.len() >= MIN_MAIN_BYTES || other.len() == 0 { main } else { other };
    (summary::summarize(running.paragraphs.iter().map(String::as_str)), true)
}

fn pictures(found: &Found, base: &Url) -> Candidates {
    let thing = found.thing.pictures.iter();
    let largest = found.largest_picture.as_ref().map(|(_, source)| source);
    let seen = [largest, found.first_picture.as_ref(), found.inline_picture.as_ref()];
    let links = |said: &mut dyn Iterator<Item = &String>| {
        let mut links: Vec<_> = said.filter_map(|said| Picture::read(base, said)).collect();
        links.dedup();
        links
    };
    Candidates {
        said: links(&mut found.pictures.iter().chain(thing).chain(&found.item_picture)),
        seen: links(&mut seen.into_iter().flatten()),
        icon: links(&mut found.touch_icon.iter().chain(&found.icon)),
    }
}

impl Picture {
    /// What `said` leads to, or is.
    pub(crate) fn read(base: &Url, said: &str) -> Option<Self> {
        match said.trim() {
            "" => None,
            data if data.starts_with("data:") => Some(Self::Inline(data.to_owned())),
            said => link(base, said).map(Self::At),
        }
    }
}

fn value(name: &str, said: &str, base: &Url) -> Option<Value> {
    if LINKS.contains(&name) {
        return link(base, said)
            .map(String::from)
            .filter(|link| link.len() <= MAX_VALUE_CHARS)
            .map(Value::from);
    }
    if name.ends_with(":width") || name.ends_with(":height") {
        return said.trim().parse::<u32>().ok().map(Value::from);
    }
    let said = on_one_line(said);
    (!said.is_empty() && said.chars().count() <= MAX_VALUE_CHARS).then(|| said.into())
}

/// Where a link of the page leads, if that is a page of the web.
pub(super) fn link(base: &Url, said: &str) -> Option<Url> {
    let url = base.join(said.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}
