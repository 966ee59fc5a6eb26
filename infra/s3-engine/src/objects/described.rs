//! What an uploader says about an object besides its bytes, and every reader is told again.

use std::collections::BTreeMap;

use s3s::dto::{Metadata, Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

/// Names and values of user metadata together (S3 user guide, "Working with object metadata").
const METADATA_BYTES: usize = 2 * 1024;

/// What S3 says of an object whose uploader did not name a type.
const UNNAMED_TYPE: &str = "binary/octet-stream";

/// The headers kept with an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Described {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    /// An HTTP date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Gathers the headers out of any of the inputs that carry them.
macro_rules! described {
    ($input:expr) => {
        $crate::objects::Described {
            content_type: $input.content_type.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            cache_control: $input.cache_control.take(),
            expires: $crate::objects::Described::kept_date($input.expires.take()),
            metadata: $input.metadata.take().unwrap_or_default().into_iter().collect(),
        }
        .checked()
    };
}
pub(crate) use described;

impl Described {
    /// Refuses more metadata than S3 takes.
    pub(crate) fn checked(self) -> S3Result<Self> {
        let bytes: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > METADATA_BYTES {
            return Err(s3_error!(
                MetadataTooLarge,
                "Your metadata headers exceed the maximum allowed metadata size"
            ));
        }
        Ok(self)
    }

    pub(crate) fn content_type(&self) -> String {
        self.content_type.clone().unwrap_or_else(|| UNNAMED_TYPE.to_owned())
    }

    pub(crate) fn expires(&self) -> Option<Timestamp> {
        Timestamp::parse(TimestampFormat::HttpDate, self.expires.as_deref()?).ok()
    }

    pub(crate) fn metadata(&self) -> Option<Metadata> {
        if self.metadata.is_empty() { None } else { Some(self.metadata.clone().into_iter().collect()) }
    }

    pub(crate) fn kept_date(date: Option<Timestamp>) -> Option<String> {
        let mut text = Vec::new();
        date?.format(TimestampFormat::HttpDate, &mut text).ok()?;
        String::from_utf8(text).ok()
    }
}
