//! A refusal that reaches the client: what it still sends is read and thrown away for a little while.
//!
//! HTTP/1.1 has no way to stop a sender. If the connection were closed under a body that is on its way, the client would
//! see a reset instead of the refusal (RFC 9112, section 9.6, describes the same lingering for servers that close).

use std::time::Duration;

use futures_util::StreamExt as _;
use storage::incoming::Body;

/// How long a refused body is read.
const LINGER_TIME: Duration = Duration::from_secs(5);

/// How much of a refused body is read, in bytes.
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// Throws away what follows, within bounds, while the refusal is on its way.
pub(crate) fn linger(mut rest: Body) {
    tokio::spawn(tokio::time::timeout(LINGER_TIME, async move {
        let mut seen = 0;
        while seen < LINGER_BYTES
            && let Some(Ok(piece)) = rest.next().await
        {
            seen += piece.len();
        }
    }));
}
