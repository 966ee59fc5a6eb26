//! Which permissions an operation needs.
//!
//! From the service authorization reference, "Actions, resources, and condition keys for Amazon DynamoDB", and for
//! transactions the developer guide, "Using IAM with DynamoDB transactions".

use engine_host::policies::{ACCOUNT, REGION};
use serde_json::Value;

/// One permission that an operation needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) action: String,
    pub(crate) resource: String,
}

/// What an operation with this body needs.
pub(crate) fn needs(operation: &str, body: &Value) -> Vec<Need> {
    match operation {
        // An action for all tables of the request, and each of them.
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flat_map(serde_json::Map::keys);
            tables.map(|table| need(operation, &table_name(table))).collect()
        }
        "TransactWriteItems" | "TransactGetItems" => {
            body["TransactItems"].as_array().into_iter().flatten().flat_map(in_transaction).collect()
        }
        _ => vec![need(operation, &named(body))],
    }
}

/// Each part of a transaction needs what it would need alone.
fn in_transaction(item: &Value) -> Vec<Need> {
    let parts = item.as_object().into_iter().flatten();
    parts
        .map(|(part, body)| {
            let operation =
                if part == "ConditionCheck" { "ConditionCheckItem" } else { &format!("{part}Item") };
            need(operation, &named(body))
        })
        .collect()
}

fn need(operation: &str, resource: &str) -> Need {
    Need { action: format!("dynamodb:{operation}"), resource: resource.to_owned() }
}

/// The table or the index of it that a body names; a request that names none is about all.
fn named(body: &Value) -> String {
    match (body["TableName"].as_str(), body["IndexName"].as_str()) {
        (Some(table), Some(index)) => format!("{}/index/{index}", table_name(table)),
        (Some(table), None) => table_name(table),
        (None, _) => "*".to_owned(),
    }
}

/// A table may be named by its whole name, too.
fn table_name(table: &str) -> String {
    if table.starts_with("arn:") {
        return table.to_owned();
    }
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(operation: &str, body: &Value, expected: &[&str]) {
        let needs = needs(operation, body);
        let said = needs.iter().map(|need| {
            let resource = need.resource.trim_start_matches("arn:aws:dynamodb:us-east-1:000000000000:table/");
            format!("{} {resource}", need.action.trim_start_matches("dynamodb:"))
        });
        assert_eq!(said.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_operation_needs_the_action_of_its_name_on_what_it_names() {
        check("GetItem", &json!({ "TableName": "t" }), &["GetItem t"]);
        check("Query", &json!({ "TableName": "t", "IndexName": "i" }), &["Query t/index/i"]);
        check("ListTables", &json!({}), &["ListTables *"]);
        let requests = json!({ "RequestItems": { "a": {}, "b": {} } });
        check("BatchGetItem", &requests, &["BatchGetItem a", "BatchGetItem b"]);
    }

    #[test]
    fn a_transaction_needs_what_its_parts_need() {
        let table = json!({ "TableName": "t" });
        let parts =
            json!([{ "Put": table }, { "ConditionCheck": table }, { "Update": table }, { "Delete": table }]);
        check(
            "TransactWriteItems",
            &json!({ "TransactItems": parts }),
            &["PutItem t", "ConditionCheckItem t", "UpdateItem t", "DeleteItem t"],
        );
        check("TransactGetItems", &json!({ "TransactItems": [{ "Get": table }] }), &["GetItem t"]);
    }
}
