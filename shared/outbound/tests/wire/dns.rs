//! A name server with a few names, on a UDP port of the loopback.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use hickory_resolver::proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::SRV},
};
use tokio::net::UdpSocket;

/// Answers questions until the test ends.
pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

#[derive(Default)]
struct Zone {
    records: HashMap<Name, Vec<RData>>,
    /// Names that are somewhere else each time.
    lies: HashMap<Name, Vec<IpAddr>>,
    broken: Vec<Name>,
    asked: Vec<(Name, RecordType)>,
}

impl Dns {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let zone = Arc::new(Mutex::new(Zone::default()));
        tokio::spawn(answer(socket, zone.clone()));
        Self { address, zone }
    }

    /// An A or AAAA record.
    pub(crate) fn address(&self, host: &str, address: impl Into<IpAddr>) {
        self.record(host, RData::from(address.into()));
    }

    /// A name that has one of these addresses after the other, each for no time at all, and in the end the last.
    pub(crate) fn lies(&self, host: &str, addresses: &[IpAddr]) {
        let addresses = addresses.iter().rev().copied().collect();
        self.zone.lock().expect("the zone").lies.insert(name(host), addresses);
    }

    /// An SRV record of weight 0.
    pub(crate) fn srv(&self, service: &str, host: &str, priority: u16, target: &str, port: u16) {
        let srv = SRV::new(priority, 0, port, name(target));
        self.record(&format!("{service}.{host}"), RData::SRV(srv));
    }

    /// Makes the server fail at a name.
    pub(crate) fn break_name(&self, host: &str) {
        self.zone.lock().expect("the zone").broken.push(name(host));
    }

    /// How often a question came.
    pub(crate) fn times_asked(&self, host: &str, kind: RecordType) -> usize {
        let question = (name(host), kind);
        self.zone.lock().expect("the zone").asked.iter().filter(|asked| **asked == question).count()
    }

    fn record(&self, host: &str, data: RData) {
        self.zone.lock().expect("the zone").records.entry(name(host)).or_default().push(data);
    }
}

async fn answer(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let question = Message::from_vec(&buffer[..length]).expect("a DNS message");
        let answer = zone.lock().expect("the zone").answer(&question);
        socket.send_to(&answer.to_vec().expect("a DNS message"), from).await.expect("a way back");
    }
}

impl Zone {
    fn answer(&mut self, question: &Message) -> Message {
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        let query = question.queries.first().expect("a question");
        answer.add_query(query.clone());
        let (host, kind) = (query.name().to_lowercase(), query.query_type());
        self.asked.push((host.clone(), kind));
        if self.broken.contains(&host) {
            answer.metadata.response_code = ResponseCode::ServFail;
        } else if let Some(lies) = self.lies.get_mut(&host) {
            // Of the other kind there are none, and asking for them uses none up.
            let address = lies.last().copied().map(RData::from).filter(|data| data.record_type() == kind);
            if let Some(data) = address {
                answer.add_answer(Record::from_rdata(host, 0, data));
                lies.truncate(lies.len().max(2) - 1);
            }
        } else if let Some(records) = self.records.get(&host) {
            for data in records.iter().filter(|data| data.record_type() == kind) {
                answer.add_answer(Record::from_rdata(host.clone(), 3600, data.clone()));
            }
        } else {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        answer
    }
}

fn name(host: &str) -> Name {
    let mut name = Name::from_ascii(host).expect("a name");
    name.set_fqdn(true);
    name
}
