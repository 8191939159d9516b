#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
// the crate says that it does not panic
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::unwrap_used))]
#![cfg_attr(docsrs, feature(doc_cfg))]
//! HTTP/1.x persistent connections as a state machine that does no I/O.
//!
//! Bytes and time go in; parsed messages, persistence decisions with their reasons, deadlines with their causes, and bytes to
//! send come out. No allocation, no panic, no clock, no socket: a driver brings those.
//!
//! # The map: the folders, from the ground up
//!
//! ```text
//!  time, reasons, status, close_reason, error                                         the ground
//!  config/      limits, timeouts, policies: checked once
//!
//!      octets in                                                          octets out
//!          │                                                                  ▲
//!  message/     octets → head → framing → chunked       fields to send → writer    knows no connection
//!          │ facts of a head                                what a head must say │
//!  lifecycle/   state → exchange → persistence (why) → deadlines (when) → teardown (how)   sees no octet: Lifecycle
//!          │                                                                  │
//!  connection/  both together, of one role: reading, server, client, parking      Connection
//!
//!  drive/       the loop around one, and what is next
//!  intermediary/, relay/   what a message forwarded keeps and loses; two drives back to back
//!
//!  queues/, pool/                                                            many connections
//!  presets/, check/, settings/                                              policies with names, in files, against each other
//! ```
//!
//! Each is built on those before it and imports none after it. [`Connection`] is of a [`Server`] or a [`Client`]; [`Lifecycle`] is the decisions
//! alone, for users who have a parser. [`RequestHead::parse`] and [`ResponseHead::parse`] are the first step of a message alone; [`framing`] and [`persistence`] are the rules as pure functions.
//! Where a connection stands is its [`Phase`]: all of them, what each waits for and what follows are in [`states`].
//! [`Config`] holds [`Limits`], [`Timeouts`] and [`Policy`], checked once; [`presets`] are some with names. [`DeadlineQueue`] keeps the
//! deadlines of many connections, [`Parked`] the idle ones themselves; [`IdleQueue`] says which of a server's goes when places run
//! out, [`pool`] which of a client's is used next. Whether two policies fit, [`check`] says, and what to choose, [`choosing_a_timeout`].
//!
//! # The run loop
//!
//! [`drive`] holds it, with the buffers: its [`poll`](drive::Drive::poll) says what is next, and a driver on it knows no HTTP. What it does with a
//! [`Connection`], and what a loop by hand does:
//!
//! 1. Offer what was received: [`receive`](Connection::receive), until it needs more or is paused.
//! 2. Do what [`wants`](Connection::wants) says of the application: respond, continue, send content, send the refusal.
//! 3. Send what was written and say how much left: [`handle_sent`](Connection::handle_sent).
//! 4. Shut as [`wants`](Connection::wants) says, and say so: [`handle_shut`](Connection::handle_shut). Where only a write fails, say
//!    [`write_failed`](Connection::write_failed), and read on.
//! 5. Wait for octets or for [`next_deadline`](Connection::next_deadline); when it is due, [`handle_timeout`](Connection::handle_timeout)
//!    until it returns `None`, and back to 2.
//!
//! After a `101` or an accepted CONNECT, [`persistence`](Connection::persistence) is [`Tunnel`](Persistence::Tunnel): the loop ends, and
//! the transport and what is left in the buffer are the caller's.
//!
//! ```
//! use http_keepalive::*;
//!
//! let opened = Instant::from_secs(1);
//! let mut connection = Connection::<Server>::new(opened, &Config::DEFAULT);
//!
//! // 1: octets in, an event out
//! let octets = b"GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n";
//! let received = connection.receive(opened, octets)?;
//! let Outcome::Event(Event::Request(head)) = received.outcome else { panic!("a whole request") };
//! assert_eq!((head.target.as_str(), received.consumed), ("/a", octets.len()));
//!
//! // 2: the application answers
//! assert_eq!(connection.wants().application, Some(Turn::Respond));
//! let mut out = [0; 256];
//! let mut written = connection.send_response(opened, StatusCode::OK, NO_FIELDS, Content::Exact(2), &mut out)?;
//! written += connection.send_content(opened, b"ok", &mut out[written..])?.written;
//! assert_eq!(&out[..written], b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
//!
//! // 3: all of it left
//! connection.handle_sent(opened, written as u64);
//! assert_eq!(connection.persistence(), Persistence::Reuse(ReuseReason::Http11));
//!
//! // 5: nothing more comes; the idle deadline asks for one more look before it closes
//! let deadline = connection.next_deadline().expect("nobody stays for ever");
//! assert_eq!(deadline.kind, DeadlineKind::Idle);
//! assert_eq!(connection.handle_timeout(deadline.at), Some(deadline));
//! assert_eq!(connection.wants().read, ReadWant::LookOnce);
//! connection.nothing_to_read(deadline.at);
//!
//! // 4: and the driver is told to close, and why
//! assert_eq!(connection.wants().shut, Some(Shut::Close(CloseReason::IdleTimeout)));
//! assert_eq!(CloseReason::IdleTimeout.clause(), "RFC 9112 9.5");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # For authors of drivers
//!
//! Who drives a [`Connection`] by hand, and not through [`drive`], does what `drive` does:
//!
//! - **Offer**: call [`receive`](Connection::receive) until it says `NeedMore` or `Paused`, and again after every fact and intent. Take
//!   [`Received::consumed`] off the front of the buffer whatever the outcome: `NeedMore` and `Paused` may have consumed some, too. An error
//!   consumes none, and is not the driver's to answer: [`wants`](Connection::wants) asks for a refusal, or for a close.
//! - **Answer**: [`Turn::Respond`] is said from the head on. Whoever needs the content, or whose clients send all of it before they read,
//!   answers after [`Event::End`], and keeps a flag for it.
//! - **End what was begun**: a message with [`Content::Exact`] ends by itself with its last octet, and one of `Exact(0)` with its head: no
//!   [`send_end`](Connection::send_end) is needed, and none is a mistake. [`Content::Unknown`] and [`Content::UntilClose`] need it.
//! - **[`SendError::Ended`]** is nobody's mistake: the peer or a deadline was faster. Drop what was to be sent, and go on with the loop:
//!   `wants` says what is next. [`SendError::Misuse`] is a mistake in the program.
//! - **Wait** no longer than until [`next_deadline`](Connection::next_deadline), for writing as for reading, or a peer that does not read is
//!   never cut (`write_stall`). Read and write what is ready, and offer what has been read, before you call
//!   [`handle_timeout`](Connection::handle_timeout), and call it also where octets come all the time. A deadline may be due already when it is
//!   asked for, after a look: then call it at once. Which calls may move one earlier is said at [`Connection`].
//! - **Look** where the connection asks for it ([the section below](#looks)), at once.
//! - **Say that you pause**: an application that does not take what has come says [`ContentUse::Paused`], and `Reading` when it goes on
//!   ([`content_use`](Connection::content_use)); nobody is blamed for the time between. One that answers while it reads says `Reading`: else
//!   a long request whose response has begun counts as unread, and costs the connection.
//! - **Fail**: an I/O error other than "try again" is [`transport_failed`](Connection::transport_failed). One [`Shut`] follows, as after
//!   every end: the loop goes on until it has been done.
//! - **Shut** as [`Wants::shut`] says, and say so with [`handle_shut`](Connection::handle_shut). After a `Close` or a `Reset` the loop ends
//!   ([`is_closed`](Connection::is_closed)). If a half-close fails, say that it is done: reading shows the failure.
//! - **Drain**: at the end of the process call [`close_after_exchange`](Connection::close_after_exchange) on every connection, and go on with
//!   the loop. The deadline `drain` ends what does not end by itself.
//!
//! # Looks
//!
//! A process that was stopped, starved or asleep wakes with deadlines that have passed and octets in its sockets. So a deadline that would
//! accuse the peer, or cut it, takes no effect before the driver has looked at the transport once more. What `handle_timeout` returns has
//! passed; what follows from it is decided by the look:
//!
//! | [`Wants`] says | do, without waiting | and say what came of it |
//! | --- | --- | --- |
//! | `read: LookOnce` | read, whatever the transport said before | what was found, by [`receive`](Connection::receive) or [`receive_eof`](Connection::receive_eof); else [`nothing_to_read`](Connection::nothing_to_read) |
//! | `flush_once` | write what waits, whatever the transport said before | [`handle_sent`](Connection::handle_sent) with what left, which may be 0 |
//!
//! A look may be asked for in any state, also while a write is under way. Octets mean octets of HTTP: what TLS has for itself (a session
//! ticket, an alert of no account) is nothing, so read on until the record layer has nothing left. A look that a signal interrupts is made again.
//! A driver that has read until the transport had nothing, after the time that it tells, may answer at once. Where nothing is said for a second
//! it is asked again, and where nothing is said for one more, the look has found nothing. How to look:
//!
//! - **`std`**, blocking: a read with a timeout of 1 ms, or one on a socket that does not block; the same for the write.
//! - **mio**, `epoll`, `kqueue`: a `read` or `write` now, whatever the last event said. Not only what events told: the readiness of a socket that
//!   was full is told late (of Linux once a third of its room is free), so try a write again now and then while it blocks.
//! - **tokio**, async-io: `try_read` and `poll_read` may answer from what they remember, without asking the system. So take two steps: begin
//!   the read (or the write), and a timer of 1 ms beside it, and judge the read first. The runtime asks the system before the timer ends.
//! - **Completion queues** (`io_uring`, IOCP): take what has completed, then wait 1 ms for the read that is under way. Is none, start one. A write
//!   that is under way and has not completed has written nothing: `handle_sent` with 0 is no word on what left
//!   ([`nothing_left`](Connection::nothing_left) is), so it costs no evidence.
//! - **TLS** over any of them: read the transport first, have the record layer read it all, and offer what comes out.
//! - **embassy**, `smoltcp`: poll the stack once (`Interface::poll`, or yield to its task), then ask the socket `can_recv`, `can_send`.
//!
//! # A client
//!
//! The same loop; a request goes out where [`reusable`](Connection::reusable) says `Now`, and its response is over at [`Event::End`].
//! When the connection has ended, [`unanswered`](Connection::unanswered) says which requests may be repeated.
//!
//! What was there before a request is never its answer (RFC 9112 9.2). So what was received is offered to its end, the octets after a
//! response too, before the next request is sent; and what has left is told ([`handle_sent`](Connection::handle_sent)) before what has
//! come ([`receive`](Connection::receive)). Of octets that are handed out and not told, it is unknown whether they left, unless the driver
//! gives its word that they did not ([`nothing_left`](Connection::nothing_left), which says the order for each kind of driver).
//!
//! ```
//! use http_keepalive::*;
//!
//! let now = Instant::from_secs(1);
//! let mut connection = Connection::<Client>::new(now, &Config::DEFAULT);
//! let (request, mut out) = (Request::new(Method::new(b"GET"), b"/"), [0; 256]);
//! let written = connection.send_request(now, &request, [("Host", "example.org")], Content::Empty, &mut out)?;
//! connection.handle_sent(now, written as u64);
//!
//! let mut octets: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
//! loop {
//!     let received = connection.receive(now, octets)?;
//!     octets = &octets[received.consumed..];
//!     match received.outcome {
//!         Outcome::Event(Event::Response(head)) => assert_eq!(head.status, StatusCode::OK),
//!         Outcome::Event(Event::Content(piece)) => assert_eq!(piece, b"ok"),
//!         Outcome::Event(Event::End { .. }) => break,
//!         other => panic!("{other:?}"),
//!     }
//! }
//! assert!(matches!(connection.reusable(now), Reusable::Now { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Errors
//!
//! By whose fault: [`ProtocolError`] is the peer's, [`SendError`] and [`Misuse`] are the caller's, [`ConfigError`] names a setting.
//! Nothing a peer sends can cause a `Misuse`.
//!
//! # Features
//!
//! `std` (default): [`Instant::since`], [`DeadlineQueue`], [`IdleQueue`], [`pool`], the clients among the [`presets`]; with it `alloc`. `alloc`:
//! `Vec<u8>` is an [`Output`], and a storage of a [`drive`]. `bytes`: so is `bytes::BytesMut`, and content is a part of the `Bytes` that were offered
//! (`Received::content_of`). `http`: the types of the crate `http`, both ways: methods, status codes and versions by `From` and `TryFrom`, heads
//! by `to_http`, a `HeaderMap` to be sent as `HttpFields`, or as `IntentFields`, which read a caller's own `Content-Length`,
//! `Transfer-Encoding` and `Connection` as what they mean; with it `std` and `bytes`. `serde`: settings from files, in the module `settings`.
//! No feature changes a verdict, nor an octet that is sent. Rust 1.85 or later.

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

