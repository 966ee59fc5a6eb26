//! What a page says of itself: bytes in, OpenGraph out. Pure CPU, no panic on any input.
//!
//! In the order of the modules: bytes become letters (`charset`), letters become what was found (`finding`, with what
//! `json_ld` says and the text that a `summary` is made of), and the best of what was found becomes the answer
//! (`telling`).

mod charset;
mod finding;
mod json_ld;
mod summary;
mod telling;

use std::io::{self, Read};

use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use crate::Preview;

pub(crate) use self::{
    finding::words,
    summary::{MAX_CHARS as MAX_DESCRIPTION_CHARS, on_one_line, shorten},
    telling::MAX_VALUE_CHARS,
};

/// The answer, all but the picture's bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// OpenGraph's names and values, without the picture and its measures.
    pub(crate) tags: Preview,
    /// Whether the description is only the beginning of the text.
    pub(crate) is_guess: bool,
    /// The pictures that the page may be shown with.
    pub(crate) pictures: Candidates,
    /// Where the page says more of itself (oEmbed), if it has not said everything here.
    pub(crate) oembed: Option<Url>,
}

/// Pictures in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// Those that are said to be the page's own.
    pub(crate) said: Vec<Picture>,
    /// Those that stand on it.
    pub(crate) seen: Vec<Picture>,
    /// The site's icon.
    pub(crate) icon: Vec<Picture>,
}

/// Where a picture is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    /// On the web.
    At(Url),
    /// In the link itself (`data:`).
    Inline(String),
}

/// Reads the page that came from `url`, of which its server says `content_type`: as far as there is use in it, or until it
/// breaks off.
pub(crate) fn read(bytes: impl Read, content_type: Option<&str>, url: &Url) -> (Said, io::Result<()>) {
    let mut letters = charset::Letters::new(bytes, content_type);
    let found = finding::find(&mut letters);
    (telling::tell(found, url), letters.end())
}

/// Tells something, unless it is told already or says nothing.
pub(crate) fn fill(tags: &mut Preview, name: &str, said: Option<impl Into<Value>>) {
    let said = said.map(Into::into).filter(|said| said.as_str() != Some(""));
    if let Some(said) = said {
        tags.entry(name).or_insert(said);
    }
}

/// The player in a piece of HTML that is to be shown within another page, if it is a page of the web.
pub(crate) fn player(html: &str, page: &Url) -> Option<Url> {
    telling::link(page, &finding::frame(html)?)
}

