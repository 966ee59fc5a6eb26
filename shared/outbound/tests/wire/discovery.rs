//! The table of "Resolving server names", row by row, and what may not be contacted.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Router,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::get,
};
use hickory_resolver::proto::rr::RecordType;
use outbound::{Fenced, Unreachable, media::FetchError};

use crate::world::{Sni, WELL_KNOWN_PORT, World, fresh_ip, mxc, read, server_name};

/// The largest media in these tests, in bytes.
const LIMIT: u64 = 1000;

/// Says how it was addressed.
fn mirror() -> Router {
    let answer = async |Extension(Sni(sni)): Extension<Sni>, headers: HeaderMap| {
        format!("{} {}", headers["host"].to_str().expect("text"), sni.as_deref().unwrap_or("-"))
    };
    Router::new().fallback(answer)
}

impl World {
    /// A mirror at a fresh address, certified for `tls_name`, known to the DNS as `host`.
    async fn mirror(&self, host: &str, port: u16, tls_name: &str) -> SocketAddr {
        let ip = fresh_ip();
        self.dns.address(host, ip);
        let certified = if tls_name.is_empty() { ip.to_string() } else { tls_name.to_owned() };
        self.serve(ip, port, &certified, mirror()).await
    }

    /// `host` answers `reply` when asked for its `.well-known`; the count of times it was asked.
    async fn well_known<R>(&self, host: &str, reply: R) -> Arc<AtomicUsize>
    where
        R: IntoResponse + Clone + Send + Sync + 'static,
    {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let answer = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            reply
        };
        let router = Router::new().route("/.well-known/matrix/server", get(answer));
        let ip = fresh_ip();
        self.dns.address(host, ip);
        self.serve(ip, WELL_KNOWN_PORT, host, router).await;
        asked
    }
}

