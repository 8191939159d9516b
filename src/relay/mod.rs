//! Two connections back to back: requests go from one to the other, and responses back, without I/O.
//!
//! Read first: RFC 9110 3.7, 7.6 (intermediaries), 7.5 (early responses), 9.2.2 (what a proxy repeats), 15.2 (interim responses), 15.6.3, 15.6.5
//! (502, 504); RFC 9112 8 (what was cut is not whole), 9.2, 9.3 (persistence is of one connection), 11.2 (smuggling).
//!
//! A [`Relay`] holds the [`Drive`] of a client's connection, and that of an upstream's while a request is under way. It asks its driver for an
//! upstream for each request, so one client's connection carries requests for any hosts, and gives it back with a verdict. What a driver does
//! is what [`RelayStep`] says; it knows no HTTP.
//!
//! # Clauses
//!
//! 1. **Only what was read whole, judged and written anew goes on.** No octet of a client's head reaches an upstream but as a line of
//!    [`intermediary`](crate::intermediary); a head that breaks the grammar, the framing or a limit reaches none.
//! 2. **Nothing is completed that was cut.** A request whose content breaks off, and a response whose upstream is lost, are ended by the end of
//!    the connection, after what came of them has left: no last chunk, fewer octets than were said, a reset where the end is the connection's.
//! 3. **Nothing is doubled.** What is sent again is what [`Loss::verdict`] allows, within one budget over all upstreams, and only while nothing
//!    of the response has reached the client.
//! 4. **Nothing is copied.** Content is written from the input of the side that it came from ([`Unsent`]), or moved by the driver itself, by
//!    count ([`contiguous`](Relay::contiguous), [`moved`](Relay::moved)). Heads are written anew.
//! 5. **Back-pressure goes through.** While one side does not take what was passed, the other is paused ([`ContentUse::Paused`]): no clock
//!    that accuses it runs, and nothing more of it is read.
//! 6. **Interim responses go on in order**, to clients that know them; a `100 (Continue)` that nobody waits for is none. Content is asked for
//!    when the upstream takes it.
//! 7. **A final response goes on at once**, also while its request still runs; the upstream is given back when both are over. Where the
//!    upstream takes no more, the rest of the request is dropped.
//! 8. **Persistence is decided on each side alone.** Nothing that one side says of its connection reaches the other. A client whose request
//!    was read whole keeps its connection when an upstream is lost.
//! 9. **An upstream connection is used again only where its machine says `Now`**, and nothing of it is left: no octets, no request that did not
//!    go out whole, no client that it was authenticated for. That of one that went away, or broke off, is closed.
//! 10. **Every end has a reason**: [`LossReason`], [`TakenReason`], [`ForwardFault`], the errors and the deadlines of both connections.
//!
//! # Tie-breaks
//!
//! - What the upstream said comes before more of the request: a response may say that nobody wants it.
//! - An upstream that is to be given back is given back before anything else is asked for.
//! - The client's end comes before that of the upstream: where it is closed or reset, the exchange is over, whatever the upstream does.
//! - Of a lost upstream, the kind is the deadline's if one passed on its connection in this try, else the error's, else that it ended.
//! - A request that can not be sent for what it is ([`ForwardFault`]) is refused, and its connection closed; one that could not be sent for what
//!   the upstream is (it ended, it speaks HTTP/1.0) is a loss, or 411.
//!
//! # What a driver does
//!
//! ```
//! use http_keepalive::drive::{Attempt, Drive};
//! use http_keepalive::intermediary::NextHop;
//! use http_keepalive::relay::{Neighbor, Relay, RelayPolicy, RelayStep};
//! use http_keepalive::*;
//!
//! let now = Instant::from_secs(1);
//! let client = Drive::<Server, Vec<u8>>::new(now, &Config::DEFAULT, Vec::new(), Vec::new());
//! let mut relay = Relay::<_>::new(client, RelayPolicy::DEFAULT, Vec::new());
//! let read = |relay: &mut Relay<_>, from, octets: &[u8]| {
//!     relay.room(from)[..octets.len()].copy_from_slice(octets);
//!     relay.read(from, octets.len());
//! };
//! let wrote = |relay: &mut Relay<_>, to| {
//!     let octets = relay.unsent(to).slices().concat();
//!     relay.wrote(now, to, octets.len());
//!     String::from_utf8(octets).unwrap()
//! };
//!
//! read(&mut relay, Neighbor::Client, b"GET /a HTTP/1.1\r\nHost: example.org\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n");
//! assert_eq!(relay.poll(now), RelayStep::Upstream);
//! assert_eq!(relay.wanted().unwrap().authority, b"example.org");
//! // from a pool, or one that was opened
//! let upstream = Drive::<Client, Vec<u8>>::new(now, &Config::DEFAULT, Vec::new(), Vec::new());
//! relay.forward(now, upstream, NextHop::Origin, NO_FIELDS).expect("it was wanted");
//! let RelayStep::Transport(both) = relay.poll(now) else { panic!() };
//! assert_eq!(both.upstream.write, Attempt::Wait);
//! assert_eq!(wrote(&mut relay, Neighbor::Upstream), "GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n");
//! read(&mut relay, Neighbor::Upstream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
//! let RelayStep::Transport(both) = relay.poll(now) else { panic!() };
//! assert_eq!(both.client.write, Attempt::Wait);
//! assert_eq!(wrote(&mut relay, Neighbor::Client), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
//! // it goes back to the pool
//! assert_eq!(relay.poll(now), RelayStep::Return);
//! assert!(relay.take_upstream(now).is_some());
//! ```
//!
//! - **Transport**: do what [`Transports`] says, on both, and say what came of it, as for a [`Drive`]: [`read`](Relay::read),
//!   [`wrote`](Relay::wrote), [`eof`](Relay::eof), [`failed`](Relay::failed), [`looked_nothing`](Relay::looked_nothing);
//!   [`timeout`](Relay::timeout) where neither side could do anything for [`wait`](Relay::wait).
//! - **Upstream**: find one by [`wanted`](Relay::wanted). A driver that opens connections without blocking asks
//!   [`poll_while_busy`](Relay::poll_while_busy) meanwhile; where [`wanted`](Relay::wanted) is `None` the client has gone.
//! - **Return**: take it, and keep or close it as [`UpstreamVerdict`] says.
//! - **After a hand-over**: [`into_drives`](Relay::into_drives). When one side of a tunnel ends, send what it had sent, then shut the other
//!   (RFC 9110 9.3.6).
//!
//! An idle relay whose upstream was taken back holds one drive and little else: [`client_mut`](Relay::client_mut) lends its storages.

