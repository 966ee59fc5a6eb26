//! Notaries: who is believed about the keys of a server that cannot be asked itself.

use axum::http::StatusCode;
use media_core::Timestamp;
use outbound::server_keys::KeyError;
use serde_json::{Value, json};

use crate::{
    keys::{HOUR, Origin, keys_of_a_process},
    world::{World, server_name},
};

impl Origin {
    /// Says this from now on when it is asked about others.
    fn notarise(&self, documents: &[Value]) {
        *self.notarised.lock().expect("the lock") = (StatusCode::OK, json!({ "server_keys": documents }));
    }

    fn times_queried(&self) -> usize {
        self.queries.lock().expect("the lock").len()
    }

    /// What it published an hour before its keys end, and is down now.
    async fn down(world: &World) -> (Self, Value) {
        let origin = Self::new(world).await;
        let document = origin.document(soon(world));
        origin.fail();
        (origin, document)
    }
}

fn soon(world: &World) -> Timestamp {
    world.clock.now() + HOUR
}

async fn key(world: &World, notaries: &[&Origin], origin: &Origin) -> Result<Vec<u8>, KeyError> {
    let notaries: Vec<_> = notaries.iter().map(|notary| notary.name.clone()).collect();
    // In a world of its own, so that no earlier answer is remembered.
    world.board.forget_all();
    keys_of_a_process(world, &notaries).verify_key(&origin.name, "ed25519:a_1").await
}

#[tokio::test]
async fn a_notary_is_believed_about_a_server_that_is_down() {
    let world = World::new().await;
    let (origin, document) = Origin::down(&world).await;
    let notary = Origin::new(&world).await;
    notary.notarise(&[notary.sign(document)]);
    let now = world.clock.now();
    assert_eq!(key(&world, &[&notary], &origin).await.unwrap().len(), 32);
    assert_eq!(
        (origin.times_asked(), notary.times_asked()),
        (1, 1),
        "itself, and the notary for its own keys"
    );
    let queries = notary.queries.lock().unwrap().clone();
    let minimum = &queries[0]["server_keys"][origin.name.as_str()]["ed25519:a_1"]["minimum_valid_until_ts"];
    let asked_at = Timestamp(minimum.as_u64().unwrap());
    assert!(asked_at >= now && asked_at <= world.clock.now());
    let question =
        json!({ origin.name.as_str(): { "ed25519:a_1": { "minimum_valid_until_ts": asked_at.0 } } });
    assert_eq!(queries, [json!({ "server_keys": question })]);
}

#[tokio::test]
async fn a_server_that_answers_itself_needs_no_notary() {
    let world = World::new().await;
    let (origin, notary) = (Origin::new(&world).await, Origin::new(&world).await);
    key(&world, &[&notary], &origin).await.unwrap();
    assert_eq!(notary.times_queried(), 0);
}

#[tokio::test]
async fn nobody_is_a_notary_who_was_not_named() {
    let world = World::new().await;
    let (origin, document) = Origin::down(&world).await;
    let notary = Origin::new(&world).await;
    notary.notarise(&[notary.sign(document)]);
    assert!(matches!(key(&world, &[], &origin).await, Err(KeyError::Unavailable(_))));
    assert_eq!(notary.times_queried(), 0);
}

#[tokio::test]
async fn both_signatures_are_checked() {
    let world = World::new().await;
    let (origin, document) = Origin::down(&world).await;
    let (notary, other) = (Origin::new(&world).await, Origin::new(&world).await);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut document = document.clone();
        change(&mut document);
        document
    };
    let forged = {
        // Another's signature under the notary's name.
        let mut document = other.sign(document.clone());
        let signature = document["signatures"][other.name.as_str()].take();
        document["signatures"][notary.name.as_str()] = signature;
        document
    };
    let expired = origin.document(world.clock.now());
    for (name, document) in [
        ("not signed by the notary", document.clone()),
        ("signed by another notary", other.sign(document.clone())),
        ("signed with another's key in the notary's name", forged),
        ("not signed by the origin", notary.sign(changed(&|document| document["signatures"] = json!({})))),
        (
            "changed by the notary",
            notary.sign(changed(&|document| document["valid_until_ts"] = json!(soon(&world).0 + 1))),
        ),
        ("changed after the notary", {
            let mut document = notary.sign(document.clone());
            document["valid_until_ts"] = json!(soon(&world).0 + 1);
            document
        }),
        ("another server's", notary.sign(other.document(soon(&world)))),
        ("expired", notary.sign(expired)),
        ("no document", json!(5)),
        ("not canonical", json!({ "server_name": origin.name, "x": 1.5 })),
    ] {
        notary.notarise(std::slice::from_ref(&document));
        let answer = key(&world, &[&notary], &origin).await;
        assert!(matches!(answer, Err(KeyError::Unavailable(_))), "{name}: {answer:?}");
        // What makes no sense spoils nothing that does.
        notary.notarise(&[document, notary.sign(origin.document(soon(&world)))]);
        key(&world, &[&notary], &origin).await.expect(name);
    }
}

#[tokio::test]
async fn a_notary_vouches_for_itself_or_is_not_believed() {
    let world = World::new().await;
    let (origin, document) = Origin::down(&world).await;
    let (notary, second) = (Origin::new(&world).await, Origin::new(&world).await);
    notary.notarise(&[notary.sign(document.clone())]);
    // A second notary would vouch for the first, and is not asked to.
    second.notarise(&[second.sign(notary.document(soon(&world)))]);
    notary.fail();
    let answer = key(&world, &[&notary, &second], &origin).await;
    assert!(matches!(answer, Err(KeyError::Unavailable(_))), "{answer:?}");
    assert_eq!(second.times_queried(), 1, "about the origin alone");
    assert!(matches!(key(&world, &[&notary, &second], &notary).await, Err(KeyError::Unavailable(_))));
    assert_eq!(second.times_queried(), 1, "about a notary never");
}

#[tokio::test]
async fn the_next_notary_is_asked_when_one_does_not_know() {
    let world = World::new().await;
    let (origin, document) = Origin::down(&world).await;
    let (silent, empty, knowing) =
        (Origin::new(&world).await, Origin::new(&world).await, Origin::new(&world).await);
    empty.notarise(&[]);
    knowing.notarise(&[knowing.sign(document)]);
    key(&world, &[&silent, &empty, &knowing], &origin).await.unwrap();
    assert_eq!((silent.times_queried(), empty.times_queried()), (1, 1));
}

#[tokio::test]
async fn nobody_is_asked_about_a_private_network() {
    let world = World::new().await;
    let notary = Origin::new(&world).await;
    let keys = keys_of_a_process(&world, std::slice::from_ref(&notary.name));
    let answer = keys.verify_key(&server_name("10.0.0.1"), "ed25519:a").await;
    assert!(matches!(answer, Err(KeyError::Unavailable(_))), "{answer:?}");
    assert_eq!(notary.times_queried(), 0);
}
