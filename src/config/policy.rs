//! Choices the texts leave open: strict defaults, each leniency by name.

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

/// What is asked of `Host` in a request (RFC 9112 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostRule {
    /// It is there once, and within the grammar: what the text asks for. In HTTP/1.0 it may be absent.
    On,
    /// The same, but it may be absent in HTTP/1.1, too: health checks of load balancers leave it out. Never two.
    Optional,
    /// Nothing: the caller checks it.
    Off,
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
        /// Runs of whitespace separate the parts of a start line, a status line's too (RFC 9112 3, 4).
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
        /// Lines of a response's head that are no field lines, such as a warning of the program that made it, are dropped, as browsers
        /// and curl do: those without a colon, or whose name is no token. Never one that may be meant for `Content-Length`,
        /// `Transfer-Encoding` or `Connection`; never in a trailer section or a request (RFC 9112 5.1, 11.2).
        response_junk_lines / with_response_junk_lines: Tolerance = Tolerance::Refuse;
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
        /// What is asked of `Host` in a request (RFC 9112 3.2).
        host / with_host: HostRule = HostRule::On;
        /// Connections persist at all (RFC 9112 9.3).
        persistence / with_persistence: Use = Use::On;
        /// `Connection: keep-alive` of an HTTP/1.0 peer is honoured (RFC 9112 9.3).
        http10_keep_alive / with_http10_keep_alive: Use = Use::On;
        /// `Proxy-Connection` of a response counts as `Connection` does: for a client's connection to a proxy that says `keep-alive` or
        /// `close` in no other way, as some that speak HTTP/1.0 do. Nothing in it names a field to be removed. Off where the peer is no
        /// proxy: who forwards the field without knowing it would keep, or close, another connection (RFC 9112 C.2.2).
        proxy_connection / with_proxy_connection: Use = Use::Off;
        /// A 421 ends a client's connection: another one is asked for (RFC 9110 15.5.20). Off for a connection to a proxy, which carries
        /// requests for other origins.
        misdirected_close / with_misdirected_close: Use = Use::On;
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
