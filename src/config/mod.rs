//! What a connection keeps to: limits on what it reads, timeouts, and policies where the texts leave a choice.
//!
//! A [`Config`] is checked once, across all its fields, and is shared by any number of connections; a connection then
//! never fails to build. Everything is strict by default. A leniency is a named setting of [`Policy`], with the clause
//! that permits it.
//!
//! Built in a `const`:
//!
//! ```
//! use core::time::Duration;
//! use http_keepalive::{Config, Limits, Policy, Server, Timeouts};
//!
//! static CONFIG: Config<Server> = match Config::new(
//!     Limits::DEFAULT.with_max_exchanges(Some(100)),
//!     Timeouts::DEFAULT.with_idle(Some(Duration::from_secs(15))).with_idle_advertised(Some(Duration::from_secs(10))),
//!     Policy::DEFAULT,
//! ) {
//!     Ok(config) => config,
//!     Err(_) => panic!("out of bounds"),
//! };
//! assert_eq!(CONFIG.limits().max_exchanges, Some(100));
//! ```

#[cfg(feature = "serde")]
pub(crate) mod by_name;
pub(crate) mod nanos;
pub(crate) mod nearest;

use core::marker::PhantomData;
use core::time::Duration;

use crate::config::nanos::{Span, Spans};
use crate::error::ConfigError;

/// We read requests and send responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it has no values: nobody can match it")]
pub enum Server {}

/// We send requests and read responses; up to `DEPTH` may be outstanding (RFC 9112 9.3.2), at least one.
///
/// ```
/// # use http_keepalive::*;
/// Connection::<Client<1>>::new(Instant::EPOCH, &Config::DEFAULT);
/// ```
///
/// With none no request could be sent, so it does not compile:
///
/// ```compile_fail
/// # use http_keepalive::*;
/// Connection::<Client<0>>::new(Instant::EPOCH, &Config::DEFAULT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it has no values: nobody can match it")]
pub enum Client<const DEPTH: usize = 1> {}

/// A struct of settings with a constant default and a `const` setter for each.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$doc:meta])* $field:ident / $with:ident: $kind:ty = $default:expr; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$doc])* pub $field: $kind, )+
        }

        impl $name {
            /// The defaults, as each field explains its own.
            pub const DEFAULT: Self = Self { $($field: $default),+ };

            $(
                #[doc = concat!("With `", stringify!($field), "` set so.")]
                #[must_use]
                pub const fn $with(mut self, $field: $kind) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self::DEFAULT
            }
        }

        #[cfg(feature = "serde")]
        impl crate::config::by_name::sealed::Sealed for $name {}

        #[cfg(feature = "serde")]
        impl crate::config::by_name::Settings for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];

            fn set(
                &mut self,
                name: &str,
                value: &crate::config::by_name::Value,
            ) -> Result<(), crate::config::by_name::SettingError> {
                match name {
                    $(stringify!($field) => {
                        self.$field = crate::config::by_name::read(stringify!($field), value)?;
                        Ok(())
                    })+
                    _ => Err(crate::config::by_name::unknown(name, Self::NAMES)),
                }
            }

            fn value(&self, name: &str) -> Option<crate::config::by_name::Value> {
                match name {
                    $(stringify!($field) => Some(crate::config::by_name::Written::written(&self.$field)),)+
                    _ => None,
                }
            }
        }
    };
}

const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