// the ground floor
mod close_reason;
mod error;
mod reasons;
mod status;
mod time;

// the floors above it, each built on those before
#[macro_use]
mod config;
#[cfg(feature = "std")]
pub mod check;
mod connection;
pub mod drive;
pub mod intermediary;
mod lifecycle;
mod message;
#[cfg(feature = "std")]
pub mod pool;
pub mod presets;
#[cfg(feature = "std")]
mod queues;
pub mod relay;
#[cfg(feature = "serde")]
pub mod settings;

#[cfg(feature = "std")]
#[doc = include_str!("../docs/choosing-a-timeout.md")]
pub mod choosing_a_timeout {}

#[doc = include_str!("../docs/states.md")]
pub mod states {}

pub use error::{ConfigError, Misuse, ProtocolError, ProtocolErrorKind, ReceiveError, SendError};
pub use status::StatusCode;
pub use time::Instant;

pub use config::{
    AgeClose, Client, Config, DrainMode, HalfClose, HostRule, IdleClose, KeepAliveField, Limits, Policy, RequestHint,
    Server, Timeouts, Tolerance, Use,
};

pub use message::announcement::{Announce, ConnectionOptions, Content, FramingField};
pub use message::fields_to_send::{CheckedAnd, CheckedFields, Fields, NO_FIELDS, SendField, check_field};
pub use message::framing;
pub use message::framing::{BodyLength, Framing, FramingRule};
pub use message::head::{
    FieldLine, FieldLines, FieldPlaces, FieldSection, FieldValue, FieldValueOctets, RequestHead, RequestPlaces,
    ResponseHead, ResponsePlaces,
};
pub use message::head_facts::HeadFacts;
#[cfg(feature = "http")]
pub use message::http_types::{HttpFields, IntentError, IntentFields, NotHttp1};
pub use message::keep_alive::KeepAlive;
pub use message::method::{Method, MethodKind, Version};
pub use message::output::Output;
pub use message::request::Request;
pub use message::response::Response;
pub use message::target::{PathAndQuery, Target, TargetForm};

pub use lifecycle::Lifecycle;
pub use lifecycle::canonical::Canonical;
pub use lifecycle::content_use::ContentUse;
pub use lifecycle::deadline::{Deadline, DeadlineCause, DeadlineFact, DeadlineKind};
pub use lifecycle::idleness::Idleness;
pub use lifecycle::parking::Parked;
pub use lifecycle::persistence::{CloseReason, Persistence, ReuseReason, TunnelReason};
pub use lifecycle::phase::Phase;
pub use lifecycle::retry::Reusable;
pub use lifecycle::wants::{Party, ReadWant, Shut, Turn, Wants};
pub use lifecycle::{persistence, retry};

pub use connection::event::{Eof, Event, Framed, Outcome, PauseReason, Received, Written};
pub use connection::role::Role;
pub use connection::summary::{Account, ConnectionSummary, ExchangeSummary, Reasons};
pub use connection::{CanonicalConnection, Connection};

#[cfg(feature = "std")]
pub use queues::deadline_queue::{Armed, DeadlineQueue};
#[cfg(feature = "std")]
pub use queues::idle_queue::{IdleQueue, Queued};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
