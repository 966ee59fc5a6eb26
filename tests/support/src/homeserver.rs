//! A homeserver that answers `whoami` as it is told, and counts how often it was asked.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A homeserver on the loopback.
#[derive(Clone, Debug)]
pub struct Homeserver {
    address: SocketAddr,
    answers: Arc<Mutex<HashMap<String, (StatusCode, Value)>>>,
    services: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<AtomicUsize>,
    traces: Arc<Mutex<Vec<String>>>,
    administration: Arc<Mutex<Administration>>,
}

/// What its administrators may ask.
#[derive(Debug, Default)]
struct Administration {
    /// The tokens of administrators.
    admins: HashSet<String>,
    /// The media of rooms, as Synapse says it.
    rooms: HashMap<String, Value>,
    /// What users show as their own picture.
    avatars: HashMap<String, String>,
    /// How often it was asked who is an administrator.
    asked: usize,
    /// Whether everything is sent back to where it came from, as by a proxy that is set up wrong.
    sent_back_to: Option<String>,
}

impl Homeserver {
    /// One that knows nobody yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("an address");
        let homeserver = Self {
            address,
            answers: Arc::default(),
            services: Arc::default(),
            asked: Arc::default(),
            traces: Arc::default(),
            administration: Arc::default(),
        };
        let routes = Router::new()
            .route("/_matrix/client/v3/account/whoami", get(whoami))
            .route("/_matrix/client/v3/profile/{userId}/avatar_url", get(avatar))
            .route("/_synapse/admin/v1/users/{userId}/admin", get(is_admin))
            .route("/_synapse/admin/v1/room/{roomId}/media", get(room_media))
            .with_state(homeserver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        homeserver
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on `token` is this user's.
    pub fn knows(&self, token: &str, user: &str) {
        self.answers_with(token, StatusCode::OK, json!({ "user_id": user }));
    }

    /// From now on `token` is an application service's, which acts for every user whose id begins so, on their device
    /// `DEVICE` and no other; and without `user_id` for `@service:example.org`.
    pub fn knows_service(&self, token: &str, namespace: &str) {
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        services.insert(token.to_owned(), namespace.to_owned());
    }

    /// From now on this is the answer about `token`.
    pub fn answers_with(&self, token: &str, status: StatusCode, body: Value) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), (status, body));
    }

    /// From now on whoever has `token` is an administrator.
    pub fn has_admin(&self, token: &str) {
        self.administration().admins.insert(token.to_owned());
    }

    /// From now on a room has these media, by their `mxc://` names.
    pub fn has_room(&self, room: &str, local: &[String], remote: &[String]) {
        self.administration().rooms.insert(room.to_owned(), json!({ "local": local, "remote": remote }));
    }

    /// From now on a user shows this as their own picture.
    pub fn shows(&self, user: &str, mxc: &str) {
        self.administration().avatars.insert(user.to_owned(), mxc.to_owned());
    }

    /// From now on questions about rooms go on to `base`, as they came.
    pub fn sends_back_to(&self, base: &str) {
        self.administration().sent_back_to = Some(base.to_owned());
    }

    /// How often it was asked who is an administrator.
    #[must_use]
    pub fn asked_for_admins(&self) -> usize {
        self.administration().asked
    }

    fn administration(&self) -> MutexGuard<'_, Administration> {
        self.administration.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Every `traceparent` that it was asked with.
    #[must_use]
    pub fn traceparents(&self) -> Vec<String> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn whoami(
    State(homeserver): State<Homeserver>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    homeserver.asked.fetch_add(1, Ordering::SeqCst);
    let traces = headers.get_all("traceparent").iter().filter_map(|value| value.to_str().ok());
    homeserver.traces.lock().unwrap_or_else(PoisonError::into_inner).extend(traces.map(ToOwned::to_owned));
    let token =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let services = homeserver.services.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(namespace) = token.and_then(|token| services.get(token)) {
        let (status, body) = as_service(namespace, &query);
        return (status, Json(body)).into_response();
    }
    let answers = homeserver.answers.lock().unwrap_or_else(PoisonError::into_inner);
    let unknown =
        (StatusCode::UNAUTHORIZED, json!({ "errcode": "M_UNKNOWN_TOKEN", "error": "Unknown token" }));
    let (status, body) = token.and_then(|token| answers.get(token)).cloned().unwrap_or(unknown);
    (status, Json(body)).into_response()
}

fn bearer(headers: &HeaderMap) -> &str {
    let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    said.and_then(|said| said.strip_prefix("Bearer ")).unwrap_or_default()
}

/// As Synapse refuses it.
fn not_admin() -> Response {
    let body = json!({ "errcode": "M_FORBIDDEN", "error": "You are not a server admin" });
    (StatusCode::FORBIDDEN, Json(body)).into_response()
}

async fn is_admin(State(homeserver): State<Homeserver>, headers: HeaderMap) -> Response {
    let mut administration = homeserver.administration();
    administration.asked += 1;
    if !administration.admins.contains(bearer(&headers)) {
        return not_admin();
    }
    Json(json!({ "admin": true })).into_response()
}

async fn room_media(
    State(homeserver): State<Homeserver>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Response {
    let sent_back_to = homeserver.administration().sent_back_to.clone();
    if let Some(base) = sent_back_to {
        let asked = crate::plain_http().get(format!("{base}/_synapse/admin/v1/room/{room}/media"));
        let answer = asked.headers(headers).send().await.expect("an answer");
        let (status, body) = (answer.status(), answer.bytes().await.expect("a body"));
        return (status, body).into_response();
    }
    let administration = homeserver.administration();
    if !administration.admins.contains(bearer(&headers)) {
        return not_admin();
    }
    let none = json!({ "local": [], "remote": [] });
    Json(administration.rooms.get(&room).cloned().unwrap_or(none)).into_response()
}

async fn avatar(State(homeserver): State<Homeserver>, Path(user): Path<String>) -> Response {
    if let Some(mxc) = homeserver.administration().avatars.get(&user) {
        return Json(json!({ "avatar_url": mxc })).into_response();
    }
    let body = json!({ "errcode": "M_NOT_FOUND", "error": "Profile was not found" });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

fn as_service(namespace: &str, query: &HashMap<String, String>) -> (StatusCode, Value) {
    let user_id = query.get("user_id").map_or("@service:example.org", String::as_str);
    let refused = |status, errcode: &str| (status, json!({ "errcode": errcode, "error": "no" }));
    if query.contains_key("user_id") && !user_id.starts_with(namespace) {
        return refused(StatusCode::FORBIDDEN, "M_FORBIDDEN");
    }
    if query.get("device_id").is_some_and(|device| device != "DEVICE") {
        return refused(StatusCode::BAD_REQUEST, "M_UNKNOWN_DEVICE");
    }
    (StatusCode::OK, json!({ "user_id": user_id }))
}
