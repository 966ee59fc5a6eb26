//! What a page says in JSON-LD (schema.org) of the thing that it shows.

use serde_json::{Map, Value};

use super::finding::words;

/// Things looked at on one page; what a page is about stands among the first.
const MAX_THINGS: usize = 64;

/// How deep things may stand in lists and graphs.
const MAX_DEPTH: u32 = 4;

/// Pictures taken of one thing.
const MAX_PICTURES: usize = 3;

/// Types of what stands on many pages and is what none is about.
const NOT_THE_POINT: [&str; 12] = [
    "BreadcrumbList",
    "Corporation",
    "ImageObject",
    "ItemList",
    "ListItem",
    "NewsMediaOrganization",
    "Organization",
    "Person",
    "PostalAddress",
    "SearchAction",
    "SiteNavigationElement",
    "WebSite",
];

/// What a page is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) headline: Option<String>,
    pub(super) description: Option<String>,
    pub(super) pictures: Vec<String>,
    rank: u8,
}

/// Reads a script of JSON-LD and keeps the better of what there is and what was `known` before.
pub(super) fn better(known: Thing, script: &str) -> Thing {
    // Some wrap it in a comment, as scripts once were.
    let script = script.trim().trim_start_matches("<!--").trim_end_matches("-->");
    let Ok(said) = serde_json::from_str(script) else { return known };
    let mut things = Vec::new();
    collect(&said, 0, &mut things);
    // The first of the best.
    things.iter().fold(known, |best, thing| {
        let rank = rank(thing);
        if rank > best.rank { read(thing, rank, &things) } else { best }
    })
}

fn collect<'a>(said: &'a Value, depth: u32, things: &mut Vec<&'a Map<String, Value>>) {
    if depth > MAX_DEPTH || things.len() >= MAX_THINGS {
        return;
    }
    match said {
        Value::Array(list) => list.iter().for_each(|said| collect(said, depth + 1, things)),
        Value::Object(thing) => {
            things.push(thing);
            for inner in ["@graph", "mainEntity", "mainEntityOfPage", "primaryImageOfPage"] {
                if let Some(said) = thing.get(inner) {
                    collect(said, depth + 1, things);
                }
            }
        }
        _ => {}
    }
}

/// How likely a page is about this: a thing rather than the page itself, and either only if it has a name.
fn rank(thing: &Map<String, Value>) -> u8 {
    let kind = match thing.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().find_map(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    let kind = kind.map(|kind| kind.rsplit('/').next().unwrap_or(kind));
    match kind {
        None => 0,
        Some(kind) if NOT_THE_POINT.contains(&kind) || headline(thing).is_none() => 0,
        Some(kind) if kind.ends_with("Page") => 1,
        Some(_) => 2,
    }
}

fn read(thing: &Map<String, Value>, rank: u8, all: &[&Map<String, Value>]) -> Thing {
    let mut pictures = Vec::new();
    for place in ["image", "thumbnailUrl", "primaryImageOfPage", "thumbnail"] {
        if let Some(said) = thing.get(place) {
            add_pictures(said, all, 0, &mut pictures);
        }
    }
    // Some write it as if it were HTML twice over.
    let description = text(thing, "description");
    let description = description.map(|said| if said.starts_with('<') { words(&said) } else { said });
    Thing { headline: headline(thing), description, pictures, rank }
}

fn headline(thing: &Map<String, Value>) -> Option<String> {
    text(thing, "headline").or_else(|| text(thing, "name"))
}

fn text(thing: &Map<String, Value>, name: &str) -> Option<String> {
    // Many write it as if it were HTML.
    let said = words(thing.get(name)?.as_str()?);
    (!said.is_empty()).then_some(said)
}

/// A link, an object with one, a name by which such an object stands elsewhere, or a list of any.
fn add_pictures(said: &Value, all: &[&Map<String, Value>], depth: u32, pictures: &mut Vec<String>) {
    if depth > MAX_DEPTH || pictures.len() >= MAX_PICTURES {
        return;
    }
    match said {
        Value::String(link) if !pictures.contains(link) => pictures.push(link.clone()),
        Value::Array(list) => list.iter().for_each(|said| add_pictures(said, all, depth + 1, pictures)),
        Value::Object(picture) => {
            let link = |picture: &Map<String, Value>| {
                ["url", "contentUrl"].iter().find_map(|place| picture.get(*place)).cloned()
            };
            let elsewhere = || {
                let id = picture.get("@id")?;
                all.iter().filter(|thing| thing.get("@id") == Some(id)).find_map(|thing| link(thing))
            };
            if let Some(link) = link(picture).or_else(elsewhere) {
                add_pictures(&link, all, depth + 1, pictures);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(said: &Value, headline: Option<&str>, pictures: &[&str]) {
        let thing = better(Thing::default(), &said.to_string());
        assert_eq!(thing.headline.as_deref(), headline, "{said}");
        assert_eq!(thing.pictures, pictures, "{said}");
    }

    #[test]
    fn the_thing_is_found_among_all_that_is_said() {
        check(
            &json!({ "@graph": [
                { "@type": "Organization", "name": "The Paper", "logo": "logo.png" },
                { "@type": "WebPage", "name": "Storm | The Paper", "image": "page.png" },
                { "@type": ["NewsArticle", "Report"], "headline": "Storm &amp; <b>sea</b>",
                  "image": [{ "@type": "ImageObject", "url": "a.png" }, "b.png", { "@id": "#c" }, "d.png"] },
                { "@type": "ImageObject", "@id": "#c", "contentUrl": "c.png" },
            ] }),
            Some("Storm & sea"),
            &["a.png", "b.png", "c.png"],
        );
        check(&json!([{ "@type": "http://schema.org/Product", "name": "A chair" }]), Some("A chair"), &[]);
        check(&json!({ "@type": "WebPage", "name": "A page" }), Some("A page"), &[]);
        check(
            &json!({ "@type": "QAPage", "mainEntity": { "@type": "Question", "name": "Why?" } }),
            Some("Why?"),
            &[],
        );
    }

    #[test]
    fn what_says_nothing_is_not_heard() {
        for nothing in [
            json!(null),
            json!("text"),
            json!({ "name": "of no type" }),
            json!({ "@type": "Person", "name": "Somebody" }),
            json!({ "@type": "Article", "headline": 7 }),
            json!({ "@type": 7, "headline": "x" }),
        ] {
            check(&nothing, None, &[]);
        }
        let known = Thing { headline: Some("Known".to_owned()), rank: 2, ..Thing::default() };
        assert_eq!(better(known.clone(), "{ broken"), known);
        assert_eq!(better(known.clone(), r#"{"@type":"Article","headline":"Later"}"#), known);
        let deep = "[".repeat(100_000);
        assert_eq!(better(known.clone(), &deep), known);
        let wrapped = r#"<!-- {"@type":"Article","headline":"Wrapped"} -->"#;
        assert_eq!(better(Thing::default(), wrapped).headline.as_deref(), Some("Wrapped"));
        let circle = json!([{ "@type": "Article", "@id": "#a", "name": "x", "image": { "@id": "#a" } }]);
        check(&circle, Some("x"), &[]);
    }
}
