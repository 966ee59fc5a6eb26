//! Walks over a page, tag by tag, and collects whatever may be of use. No tree is built: a page of a million nested tags
//! takes as much memory as one of a million paragraphs, which is little.

use std::{collections::BTreeMap, io::Read};

use html5gum::{DefaultEmitter, HtmlString, IoReader, StartTag, Token, Tokenizer};

use super::{
    json_ld::{self, Thing},
    summary::on_one_line,
};

/// Properties kept of one vocabulary, such as `og`; further ones are not looked at.
const MAX_PROPERTIES: usize = 50;

/// The longest name of a property, in bytes.
const MAX_NAME_BYTES: usize = 100;

/// The longest text of a title or a heading, and of a value, that is kept, in bytes: more than any that is told.
const MAX_TEXT_BYTES: usize = 8 * 1024;

/// The longest link that is the picture itself (`data:`), in bytes.
const MAX_DATA_BYTES: usize = 512 * 1024;

/// The longest script of JSON-LD that is looked at, in bytes.
const MAX_SCRIPT_BYTES: usize = 256 * 1024;

/// How many such scripts are.
const MAX_SCRIPTS: u32 = 8;

/// Pictures kept of those that a page names for itself.
const MAX_PICTURES: usize = 4;

/// How much running text is kept, in bytes: more than any summary needs.
const MAX_RUNNING_BYTES: usize = 4 * 1024;

/// A picture this wide or high, or less, is a dot that counts readers (Synapse's number).
const DOT_PIXELS: u64 = 10;

/// The names under which a page says its picture, the usual one first.
const PICTURES: [&str; 5] =
    ["og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"];

/// Elements that stand in a page's head, and the two around it; whatever else opens ends it.
const HEAD: [&str; 10] =
    ["html", "head", "title", "base", "link", "meta", "style", "script", "noscript", "template"];

/// The vocabularies whose properties are kept.
const VOCABULARIES: [&str; 4] = ["og:", "article:", "profile:", "twitter:"];

/// Elements whose text is not what the page is about, or is no text.
const NOT_CONTENT: [&str; 20] = [
    "aside",
    "audio",
    "button",
    "canvas",
    "dialog",
    "figcaption",
    "footer",
    "header",
    "iframe",
    "nav",
    "noscript",
    "object",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "textarea",
    "video",
    "math",
];

/// Roles (ARIA) of the same kind.
const NOT_CONTENT_ROLES: [&str; 13] = [
    "alert",
    "alertdialog",
    "banner",
    "complementary",
    "contentinfo",
    "dialog",
    "menu",
    "menubar",
    "navigation",
    "note",
    "search",
    "tablist",
    "toolbar",
];

/// Elements within a paragraph; all others end one.
const INLINE: [&str; 26] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img", "ins",
    "kbd", "mark", "q", "s", "small", "span", "strong", "sub", "sup", "time", "u",
];

/// Elements that need not be closed: of what they hide, only their own words are known to be hidden.
const MAY_STAY_OPEN: [&str; 17] = [
    "body", "colgroup", "dd", "dt", "head", "html", "li", "optgroup", "option", "p", "rp", "rt", "tbody",
    "td", "tfoot", "th", "tr",
];

/// Elements that have no end.
const VOID: [&str; 13] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"];

/// A start tag; nobody asks where on the page it stands.
type Tag = StartTag<()>;

/// What a page has to say, in its own words.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Properties of the [`VOCABULARIES`], the first of each name.
    pub(super) properties: BTreeMap<String, String>,
    /// `<meta name="description">`.
    pub(super) description: Option<String>,
    /// `<title>`.
    pub(super) title: Option<String>,
    /// The first `<h1>`, `<h2>` and `<h3>`.
    pub(super) headings: [Option<String>; 3],
    /// What links on the page are relative to, where it says so.
    pub(super) base: Option<String>,
    /// The pictures that it names as its own, the first first.
    pub(super) pictures: Vec<String>,
    /// What it says in JSON-LD.
    pub(super) thing: Thing,
    /// Where it can be had as oEmbed, in JSON.
    pub(super) oembed: Option<String>,
    /// The picture of the thing that the page describes (`itemprop="image"`, `rel="image_src"`).
    pub(super) item_picture: Option<String>,
    /// The largest picture whose size is written down, with its area in pixels.
    pub(super) largest_picture: Option<(u64, String)>,
    /// The first picture that is no dot.
    pub(super) first_picture: Option<String>,
    /// The first that is no link, but the picture itself: often what holds the place of one that comes later.
    pub(super) inline_picture: Option<String>,
    /// The site's icon for the screen of a telephone, which is larger than the other.
    pub(super) touch_icon: Option<String>,
    /// The site's icon.
    pub(super) icon: Option<String>,
    /// The paragraphs of what calls itself the main text.
    pub(super) main: Running,
    /// All others.
    pub(super) other: Running,
}

