//! Pages after the manner of real sites (`tests/fixtures/previews`), and what is told of each.

use std::{
    fs,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;
use support::{Server, Web, photos};

use crate::previews::{preview, server};

/// A web site with pages of the corpus and the pictures that they name, which are as large as their names say.
struct Corpus {
    server: Server,
    web: Web,
}

impl Corpus {
    /// A site that says what it says in oEmbed, and has no page yet.
    async fn start() -> Self {
        let corpus = Self { server: server().await, web: Web::start().await };
        for answer in ["video", "photo", "rich"] {
            corpus.put(&format!("/oembed/{answer}.json"), "application/json");
        }
        corpus
    }

    fn put(&self, path: &str, content_type: &str) {
        let bytes = fs::read(folder().join(&path[1..])).unwrap();
        for picture in pictures(&String::from_utf8_lossy(&bytes)) {
            let png = photos::drawn(picture.width, picture.height);
            self.web.answers(&picture.path, 200, &[("content-type", "image/png")], png);
        }
        self.web.answers(path, 200, &[("content-type", content_type)], bytes);
    }

    /// What is told of a page, a line for each name; what is different each time is left out.
    async fn told(&self, name: &str) -> String {
        let is_said = name.contains("by-header");
        self.put(&format!("/{name}.html"), if is_said { "text/html; charset=Big5" } else { "text/html" });
        let answer = preview(&self.server, &self.web.url(&format!("/{name}.html"))).await;
        assert!(answer.status.is_success(), "{name}: {answer:?}");
        let (json, site) = (answer.json(), self.web.url(""));
        let lines = json.as_object().unwrap().iter().map(|(name, value)| match name.as_str() {
            "og:image" => format!("{name}: {}", &value.as_str().unwrap()[.."mxc://example.org/".len()]),
            // As many as the encoder likes.
            "matrix:image:size" => format!("{name}: {}", value.is_u64()),
            _ => format!("{name}: {value}").replace(&site, "http://site"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/previews")
}

struct Picture {
    path: String,
    width: u32,
    height: u32,
}

/// Every `name-640x480.png` in a text; all are below `/img/`.
fn pictures(text: &str) -> Vec<Picture> {
    let names = text.split(['"', '\'', '/', '?', ' ', '=', '>']).filter_map(|word| word.strip_suffix(".png"));
    let sized = names.filter_map(|name| {
        let (width, height) = name.rsplit_once('-')?.1.split_once('x')?;
        Some(Picture {
            path: format!("/img/{name}.png"),
            width: width.parse().ok()?,
            height: height.parse().ok()?,
        })
    });
    sized.collect()
}

#[test]
fn every_page_of_the_corpus_is_looked_at() {
    let here = include_str!("corpus.rs");
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "html");
    let pages: Vec<_> = entries.filter(is_page).collect();
    assert!(pages.len() >= 40, "{}", pages.len());
    for page in pages {
        let name = page.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(here.contains(&format!("told(\"{name}\")")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newspaper_tells_its_story_and_its_picture() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("news-article").await, @r#"
    article:modified_time: "2026-11-24T09:30:00+00:00"
    article:published_time: "2026-11-24T06:00:00+00:00"
    article:section: "Transport"
    article:tag: "Ferries"
    matrix:image:size: true
    og:description: "Forty passengers crossed the sound on Tuesday – and most of them did not notice."
    og:image: mxc://example.org/
    og:image:alt: "A white ferry in the fog"
    og:image:height: 630
    og:image:type: "image/png"
    og:image:width: 1200
    og:locale: "en_GB"
    og:site_name: "The Harbour Post"
    og:title: "Ferry makes its first crossing without a captain"
    og:type: "article"
    og:url: "https://harbourpost.example/2026/11/ferry"
    "#);
    assert_snapshot!(corpus.told("news-json-ld").await, @r#"
    matrix:image:size: true
    og:description: "Nach elf Jahren Streit soll im März gebaut werden."
    og:image: mxc://example.org/
    og:image:height: 450
    og:image:type: "image/png"
    og:image:width: 800
    og:title: "Stadtrat stimmt für neue Brücke „über die Au“"
    "#);
    assert_snapshot!(corpus.told("news-paywall").await, @r#"
    matrix:image:size: true
    og:description: "Shares rose for a third day."
    og:image: mxc://example.org/
    og:image:height: 400
    og:image:type: "image/png"
    og:image:width: 600
    og:title: "Markets close higher"
    "#);
    assert_snapshot!(corpus.told("news-no-metadata").await, @r#"
    matrix:image:size: true
    og:description: "After nineteen defeats in a row the team from the lower town has won a game on Friday night, to the surprise of everybody who was there.\n\n“We did not know what to do with ourselves,” the goalkeeper said afterwards, holding the ball."
    og:image: mxc://example.org/
    og:image:height: 360
    og:image:type: "image/png"
    og:image:width: 640
    og:title: "Local team wins at last"
    "#);
    assert_snapshot!(corpus.told("live-blog").await, @r#"
    matrix:image:size: true
    og:description: "Every result as it comes in."
    og:image: mxc://example.org/
    og:image:height: 720
    og:image:type: "image/png"
    og:image:width: 1280
    og:title: "Election night: live"
    og:type: "article"
    "#);
    assert_snapshot!(corpus.told("amp-page").await, @r#"
    matrix:image:size: true
    og:description: "Everything at once."
    og:image: mxc://example.org/
    og:image:height: 400
    og:image:type: "image/png"
    og:image:width: 696
    og:title: "Fast page"
    "#);
    assert_snapshot!(corpus.told("long-read").await, @r#"
    og:description: "This is sentence 0 of the story, and it is neither short nor long.\n\nThis is sentence 1 of the story, and it is neither short nor long.\n\nThis is sentence 2 of the story, and it is neither short nor long."
    og:title: "A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very long title that goes on and on A very…"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_come_in_many_letters() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("rtl-arabic").await, @r#"
    matrix:image:size: true
    og:description: "عبر ألف شخص الجسر في اليوم الأول."
    og:image: mxc://example.org/
    og:image:height: 480
    og:image:type: "image/png"
    og:image:width: 640
    og:title: "افتتاح الجسر الجديد"
    "#);
    assert_snapshot!(corpus.told("rtl-hebrew-windows-1255").await, @r#"
    og:description: "גשר חדש נפתח היום"
    og:title: "העיתון של הנמל"
    "#);
    assert_snapshot!(corpus.told("japanese-shift-jis").await, @r#"
    og:description: "新しい橋が開通しました。表示・能力。"
    og:title: "港の新聞"
    "#);
    assert_snapshot!(corpus.told("japanese-euc-jp").await, @r#"
    og:description: "今日は天気が良かったので、山に登りました。"
    og:title: "山の日記"
    "#);
    assert_snapshot!(corpus.told("chinese-gb18030").await, @r#"
    og:description: "第一天有一千人过桥。"
    og:title: "新桥开通 𠂇"
    "#);
    assert_snapshot!(corpus.told("chinese-big5-by-header").await, @r#"
    og:description: "新橋開通。"
    og:title: "港口日報"
    "#);
    assert_snapshot!(corpus.told("korean-euc-kr").await, @r#"
    og:description: "새 다리가 개통되었습니다."
    og:title: "항구신문"
    "#);
    assert_snapshot!(corpus.told("russian-windows-1251").await, @r#"
    og:description: "В первый день по мосту прошла тысяча человек."
    og:title: "Гавань"
    "#);
    assert_snapshot!(corpus.told("french-undeclared-windows-1252").await, @r#"
    og:description: "Crème brûlée à 5 €, œuf mayonnaise."
    og:title: "Café de la gare – menu"
    "#);
    assert_snapshot!(corpus.told("greek-utf-16").await, @r#"
    og:description: "Άνοιξε σήμερα."
    og:title: "Η γέφυρα"
    "#);
    assert_snapshot!(corpus.told("czech-xhtml-iso-8859-2").await, @r#"
    matrix:image:size: true
    og:description: "Nový most byl otevřen v úterý. Přešlo přes něj tisíc lidí."
    og:image: mxc://example.org/
    og:image:height: 16
    og:image:type: "image/png"
    og:image:width: 16
    og:title: "Přístav"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn shops_and_events_say_what_they_are_about() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("shop-product").await, @r#"
    matrix:image:size: true
    og:description: "Solid oak, oiled by hand. Delivered in a week."
    og:image: mxc://example.org/
    og:image:height: 500
    og:image:type: "image/png"
    og:image:width: 500
    og:site_name: "Woodworks"
    og:title: "Oak chair"
    og:type: "product"
    og:url: "http://site/p/1234-oak-chair"
    "#);
    assert_snapshot!(corpus.told("shop-microdata").await, @r#"
    matrix:image:size: true
    og:description: "Holds a litre."
    og:image: mxc://example.org/
    og:image:height: 500
    og:image:type: "image/png"
    og:image:width: 700
    og:title: "Teapot | Potter"
    "#);
    assert_snapshot!(corpus.told("recipe").await, @r#"
    matrix:image:size: true
    og:description: "Lentils, carrots, an hour."
    og:image: mxc://example.org/
    og:image:height: 640
    og:image:type: "image/png"
    og:image:width: 640
    og:title: "Lentil soup"
    "#);
    assert_snapshot!(corpus.told("event").await, @r#"
    matrix:image:size: true
    og:description: "Doors open at half past eleven."
    og:image: mxc://example.org/
    og:image:height: 400
    og:image:type: "image/png"
    og:image:width: 300
    og:title: "Organ at noon"
    "#);
    assert_snapshot!(corpus.told("job-posting").await, @r#"
    og:description: "You open and close the gates."
    og:title: "Lock keeper (m/f/x)"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn code_and_its_documentation() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("code-host-repository").await, @r#"
    matrix:image:size: true
    og:description: "A tool that does one thing. Contribute to someone/something."
    og:image: mxc://example.org/
    og:image:alt: "A tool that does one thing."
    og:image:height: 600
    og:image:type: "image/png"
    og:image:width: 1200
    og:site_name: "CodeHost"
    og:title: "someone/something: A tool that does one thing"
    og:type: "object"
    og:url: "https://codehost.example/someone/something"
    "#);
    assert_snapshot!(corpus.told("code-host-issue").await, @r####"
    og:author:username: "somebody"
    og:description: "### Steps 1. Start it 2. Give it `[]` It says `index out of bounds: the len is 0 but the index is 0`."
    og:title: "Crash when the list is empty · Issue #42 · someone/something"
    og:type: "object"
    "####);
    assert_snapshot!(corpus.told("code-host-raw-diff").await, @r#"
    og:description: "- let x = <T>::new(); + let x = T::default();\n\n1\n\ncontext"
    og:title: "Diff of src/main.rs"
    "#);
    assert_snapshot!(corpus.told("documentation").await, @r#"
    og:description: "You can install the tool from the package index:\n\n$ pip install tool\n\nIt needs Python 3.9 or newer. On systems without it, a binary for every release can be downloaded, which needs nothing else at all."
    og:title: "Installing — Tool 3.2 documentation"
    "#);
    assert_snapshot!(corpus.told("question-and-answer").await, @r#"
    og:description: "I know that an array has a size that is known when a program is compiled, so why has a slice none?"
    og:title: "Why is a slice unsized?"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_played_or_shown_elsewhere() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("video-site").await, @r#"
    matrix:image:size: true
    og:description: "A canal lock, from the inside. 12 minutes."
    og:image: mxc://example.org/
    og:image:height: 720
    og:image:type: "image/png"
    og:image:width: 1280
    og:site_name: "Tube"
    og:title: "How locks work"
    og:type: "video.other"
    og:url: "https://tube.example/watch?v=abc"
    og:video:height: 720
    og:video:secure_url: "https://tube.example/embed/abc"
    og:video:type: "text/html"
    og:video:url: "https://tube.example/embed/abc"
    og:video:width: 1280
    "#);
    assert_snapshot!(corpus.told("video-oembed").await, @r#"
    matrix:image:size: true
    og:description: "Please switch on JavaScript to see this film."
    og:image: mxc://example.org/
    og:image:height: 360
    og:image:type: "image/png"
    og:image:width: 480
    og:site_name: "Tube"
    og:title: "Otters on a slide"
    og:type: "video.other"
    og:video: "https://tube.example/embed/otters?feature=oembed"
    og:video:height: 113
    og:video:width: 200
    "#);
    assert_snapshot!(corpus.told("photo-oembed").await, @r#"
    matrix:image:size: true
    og:image: mxc://example.org/
    og:image:height: 427
    og:image:type: "image/png"
    og:image:width: 640
    og:site_name: "Pictures"
    og:title: "Fog"
    "#);
    assert_snapshot!(corpus.told("post-oembed-rich").await, @r#"
    og:description: "Saw two otters & a heron today. Nobody else was there. #otters — Anna 25 November 2026"
    og:site_name: "Flock"
    og:title: "Anna (@anna)"
    "#);
    assert_snapshot!(corpus.told("podcast-episode").await, @r##"
    matrix:image:size: true
    og:audio: "http://site/episodes/7.mp3"
    og:audio:type: "audio/mpeg"
    og:description: "How they are cast."
    og:image: mxc://example.org/
    og:image:height: 600
    og:image:type: "image/png"
    og:image:width: 600
    og:title: "#7: Bells"
    og:type: "music.song"
    "##);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_talk() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("forum-tables").await, @r#"
    matrix:image:size: true
    og:description: "pedaller Joined: 2004 Posts: 1,204\n\nMy brakes squeak when it rains. I have tried soap, new pads and a different wheel, and nothing of it has helped so far. What do you do about yours?\n\nwheelwright\n\nToe them in."
    og:image: mxc://example.org/
    og:image:height: 60
    og:image:type: "image/png"
    og:image:width: 468
    og:title: "Squeaky brakes - Bicycle forum"
    "#);
    assert_snapshot!(corpus.told("forum-discourse").await, @r#"
    matrix:image:size: true
    og:description: "I have an old dinghy and need new sheets.&nbsp;What do you use?"
    og:image: mxc://example.org/
    og:image:height: 512
    og:image:type: "image/png"
    og:image:width: 512
    og:site_name: "Boat talk"
    og:title: "Which rope for a dinghy?"
    og:type: "website"
    "#);
    assert_snapshot!(corpus.told("social-post").await, @r#"
    matrix:image:size: true
    og:description: "Attached: 1 image Look at this! 🦦🦦 #otters https://flock.example/tags/otters"
    og:image: mxc://example.org/
    og:image:height: 640
    og:image:type: "image/png"
    og:image:width: 480
    og:published_time: "2026-11-25T12:00:00Z"
    og:title: "Anna (@anna@flock.example)"
    og:type: "article"
    "#);
    assert_snapshot!(corpus.told("social-profile").await, @r#"
    matrix:image:size: true
    og:description: "12 posts, 3 followers"
    og:image: mxc://example.org/
    og:image:height: 400
    og:image:type: "image/png"
    og:image:width: 400
    og:title: "Anna & the otters"
    og:type: "profile"
    profile:first_name: "Anna"
    profile:username: "anna@flock.example"
    "#);
    assert_snapshot!(corpus.told("wiki-article").await, @r#"
    matrix:image:size: true
    og:description: "A lock is a device used for raising and lowering boats between stretches of water of different levels.[1] Its distinguishing feature is a chamber in which the water level can be varied.\n\nLocks are used to make a river more easily navigable."
    og:image: mxc://example.org/
    og:image:height: 64
    og:image:type: "image/png"
    og:image:width: 64
    og:title: "Canal lock - Encyclopaedia"
    "#);
    assert_snapshot!(corpus.told("homepage-of-the-nineties").await, @r#"
    matrix:image:size: true
    og:description: "Welcome!\n\nMy trains\n\nI have been building model trains since 1971\n\nThis page was last changed in 1998 Sign my guestbook"
    og:image: mxc://example.org/
    og:image:height: 240
    og:image:type: "image/png"
    og:image:width: 320
    "#);
    assert_snapshot!(corpus.told("blog-lazy-pictures").await, @r#"
    matrix:image:size: true
    og:description: "On the first day it rained, and on the second day it rained as well; on the third we stopped keeping count of it.\n\nOn the fourth the sun came out."
    og:image: mxc://example.org/
    og:image:height: 600
    og:image:type: "image/png"
    og:image:width: 800
    og:title: "A week in the hills"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_draw_their_pages_themselves() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("single-page-app").await, @r#"
    matrix:image:size: true
    og:description: "Plan things together."
    og:image: mxc://example.org/
    og:image:height: 512
    og:image:type: "image/png"
    og:image:width: 1024
    og:title: "Taskboard"
    "#);
    assert_snapshot!(corpus.told("single-page-app-bare").await, @r#"
    og:title: "App"
    "#);
    assert_snapshot!(corpus.told("twitter-cards-only").await, @r#"
    matrix:image:size: true
    og:description: "Nothing but what one network reads."
    og:image: mxc://example.org/
    og:image:height: 200
    og:image:type: "image/png"
    og:image:width: 200
    og:site_name: "@someone"
    og:title: "Only a card"
    "#);
    assert_snapshot!(corpus.told("names-for-properties").await, @r#"
    matrix:image:size: true
    og:description: "Many do."
    og:image: mxc://example.org/
    og:image:height: 60
    og:image:type: "image/png"
    og:image:width: 80
    og:title: "Written with name"
    "#);
    assert_snapshot!(corpus.told("properties-in-the-body").await, @r#"
    matrix:image:size: true
    og:description: "Some text first."
    og:image: mxc://example.org/
    og:image:height: 90
    og:image:type: "image/png"
    og:image:width: 90
    og:title: "Late"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_not_as_they_should_be() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("broken-markup").await, @r#"
    og:description: "An open quote> <p>swallowed"
    og:site_name: "Bro\"ken"
    og:title: "Broken & <b>bold"
    "#);
    assert_snapshot!(corpus.told("broken-off").await, @r#"
    og:description: "Here it is whole."
    og:title: "Cut off"
    "#);
    assert_snapshot!(corpus.told("comments-and-conditions").await, @r#"
    og:description: "Said"
    og:title: "Real"
    "#);
    assert_snapshot!(corpus.told("cookie-wall").await, @r#"
    og:description: "Rain from the west, in the evening clearing."
    og:title: "Weather for the coast"
    "#);
    assert_snapshot!(corpus.told("entities-twice").await, @r#"
    og:description: "café © &notanentity; � �"
    og:title: "Fish &amp; chips 🍟 <now>"
    "#);
    assert_snapshot!(corpus.told("empty-values").await, @r#"
    og:title: "The second says something"
    "#);
    assert_snapshot!(corpus.told("maintenance").await, @r#"
    og:description: "Please come back in an hour."
    og:title: "503 Back soon"
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_are_hard_to_find() {
    let corpus = Corpus::start().await;
    assert_snapshot!(corpus.told("picture-in-its-link").await, @r#"
    matrix:image:size: true
    og:image: mxc://example.org/
    og:image:height: 16
    og:image:type: "image/png"
    og:image:width: 24
    og:title: "Inline"
    "#);
    assert_snapshot!(corpus.told("second-picture").await, @r#"
    matrix:image:size: true
    og:image: mxc://example.org/
    og:image:height: 40
    og:image:type: "image/png"
    og:image:width: 50
    og:title: "Second"
    "#);
    assert_snapshot!(corpus.told("icon-at-last").await, @r#"
    matrix:image:size: true
    og:description: "No picture of its own."
    og:image: mxc://example.org/
    og:image:height: 180
    og:image:type: "image/png"
    og:image:width: 180
    og:title: "Icon"
    "#);
    assert_snapshot!(corpus.told("base-elsewhere").await, @r#"
    matrix:image:size: true
    og:image: mxc://example.org/
    og:image:height: 30
    og:image:type: "image/png"
    og:image:width: 70
    og:title: "Base"
    og:url: "http://site/img/page"
    "#);
}