settings! {
    /// How much of anything a peer may send. Octets unless said otherwise; a line counts with its line end.
    pub struct Limits {
        /// A start line: a longer target is answered by 414. RFC 9112 3 asks for at least 8000.
        start_line / with_start_line: u32 = 16 * 1024;
        /// A field line, also one in a trailer section. As much as a head: cookies and tickets are long.
        field_line / with_field_line: u32 = 64 * 1024;
        /// A head with its empty line. 64 KiB is what common servers take or more.
        head / with_head: u32 = 64 * 1024;
        /// Field lines in one head. Browsers send 12 to 30.
        field_lines / with_field_lines: u16 = 128;
        /// A trailer section with its empty line.
        trailer_section / with_trailer_section: u32 = 16 * 1024;
        /// Field lines in one trailer section.
        trailer_lines / with_trailer_lines: u16 = 64;
        /// Empty lines before a start line. RFC 9112 2.2 asks for one to be ignored; some clients send two.
        empty_lines / with_empty_lines: u8 = 4;
        /// A chunk's extensions: nobody is known to need any.
        chunk_extension / with_chunk_extension: u16 = 1024;
        /// The chunk extensions of one message together (RFC 9112 7.1.1).
        chunk_extensions / with_chunk_extensions: u32 = 16 * 1024;
        /// Octets of chunk framing (sizes, extensions, line ends) in one message beyond eight for each octet of content received
        /// before them. Chunks of one octet, five of framing to each, pass without end; sizes of many digits, which would cost
        /// far more than the content that other limits count, do not. `None`: any number (RFC 9112 7.1).
        chunk_framing / with_chunk_framing: Option<u32> = Some(16 * 1024);
        /// Content of one message as received; more is answered by 413. `None`: the application decides.
        content / with_content: Option<u64> = None;
        /// Unread content that is discarded to keep a connection: inclusive. What would take longer to read than a new
        /// connection takes to open is not worth it.
        unread_octets / with_unread_octets: Option<u64> = Some(64 * 1024);
        /// Octets discarded after we shut our side, to protect an answer already sent. Tens of MiB, so that a client
        /// that writes everything before it reads still sees a refusal; the time limits bound it in practice.
        linger_octets / with_linger_octets: Option<u64> = Some(64 * 1024 * 1024);
        /// Exchanges on one connection; the last response says `close`. As nginx.
        max_exchanges / with_max_exchanges: Option<u32> = Some(1000);
        /// Octets of one connection, both ways: the response that reaches it, its content of known length counted, says `close`.
        /// A [`Connection`](crate::Connection) counts what it has consumed, so pipelined requests count when it is their turn, however they were
        /// cut into reads; a [`Lifecycle`](crate::Lifecycle) counts what it is told to have come. Off: a count of exchanges and an age bound a
        /// connection's life already.
        max_octets / with_max_octets: Option<u64> = None;
        /// Per cent by which `max_exchanges`, `max_octets` and the timeout `age` vary from connection to connection, up and down, by
        /// [`with_seed`](crate::Connection::with_seed): 0 to 50, so that no life is short. A thousand that opened together do not end together.
        jitter / with_jitter: u8 = 0;
        /// Interim responses to one request. `None`: any number.
        interim_responses / with_interim_responses: Option<u8> = Some(16);
    }
}

