//! Makes the bucket and the tables where nobody else does: on the embedded engines. In the cloud `template.yaml` does.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::{CreateTableError, CreateTableOutput};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::{
    Error, Store,
    item::{BY_USER, attribute},
};

/// Makes what is missing; what is there stays as it is.
pub async fn provision(store: &Store) -> Result<(), Error> {
    store.blobs.create_bucket().await?;
    store.records.create_table().await?;
    store.ephemeral.create_table().await
}

impl crate::Blobs {
    async fn create_bucket(&self) -> Result<(), Error> {
        match self.client().create_bucket().bucket(self.bucket()).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|error| {
                    error.is_bucket_already_owned_by_you() || error.is_bucket_already_exists()
                }) =>
            {
                Ok(())
            }
            Err(error) => Err(Error::call("CreateBucket", &error)),
        }
    }
}

impl crate::Records {
    async fn create_table(&self) -> Result<(), Error> {
        let by_user = GlobalSecondaryIndex::builder()
            .index_name(BY_USER)
            .key_schema(key(attribute::USER_ID, KeyType::Hash)?)
            .key_schema(key(attribute::CREATED_MS, KeyType::Range)?)
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .map_err(|error| Error::call("CreateTable", &error))?;
        let created = self
            .client()
            .create_table()
            .table_name(self.table())
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key(attribute::PK, KeyType::Hash)?)
            .key_schema(key(attribute::SK, KeyType::Range)?)
            .attribute_definitions(definition(attribute::PK, ScalarAttributeType::S)?)
            .attribute_definitions(definition(attribute::SK, ScalarAttributeType::S)?)
            .attribute_definitions(definition(attribute::USER_ID, ScalarAttributeType::S)?)
            .attribute_definitions(definition(attribute::CREATED_MS, ScalarAttributeType::N)?)
            .global_secondary_indexes(by_user)
            .send()
            .await;
        is_new(created).map(drop)
    }
}

impl crate::Ephemeral {
    async fn create_table(&self) -> Result<(), Error> {
        let created = self
            .client()
            .create_table()
            .table_name(self.table())
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key(attribute::PK, KeyType::Hash)?)
            .attribute_definitions(definition(attribute::PK, ScalarAttributeType::S)?)
            .send()
            .await;
        if !is_new(created)? {
            return Ok(());
        }
        let expiry =
            TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute::TTL_S).build();
        self.client()
            .update_time_to_live()
            .table_name(self.table())
            .time_to_live_specification(expiry.map_err(|error| Error::call("UpdateTimeToLive", &error))?)
            .send()
            .await
            .map_err(|error| Error::call("UpdateTimeToLive", &error))?;
        Ok(())
    }
}

/// Whether the table was made now; `false` when it was there already.
fn is_new(created: Result<CreateTableOutput, SdkError<CreateTableError>>) -> Result<bool, Error> {
    match created {
        Ok(_) => Ok(true),
        Err(error)
            if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(Error::call("CreateTable", &error)),
    }
}

fn key(name: &str, key_type: KeyType) -> Result<KeySchemaElement, Error> {
    let element = KeySchemaElement::builder().attribute_name(name).key_type(key_type).build();
    element.map_err(|error| Error::call("CreateTable", &error))
}

fn definition(name: &str, of: ScalarAttributeType) -> Result<AttributeDefinition, Error> {
    let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(of).build();
    definition.map_err(|error| Error::call("CreateTable", &error))
}
