//! The best of what was found: OpenGraph where the page speaks it, Twitter's cards where it does not, then titles,
//! headings and running text.

use serde_json::Value;
use url::Url;

use super::{
    Said,
    finding::Found,
    summary::{self, on_one_line, shorten},
};
use crate::Preview;

/// Names told of one page (Synapse's numbers, here and below).
const MAX_TAGS: usize = 50;

/// The longest value that is told, in letters.
pub(super) const MAX_VALUE_CHARS: usize = 1000;

/// What calls itself the main text is believed when it is this long, in bytes; some say so of an empty frame.
const MIN_MAIN_BYTES: usize = 50;

/// Twitter's name for what OpenGraph has a name of its own for.
const TWITTER: [(&str, &str); 7] = [
    ("twitter:title", "og:title"),
    ("twitter:description", "og:description"),
    ("twitter:image", "og:image"),
    ("twitter:image:src", "og:image"),
    ("twitter:image:alt", "og:image:alt"),
    ("twitter:site", "og:site_name"),
    ("twitter:url", "og:url"),
];

/// OpenGraph's names for a picture, the usual one first.
const PICTURES: [&str; 3] = ["og:image", "og:image:url", "og:image:secure_url"];

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
    let picture = picture(&found).and_then(|picture| link(base, picture));
    // First, so that no flood of other names keeps them out.
    let mut tags = Preview::new();
    let title = title(&found).unwrap_or_default();
    for (name, said) in [("og:title", title), ("og:description", description(&found))] {
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
    Said { tags, picture }
}

/// Long titles are shortened, other values that are too long say nothing worth cutting.
fn title(found: &Found) -> Option<String> {
    let title = found.properties.get("og:title").map(|title| on_one_line(title));
    let title = title.filter(|title| !title.is_empty()).or_else(|| found.title.clone());
    let title = title.or_else(|| found.headings.iter().flatten().next().cloned());
    title.map(|title| shorten(&title, MAX_VALUE_CHARS))
}

fn description(found: &Found) -> String {
    let said = found.properties.get("og:description").or(found.description.as_ref());
    if let Some(said) = said.map(|said| on_one_line(said)).filter(|said| !said.is_empty()) {
        return shorten(&said, summary::MAX_CHARS);
    }
    let (main, other) = (&found.main, &found.other);
    let running = if main.len() >= MIN_MAIN_BYTES || other.len() == 0 { main } else { other };
    summary::summarize(running.paragraphs.iter().map(String::as_str))
}

fn picture(found: &Found) -> Option<&str> {
    let said = PICTURES.iter().find_map(|name| found.properties.get(*name));
    let largest = found.largest_picture.as_ref().map(|(_, source)| source);
    said.or(found.item_picture.as_ref())
        .or(largest)
        .or(found.first_picture.as_ref())
        .or(found.icon.as_ref())
        .map(String::as_str)
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
fn link(base: &Url, said: &str) -> Option<Url> {
    let url = base.join(said.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then_some(url)
}