fn delegation(to: &str) -> String {
    format!(r#"{{"m.server":"{to}"}}"#)
}

/// Finds the server, then asks it, and hears how it was addressed.
async fn check(world: &World, server: &str, at: SocketAddr, host_header: &str, sni: &str) {
    let destination = world.peers().find(&server_name(server)).await.expect("a destination");
    assert_eq!(destination.addresses, [at], "{server}");
    assert_eq!(destination.host_header, host_header, "{server}");
    let media = world.unsigned().download(&mxc(server), LIMIT).await.expect("an answer");
    assert_eq!(
        read(media).await.expect("a whole answer"),
        format!("{host_header} {sni}").into_bytes(),
        "{server}"
    );
}

#[tokio::test]
async fn check_64_row_1_an_ip_address_is_where_it_says() {
    let mut world = World::new().await;
    world.allowed.push("::1/128".parse().unwrap());
    let at = world.mirror("unused.test", 8448, "").await;
    check(&world, &at.ip().to_string(), at, &at.ip().to_string(), "-").await;
    let at = world.mirror("unused.test", 0, "").await;
    check(&world, &at.to_string(), at, &at.to_string(), "-").await;
    // Brackets stand in the name and in the header, not in the certificate.
    let six = world.serve("::1".parse().unwrap(), 0, "::1", mirror()).await;
    check(&world, &format!("[::1]:{}", six.port()), six, &format!("[::1]:{}", six.port()), "-").await;
}

#[tokio::test]
async fn check_64_row_2_a_port_is_final() {
    let world = World::new().await;
    world.dns.srv("_matrix-fed._tcp", "two.test", 1, "elsewhere.test", 1);
    let at = world.mirror("two.test", 0, "two.test").await;
    let server = format!("two.test:{}", at.port());
    check(&world, &server, at, &server, "two.test").await;
}

#[tokio::test]
async fn check_64_row_3_1_delegation_to_an_ip_address() {
    let world = World::new().await;
    let at = world.mirror("unused.test", 8448, "").await;
    world.well_known("three1.test", delegation(&at.ip().to_string())).await;
    check(&world, "three1.test", at, &at.ip().to_string(), "-").await;
}

#[tokio::test]
async fn check_64_row_3_2_delegation_to_a_port() {
    let world = World::new().await;
    let at = world.mirror("d.test", 0, "d.test").await;
    let delegate = format!("d.test:{}", at.port());
    world.well_known("three2.test", delegation(&delegate)).await;
    check(&world, "three2.test", at, &delegate, "d.test").await;
}

#[tokio::test]
async fn check_64_rows_3_3_and_3_4_delegation_to_srv_records() {
    for (service, server) in [("_matrix-fed._tcp", "three3.test"), ("_matrix._tcp", "three4.test")] {
        let world = World::new().await;
        let at = world.mirror("target.test", 0, "d.test").await;
        world.dns.srv(service, "d.test", 1, "target.test", at.port());
        world.well_known(server, delegation("d.test")).await;
        check(&world, server, at, "d.test", "d.test").await;
    }
}

#[tokio::test]
async fn check_64_row_3_5_delegation_to_a_bare_name_which_may_not_delegate_again() {
    let world = World::new().await;
    world.well_known("d.test", delegation("too-far.test")).await;
    let at = world.peers().find(&server_name("d.test:8448")).await.unwrap().addresses[0];
    world.serve(at.ip(), 8448, "d.test", mirror()).await;
    world.well_known("three5.test", delegation("d.test")).await;
    check(&world, "three5.test", at, "d.test", "d.test").await;
}

#[tokio::test]
async fn check_64_rows_4_and_5_srv_records() {
    for (service, server) in [("_matrix-fed._tcp", "four.test"), ("_matrix._tcp", "five.test")] {
        let world = World::new().await;
        let at = world.mirror("target.test", 0, server).await;
        world.dns.srv(service, server, 1, "target.test", at.port());
        check(&world, server, at, server, server).await;
    }
}

#[tokio::test]
async fn the_newer_service_goes_before_the_deprecated_one() {
    let world = World::new().await;
    let at = world.mirror("new.test", 0, "both.test").await;
    world.dns.srv("_matrix-fed._tcp", "both.test", 9, "new.test", at.port());
    world.dns.srv("_matrix._tcp", "both.test", 1, "old.test", 1);
    check(&world, "both.test", at, "both.test", "both.test").await;
}

#[tokio::test]
async fn check_64_row_6_the_usual_port() {
    let world = World::new().await;
    let at = world.mirror("six.test", 8448, "six.test").await;
    check(&world, "six.test", at, "six.test", "six.test").await;
}

#[tokio::test]
async fn check_64_row_6_is_also_for_names_whose_srv_records_cannot_be_had() {
    let world = World::new().await;
    world.dns.break_name("_matrix-fed._tcp.six.test");
    let at = world.mirror("six.test", 8448, "six.test").await;
    check(&world, "six.test", at, "six.test", "six.test").await;
}

#[tokio::test]
async fn the_next_srv_target_is_tried_when_the_first_is_dead() {
    let world = World::new().await;
    let alive = world.mirror("alive.test", 0, "srv.test").await;
    world.dns.address("dead.test", fresh_ip());
    world.dns.srv("_matrix-fed._tcp", "srv.test", 1, "dead.test", 1);
    world.dns.srv("_matrix-fed._tcp", "srv.test", 2, "nowhere.test", 1);
    world.dns.srv("_matrix-fed._tcp", "srv.test", 3, "alive.test", alive.port());
    assert_eq!(world.peers().find(&server_name("srv.test")).await.unwrap().addresses[1..], [alive]);
    let media = world.unsigned().download(&mxc("srv.test"), LIMIT).await.unwrap();
    assert_eq!(read(media).await.unwrap(), b"srv.test srv.test");
}

/// The server that `server` leads to is certified for somebody else, so nothing is sent to it.
async fn check_refused(world: &World, server: &str, certified_should_be: &str) {
    let refused = world.unsigned().download(&mxc(server), LIMIT).await.expect_err("a wrong certificate");
    let FetchError::Unavailable(reason) = refused else { panic!("{refused:?}") };
    assert!(reason.contains(&format!("not valid for name \"{certified_should_be}\"")), "{server}: {reason}");
}

#[tokio::test]
async fn check_64_a_certificate_for_the_srv_target_alone_is_refused() {
    for service in ["_matrix-fed._tcp", "_matrix._tcp"] {
        let world = World::new().await;
        let at = world.mirror("target.test", 0, "target.test").await;
        // Rows 4 and 5, then 3.3 and 3.4.
        world.dns.srv(service, "srv.test", 1, "target.test", at.port());
        check_refused(&world, "srv.test", "srv.test").await;
        world.well_known("delegating.test", delegation("srv.test")).await;
        check_refused(&world, "delegating.test", "srv.test").await;
    }
}

#[tokio::test]
async fn check_64_a_certificate_for_the_name_before_delegation_is_refused() {
    let world = World::new().await;
    // Row 3.2.
    let at = world.mirror("d.test", 0, "delegating.test").await;
    world.well_known("delegating.test", delegation(&format!("d.test:{}", at.port()))).await;
    check_refused(&world, "delegating.test", "d.test").await;
    // Row 3.1.
    let at = world.mirror("unused.test", 0, "to-an-address.test").await;
    world.well_known("to-an-address.test", delegation(&at.to_string())).await;
    check_refused(&world, "to-an-address.test", &at.ip().to_string()).await;
    // Row 3.5.
    let at = world.mirror("bare.test", 8448, "to-a-name.test").await;
    assert_eq!(at.port(), 8448);
    world.well_known("to-a-name.test", delegation("bare.test")).await;
    check_refused(&world, "to-a-name.test", "bare.test").await;
}

#[tokio::test]
async fn check_64_a_certificate_for_another_name_is_refused() {
    let world = World::new().await;
    // Rows 1, 2 and 6.
    let at = world.mirror("one.test", 0, "another.test").await;
    check_refused(&world, &at.to_string(), &at.ip().to_string()).await;
    check_refused(&world, &format!("one.test:{}", at.port()), "one.test").await;
    world.mirror("six.test", 8448, "another.test").await;
    check_refused(&world, "six.test", "six.test").await;
}

#[tokio::test]
async fn what_is_no_delegation_is_passed_over() {
    let world = World::new().await;
    let at = world.mirror("target.test", 0, "a.test").await;
    let redirect = |to: &'static str| (StatusCode::FOUND, [("location", to)], String::new());
    let ok = |body: &str| (StatusCode::OK, [("content-type", "text/plain")], body.to_owned());
    let long = format!("{{\"m.server\":\"b.test:1\",\"x\":\"{}\"}}", "x".repeat(51 * 1024));
    for (n, reply) in [
        ok(""),
        ok("<html>"),
        ok("{}"),
        ok(r#"{"m.server":5}"#),
        ok(&delegation("not a name")),
        ok(&delegation("")),
        ok(&delegation("https://b.test")),
        ok(&long),
        (StatusCode::NOT_FOUND, [("content-type", "application/json")], delegation("b.test:1")),
        (StatusCode::INTERNAL_SERVER_ERROR, [("content-type", "application/json")], delegation("b.test:1")),
        redirect("/.well-known/matrix/server"),
        redirect("http://b.test/"),
        redirect("https://10.0.0.1/"),
        redirect("https://[::ffff:127.0.0.1]/"),
    ]
    .into_iter()
    .enumerate()
    {
        let server = format!("no{n}.test");
        world.dns.srv("_matrix-fed._tcp", &server, 1, "target.test", at.port());
        let asked = world.well_known(&server, reply).await;
        let destination = world.peers().find(&server_name(&server)).await.unwrap();
        assert_eq!(destination.addresses, [at], "reply {n}");
        assert!((1..=6).contains(&asked.load(Ordering::SeqCst)), "reply {n}");
    }
}

#[tokio::test]
async fn a_delegation_may_be_behind_redirects_on_other_hosts() {
    let world = World::new().await;
    let at = world.mirror("d.test", 0, "d.test").await;
    let delegate = format!("d.test:{}", at.port());
    let there = world.well_known("there.test", delegation(&delegate)).await;
    let location = format!("https://there.test:{WELL_KNOWN_PORT}/.well-known/matrix/server");
    world.well_known("here.test", (StatusCode::TEMPORARY_REDIRECT, [("location", location)])).await;
    check(&world, "here.test", at, &delegate, "d.test").await;
    assert_eq!(there.load(Ordering::SeqCst), 2, "once for each of the two that asked");
}

#[tokio::test]
async fn delegations_are_kept_as_long_as_they_say() {
    for (header, life_s) in [
        ("max-age=1", 300),
        ("max-age=7200", 7200),
        ("max-age=9999999", 48 * 3600),
        ("private", 24 * 3600),
        ("no-store", 300),
    ] {
        let world = World::new().await;
        world.dns.address("d.test", fresh_ip());
        let asked = world.well_known("a.test", ([("cache-control", header)], delegation("d.test:1"))).await;
        let peers = world.peers();
        let find = async || {
            peers.find(&server_name("a.test")).await.unwrap();
            asked.load(Ordering::SeqCst)
        };
        assert_eq!(find().await, 1, "{header}");
        // At most a tenth earlier, so that not all processes ask again together; but not before the floor.
        let certain_s = (life_s - life_s / 10).max(300);
        world.clock.advance(Duration::from_secs(certain_s - 5));
        assert_eq!(find().await, 1, "{header}");
        // The addresses have a shorter life of their own, and end by the second look.
        world.clock.advance(Duration::from_secs(life_s - certain_s) + Duration::from_mins(5));
        assert_eq!(find().await, 2, "{header}");
    }
}

#[tokio::test]
async fn failures_are_kept_for_a_growing_while() {
    let world = World::new().await;
    let asked = world.well_known("a.test", StatusCode::NOT_FOUND).await;
    let peers = world.peers();
    let mut seen = Vec::new();
    for _ in 0..12 {
        peers.find(&server_name("a.test")).await.unwrap();
        seen.push(asked.load(Ordering::SeqCst));
        world.clock.advance(Duration::from_mins(5));
    }
    // After 2, 4, 8 and 16 minutes, looked at every 5.
    assert_eq!(seen, [1, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]);
}

#[tokio::test]
async fn a_delegation_that_fails_after_it_was_valid_is_looked_for_again_soon() {
    let world = World::new().await;
    world.dns.address("d.test", fresh_ip());
    let is_down = Arc::new(AtomicBool::new(false));
    let (down, asked) = (is_down.clone(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let answer = async move || {
        count.fetch_add(1, Ordering::SeqCst);
        let status = if down.load(Ordering::SeqCst) { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
        (status, [("cache-control", "max-age=1800")], delegation("d.test:1"))
    };
    let ip = fresh_ip();
    world.dns.address("a.test", ip);
    let router = Router::new().route("/.well-known/matrix/server", get(answer));
    world.serve(ip, WELL_KNOWN_PORT, "a.test", router).await;
    let peers = world.peers();
    let host = async || peers.find(&server_name("a.test")).await.unwrap().host_header.clone();
    assert_eq!(host().await, "d.test:1");

    is_down.store(true, Ordering::SeqCst);
    world.clock.advance(Duration::from_mins(31));
    assert_eq!(host().await, "a.test", "what cannot be asked delegates to nobody");
    is_down.store(false, Ordering::SeqCst);
    // The addresses are remembered for their own while, which ends by then, too.
    world.clock.advance(Duration::from_mins(5));
    assert_eq!(host().await, "d.test:1");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_ask_at_once_are_one_question() {
    let world = World::new().await;
    world.dns.address("a.test", fresh_ip());
    let peers = world.peers();
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let peers = peers.clone();
            tokio::spawn(async move { peers.find(&server_name("a.test:1")).await })
        })
        .collect();
    for found in asking {
        assert_eq!(found.await.unwrap().unwrap().addresses.len(), 1);
    }
    assert_eq!(world.dns.times_asked("a.test", RecordType::A), 1);
}

#[tokio::test]
async fn private_networks_are_not_contacted() {
    let world = World::new().await;
    let private: IpAddr = "10.0.0.1".parse().unwrap();
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    world.dns.address("private.test", private);
    world.dns.address("mapped.test", mapped);
    world.dns.address("mixed.test", fresh_ip());
    world.dns.address("mixed.test", private);
    world.dns.srv("_matrix-fed._tcp", "srv.test", 1, "private.test", 1);
    world.well_known("delegating.test", delegation("private.test:1")).await;
    world.well_known("to-an-address.test", delegation("10.0.0.1")).await;
    for (server, address) in [
        ("10.0.0.1", private),
        ("10.0.0.1:443", private),
        ("[::ffff:127.0.0.1]:443", mapped),
        ("private.test:1", private),
        ("private.test", private),
        ("mapped.test:1", mapped),
        ("mixed.test:1", private),
        ("srv.test", private),
        ("delegating.test", private),
        ("to-an-address.test", private),
    ] {
        let found = world.peers().find(&server_name(server)).await;
        assert_eq!(found.unwrap_err(), Unreachable::Fenced(Fenced(address)), "{server}");
        let fetched = world.unsigned().download(&mxc(server), LIMIT).await;
        assert_eq!(fetched.unwrap_err(), FetchError::Fenced(Fenced(address)), "{server}");
    }
}

#[tokio::test]
async fn a_name_that_the_web_takes_for_an_address_is_not_contacted() {
    let world = World::new().await;
    // The DNS may say what it likes: a URL with this host is dialled as 10.0.0.1.
    world.dns.address("0x0a.1", fresh_ip());
    world.dns.address("10.1", fresh_ip());
    for server in ["0x0a.1:8448", "10.1:8448", "0x0a.1", "10.1"] {
        let refused = world.unsigned().download(&mxc(server), LIMIT).await.unwrap_err();
        let FetchError::Unavailable(reason) = refused else { panic!("{refused:?}") };
        assert!(reason.contains("in disguise"), "{reason}");
    }
}

#[tokio::test]
async fn names_that_do_not_exist_cannot_be_contacted() {
    let world = World::new().await;
    for server in ["nowhere.test", "nowhere.test:1", &format!("{}.test", "x".repeat(64))] {
        let found = world.peers().find(&server_name(server)).await;
        assert!(matches!(found, Err(Unreachable::Failed(_))), "{found:?}");
    }
}
