//! The part of SSM that reads a parameter, as the SDK speaks to it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::post,
};
use bytes::Bytes;
use engine_host::{
    Policies,
    policies::{self, ACCOUNT, REGION},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::policies::of_the_template;

/// What stands in the reply when nobody asked for it decrypted.
const CIPHERTEXT: &str = "AQICAHgNotThePlaintext==";

/// A store of parameters on the loopback. All are encrypted ones.
#[derive(Clone, Debug)]
pub struct Parameters {
    address: SocketAddr,
    kept: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<AtomicUsize>,
    policies: Policies,
}

impl Parameters {
    /// An empty one, which tells only those who may know by `template.yaml`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let parameters =
            Self { address, kept: Arc::default(), asked: Arc::default(), policies: of_the_template() };
        let routes = Router::new().route("/", post(get_parameter)).with_state(parameters.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        parameters
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this is kept under that name.
    pub fn keeps(&self, name: &str, text: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), text.to_owned());
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// `AmazonSSM.GetParameter` in the AWS JSON 1.1 protocol, signed for this service; anything else is refused.
async fn get_parameter(State(parameters): State<Parameters>, headers: HeaderMap, body: Bytes) -> Response {
    parameters.asked.fetch_add(1, Ordering::SeqCst);
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_signed = header(header::AUTHORIZATION.as_str()).contains("/ssm/aws4_request");
    if header("x-amz-target") != "AmazonSSM.GetParameter" || !is_signed {
        return refused("UnknownOperationException");
    }
    let Ok(question) = serde_json::from_slice::<Value>(&body) else {
        return refused("SerializationException");
    };
    let name = question["Name"].as_str().unwrap_or_default();
    let access_key = policies::access_key(&headers).unwrap_or_default();
    // Whatever region it is asked in.
    let resource = format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}");
    if let Err(denied) = parameters.policies.permit(access_key, "ssm:GetParameter", &resource) {
        let said = json!({ "__type": "AccessDeniedException", "Message": denied.to_string() });
        return answered(StatusCode::BAD_REQUEST, &said);
    }
    let kept = parameters.kept.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    let Some(text) = kept else {
        return refused("ParameterNotFound");
    };
    let is_decrypted = question["WithDecryption"] == true;
    let value = if is_decrypted { text } else { CIPHERTEXT.to_owned() };
    let parameter = json!({ "Name": name, "Type": "SecureString", "Value": value, "Version": 1 });
    answered(StatusCode::OK, &json!({ "Parameter": parameter }))
}

fn refused(kind: &str) -> Response {
    answered(StatusCode::BAD_REQUEST, &json!({ "__type": kind, "message": "As told" }))
}

fn answered(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], body.to_string()).into_response()
}