settings! {
    /// How long anything may take. `None`: for ever. Which state arms which is written in [`DeadlineKind`](crate::DeadlineKind).
    pub struct Timeouts {
        /// A fresh connection, until its first octet.
        first_octet / with_first_octet: Option<Duration> = secs(30);
        /// Between exchanges, no octet either way. Longer than the 60 s of common load balancers. A client's is to be shorter than its
        /// server's, as that of [`CLIENT`](Self::CLIENT) is, 60 s: [`choosing_a_timeout`](crate::choosing_a_timeout). It does not bound
        /// a client's connection that has carried no request yet.
        idle / with_idle: Option<Duration> = secs(65);
        /// What `Keep-Alive: timeout=` says: never more than `idle`, so an `idle` below 60 s needs this to be set, too. The difference is the guard that keeps a client
        /// which trusts the hint from meeting our close.
        idle_advertised / with_idle_advertised: Option<Duration> = secs(60);
        /// After an exchange, no close by us before this.
        idle_shield / with_idle_shield: Option<Duration> = secs(1);
        /// A head as a whole, from its first octet. As Apache httpd's mod_reqtimeout.
        head / with_head: Option<Duration> = secs(20);
        /// Octets a second that extend `head`.
        head_rate / with_head_rate: Option<u32> = Some(500);
        /// The most that `head_rate` can extend `head` to.
        head_cap / with_head_cap: Option<Duration> = secs(40);
        /// Between two pieces of received content.
        content_gap / with_content_gap: Option<Duration> = secs(20);
        /// Octets a second that received content must keep over the whole, `content_gap` given in advance; without that, none.
        content_rate / with_content_rate: Option<u32> = Some(500);
        /// From a complete request to the first octet of its response. And while the application takes no content
        /// ([`ContentUse::Paused`](crate::ContentUse::Paused)), from when it paused. The application's business: off.
        application / with_application: Option<Duration> = None;
        /// From a request sent to the first octet of its response.
        response / with_response: Option<Duration> = None;
        /// Octets wait to be sent and none leaves.
        write_stall / with_write_stall: Option<Duration> = secs(60);
        /// Octets a second at which those of a message that wait must leave, over the whole, `write_stall` given in advance; without that,
        /// none. Time in which none waits does not count. Off: a slow reader is no attacker. Where slow reads are an attack, as much as
        /// `content_rate` asks of what comes.
        send_rate / with_send_rate: Option<u32> = None;
        /// A peer closed its side and is owed an answer of which no octet goes: so long after its end, or after the last octet of ours that
        /// left since. 60 s: who stands before a server (nginx, load balancers of clouds) gives up after as long without an octet.
        half_closed / with_half_closed: Option<Duration> = secs(60);
        /// One exchange from its first octet to its last: off, since downloads may be long.
        exchange / with_exchange: Option<Duration> = None;
        /// Wait for `100 (Continue)` before content is sent all the same.
        expect / with_expect: Option<Duration> = secs(1);
        /// Staged close: from our half-close to the close, as nginx and Apache httpd.
        linger / with_linger: Option<Duration> = secs(30);
        /// Staged close: between two octets of the peer.
        linger_gap / with_linger_gap: Option<Duration> = secs(5);
        /// From the begin of a drain to its hard end.
        drain / with_drain: Option<Duration> = secs(30);
        /// In a drain, how long idle and fresh connections stay, so that a request already on its way is answered, with `close`.
        /// None: they close at once, and what is on its way meets a closed connection. As HAProxy's `idle-close-on-response`.
        drain_window / with_drain_window: Option<Duration> = None;
        /// Added to `drain_window`: up to so much, by [`with_seed`](crate::Connection::with_seed), so that their peers do not
        /// all come back at once.
        drain_spread / with_drain_spread: Option<Duration> = None;
        /// Since the connection opened; cut at message boundaries. As nginx. An idle connection is closed at it, whatever
        /// `Keep-Alive` has said before: who keeps connections to such a server keeps them for less.
        age / with_age: Option<Duration> = secs(3600);
        /// Taken off the peer's `Keep-Alive: timeout` before it bounds reuse.
        hint_margin / with_hint_margin: Option<Duration> = secs(2);
    }
}

/// What is done with octets outside the grammar that the texts let a recipient repair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "to refuse or to accept: there is no third")]
pub enum Tolerance {
    /// Refuse the message.
    #[default]
    Refuse,
    /// Accept it in the one way the setting names.
    Accept,
}

impl Tolerance {
    pub(crate) const fn accepts(self) -> bool {
        matches!(self, Self::Accept)
    }
}

/// Whether something permitted is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "on or off: there is no third")]
pub enum Use {
    /// It is done.
    On,
    /// It is not.
    Off,
}

impl Use {
    pub(crate) const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

/// What follows when a client closes its side after a request that is not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HalfClose {
    /// It is answered: TCP can close one side (RFC 9112 9.6).
    Answer,
    /// The client is taken to have gone, and nothing more is done for it.
    Abort,
}

/// How a server closes an idle connection that has been looked at once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdleClose {
    /// At once: nothing of ours is under way. A request that arrives between the last look and the close meets a reset.
    AtOnce,
    /// In stages as any other close: such a request meets our FIN, the octets are discarded, and the socket stays until the
    /// client has closed its side, for `linger_gap` at most.
    Staged,
}

/// When a server ends a connection that is as old as one may become (`age`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AgeClose {
    /// At any time: an idle or fresh connection is closed at its age. What is promised in `Keep-Alive: timeout=` ends before.
    Any,
    /// With a response that says `close`: an idle or fresh connection is never closed for its age, and none without a word. As nginx
    /// and, where it is asked to, Envoy.
    Announced,
}

/// What a drain does with a server's idle and fresh connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DrainMode {
    /// They are closed, once `drain_window` is over.
    Close,
    /// They stay, and so may new ones: each is served, and its response says `close`. They end by their own timeouts, and at the hard end
    /// (`drain`). For a server whose load balancer goes on sending for a while.
    LameDuck,
}