mod exchange;
mod facts;
mod intents;
mod kept;
mod loss;
mod pieces;
mod policy;
mod poll;
mod request;
mod response;
mod step;

use core::ops::Deref;

pub use intents::NotTaken;
pub use kept::Wanted;
pub use loss::{Loss, LossKind, LossReason, LossVerdict};
pub use policy::{RelayPolicy, Standing, Trailers};
pub use step::{Neighbor, RelayStep, TakenReason, Transports, Unsent, UnsentContent, UpstreamVerdict};

use crate::config::{Client, Config, Server};
use crate::drive::{Drive, Storage};
use exchange::{Exchange, Stage};
use kept::Kept;

#[cfg(doc)]
use crate::intermediary::ForwardFault;
#[cfg(doc)]
use crate::lifecycle::content_use::ContentUse;

/// A client's connection, and the upstream's that its request goes to. `S`: the storages, of one type. `CS`, `CU`: how the configurations of the
/// two are held.
#[derive(Clone, Debug)]
pub struct Relay<S, CS = &'static Config<Server>, CU = &'static Config<Client>>
where
    CS: Deref<Target = Config<Server>>,
    CU: Deref<Target = Config<Client>>,
{
    client: Drive<Server, S, CS>,
    upstream: Option<Drive<Client, S, CU>>,
    kept: Kept<S>,
    exchange: Exchange,
    policy: RelayPolicy,
}

impl<S: Storage, CS, CU> Relay<S, CS, CU>
where
    CS: Deref<Target = Config<Server>>,
    CU: Deref<Target = Config<Client>>,
{
    /// A relay for the client of this drive, on which nothing has been polled. `kept` is for the head of the request that is open: an empty
    /// storage that grows, or one with as many octets as the client's input, and 256 more for what is added.
    pub fn new(client: Drive<Server, S, CS>, policy: RelayPolicy, kept: S) -> Self {
        let client = client.with_early_responses().with_late_continue().with_tunnels();
        Self { client, upstream: None, kept: Kept::new(kept), exchange: Exchange::new(), policy }
    }

    /// The client's drive, to be asked.
    pub const fn client(&self) -> &Drive<Server, S, CS> {
        &self.client
    }

    /// The client's drive, to be lent storages where nothing is under way ([`Drive::empty_storages`], [`Drive::shrink`]) or to free its place
    /// ([`Drive::free_place`]). Its steps and its content are the relay's. `None`: an exchange is under way.
    pub fn client_mut(&mut self) -> Option<&mut Drive<Server, S, CS>> {
        if self.is_idle() {
            self.kept.shrink();
            Some(&mut self.client)
        } else {
            None
        }
    }

    /// The upstream's drive, to be asked.
    pub const fn upstream(&self) -> Option<&Drive<Client, S, CU>> {
        self.upstream.as_ref()
    }

    /// The policy.
    pub const fn policy(&self) -> &RelayPolicy {
        &self.policy
    }

    /// No request is open, and no upstream is held.
    pub fn is_idle(&self) -> bool {
        self.exchange.stage == Stage::Idle && self.upstream.is_none() && self.client.connection().is_idle()
    }

    /// Both sides are another protocol's: the drives, the upstream's if it was not [`tunnel`](Self::tunnel) that opened it. What each has
    /// received ([`Drive::received`]) and not looked at is for the other side.
    #[expect(clippy::type_complexity, reason = "the two drives, as they are")]
    pub fn into_drives(self) -> (Drive<Server, S, CS>, Option<Drive<Client, S, CU>>) {
        (self.client, self.upstream)
    }
}
