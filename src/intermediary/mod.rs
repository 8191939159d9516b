//! What an intermediary does to a message that it forwards: pure functions of heads, which know no connection and no time.
//!
//! Read first: RFC 9110 7.6 (forwarding: `Connection`, `Max-Forwards`, `Via`), 7.8 (`Upgrade`), 10.1.4 (`TE`), 11.7 (proxy authentication),
//! 15.2 (interim responses); RFC 9112 3.2 (targets and `Host`), 6.1, 6.3, 7.1 (framing is of one connection); RFC 9113 8, RFC 9114 4
//! (translation).
//!
//! # Clauses
//!
//! - **Fields of the hop stay on it** ([`HopFields`]): those of RFC 9110 7.6.1 by name, and each that a connection option names, in header
//!   and trailer sections, both ways. What the next hop is to be told is made anew from the message: framing, options, persistence.
//! - **An option never names what is for every recipient** ([`is_end_to_end`]): such a message is refused ([`Nominations`]).
//! - **Framing and routing come first.** A head is read by its framing before a field is removed, so that no option changes where it ends.
//! - **The target says where a request goes** ([`Route`]); `Host` is made from it (RFC 9112 3.2.2).
//! - **A peer is told what its version knows** ([`may_be_told`]).
//! - **A message that has met this intermediary before is a loop** ([`Pseudonym::is_in`]); TRACE and OPTIONS go no further than they say
//!   ([`max_forwards()`]).
//! - **Nothing crosses between versions of HTTP unchecked** ([`translation`]).
//!
//! # Tie-breaks
//!
//! A field that is both named by an option and for every recipient refuses the message, or stays, as policy has it; it is never removed. A
//! target with an authority beats `Host`. Of several faults the first in the order of the field lines is reported.

mod fields;
mod max_forwards;
mod older_peer;
mod options;
mod reasons;
mod route;
pub mod translation;
mod via;

pub(crate) use fields::trailer_goes_on;
pub use fields::{Direction, FieldPolicy, HopFields, ProxyAuthentication, accepts_trailers};
pub use max_forwards::{MaxForwards, max_forwards};
pub use older_peer::{Telling, content_to_send, may_be_told};
pub use options::{NamedFields, Nominations, is_end_to_end};
pub use reasons::ForwardFault;
pub use route::{NextHop, Route, RouteTarget};
pub use via::Pseudonym;