/// The last segment of a link's path, for links that lead straight to a file.
pub(crate) fn file_name(url: &Url) -> Option<String> {
    let segment = url.path_segments()?.next_back()?;
    let name = percent_decode_str(segment).decode_utf8().ok()?;
    let name = on_one_line(&name);
    (!name.is_empty()).then(|| shorten(&name, MAX_VALUE_CHARS))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_html(html: &str) -> Said {
        let url = Url::parse("https://example.org/news/today.html").unwrap();
        let (said, end) = read(html.as_bytes(), Some("text/html"), &url);
        end.unwrap();
        said
    }

    fn check(html: &str, tags: &Value, picture: Option<&str>) {
        let said = read_html(html);
        assert_eq!(Value::from(said.tags), *tags, "{html}");
        let Candidates { said, seen, icon } = said.pictures;
        let first = [said, seen, icon].concat().first().map(|picture| match picture {
            Picture::At(url) => url.to_string(),
            Picture::Inline(data) => data.clone(),
        });
        assert_eq!(first.as_deref(), picture, "{html}");
    }

    #[test]
    fn a_page_that_speaks_opengraph_is_taken_at_its_word() {
        check(
            r#"<!DOCTYPE html><html><head>
                <title>Not this | The Paper</title>
                <meta property="og:title" content="Storm &amp; sea">
                <meta property="og:title" content="A second title">
                <meta property="OG:Type" content="article">
                <meta property="og:url" content="/news/storm">
                <meta name="og:site_name" content="  The
                    Paper ">
                <meta property="og:image" content="//cdn.example.org/storm.jpg?w=1&amp;h=2">
                <meta property="og:image:alt" content="Waves">
                <meta property="og:video" content="javascript:alert(1)">
                <meta property="og:video:width" content="1280">
                <meta property="og:video:height" content="tall">
                <meta property="og:empty" content=" ">
                <meta property="article:published_time" content="2026-11-25">
                <meta property="fb:app_id" content="1">
                <meta name="twitter:card" content="summary">
                <meta name="twitter:title" content="Never needed">
                <meta name="description" content="Never needed">
                </head><body><p>Never needed</p></body></html>"#,
            &json!({
                "og:title": "Storm & sea",
                "og:type": "article",
                "og:url": "https://example.org/news/storm",
                "og:site_name": "The Paper",
                "og:description": "Never needed",
                "og:image:alt": "Waves",
                "og:video:width": 1280,
                "article:published_time": "2026-11-25",
            }),
            Some("https://cdn.example.org/storm.jpg?w=1&h=2"),
        );
    }

    #[test]
    fn twitters_cards_fill_gaps_and_no_more() {
        check(
            "<meta property='og:title' content='Ours'>
             <meta name='twitter:title' content='Theirs'>
             <meta name='twitter:description' content='Told'>
             <meta name='twitter:site' content='@paper'>
             <meta name='twitter:creator' content='@somebody'>
             <meta name='twitter:image:src' content='a.png'>",
            &json!({
                "og:title": "Ours",
                "og:description": "Told",
                "og:site_name": "@paper",
            }),
            Some("https://example.org/news/a.png"),
        );
    }

    #[test]
    fn a_page_that_says_nothing_of_itself_is_read() {
        check(
            "<html><head><base href='/base/'><link rel='shortcut icon' href=icon.png>
             <title>
                A title </title><style>p { color: red }</style></head>
             <body><header>Logo <img src=logo.png></header><nav><ul><li>Home<li>News</ul></nav>
             <h1>The <em>heading</em></h1>
             <div role=banner>We use cookies</div>
             <div hidden>Hidden<div>too</div> still</div>
             <img src=dot.gif width=1 height=1><img src='data:image/png,x'>
             <img src=small.png width=20 height=20><img src=large.png width='300px' height=200>
             <p>It <b>rained</b>&nbsp;all<br>day.<p>Then it stopped.
             <script>document.write('<p>never</p>')</script><noscript>Switch it on</noscript>
             <svg><title>An icon</title><text>drawn</text></svg>
             <footer>Imprint</footer></body>",
            &json!({ "og:title": "A title", "og:description": "It rained all day.\n\nThen it stopped." }),
            Some("https://example.org/base/large.png"),
        );
        check("<h2>Second</h2><h3>Third</h3>", &json!({ "og:title": "Second" }), None);
        check(
            "<link rel='icon' href=/icon.png><title></title><h1> </h1><p>Words",
            &json!({ "og:description": "Words" }),
            Some("https://example.org/icon.png"),
        );
    }

    #[test]
    fn the_main_text_is_preferred_where_there_is_any() {
        let main = "This is what the page is about, and it is long enough to say so.";
        check(
            &format!("<div>Before</div><main><p>{main}</p></main><div>After</div>"),
            &json!({ "og:description": main }),
            None,
        );
        check("<div>Before</div><main></main>", &json!({ "og:description": "Before" }), None);
    }

    #[test]
    fn broken_pages_say_what_they_can() {
        check("", &json!({}), None);
        check("plain words", &json!({ "og:description": "plain words" }), None);
        check("<title>Never closed", &json!({}), None);
        check("</p></main></div><meta property='og:title' content='Ended'", &json!({}), None);
        let bare = json!({ "og:title": "Bare", "og:description": "y" });
        check("<meta property=og:title content=Bare><h1>x</h2>y", &bare, None);
        check("<div style='display: none'>never ended<p>gone", &json!({}), None);
        check("<p hidden>gone <b>too</b><p>here", &json!({ "og:description": "here" }), None);
    }

    #[test]
    fn values_and_names_have_limits() {
        let (long, longer) = ("x".repeat(1000), "x".repeat(1001));
        let said = read_html(&format!(
            "<meta property='og:kept' content='{long}'><meta property='og:dropped' content='{longer}'>
             <meta property='og:title' content='{longer}'><meta property='og:{longer}' content='a'>
             <meta property='og:de scription' content='a'>
             <meta property='og:description' content='{}'>",
            "word ".repeat(200)
        ));
        let length = |name: &str| said.tags[name].as_str().unwrap().chars().count();
        assert_eq!(said.tags.len(), 3, "{said:?}");
        assert_eq!((length("og:kept"), length("og:title")), (1000, 1000));
        assert!((400..=500).contains(&length("og:description")));
    }

    #[test]
    fn other_scripts_are_read_as_well_as_ours() {
        let (encoded, _, _) =
            encoding_rs::SHIFT_JIS.encode("<meta charset=shift_jis><title>日本の新聞</title>");
        let url = Url::parse("https://example.org/").unwrap();
        assert_eq!(read(&encoded[..], None, &url).0.tags["og:title"], "日本の新聞");
        check("<html dir=rtl lang=he><title>שלום עולם</title>", &json!({ "og:title": "שלום עולם" }), None);
    }

    #[test]
    fn files_are_named_by_the_end_of_their_links() {
        let name = |url| file_name(&Url::parse(url).unwrap());
        assert_eq!(name("https://example.org/a/b%20%C3%A9.png?x").as_deref(), Some("b é.png"));
        assert_eq!(name("https://example.org/a/"), None);
        assert_eq!(name("https://example.org/%ff"), None);
    }
}