/// When a `Keep-Alive` field is sent. Never without `Connection: keep-alive` beside it (RFC 2068 19.7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeepAliveField {
    /// Never.
    Never,
    /// To a peer that sent the connection option `keep-alive`.
    OnOption,
    /// Whenever the connection stays open.
    Always,
}

/// What a request says of persistence beyond what HTTP/1.1 takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestHint {
    /// Nothing: in HTTP/1.1 connections persist.
    Silent,
    /// `Connection: keep-alive`: for this many servers say how long they wait, which `Keep-Alive` of theirs is obeyed.
    Ask,
    /// Beside it `Keep-Alive: timeout=`, our idle timeout in seconds.
    Timeout,
    /// Beside it `Keep-Alive`: the number of seconds alone, as old browsers sent it.
    BareNumber,
}

settings! {
    /// Choices the texts leave open: strict defaults, each leniency by name.
    ///
    /// **None reaches into chunk framing** but `chunk_size_whitespace`, which is about nothing else: RFC 9112 7.1 allows no bare
    /// LF. The lines of a trailer section are field lines, which `bare_lf`, `bare_cr`, `control_octets`, the two `_fold` and
    /// `response_colon_space` may let be as elsewhere; the empty line that ends the section belongs to the chunked body and is CRLF
    /// always. No line before the first trailer field is dropped or continues the last chunk's, whatever
    /// `whitespace_before_fields` and the two `_fold` say.
    pub struct Policy {
        /// LF alone ends start lines and field lines, and the empty line after a head; never in chunk framing: not the empty line
        /// after trailers, either (RFC 9112 2.2, 7.1).
        bare_lf / with_bare_lf: Tolerance = Tolerance::Refuse;
        /// A CR without LF in a field value stands for a space (RFC 9112 2.2).
        bare_cr / with_bare_cr: Tolerance = Tolerance::Refuse;
        /// NUL in a field value stands for a space, other control octets are kept; not in the fields that decide framing
        /// or routing (RFC 9110 5.5).
        control_octets / with_control_octets: Tolerance = Tolerance::Refuse;
        /// Lines that begin with whitespace before the first field line are dropped (RFC 9112 2.2).
        whitespace_before_fields / with_whitespace_before_fields: Tolerance = Tolerance::Refuse;
        /// Runs of whitespace separate the parts of a start line (RFC 9112 3).
        start_line_whitespace / with_start_line_whitespace: Tolerance = Tolerance::Refuse;
        /// Octets above 0x7F in a request target pass as they are (RFC 9112 3.2).
        target_octets / with_target_octets: Tolerance = Tolerance::Refuse;
        /// A field line of a request continued on the next is unfolded (RFC 9112 5.2).
        request_fold / with_request_fold: Tolerance = Tolerance::Refuse;
        /// A field line of a response continued on the next is unfolded: a user agent must, a gateway may refuse
        /// (RFC 9112 5.2).
        response_fold / with_response_fold: Tolerance = Tolerance::Accept;
        /// Whitespace between name and colon in a response is stripped (RFC 9112 5.1). Never in a request.
        response_colon_space / with_response_colon_space: Tolerance = Tolerance::Refuse;
        /// The same `Content-Length` more than once counts as one (RFC 9112 6.3, item 5).
        repeated_length / with_repeated_length: Tolerance = Tolerance::Refuse;
        /// `Transfer-Encoding` overrides `Content-Length`, and the connection closes after the message (RFC 9112 6.3, item 3).
        length_and_coding / with_length_and_coding: Tolerance = Tolerance::Refuse;
        /// `Transfer-Encoding` counts in an HTTP/1.0 message, and the connection closes after it (RFC 9112 6.1).
        http10_coding / with_http10_coding: Tolerance = Tolerance::Refuse;
        /// Codings beside `chunked` in a request are left to the application to decode (RFC 9112 6.1).
        other_codings / with_other_codings: Tolerance = Tolerance::Refuse;
        /// SP and HTAB between a chunk size and its CRLF are dropped (RFC 9112 7.1).
        chunk_size_whitespace / with_chunk_size_whitespace: Tolerance = Tolerance::Refuse;
        /// Trailer fields that would change framing, routing or persistence are dropped from a request's trailer section
        /// (RFC 9110 6.5.1). In a response they always are.
        request_trailers / with_request_trailers: Tolerance = Tolerance::Refuse;
        /// An expectation we do not know is ignored (RFC 9110 10.1.1).
        expectation / with_expectation: Tolerance = Tolerance::Refuse;
        /// The `Host` rule of RFC 9112 3.2 is checked here; off where the caller checks it.
        host / with_host: Use = Use::On;
        /// Connections persist at all (RFC 9112 9.3).
        persistence / with_persistence: Use = Use::On;
        /// `Connection: keep-alive` of an HTTP/1.0 peer is honoured (RFC 9112 9.3).
        http10_keep_alive / with_http10_keep_alive: Use = Use::On;
        /// When we say how long we will wait.
        keep_alive_field / with_keep_alive_field: KeepAliveField = KeepAliveField::OnOption;
        /// What a client's requests say of how long it will wait.
        request_hint / with_request_hint: RequestHint = RequestHint::Silent;
        /// Requests are sent before the responses to earlier ones have come, where that is safe (RFC 9112 9.3.2).
        pipelining / with_pipelining: Use = Use::On;
        /// `Keep-Alive: max` is a budget for a client that does not pipeline, too: Apache httpd enforces it. Off: only 0 counts, as
        /// MDN has it.
        max_hint / with_max_hint: Use = Use::On;
        /// A client stops sending content when a final status of 400 or above comes early, though the response does not say `close`;
        /// off: it is sent to its end, so that the connection stays (RFC 9110 7.5).
        stop_refused_content / with_stop_refused_content: Use = Use::Off;
        /// How a server closes an idle or fresh connection by itself (RFC 9112 9.6).
        idle_close / with_idle_close: IdleClose = IdleClose::AtOnce;
        /// When a server ends a connection for its `age` (RFC 9112 9.5). A client's is closed at it.
        age_close / with_age_close: AgeClose = AgeClose::Any;
        /// What a drain does with a server's idle and fresh connections (RFC 9112 9.6).
        drain_mode / with_drain_mode: DrainMode = DrainMode::Close;
        /// 503 with `close` where the timeout `application` passed before a response began; off: silence (RFC 9110 15.6.4).
        application_timeout_response / with_application_timeout_response: Use = Use::Off;
        /// A client's FIN after its request.
        half_close / with_half_close: HalfClose = HalfClose::Answer;
        /// 408 where a request had begun when its time ran out; off: silence (RFC 9110 15.5.9).
        request_timeout_response / with_request_timeout_response: Use = Use::On;
        /// After a final status that was sent instead of `100 (Continue)`, whichever it is, what comes next is read as the content,
        /// to keep the connection; off: `close` (RFC 9110 10.1.1). On only where every client sends its content all the same: of one
        /// that leaves it out, the next requests vanish in it. Authentication that is bound to a connection needs it: a client
        /// that is answered 401 while it waits, as in NTLM, must ask again on the same one.
        read_unwanted_content / with_read_unwanted_content: Use = Use::Off;
    }
}

