//! `gateway health`: asks a running gateway how it is, for containers in which there is nothing else to ask with.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// How long the whole exchange may take: longer than the gateway itself needs to find out that nobody answers it.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of an answer is read. A gateway's has 100 bytes and a head.
const ANSWER_BYTES: u64 = 8 * 1024;

/// What a gateway said of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) is_well: bool,
    pub(crate) body: String,
}

/// Asks whoever listens there, on this machine if that is everywhere.
pub(crate) async fn ask(listening: SocketAddr) -> io::Result<Said> {
    let exchange = async {
        let mut socket = TcpStream::connect(nearest(listening)).await?;
        socket.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        socket.take(ANSWER_BYTES).read_to_end(&mut answer).await?;
        read(&String::from_utf8_lossy(&answer)).ok_or_else(|| io::Error::other("that is no answer of HTTP"))
    };
    timeout(PATIENCE, exchange).await?
}

fn read(answer: &str) -> Option<Said> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.split_whitespace().next()?;
    Some(Said { is_well: status == "200", body: body.to_owned() })
}

fn nearest(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_is_well_and_only_http_is_an_answer() {
        let said = |is_well, body: &str| Some(Said { is_well, body: body.to_owned() });
        assert_eq!(read("HTTP/1.1 200 OK\r\na: b\r\n\r\n{}"), said(true, "{}"));
        assert_eq!(read("HTTP/1.1 503 Service Unavailable\r\n\r\n{}"), said(false, "{}"));
        for nonsense in ["", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1\r\n\r\n"] {
            assert_eq!(read(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (listening, asked) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("192.0.2.1:1", "192.0.2.1:1")]
        {
            assert_eq!(nearest(listening.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