/// Paragraphs, as many as a summary may need.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub(super) paragraphs: Vec<String>,
    bytes: usize,
}

/// Reads a page, as far as there is any use in it.
pub(super) fn find(page: impl Read) -> Found {
    follow(Tokenizer::new_with_emitter(IoReader::new(page), emitter()))
}

/// The words of a piece of HTML, on one line.
pub(crate) fn words(html: &str) -> String {
    let found = follow(Tokenizer::new_with_emitter(cut(html, MAX_TEXT_BYTES), emitter()));
    [found.main.paragraphs, found.other.paragraphs].concat().join(" ")
}

/// Where the first frame within a piece of HTML leads.
pub(super) fn frame(html: &str) -> Option<String> {
    let tokens = Tokenizer::new_with_emitter(cut(html, MAX_TEXT_BYTES), emitter());
    tokens.filter_map(Result::ok).find_map(|token| match token {
        Token::StartTag(tag) if *tag.name == b"iframe" => attribute(&tag, "src"),
        _ => None,
    })
}

fn emitter() -> DefaultEmitter {
    let mut emitter = DefaultEmitter::default();
    // Scripts, styles and titles hold no tags.
    emitter.naively_switch_states(true);
    emitter
}

fn follow<E>(tokens: impl Iterator<Item = Result<Token, E>>) -> Found {
    let mut walk = Walk::default();
    for token in tokens.map_while(Result::ok) {
        match token {
            Token::StartTag(tag) => walk.opened(&tag),
            Token::EndTag(tag) => walk.closed(&text(&tag.name)),
            Token::String(said) => walk.said(&said.value),
            _ => {}
        }
        if walk.is_over() {
            break;
        }
    }
    walk.paragraph_ended();
    walk.found
}

/// Where the walk is.
#[derive(Default)]
struct Walk {
    found: Found,
    /// The element that is skipped, and how many of its name are open in it.
    skipped: Option<(String, u32)>,
    /// A title or a heading that is being read.
    heard: Option<(Heard, String)>,
    /// The paragraph that is being read, and whether nobody is shown it.
    paragraph: String,
    is_hidden: bool,
    /// How many `<main>` and `<article>` are open.
    main_depth: u32,
    /// Whether the head is over.
    is_past_head: bool,
    /// A script of JSON-LD that is being read, and how many there were.
    script: Option<Vec<u8>>,
    scripts: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Title,
    Heading(usize),
}

impl Walk {
    /// Whether nothing that comes can be of use: what a head says is never the poorer for what the body says.
    fn is_over(&self) -> bool {
        self.is_past_head && self.found.is_answered()
    }

    fn opened(&mut self, tag: &Tag) {
        let name = text(&tag.name);
        if let Some((skipped, depth)) = &mut self.skipped {
            *depth += u32::from(*skipped == name && !tag.self_closing);
            return;
        }
        self.is_past_head |= !HEAD.contains(&name.as_str());
        match name.as_str() {
            "script" => self.script_opened(tag),
            "meta" => self.found.meta(tag),
            "link" => self.found.link(tag),
            "base" => fill(&mut self.found.base, attribute(tag, "href")),
            "img" => self.found.picture(tag),
            _ => {}
        }
        if is_skipped(&name, tag) {
            self.skipped = Some((name, 1));
            return;
        }
        if attribute(tag, "itemprop").is_some_and(|said| said == "image") {
            let picture = ["content", "href", "src"].iter().find_map(|place| source(tag, place));
            fill(&mut self.found.item_picture, picture);
        }
        if let Some(heard) = heard_in(&name) {
            self.paragraph_ended();
            self.heard = Some((heard, String::new()));
        } else if name == "br" {
            self.said(b" ");
        } else if !INLINE.contains(&&*name) {
            self.paragraph_ended();
            // Where it ends that need not be closed, the next paragraph begins.
            self.is_hidden = is_hidden(tag);
        }
        self.main_depth += u32::from(is_main(&name));
    }

