//! Pages of the web: every hop's addresses checked, the checked ones dialled, and nothing read beyond bounds.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, response::Redirect, routing::get};
use hickory_resolver::proto::rr::RecordType;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use outbound::{
    Fence,
    pages::{Body, PageError, Pages, Role, Wish},
    sites::Sites,
};
use url::Url;

use crate::world::{World, fresh_ip, serve_http, serve_http_at};

const LONG: Duration = Duration::from_secs(30);

impl World {
    fn pages(&self, allowed: &str) -> Pages {
        let fence = Fence::new(vec![allowed.parse().expect("a network")]);
        Pages::new(fence, Sites::default(), &[self.dns.address], self.trust(), "test (bot)").expect("pages")
    }
}

async fn read(pages: &Pages, url: &str, max_bytes: usize) -> Result<Body, PageError> {
    read_within(pages, url, max_bytes, LONG).await
}

async fn read_within(
    pages: &Pages,
    url: &str,
    max_bytes: usize,
    within: Duration,
) -> Result<Body, PageError> {
    let (url, languages) = (Url::parse(url).expect("a URL"), HeaderValue::from_static("en"));
    let wish = Wish { role: Role::Page, accept: "text/html", languages: &languages, within };
    pages.get(url, wish).await?.read(max_bytes).await
}

fn said(text: &str) -> Router {
    let text = text.to_owned();
    Router::new().fallback(async move || text)
}

#[tokio::test]
async fn a_name_is_asked_once_and_what_was_checked_is_dialled() {
    let world = World::new().await;
    let (public, private) = (fresh_ip(), fresh_ip());
    let at = serve_http(public, said("public")).await;
    world.dns.address("page.test", public);
    let pages = world.pages(&format!("{public}/32"));
    let url = format!("http://page.test:{}/", at.port());
    let whole = Body { bytes: b"public".to_vec(), is_whole: true };
    assert_eq!(read(&pages, &url, 100).await, Ok(whole));

    // One private address among public ones, and a name that is private altogether.
    world.dns.address("mixed.test", public);
    world.dns.address("mixed.test", private);
    world.dns.address("inside.test", Ipv4Addr::new(169, 254, 169, 254));
    for host in ["mixed.test", "inside.test"] {
        let url = format!("http://{host}:{}/", at.port());
        assert!(matches!(read(&pages, &url, 100).await, Err(PageError::Unreachable(_))), "{host}");
    }
    let literal = format!("http://{private}:{}/", at.port());
    assert!(matches!(read(&pages, &literal, 100).await, Err(PageError::Fenced(_))));
}

#[tokio::test]
async fn a_resolver_that_lies_moves_nobody_inside_between_look_up_and_connect() {
    let world = World::new().await;
    let (public, private) = (fresh_ip(), fresh_ip());
    let at = serve_http(public, said("public")).await;
    let inside = Arc::new(AtomicUsize::new(0));
    let visits = Arc::clone(&inside);
    let secret = Router::new().fallback(async move || {
        visits.fetch_add(1, Ordering::SeqCst);
        "secret"
    });
    serve_http_at(SocketAddr::new(private, at.port()), secret).await;
    let pages = world.pages(&format!("{public}/32"));
    let url = format!("http://rebinding.test:{}/", at.port());
    // Public when it is looked up, and inside whenever it is looked up again.
    world.dns.lies("rebinding.test", &[public, private]);
    assert_eq!(read(&pages, &url, 100).await.unwrap().bytes, b"public");
    for _ in 0..3 {
        assert!(matches!(read(&pages, &url, 100).await, Err(PageError::Unreachable(_))));
    }
    // The other way round, and with IPv6 forms of the same address.
    let IpAddr::V4(v4) = private else { panic!("an address of the loopback") };
    let mapped = v4.to_ipv6_mapped().into();
    world.dns.lies("mapped.test", &[mapped]);
    let url = format!("http://mapped.test:{}/", at.port());
    assert!(matches!(read(&pages, &url, 100).await, Err(PageError::Unreachable(_))));
    assert_eq!(inside.load(Ordering::SeqCst), 0, "nobody inside was contacted");
}

