//! Who may not do everything: what is said to those who may not. Asked of the engine alone, since on AWS each question
//! would need a role.

use std::net::TcpListener;

use aws_sdk_dynamodb::{
    Client,
    types::{ConditionCheck, KeysAndAttributes, Put, TransactWriteItem},
};
use dynamodb_engine::{Forward, Guard};
use engine_host::{
    Policies, Running,
    policies::{Effect, Principal, Statement},
};

use crate::place::{BY_OWNER, Item, Place, check_refused, item, text, values};

/// The tables of these tests, and their indexes.
const TABLES: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/conformance-*";

/// A place with an engine behind a guard, and the clients of somebody who may do these things there.
struct Guarded {
    place: Place,
    somebody: Client,
    guard: Running,
}

async fn guarded(actions: &[&str], resource: &str) -> Guarded {
    let place = Place::open_embedded().await;
    let somebody = Principal {
        access_key: "somebody".to_owned(),
        secret_key: "somebody".to_owned(),
        statements: vec![Statement {
            effect: Effect::Allow,
            actions: actions.iter().map(|action| format!("dynamodb:{action}")).collect(),
            resources: vec![resource.to_owned()],
        }],
    };
    let policies = Policies::new([somebody], |_| {});
    let engine = Forward::new(place.engine().address());
    let guard = Guard::new(policies, "owner", engine);
    let guard = engine_host::serve("guard", TcpListener::bind("127.0.0.1:0").unwrap(), guard).unwrap();
    let somebody = client(&guard, "somebody");
    Guarded { place, somebody, guard }
}

fn client(guard: &Running, access_key: &str) -> Client {
    crate::place::client_at(&format!("http://{}", guard.address()), access_key)
}

#[tokio::test]
async fn an_operation_needs_the_action_of_its_name() {
    let Guarded { place, somebody, guard } = guarded(&["GetItem", "Query"], TABLES).await;
    place.put(item("a", [("x", text("y"))])).await;
    let key = || item("a", []);
    let get = somebody.get_item().table_name(&place.table).set_key(Some(key()));
    assert!(get.send().await.unwrap().item.is_some());
    let put = somebody.put_item().table_name(&place.table).set_item(Some(key())).send().await;
    check_refused(put, "AccessDeniedException");
    let delete = somebody.delete_item().table_name(&place.table).set_key(Some(key())).send().await;
    check_refused(delete, "AccessDeniedException");
    let scan = somebody.scan().table_name(&place.table).send().await;
    check_refused(scan, "AccessDeniedException");
    let keys = KeysAndAttributes::builder().keys(key()).build().unwrap();
    let batch = somebody.batch_get_item().request_items(&place.table, keys).send().await;
    check_refused(batch, "AccessDeniedException");
    check_refused(somebody.list_tables().send().await, "AccessDeniedException");
    assert!(place.read("a").await.unwrap().contains_key("x"));
    guard.stop().await;
}

#[tokio::test]
async fn an_index_is_a_resource_of_its_own() {
    let index = format!("{TABLES}/index/*");
    // The pattern of the tables has a `*` at its end, so it is one of their indexes as well.
    for (resource, allows_the_table) in [(index.as_str(), false), (TABLES, true)] {
        let Guarded { place, somebody, guard: _guard } = guarded(&["Query"], resource).await;
        let query = || somebody.query().table_name(&place.table);
        let table = query().key_condition_expression("pk = :k");
        let table = table.set_expression_attribute_values(values([(":k", text("a"))])).send().await;
        let index = query().index_name(BY_OWNER).key_condition_expression("owner_id = :k");
        let index = index.set_expression_attribute_values(values([(":k", text("a"))])).send().await;
        assert_eq!((table.is_ok(), index.is_ok()), (allows_the_table, true));
    }
}

#[tokio::test]
async fn a_transaction_needs_what_its_parts_need() {
    let Guarded { place, somebody, guard: _guard } = guarded(&["PutItem"], TABLES).await;
    let put = Put::builder().table_name(&place.table).set_item(Some(item("a", []))).build().unwrap();
    let put = TransactWriteItem::builder().put(put).build();
    let check = ConditionCheck::builder()
        .table_name(&place.table)
        .set_key(Some(item("b", [])))
        .condition_expression("attribute_not_exists(pk)")
        .build()
        .unwrap();
    let check = TransactWriteItem::builder().condition_check(check).build();
    let both = somebody.transact_write_items().transact_items(put.clone()).transact_items(check).send().await;
    check_refused(both, "AccessDeniedException");
    assert_eq!(place.read("a").await, None::<Item>);
    assert!(somebody.transact_write_items().transact_items(put).send().await.is_ok());
}

#[tokio::test]
async fn the_owner_may_do_everything_and_a_stranger_nothing() {
    let Guarded { place, guard, .. } = guarded(&["*"], "*").await;
    let put = |access_key: &str| {
        let client = client(&guard, access_key);
        client.put_item().table_name(&place.table).set_item(Some(item("a", []))).send()
    };
    assert!(put("owner").await.is_ok());
    check_refused(put("stranger").await, "UnrecognizedClientException");
}