    fn closed(&mut self, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.skipped = None;
                    self.script_closed();
                }
            }
            return;
        }
        self.is_past_head |= name == "head";
        match (heard_in(name), self.heard.take()) {
            (Some(_), Some((heard, words))) => self.found.heard(heard, &words),
            (_, heard) => self.heard = heard,
        }
        if !INLINE.contains(&name) {
            self.paragraph_ended();
        }
        self.main_depth = self.main_depth.saturating_sub(u32::from(is_main(name)));
    }

    fn said(&mut self, words: &[u8]) {
        if let Some(script) = &mut self.script {
            let room = MAX_SCRIPT_BYTES.saturating_sub(script.len());
            script.extend_from_slice(&words[..words.len().min(room)]);
        }
        if self.skipped.is_some() {
            return;
        }
        // What is no letter was cut in two here.
        let words = String::from_utf8_lossy(&words[..words.len().min(MAX_TEXT_BYTES)]);
        let into = match &mut self.heard {
            Some((_, title)) => title,
            None => &mut self.paragraph,
        };
        into.push_str(cut(&words, MAX_TEXT_BYTES.saturating_sub(into.len())));
    }

    fn script_opened(&mut self, tag: &Tag) {
        let kind = attribute(tag, "type").unwrap_or_default().trim().to_ascii_lowercase();
        if kind.starts_with("application/ld+json") && self.scripts < MAX_SCRIPTS {
            self.scripts += 1;
            self.script = Some(Vec::new());
        }
    }

    fn script_closed(&mut self) {
        if let Some(script) = self.script.take() {
            let known = std::mem::take(&mut self.found.thing);
            self.found.thing = json_ld::better(known, &String::from_utf8_lossy(&script));
        }
    }

    fn paragraph_ended(&mut self) {
        let running = if self.main_depth > 0 { &mut self.found.main } else { &mut self.found.other };
        if !std::mem::take(&mut self.is_hidden) {
            running.add(&self.paragraph);
        }
        self.paragraph.clear();
    }
}

impl Found {
    /// Whether the page itself says what a preview shows: a title, a description and a picture.
    pub(super) fn is_answered(&self) -> bool {
        let says = |names: &[&str]| names.iter().any(|name| self.properties.contains_key(*name));
        says(&["og:title", "twitter:title"])
            && (says(&["og:description", "twitter:description"]) || self.description.is_some())
            && !self.pictures.is_empty()
    }

    fn meta(&mut self, tag: &Tag) {
        let name = attribute(tag, "property").or_else(|| attribute(tag, "name"));
        let Some(name) = name.map(|name| name.trim().to_ascii_lowercase()) else { return };
        if PICTURES.contains(&name.as_str()) {
            let more = source(tag, "content").filter(|link| !link.trim().is_empty());
            let more =
                more.filter(|link| self.pictures.len() < MAX_PICTURES && !self.pictures.contains(link));
            self.pictures.extend(more);
            return;
        }
        let Some(content) = attribute(tag, "content") else { return };
        if name == "description" {
            fill(&mut self.description, Some(content));
        } else if let Some(vocabulary) = VOCABULARIES.iter().find(|vocabulary| name.starts_with(**vocabulary))
        {
            self.property(vocabulary, name, &content);
        }
    }

    fn property(&mut self, vocabulary: &str, name: String, content: &str) {
        let is_name = name.len() <= MAX_NAME_BYTES
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-.".contains(&byte));
        let of_its_kind = self.properties.keys().filter(|known| known.starts_with(vocabulary));
        if is_name && !content.trim().is_empty() && of_its_kind.count() < MAX_PROPERTIES {
            self.properties.entry(name).or_insert_with(|| content.to_owned());
        }
    }

    fn link(&mut self, tag: &Tag) {
        let relations = attribute(tag, "rel").unwrap_or_default().to_ascii_lowercase();
        for relation in relations.split_ascii_whitespace() {
            match relation {
                "image_src" => fill(&mut self.item_picture, source(tag, "href")),
                "apple-touch-icon" => fill(&mut self.touch_icon, source(tag, "href")),
                "icon" => fill(&mut self.icon, source(tag, "href")),
                "alternate" if is_oembed(tag) => fill(&mut self.oembed, attribute(tag, "href")),
                _ => {}
            }
        }
    }

