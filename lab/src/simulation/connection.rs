//! One connection: both of its lifecycles, the octets between them, and where it stands with pool and server.

use http_keepalive::pool::{Idle, Lease, Permit};
use http_keepalive::{Client, Config, Lifecycle, Queued, Server};

use super::flow::{Flow, FlowTerms};

/// Octets of a request.
pub const REQUEST: u32 = 400;

/// Octets of a response's head.
pub const RESPONSE_HEAD: u32 = 300;

/// No deadline is waited for.
pub(super) const UNARMED: u64 = u64::MAX;

/// A request, from when it is sent until its response is whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    /// Octets of the response's content.
    pub(super) octets: u32,
    /// Of a user, the page; of a proxy, the connection of the user it asks for.
    pub(super) on_behalf: u32,
    /// Tries before this one, and how many of them were on connections that had been used before.
    pub(super) tries: u8,
    pub(super) reused_tries: u8,
    /// The same of the proxy's tries, where it is the request of a user's connection to it.
    pub(super) relays: u8,
    pub(super) reused_relays: u8,
    pub(super) is_post: bool,
    /// It could not be had: the response is an error's.
    pub(super) failed: bool,
    /// What the response's head says.
    pub(super) closes: bool,
    pub(super) keeps_alive: bool,
    pub(super) timeout: Option<u16>,
    pub(super) max: Option<u16>,
}

/// Where a connection stands with its pool.
#[derive(Debug)]
pub(super) enum Held {
    Opening(Permit),
    Leased(Lease),
    Idle(Idle),
    Not,
}

/// Where a connection stands with its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// It has none: it has not come, or it has gone.
    None,
    /// It waits to be accepted.
    Waits,
    /// It has one.
    Placed,
}

/// Who is on the other side of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A user's, to the server.
    UserToServer,
    /// A user's, to the proxy.
    UserToProxy,
    /// The proxy's, to the server.
    ProxyToServer,
}

#[derive(Debug)]
pub(super) struct Connection<'c, const DEPTH: usize> {
    pub(super) client: Option<Lifecycle<Client<DEPTH>, &'c Config<Client<DEPTH>>>>,
    pub(super) server: Option<Lifecycle<Server, &'c Config<Server>>>,
    pub(super) flow: Flow,
    pub(super) queued: Queued,
    /// In the order of opening.
    pub(super) serial: u32,
    pub(super) held: Held,
    /// The user, where it is one's.
    pub(super) user: u32,
    pub(super) pool: u32,
    pub(super) key: u32,
    pub(super) line: Line,
    pub(super) seat: Seat,
    /// Requests without a whole answer, the first at `first`.
    asked: [Asked; DEPTH],
    first: u8,
    outstanding: u8,
    /// Of these, those that the server has read, and those that wait to be read.
    pub(super) read: u8,
    pub(super) arrived: u8,
    /// Responses that were whole.
    pub(super) answered: u32,
    /// The server works at a response, or its octets wait to leave.
    pub(super) in_work: bool,
    /// Octets of the response that the system has not taken.
    pub(super) kept_back: u64,
    /// Of the response that the client reads: what is to come of its head and of its content. Of none that has begun, the head is whole.
    pub(super) head_left: u32,
    pub(super) content_left: u32,
    pub(super) is_reading: bool,
    /// The server has paid for its coming.
    pub(super) is_paid_for: bool,
    /// Its place was asked for.
    pub(super) yields: bool,
    /// When the server's end will be at the client, at the earliest.
    pub(super) server_end: Option<u64>,
    /// The client's end has arrived, and whether it is a reset.
    pub(super) client_end: Option<bool>,
    pub(super) client_resets: bool,
    pub(super) server_knows_end: bool,
    pub(super) openings: u8,
    pub(super) client_armed: u64,
    pub(super) server_armed: u64,
    /// Events to come that name it.
    pub(super) pending: u16,
}

impl<const DEPTH: usize> Connection<'_, DEPTH> {
    pub(super) fn new(terms: &FlowTerms, line: Line, user: u32, pool: u32, key: u32, held: Held) -> Self {
        Self {
            client: None,
            server: None,
            flow: Flow::new(terms),
            queued: Queued::default(),
            serial: 0,
            held,
            user,
            pool,
            key,
            line,
            seat: Seat::None,
            asked: [Asked::default(); DEPTH],
            first: 0,
            outstanding: 0,
            read: 0,
            arrived: 0,
            answered: 0,
            in_work: false,
            kept_back: 0,
            head_left: RESPONSE_HEAD,
            content_left: 0,
            is_reading: false,
            is_paid_for: false,
            yields: false,
            server_end: None,
            client_end: None,
            client_resets: false,
            server_knows_end: false,
            openings: 0,
            client_armed: UNARMED,
            server_armed: UNARMED,
            pending: 0,
        }
    }

    pub(super) const fn outstanding(&self) -> usize {
        self.outstanding as usize
    }

    /// The request after so many others that are outstanding.
    pub(super) fn asked(&mut self, number: usize) -> &mut Asked {
        debug_assert!(number < self.outstanding());
        &mut self.asked[(usize::from(self.first) + number) % DEPTH]
    }

    pub(super) fn ask(&mut self, asked: Asked) {
        debug_assert!(self.outstanding() < DEPTH, "more are outstanding than may be");
        self.outstanding += 1;
        *self.asked(self.outstanding() - 1) = asked;
    }

    /// The first request has its answer.
    pub(super) fn answer(&mut self) -> Asked {
        debug_assert!(self.outstanding > 0 && self.read > 0, "an answer to nothing");
        let asked = *self.asked(0);
        self.first = ((usize::from(self.first) + 1) % DEPTH) as u8;
        self.outstanding -= 1;
        self.read -= 1;
        self.answered += 1;
        asked
    }

    /// Nothing names it any more, and nobody has it.
    pub(super) const fn is_over(&self) -> bool {
        self.pending == 0
            && self.client.is_none()
            && self.server.is_none()
            && matches!(self.held, Held::Not)
            && matches!(self.seat, Seat::None)
    }
}
