//! What is logged of a peer: a line for each exchange and one for the connection, by the address that it was accepted from.

use std::net::SocketAddr;

use http_keepalive::{Account, Connection, Deadline, Instant, Server};

use super::Peer;

/// Kept where a log is written, and nowhere else.
pub struct Log {
    address: SocketAddr,
    account: Account,
}

impl Log {
    pub fn new(now: Instant, address: SocketAddr) -> Box<Self> {
        Box::new(Self { address, account: Account::new(now) })
    }

    fn look(&mut self, now: Instant, machine: &Connection<Server>) {
        if let Some(exchange) = self.account.look(now, machine) {
            eprintln!("{} {exchange}", self.address);
        }
    }
}

impl Peer {
    /// The machine was called: an exchange may be over.
    pub(super) fn note(&mut self, now: Instant) {
        if let Some(log) = &mut self.log {
            log.look(now, self.drive.connection());
        }
    }

    /// A deadline passed.
    pub(super) fn note_expired(&mut self, now: Instant, deadline: Deadline) {
        if let Some(log) = &mut self.log {
            log.account.expired(deadline);
            log.look(now, self.drive.connection());
        }
    }

    /// The address that it was accepted from; where no log is kept, as the socket knows it.
    pub(super) fn address(&self) -> String {
        match &self.log {
            Some(log) => log.address.to_string(),
            None => {
                self.stream.peer_addr().map_or_else(|_| "a peer that has gone".into(), |address| address.to_string())
            }
        }
    }

    /// What became of the connection, in a line; `None` where no log is kept.
    pub fn summary(&mut self, now: Instant) -> Option<String> {
        self.note(now);
        let summary = self.log.as_ref()?.account.summary(now, self.drive.connection());
        let persistence = self.drive.connection().persistence();
        let (reason, clause) = match self.drive.connection().ended_by() {
            Some(reason) => (reason.as_str(), reason.clause()),
            None => (persistence.as_str(), persistence.clause()),
        };
        let discarded = self.octets_lost + self.drive.discarded() + self.drive.received().len() as u64;
        let mut line = format!("{} closed reason={reason} clause={clause:?} discarded={discarded}", self.address());
        if let Some(error) = self.drive.connection().error() {
            line += &format!(" error={} offset={} clause={:?}", error.kind.as_str(), error.offset, error.clause());
        }
        Some(format!("{line}: {summary}"))
    }
}