/// A checked set of [`Limits`], [`Timeouts`] and [`Policy`] for one role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config<R> {
    settings: Settings,
    role: PhantomData<fn() -> R>,
}

/// What a [`Config`] holds, whatever the role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) policy: Policy,
    /// The timeouts, as they are counted.
    pub(crate) spans: Spans,
    /// How long before its age a server's connection is promised to nobody any more.
    pub(crate) hint_guard: Span,
    /// A response that goes out so long before the age, or later, says `close`.
    pub(crate) age_notice: Span,
}

impl Settings {
    pub(crate) const fn new(limits: Limits, timeouts: Timeouts, policy: Policy) -> Self {
        let spans = Spans::of(&timeouts);
        let guard = match (timeouts.idle, timeouts.idle_advertised) {
            (Some(_), Some(_)) => spans.idle.less(spans.idle_advertised).at_most(MOST_GUARD),
            _ => Span::of_nanos(0),
        };
        let notice = match policy.age_close {
            // less than a second would be left
            AgeClose::Any => guard.plus(Span::of_nanos(999_999_999)),
            AgeClose::Announced => Span::of_nanos(0),
        };
        Self { limits, timeouts, policy, spans, hint_guard: guard, age_notice: notice }
    }
}

impl Timeouts {
    /// What may be advertised of this idle timeout, so that a client which trusts it does not meet the close: 5 s less, or half of
    /// it if that is longer; of less than a second nothing, since seconds are said.
    pub fn advertised(idle: Duration) -> Option<Duration> {
        let told = idle - Duration::from_secs(5).min(idle / 2);
        Some(told).filter(|told| *told >= Duration::from_secs(1))
    }

