//! The tables that the questions are asked of.

use aws_sdk_dynamodb::{
    operation::create_table::builders::CreateTableFluentBuilder,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType,
    },
};

/// The index of an [`indexed`] table: what an owner has, by age. Sparse, and of keys only.
pub(crate) const BY_OWNER: &str = "by_owner";

/// A table whose items have a partition key and a sort key, with an index besides.
pub(crate) fn indexed(create: CreateTableFluentBuilder) -> CreateTableFluentBuilder {
    let by_owner = GlobalSecondaryIndex::builder()
        .index_name(BY_OWNER)
        .key_schema(key("owner_id", KeyType::Hash))
        .key_schema(key("made_ms", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build();
    create
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .attribute_definitions(definition("pk", ScalarAttributeType::S))
        .attribute_definitions(definition("sk", ScalarAttributeType::S))
        .attribute_definitions(definition("owner_id", ScalarAttributeType::S))
        .attribute_definitions(definition("made_ms", ScalarAttributeType::N))
        .global_secondary_indexes(by_owner.unwrap())
}

/// A table whose items have a partition key only.
pub(crate) fn simple(create: CreateTableFluentBuilder) -> CreateTableFluentBuilder {
    create
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .attribute_definitions(definition("pk", ScalarAttributeType::S))
}

pub(crate) fn key(name: &str, key_type: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().unwrap()
}

pub(crate) fn definition(name: &str, of: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder().attribute_name(name).attribute_type(of).build().unwrap()
}
