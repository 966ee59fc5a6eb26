//! The homeserver's word on a token.

use axum::{
    Json, Router,
    extract::Query,
    http::{HeaderMap, StatusCode, header},
    routing::get,
};
use outbound::{
    Trust,
    homeserver::{Homeserver, Whoami, WhoamiError},
};
use serde_json::{Value, json};
use std::collections::HashMap;
use url::Url;

use crate::world::{fresh_ip, serve_http};

async fn homeserver(router: Router, path: &str) -> Homeserver {
    let address = serve_http(fresh_ip(), router).await;
    let base: Url = format!("http://{address}{path}").parse().expect("a URL");
    Homeserver::new(&base, &Trust::load(None).expect("TLS")).expect("a homeserver")
}

/// Knows one token, and lets it act for whomever.
async fn whoami(
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != "Bearer good") {
        return (StatusCode::UNAUTHORIZED, Json(json!({"errcode": "M_UNKNOWN_TOKEN", "soft_logout": true})));
    }
    let user_id = query.get("user_id").map_or("@a:example.org", String::as_str);
    let device_id = query.get("device_id").map_or("D", String::as_str);
    if device_id == "GONE" {
        return (StatusCode::BAD_REQUEST, Json(json!({"errcode": "M_UNKNOWN_DEVICE"})));
    }
    (StatusCode::OK, Json(json!({"user_id": user_id, "device_id": device_id})))
}

#[tokio::test]
async fn a_token_is_asked_about_with_its_header_and_the_user_it_acts_for() {
    for path in ["", "/", "/behind/a/path/"] {
        let route = format!("{}/_matrix/client/v3/account/whoami", path.trim_end_matches('/'));
        let homeserver = homeserver(Router::new().route(&route, get(whoami)), path).await;
        let user = |id: &str, device: &str| {
            let (user_id, device_id) = (id.try_into().unwrap(), Some(device.to_owned()));
            Ok(Whoami { user_id, is_guest: false, device_id })
        };
        assert_eq!(homeserver.whoami("good", None, None).await, user("@a:example.org", "D"));
        assert_eq!(homeserver.whoami("good", None, Some("GONE")).await, Err(WhoamiError::UnknownDevice));
        assert_eq!(
            homeserver.whoami("good", Some("@_bridge_ä&x=1:b.test"), Some("DEVICE")).await,
            user("@_bridge_ä&x=1:b.test", "DEVICE")
        );
        assert_eq!(
            homeserver.whoami("bad", None, None).await,
            Err(WhoamiError::UnknownToken { soft_logout: true })
        );
        assert_eq!(
            homeserver.whoami("a\nb", None, None).await,
            Err(WhoamiError::UnknownToken { soft_logout: false })
        );
    }
}

#[tokio::test]
async fn nonsense_is_no_answer() {
    let endless = || async { "{".to_owned() + &" ".repeat(100_000) + "}" };
    let elsewhere = || async { (StatusCode::FOUND, [("location", "/good")]) };
    for router in [
        Router::new(),
        Router::new().fallback(endless),
        Router::new().route("/good", get(whoami)).fallback(elsewhere),
    ] {
        let answer = homeserver(router, "").await.whoami("good", None, None).await;
        assert!(matches!(answer, Err(WhoamiError::Unavailable(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_homeserver_that_is_down_accepts_nobody() {
    let base = format!("http://{}:1", fresh_ip()).parse().unwrap();
    let answer =
        Homeserver::new(&base, &Trust::load(None).unwrap()).unwrap().whoami("secret", None, None).await;
    let Err(WhoamiError::Unavailable(reason)) = answer else { panic!("{answer:?}") };
    assert!(reason.contains("refused") && !reason.contains("secret"), "{reason}");
}

#[test]
fn only_web_addresses_are_homeservers() {
    for base in ["ftp://a.test", "data:x", "file:///x"] {
        let base = base.parse().unwrap();
        assert!(Homeserver::new(&base, &Trust::load(None).unwrap()).is_err(), "{base}");
    }
}