    /// Those of a client by default: [`DEFAULT`](Self::DEFAULT), and less than a server of the same defaults keeps to, for whoever is
    /// connected to must outlast whoever connects.
    pub const CLIENT: Self = Self::DEFAULT.with_idle(secs(60)).with_age(secs(3000));
}

impl<R> Config<R> {
    pub(crate) const fn of(settings: Settings) -> Self {
        Self { settings, role: PhantomData }
    }

    /// Checks the settings against each other.
    ///
    /// # Errors
    ///
    /// A setting is out of its bounds, or does not fit another one: the first that is found, and what it must be.
    pub const fn new(limits: Limits, timeouts: Timeouts, policy: Policy) -> Result<Self, ConfigError> {
        const fn broken<R>(setting: &'static str, bound: &'static str) -> Result<Config<R>, ConfigError> {
            Err(ConfigError { setting, bound })
        }
        if limits.start_line < 16 {
            return broken("start_line", "at least 16 octets");
        }
        if limits.field_line < 16 {
            return broken("field_line", "at least 16 octets");
        }
        if limits.field_line > MOST_HEAD {
            return broken("field_line", "at most 16 MiB");
        }
        if limits.head <= limits.start_line {
            return broken("head", "more than `start_line`");
        }
        if limits.head > MOST_HEAD {
            return broken("head", "at most 16 MiB");
        }
        if limits.trailer_section < 2 || limits.trailer_section > MOST_HEAD {
            return broken("trailer_section", "2 octets to 16 MiB");
        }
        if matches!(limits.chunk_framing, Some(..16)) {
            return broken("chunk_framing", "at least 16 octets");
        }
        if limits.jitter > 50 {
            return broken("jitter", "at most 50 per cent");
        }
        if matches!(limits.max_exchanges, Some(0)) {
            return broken("max_exchanges", "at least 1");
        }
        if matches!(timeouts.head_rate, Some(0)) {
            return broken("head_rate", "at least 1 octet a second");
        }
        if matches!(timeouts.content_rate, Some(0)) {
            return broken("content_rate", "at least 1 octet a second");
        }
        if matches!(timeouts.send_rate, Some(0)) {
            return broken("send_rate", "at least 1 octet a second");
        }
        if let (Some(advertised), Some(idle)) = (timeouts.idle_advertised, timeouts.idle) {
            if advertised.as_nanos() > idle.as_nanos() {
                return broken("idle_advertised", "at most `idle`");
            }
        }
        if let (Some(head), Some(cap)) = (timeouts.head, timeouts.head_cap) {
            if timeouts.head_rate.is_some() && cap.as_nanos() < head.as_nanos() {
                return broken("head_cap", "at least `head`");
            }
        }
        Ok(Self { settings: Settings::new(limits, timeouts, policy), role: PhantomData })
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// The timeouts.
    pub const fn timeouts(&self) -> &Timeouts {
        &self.settings.timeouts
    }

    /// The policies.
    pub const fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// A buffer of this many octets is never full while more are needed: what must lie in one piece is a head, a trailer
    /// section, or a line between chunks.
    pub const fn min_buffer(&self) -> usize {
        let (head, trailers) = (self.settings.limits.head, self.settings.limits.trailer_section);
        if head > trailers { head as usize } else { trailers as usize }
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The most that is kept between what is promised and the age.
const MOST_GUARD: Span = Span::of_nanos(5_000_000_000);

/// Positions in a head are counted in 32 bits.
const MOST_HEAD: u32 = 16 * 1024 * 1024;
