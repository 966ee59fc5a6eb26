//! Requests signed by hand (Signature Version 4), for what the SDK takes care never to send.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::Endpoint;

/// A request to be signed: everything that may be wrong with it is up to the test.
pub(crate) struct Signing<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) method: &'a str,
    /// The path, encoded.
    pub(crate) path: String,
    /// All of them are signed, besides `host` and `x-amz-date`.
    pub(crate) headers: Vec<(&'a str, String)>,
    /// Behind or, if negative, ahead of the clock.
    pub(crate) age_seconds: i64,
    /// What the `host` header says.
    host: String,
}

impl<'a> Signing<'a> {
    pub(crate) fn new(endpoint: &'a Endpoint, method: &'a str, bucket: &str, key: &str) -> Self {
        let path = format!("/{bucket}/{key}");
        let host = endpoint.authority().to_owned();
        Self { endpoint, method, path, headers: Vec::new(), age_seconds: 0, host }
    }

    pub(crate) fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn aged(mut self, seconds: i64) -> Self {
        self.age_seconds = seconds;
        self
    }

    pub(crate) fn host(mut self, host: String) -> Self {
        self.host = host;
        self
    }

    /// Sends the request with a body and gives the status and the answer.
    pub(crate) async fn send(self, http: &reqwest::Client, body: impl Into<reqwest::Body>) -> (u16, String) {
        let method = reqwest::Method::from_bytes(self.method.as_bytes()).unwrap();
        let mut request = http.request(method, format!("{}{}", self.endpoint.url, self.path)).body(body);
        for (name, value) in self.signed() {
            request = request.header(name, value);
        }
        request = request.header("host", &self.host);
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.unwrap_or_default())
    }

    /// Announces more bytes than it sends, and hangs up.
    pub(crate) fn send_cut_short(self, announced: usize, body: &[u8]) {
        let mut stream = TcpStream::connect(self.endpoint.authority()).expect("a connection");
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, self.endpoint.authority());
        for (name, value) in self.signed() {
            head.extend([name.as_str(), ": ", &value, "\r\n"]);
        }
        head.extend(["content-length: ", &announced.to_string(), "\r\n\r\n"]);
        stream.write_all(head.as_bytes()).expect("the head is sent");
        stream.write_all(body).expect("some of the body is sent");
        stream.shutdown(Shutdown::Write).expect("half a connection is closed");
        // The server has noticed when it closes its half.
        let _ = stream.read_to_end(&mut Vec::new());
    }

    /// The headers with the signature among them.
    fn signed(&self) -> Vec<(String, String)> {
        let moment = moment(self.age_seconds);
        let date = &moment[..8];
        let mut headers: Vec<(String, String)> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        headers.push(("host".to_owned(), self.host.clone()));
        headers.push(("x-amz-date".to_owned(), moment.clone()));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers.iter().flat_map(|(name, value)| [name, ":", value, "\n"]).collect();
        let payload = headers.iter().find(|(name, _)| name == "x-amz-content-sha256");
        let payload = payload.map_or("UNSIGNED-PAYLOAD", |(_, value)| value);
        let canonical = format!("{}\n{}\n\n{lines}\n{names}\n{payload}", self.method, self.path);

        let scope = format!("{date}/{}/s3/aws4_request", self.endpoint.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let mut key = format!("AWS4{}", self.endpoint.secret_key).into_bytes();
        for step in [date, &self.endpoint.region, "s3", "aws4_request"] {
            key = hmac(&key, step.as_bytes());
        }
        let signature = hex(&hmac(&key, to_sign.as_bytes()));
        let credential = format!("{}/{scope}", self.endpoint.access_key);
        headers.retain(|(name, _)| name != "host");
        headers.push((
            "authorization".to_owned(),
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"),
        ));
        headers
    }
}

/// `20261124T144142Z`.
#[expect(clippy::disallowed_methods, reason = "a signature is judged by the machine's clock")]
fn moment(age_seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let then = now.as_secs().cast_signed() - age_seconds;
    let time = aws_sdk_s3::primitives::DateTime::from_secs(then);
    let text = time.fmt(aws_sdk_s3::primitives::DateTimeFormat::DateTime).unwrap();
    text.replace(['-', ':'], "")
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// The moment of a link that was made some time ago.
#[expect(clippy::disallowed_methods, reason = "a signature is judged by the machine's clock")]
pub(crate) fn ago(age: Duration) -> SystemTime {
    SystemTime::now() - age
}
