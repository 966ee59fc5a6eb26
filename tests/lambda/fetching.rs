//! Another server's media: `download-redirect` wakes `remote-fetch` by Invoke, which brings it home.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Bytes, routing::post};
use http::StatusCode;
use media_core::{Clock, Mxc, State, limits::LEASE_LIFE};
use storage::Outcome as Written;
use support::{
    Authority, Client, Neighbour, Outcome,
    lambda::{cloud::Cloud, events::text},
};
use tokio::net::TcpListener;

use crate::function::Function;

pub(crate) async fn remote_fetch(cloud: &Cloud, authority: &Authority) -> Function {
    let more = [
        ("MEDIA_FEDERATION_CA_FILE", authority.file()),
        ("MEDIA_FEDERATION_ALLOW_NETWORKS", "127.0.0.0/8,::1/128"),
    ];
    Function::start_with("remote-fetch", cloud, &more).await
}

/// Claims an item as a reader does, and returns the order that a reader would send.
pub(crate) async fn order(cloud: &Cloud, mxc: &Mxc) -> String {
    let now = Clock::system().now();
    let claimed = cloud.store.records.claim(mxc, "attempt-1", now, now + LEASE_LIFE).await.unwrap();
    let Written::Won(lease) = claimed else { panic!("lost to nobody") };
    assert_eq!(lease.fence, 1);
    let order = text("invoke-remote-fetch.json").replace("ORIGIN", mxc.origin.as_str());
    order.replace("MEDIA_ID", mxc.media_id.as_str()).replace("ATTEMPT", "attempt-1")
}

/// Lambda's Invoke, of this one function, for events.
async fn invoke_endpoint(function: Arc<Function>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let invoke = async move |order: Bytes| {
        let order = String::from_utf8(order.to_vec()).unwrap();
        tokio::spawn(async move { function.invoke(order).await });
        StatusCode::ACCEPTED
    };
    let routes = Router::new().route("/2015-03-31/functions/RemoteFetch/invocations", post(invoke));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_carried_out_once() {
    let (cloud, authority) = (Cloud::start().await, Authority::new());
    let remote_fetch = remote_fetch(&cloud, &authority).await;
    let neighbour = Neighbour::start(&authority, &Clock::system()).await;
    let mxc = neighbour.has("theirs", "some bytes");
    let order = order(&cloud, &mxc).await;
    for fetched in ["\"stored\"", "\"not_mine\""] {
        let outcome = remote_fetch.invoke(order.clone()).await;
        assert!(matches!(&outcome, Outcome::Buffered(said) if said == fetched), "{fetched}: {outcome:?}");
    }
    assert_eq!(neighbour.asked_for_media(), 1);
    assert!(matches!(cloud.record(&mxc).await.state, State::Stored(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sends_for_it_and_gets_it() {
    let (cloud, authority) = (Cloud::start().await, Authority::new());
    let remote_fetch = Arc::new(remote_fetch(&cloud, &authority).await);
    let lambda = format!("http://{}", invoke_endpoint(remote_fetch).await);
    let more = [("AWS_ENDPOINT_URL_LAMBDA", lambda.as_str())];
    let download = Function::start_with("download-redirect", &cloud, &more).await;
    let neighbour = Neighbour::start(&authority, &Clock::system()).await;
    let mxc = neighbour.has("theirs", "some bytes");
    let path = format!("/_matrix/client/v1/media/download/{}/{}", mxc.origin, mxc.media_id);
    let back = Client::new("", None).follow(download.get(&path).await).await;
    assert_eq!((back.status, &back.body[..]), (StatusCode::OK, &b"some bytes"[..]));
}
