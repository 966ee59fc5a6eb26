//! Other servers at the process that answers them: bytes in the reply, however many.

use http::{Method, StatusCode};
use media_core::{Clock, Mxc};
use support::{
    Answer, Authority, Neighbour, SecondPart,
    lambda::{
        cloud::{Cloud, SERVER_NAME},
        events::url,
    },
};

use crate::{function::Function, large::many_bytes};

async fn federation(cloud: &Cloud, authority: &Authority) -> Function {
    let more = [
        ("MEDIA_FEDERATION_CA_FILE", authority.file()),
        ("MEDIA_FEDERATION_ALLOW_NETWORKS", "127.0.0.0/8,::1/128"),
    ];
    Function::start_with("federation", cloud, &more).await
}

async fn asks(neighbour: &Neighbour, federation: &Function, agent: &str, mxc: &Mxc) -> Answer {
    let target = format!("/_matrix/federation/v1/media/download/{}", mxc.media_id);
    let signature = neighbour.sign(&Method::GET, &target, SERVER_NAME).usual();
    let event = url("url-get.json").to("GET", &target).header("authorization", &signature);
    federation.answer(event.header("user-agent", agent)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_no_links_gets_more_than_a_reply_holds() {
    let (cloud, authority) = (Cloud::start().await, Authority::new());
    let federation = federation(&cloud, &authority).await;
    let neighbour = Neighbour::start(&authority, &Clock::system()).await;
    let bytes = many_bytes();
    let mxc = cloud.has(bytes.clone(), None).await;
    let part = SecondPart::of(&asks(&neighbour, &federation, "Dendrite/0.15", &mxc).await);
    assert!(part.body == bytes, "{:?}", part.headers);
    let linked = SecondPart::of(&asks(&neighbour, &federation, "Synapse/1.143", &mxc).await);
    let followed = linked.follow().await;
    assert_eq!((followed.status, followed.body == bytes), (StatusCode::OK, true));
}
