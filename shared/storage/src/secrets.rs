//! What nobody else may read: a key in a file, or where the cloud keeps secrets, as text in a parameter of SSM, encrypted
//! there.

use std::{fmt, path::PathBuf};

use aws_sdk_ssm::config::SharedInterceptor;

use crate::{Error, SdkCalls, Settings, calls::CountCalls, connect};

/// Where a key is. Shown as the path or the name that an operator knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In this file.
    File(PathBuf),
    /// Where the cloud keeps secrets.
    Secret(SecretPlace),
}

impl KeyPlace {
    /// What is there; a call is counted in `calls`.
    pub(crate) async fn read(
        &self,
        calls: &SdkCalls,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(match self {
            Self::File(path) => tokio::fs::read_to_string(path).await?,
            Self::Secret(place) => read(place, calls).await?,
        })
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Secret(place) => f.write_str(&place.parameter),
        }
    }
}

/// Where a secret is. Apart from [`Settings`]: a gateway on engines of its own may keep its key at AWS all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretPlace {
    /// The parameter's name, such as `/matrix/signing-key`. By `/aws/reference/secretsmanager/<name>` SSM reads the
    /// secret of that name in Secrets Manager.
    pub parameter: String,
    /// The AWS region; `None` takes the environment's.
    pub region: Option<String>,
    /// An access key and its secret; `None` takes the credential chain (environment, profile, instance role).
    pub credentials: Option<(String, String)>,
    /// SSM's base URL; `None` is AWS.
    pub endpoint: Option<String>,
}

/// The secret's text, decrypted; the call is counted in `calls`. Needs `ssm:GetParameter`; where the parameter is encrypted
/// with a key of the operator's, `kms:Decrypt`; and for a secret of Secrets Manager, `secretsmanager:GetSecretValue`.
///
/// # Errors
/// [`Error::Call`] when SSM cannot be reached, does not know the name or may not say it; [`Error::Item`] when there is no
/// text.
pub async fn read(place: &SecretPlace, calls: &SdkCalls) -> Result<String, Error> {
    let SecretPlace { parameter, region, credentials, endpoint } = place.clone();
    let shared = connect::shared_config(&Settings { region, credentials, ..Settings::default() }).await;
    let count = SharedInterceptor::new(CountCalls(calls.clone()));
    let mut config = aws_sdk_ssm::config::Builder::from(&shared).interceptor(count);
    config.set_endpoint_url(endpoint);
    let client = aws_sdk_ssm::Client::from_conf(config.build());
    let found = client.get_parameter().name(&parameter).with_decryption(true).send().await;
    let found = found.map_err(|error| Error::call("GetParameter", &error))?;
    let text = found.parameter.and_then(|parameter| parameter.value);
    text.ok_or_else(|| Error::item(&parameter, "it has no value"))
}