    fn picture(&mut self, tag: &Tag) {
        let pixels = |name| attribute(tag, name)?.trim().trim_end_matches("px").parse::<u64>().ok();
        let (width, height) = (pixels("width"), pixels("height"));
        let is_dot = [width, height].into_iter().flatten().any(|pixels| pixels <= DOT_PIXELS);
        if is_dot {
            return;
        }
        // Where the picture comes when it is scrolled to, `src` is missing or holds its place.
        let inline = |link: &String| link.starts_with("data:");
        let said = source(tag, "src");
        fill(&mut self.inline_picture, said.clone().filter(inline));
        let said = said.filter(|link| !inline(link)).or_else(|| attribute(tag, "data-src"));
        let Some(source) = said else { return };
        fill(&mut self.first_picture, Some(source.clone()));
        if let (Some(width), Some(height)) = (width, height) {
            let area = width.saturating_mul(height);
            if self.largest_picture.as_ref().is_none_or(|(largest, _)| area > *largest) {
                self.largest_picture = Some((area, source));
            }
        }
    }

    fn heard(&mut self, heard: Heard, words: &str) {
        let place = match heard {
            Heard::Title => &mut self.title,
            Heard::Heading(level) => &mut self.headings[level],
        };
        fill(place, Some(on_one_line(words)));
    }
}

impl Running {
    fn add(&mut self, paragraph: &str) {
        if self.bytes >= MAX_RUNNING_BYTES {
            return;
        }
        let paragraph = on_one_line(paragraph);
        if !paragraph.is_empty() {
            self.bytes += paragraph.len();
            self.paragraphs.push(paragraph);
        }
    }

    /// How much there is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }
}

fn is_skipped(name: &str, tag: &Tag) -> bool {
    if tag.self_closing || VOID.contains(&name) {
        return false;
    }
    NOT_CONTENT.contains(&name) || (!MAY_STAY_OPEN.contains(&name) && is_hidden(tag))
}

fn is_hidden(tag: &Tag) -> bool {
    let says = |name, words: &[&str]| attribute(tag, name).is_some_and(|said| words.contains(&said.trim()));
    let style = attribute(tag, "style").unwrap_or_default().to_ascii_lowercase().replace(' ', "");
    tag.attributes.contains_key("hidden".as_bytes())
        || says("aria-hidden", &["true"])
        || says("role", &NOT_CONTENT_ROLES)
        || ["display:none", "visibility:hidden"].iter().any(|hides| style.contains(hides))
}

fn is_main(name: &str) -> bool {
    matches!(name, "main" | "article")
}

fn heard_in(name: &str) -> Option<Heard> {
    match name {
        "title" => Some(Heard::Title),
        "h1" => Some(Heard::Heading(0)),
        "h2" => Some(Heard::Heading(1)),
        "h3" => Some(Heard::Heading(2)),
        _ => None,
    }
}

/// The first one counts, unless it says nothing.
fn fill(place: &mut Option<String>, said: Option<String>) {
    if place.is_none() {
        *place = said.filter(|said| !said.trim().is_empty());
    }
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    let value = &tag.attributes.get(name.as_bytes())?.value;
    let value = String::from_utf8_lossy(&value[..value.len().min(MAX_TEXT_BYTES)]);
    Some(cut(&value, MAX_TEXT_BYTES).to_owned())
}

/// The same of what may be a picture itself.
fn source(tag: &Tag, name: &str) -> Option<String> {
    let value = &tag.attributes.get(name.as_bytes())?.value;
    if !value.trim_ascii_start().starts_with(b"data:") {
        return attribute(tag, name);
    }
    // Half a picture is none.
    (value.len() <= MAX_DATA_BYTES).then(|| text(value).trim().to_owned())
}

fn is_oembed(tag: &Tag) -> bool {
    let kind = attribute(tag, "type").unwrap_or_default().trim().to_ascii_lowercase();
    matches!(kind.as_str(), "application/json+oembed" | "text/json+oembed")
}

fn cut(words: &str, max_bytes: usize) -> &str {
    &words[..words.floor_char_boundary(max_bytes)]
}

/// The page was text, so this is: only a name that the tokenizer cut could be none.
fn text(bytes: &HtmlString) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
