//! Any page may use a link.

use reqwest::Method;

use crate::place::{Embedded, Place};

/// The embedded engine allows every origin; a bucket elsewhere would need rules first.
async fn open() -> Place {
    Place::embedded(Embedded::start(|_| {})).await
}

#[tokio::test]
async fn a_page_may_ask_beforehand() {
    let place = open().await;
    let answer = place
        .http
        .request(Method::OPTIONS, place.url("key"))
        .header("origin", "https://app.example.org")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "content-type,authorization")
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert!(answer.headers()["access-control-allow-methods"].to_str().unwrap().contains("PUT"));
    let allowed = answer.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("content-type") && allowed.contains("authorization"));
}

#[tokio::test]
async fn a_page_may_read_what_matters_of_the_answer() {
    let place = open().await;
    place.put("key", "x").await;
    let link = place.link("key").await;
    let answer = place.http.get(link).header("origin", "https://app.example.org").send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap().to_ascii_lowercase();
    for header in ["etag", "content-range", "content-length", "content-disposition"] {
        assert!(exposed.contains(header), "{header}");
    }
}

#[tokio::test]
async fn a_page_may_read_refusals_too() {
    let place = open().await;
    let answer = place.http.get(place.url("key")).header("origin", "https://a.example").send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
}
