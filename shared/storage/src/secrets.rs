//! What is kept where the cloud keeps secrets: text in a parameter of SSM, encrypted there.

use aws_sdk_ssm::config::SharedInterceptor;

use crate::{Error, SdkCalls, Settings, calls::CountCalls, connect};

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
