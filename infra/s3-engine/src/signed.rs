//! From a request to an operation: first its signature is verified, then it is parsed.
//!
//! The protocol crate does both, but in one go: what its parser does not understand (a list of ETags, several
//! ranges) it refuses, where S3 answers. Between two instances of it, one that only verifies and one that only
//! parses, the request can be put into words the parser knows without breaking the signature.

use std::sync::Arc;

use async_trait::async_trait;
use engine_host::Policies;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, RANGE};
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Uri};
use s3s::auth::{S3Auth, SecretKey};
use s3s::host::SingleDomain;
use s3s::route::S3Route;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, StdError, s3_error};

use crate::conditions::Conditions;
use crate::error::OpenError;
use crate::operations::Operations;
use crate::permissions::Caller;
use crate::ranges;
use crate::store::Store;

/// The transfer coding of a signed stream. It is undone on the way in and says nothing about the object.
const TRANSFER_CODING: &str = "aws-chunked";

/// The whole protocol over a store.
pub(crate) fn service(store: &Arc<Store>) -> Result<S3Service, OpenError> {
    let options = &store.options;
    let mut operations = S3ServiceBuilder::new(Operations::new(Arc::clone(store)));
    let mut verifying = S3ServiceBuilder::new(Nothing);
    if let Some(domain) = &options.domain {
        operations.set_host(host(domain)?);
        verifying.set_host(host(domain)?);
    }
    verifying.set_auth(Keys {
        access_key: options.access_key.clone(),
        secret_key: SecretKey::from(options.secret_key.clone()),
        policies: options.policies.clone(),
    });
    verifying.set_route(Verified {
        operations: operations.build(),
        tag_parameter: options.tag_parameter,
        owner: options.access_key.clone(),
        policies: options.policies.clone(),
    });
    Ok(verifying.build())
}

fn host(domain: &str) -> Result<SingleDomain, OpenError> {
    SingleDomain::new(domain).map_err(|error| OpenError::Domain(error.to_string()))
}

/// The owner's pair of keys, and those of whoever has a policy.
struct Keys {
    access_key: String,
    secret_key: SecretKey,
    policies: Option<Policies>,
}

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(self.secret_key.clone());
        }
        if let Some(secret) = self.policies.as_ref().and_then(|policies| policies.secret_of(access_key)) {
            return Ok(SecretKey::from(secret.to_owned()));
        }
        Err(s3_error!(
            InvalidAccessKeyId,
            "The AWS Access Key Id you provided does not exist in our records."
        ))
    }
}

/// The verifying instance has no operations: every request it lets pass goes another way.
struct Nothing;

#[async_trait]
impl s3s::S3 for Nothing {}

/// The way of a request whose signature holds.
struct Verified {
    operations: S3Service,
    tag_parameter: Option<&'static str>,
    owner: String,
    policies: Option<Policies>,
}

/// The ETag under which the signer of a link has the object read.
#[derive(Clone, Debug)]
pub(crate) struct SignedTag(pub(crate) String);

impl Verified {
    /// Hexadecimal digits, letters and dashes: what would have to be decoded is no tag.
    fn tag(&self, uri: &Uri) -> Option<SignedTag> {
        let query = uri.query().filter(|query| query.contains("X-Amz-Signature="))?;
        let value = query.split('&').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (Some(name) == self.tag_parameter).then_some(value)
        })?;
        let is_tag = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_tag.then(|| SignedTag(value.to_owned()))
    }

    /// Who signed the request, unless it is the owner, whom nothing is refused.
    fn caller(&self, request: &S3Request<Body>) -> Option<Caller> {
        let policies = self.policies.clone()?;
        let access_key =
            request.credentials.as_ref().map(|signer| signer.access_key.as_str()).unwrap_or_default();
        (access_key != self.owner).then(|| Caller { policies, access_key: access_key.to_owned() })
    }
}

#[async_trait]
impl S3Route for Verified {
    fn is_match(&self, _: &Method, _: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        true
    }

    async fn call(&self, mut request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        if let Some(tag) = self.tag(&request.uri) {
            request.extensions.insert(tag);
        }
        if let Some(caller) = self.caller(&request) {
            request.extensions.insert(caller);
        }
        let answer = self.operations.call(reworded(request)?).await.map_err(|error| {
            let error: StdError = error.into();
            S3Error::with_source(S3ErrorCode::InternalError, error)
        })?;
        let (parts, body) = answer.into_parts();
        let mut response = S3Response::with_status(body, parts.status);
        response.headers = parts.headers;
        response.extensions = parts.extensions;
        Ok(response)
    }
}

/// The same request without its signature, and with what the parser would trip over set aside.
fn reworded(request: S3Request<Body>) -> S3Result<Request<Body>> {
    let mut headers = request.headers;
    let mut extensions = request.extensions;
    extensions.insert(Conditions::take_from(&mut headers));
    if let Some(trailers) = request.trailing_headers {
        extensions.insert(trailers);
    }
    headers.remove(AUTHORIZATION);
    drop_unheeded_range(&mut headers);
    drop_transfer_coding(&mut headers);

    let mut reworded = Request::new(request.input);
    *reworded.method_mut() = request.method;
    *reworded.uri_mut() = without_signature(request.uri)?;
    *reworded.headers_mut() = headers;
    *reworded.extensions_mut() = extensions;
    Ok(reworded)
}

fn drop_unheeded_range(headers: &mut HeaderMap) {
    let heeded = headers.get(RANGE).and_then(|range| range.to_str().ok()).is_some_and(ranges::is_heeded);
    if !heeded {
        headers.remove(RANGE);
    }
}

fn drop_transfer_coding(headers: &mut HeaderMap) {
    let Some(codings) = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let codings = codings.split(',').map(str::trim);
    let kept: Vec<&str> = codings.filter(|coding| *coding != TRANSFER_CODING && !coding.is_empty()).collect();
    match HeaderValue::from_str(&kept.join(",")) {
        Ok(value) if !value.is_empty() => drop(headers.insert(CONTENT_ENCODING, value)),
        _ => drop(headers.remove(CONTENT_ENCODING)),
    }
}

fn without_signature(uri: Uri) -> S3Result<Uri> {
    let Some(query) = uri.query().filter(|query| query.contains("X-Amz-")) else {
        return Ok(uri);
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("X-Amz-")).collect();
    let path =
        if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), kept.join("&")) };
    let path = PathAndQuery::try_from(path).map_err(S3Error::internal_error)?;
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(S3Error::internal_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_left_behind_and_nothing_else() {
        let uri: Uri =
            "http://s3/b/k%2F?X-Amz-Date=1&response-content-type=a%2Fb&X-Amz-Signature=2".parse().unwrap();
        assert_eq!(without_signature(uri).unwrap(), "http://s3/b/k%2F?response-content-type=a%2Fb");
        let uri: Uri = "/b/k?X-Amz-Signature=2".parse().unwrap();
        assert_eq!(without_signature(uri).unwrap(), "/b/k");
    }

    #[test]
    fn only_the_transfer_coding_is_left_out() {
        for (sent, kept) in
            [("aws-chunked", None), ("gzip,aws-chunked", Some("gzip")), ("gzip, br", Some("gzip,br"))]
        {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(sent));
            drop_transfer_coding(&mut headers);
            assert_eq!(headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap()), kept);
        }
    }
}