#[tokio::test]
async fn what_the_operator_denies_is_not_dialled_on_any_hop() {
    let world = World::new().await;
    let ip = fresh_ip();
    for host in ["page.test", "denied.test"] {
        world.dns.address(host, ip);
    }
    let router = Router::new().route("/page", get(async || "page")).route(
        "/away",
        get(async |headers: HeaderMap| {
            let port = headers[header::HOST]
                .to_str()
                .unwrap_or_default()
                .rsplit(':')
                .next()
                .unwrap_or_default()
                .to_owned();
            Redirect::temporary(&format!("http://denied.test:{port}/page"))
        }),
    );
    let at = serve_http(ip, router).await;
    let sites = Sites { allowed: Vec::new(), denied: vec!["denied.test".parse().unwrap()] };
    let fence = Fence::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let pages = Pages::new(fence, sites, &[world.dns.address], world.trust(), "test (bot)").unwrap();
    let url = |host: &str, path: &str| format!("http://{host}:{}{path}", at.port());
    assert_eq!(read(&pages, &url("page.test", "/page"), 100).await.unwrap().bytes, b"page");
    assert_eq!(read(&pages, &url("denied.test", "/page"), 100).await, Err(PageError::Denied));
    assert!(matches!(read(&pages, &url("page.test", "/away"), 100).await, Err(PageError::Unreachable(_))));
    assert_eq!(world.dns.times_asked("denied.test", RecordType::A), 0, "its name was not even looked up");
}

#[tokio::test]
async fn every_hop_is_checked_and_told_the_same() {
    let world = World::new().await;
    let (public, private) = (fresh_ip(), fresh_ip());
    world.dns.address("page.test", public);
    world.dns.address("inside.test", private);
    let inside = serve_http(private, said("secret")).await;
    let away = format!("http://inside.test:{}/", inside.port());
    let echo = async |headers: HeaderMap| {
        let said = |name| headers[name].to_str().unwrap_or_default().to_owned();
        [header::USER_AGENT, header::ACCEPT, header::ACCEPT_LANGUAGE].map(said).join("|")
    };
    let at = serve_http(
        public,
        Router::new()
            .route("/away", get(async move || Redirect::temporary(&away)))
            .route("/on", get(async || Redirect::temporary("/echo")))
            .route("/echo", get(echo)),
    )
    .await;
    let pages = world.pages(&format!("{public}/32"));
    let url = |path: &str| format!("http://page.test:{}{path}", at.port());
    assert!(matches!(read(&pages, &url("/away"), 100).await, Err(PageError::Unreachable(_))));
    assert_eq!(read(&pages, &url("/on"), 100).await.unwrap().bytes, b"test (bot)|text/html|en");
    assert_eq!(read(&pages, &url("/missing"), 100).await, Err(PageError::Status(StatusCode::NOT_FOUND)));
}

#[tokio::test]
async fn bodies_are_unpacked_and_cut_at_their_limit_and_in_time() {
    let world = World::new().await;
    let ip = fresh_ip();
    world.dns.address("page.test", ip);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![b'x'; 5_000_000]).unwrap();
    let gzip = gzip.finish().unwrap();
    let packed = async move || ([(header::CONTENT_ENCODING, "gzip")], gzip);
    let unknown = async || ([(header::CONTENT_ENCODING, "compress")], "x");
    let never = async || std::future::pending::<&'static str>().await;
    let router = Router::new()
        .route("/gzip", get(packed))
        .route("/compress", get(unknown))
        .route("/never", get(never));
    let at = serve_http(ip, router).await;
    let pages = world.pages("127.0.0.0/8");
    let url = |path: &str| format!("http://page.test:{}{path}", at.port());

    let whole = read(&pages, &url("/gzip"), 5_000_000).await.unwrap();
    assert_eq!((whole.bytes.len(), whole.is_whole), (5_000_000, true));
    let cut = read(&pages, &url("/gzip"), 1_000_000).await.unwrap();
    assert_eq!((cut.bytes.len(), cut.is_whole), (1_000_000, false));
    assert!(matches!(read(&pages, &url("/compress"), 100).await, Err(PageError::Unreachable(_))));
    let late = read_within(&pages, &url("/never"), 100, Duration::from_millis(200)).await;
    assert!(matches!(late, Err(PageError::Unreachable(_))));
}
