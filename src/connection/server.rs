//! What only a server does: reads request heads, sends interim and final responses and refusals.

use core::ops::Deref;

use crate::config::{Config, Server};
use crate::connection::Connection;
use crate::connection::event::{Event, Outcome, Received, Written};
use crate::connection::receive::{Reading, Reads, Step};
use crate::error::ProtocolErrorKind::{BareCr, BareLf, EmptyLines};
use crate::error::{Misuse, ProtocolError, ProtocolErrorKind, SendError};
use crate::lifecycle::idleness::Idleness;
use crate::lifecycle::request_received;
use crate::lifecycle::response_to_send;
use crate::message::announcement::Content;
use crate::message::fields_to_send::{Fields, NO_FIELDS};
use crate::message::head::{Fault, FieldSection, FieldTable, Rules, Section};
use crate::message::head::{RequestHead, blamed_field};
use crate::message::output::{Base, Output};
use crate::message::response::Response;
use crate::message::writer::Writer;
use crate::status::StatusCode;
use crate::time::Instant;

impl Reads for Server {
    const TRAILERS: Section = Section::RequestTrailers;

    #[inline(always)]
    fn receive_next<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
    ) -> Result<Received<'b>, ProtocolError> {
        connection.receive_request(now, buf)
    }

    #[inline(always)]
    fn receive_next_into<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
        outcome: &mut Outcome<'b>,
    ) -> Result<usize, ProtocolError> {
        connection.receive_request_into(now, buf, outcome)
    }

    #[inline(always)]
    fn receive_head<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
        table: Option<&FieldTable>,
        outcome: &mut Outcome<'b>,
    ) -> Result<Step, ProtocolError> {
        let Reading::Head(progress) = &mut connection.reading else { return Ok(Step::NeedMore(0)) };
        match buf.first() {
            None => return Ok(Step::NeedMore(0)),
            Some(b'\r' | b'\n') => return connection.skip_empty_line(now, buf),
            Some(_) => {}
        }
        let (state, settings) = connection.lifecycle.parts();
        state.head_octets(now, buf.len() as u64);
        if state.owes_refusal() {
            // it was kept for the request that begins
            return connection.discard(now, buf, outcome);
        }
        let rules = Rules { section: Section::Request, limits: &settings.limits, policy: &settings.policy };
        // read where it is returned from: a head is long to move
        *outcome = Outcome::Event(Event::Request(RequestHead::new()));
        let Outcome::Event(Event::Request(head)) = outcome else { return Ok(Step::NeedMore(0)) };
        if let Some(table) = table {
            *head.fields.table() = *table;
        }
        let octets = match progress.read_request(rules, buf, head) {
            Ok(Some(octets)) => octets,
            Ok(None) => return Ok(Step::NeedMore(0)),
            Err(fault) => {
                if progress.has_start_line() {
                    request_received::record_request(state, &progress.facts);
                }
                return Err(connection.fail(now, fault));
            }
        };
        head.framing = match request_received::received(state, settings, now, &progress.facts) {
            Ok(framing) => framing,
            Err(kind) => {
                let fault = Fault::new(kind, place_of(buf, &head.fields, kind));
                return Err(connection.failed(fault));
            }
        };
        connection.reading = Reading::content(head.framing.length, &settings.limits);
        Ok(Step::Done(octets))
    }
}

/// Where what is wrong with a complete head is: in the last field line of the name that is to blame, for that line made the difference, else
/// at the begin.
#[cold]
pub(crate) fn place_of(buf: &[u8], fields: &FieldSection<'_>, kind: ProtocolErrorKind) -> usize {
    let blamed = blamed_field(kind)
        .and_then(|name| fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name.as_bytes())).last());
    blamed.map_or(0, |field| field.name.as_ptr() as usize - buf.as_ptr() as usize)
}

impl<C: Deref<Target = Config<Server>>> Connection<Server, C> {
    /// Empty lines before a request line are skipped (RFC 9112 2.2), a bounded number of them.
    #[cold]
    fn skip_empty_line(&mut self, now: Instant, buf: &[u8]) -> Result<Step, ProtocolError> {
        let (state, settings) = self.lifecycle.parts();
        let octets = match buf {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] if settings.policy.bare_lf.accepts() => 1,
            [b'\r'] => {
                if state.octets_unread() == 0 {
                    state.stray_octets(now);
                }
                return Ok(Step::NeedMore(0));
            }
            [b'\r', ..] => return Err(self.fail(now, Fault::new(BareCr, 0))),
            _ => return Err(self.fail(now, Fault::new(BareLf, 0))),
        };
        if !state.count_empty_line(settings) {
            return Err(self.fail(now, Fault::new(EmptyLines, 0)));
        }
        state.stray_octets(now);
        Ok(Step::Again(octets))
    }

    /// Writes an interim response (RFC 9110 15.2): any number before the final one, in order; not `101`. A `100 (Continue)` that nobody
    /// waits for, or no longer since content has come, is nothing to write: 0 octets.
    ///
    /// # Errors
    ///
    /// [`SendError::OutputTooSmall`]: it does not fit. [`SendError::Ended`]: the connection has ended, or a refusal is due.
    /// [`SendError::Misuse`]: there is no request to answer, its final response has begun, its client speaks HTTP/1.0, the connection is
    /// a tunnel, the status is no interim one or is `101`, or a field may not be sent. Nothing was written, and nothing has moved.
    pub fn send_interim(
        &mut self,
        now: Instant,
        status: StatusCode,
        fields: impl Fields,
        out: &mut (impl Output + ?Sized),
    ) -> Result<usize, SendError> {
        self.write_interim(now, status, fields, out.base())
    }

    fn write_interim(
        &mut self,
        now: Instant,
        status: StatusCode,
        fields: impl Fields,
        out: &mut (impl Base + ?Sized),
    ) -> Result<usize, SendError> {
        let (state, terms) = self.lifecycle.parts_on_terms();
        let now = state.tick(now);
        if !response_to_send::judge_interim(state, status)? {
            return Ok(0);
        }
        let mut writer = Writer::new(out);
        writer.status_line(status);
        if writer.fields(fields, None)? {
            writer.put(b"Connection: upgrade\r\n");
        }
        writer.put(b"\r\n");
        let written = writer.finish()?;
        state.begin_to_send(now, terms);
        state.written(now, written as u64);
        response_to_send::record_interim(state, status);
        self.check();
        Ok(written)
    }

    /// Writes `100 (Continue)`: the client sends its content now (RFC 9110 10.1.1).
    ///
    /// # Errors
    ///
    /// As [`send_interim`](Self::send_interim).
    pub fn send_continue(&mut self, now: Instant, out: &mut (impl Output + ?Sized)) -> Result<usize, SendError> {
        self.send_interim(now, StatusCode::CONTINUE, NO_FIELDS, out)
    }

    /// Writes the head of the final response to the request received, with what must be said of the connection and of the
    /// content. `content` is what the application has; to a request or with a status that allows none, none is sent. A [`Response`] says
    /// more than its status: an own reason phrase, that the connection ends with it, or that it goes out as HTTP/1.0.
    ///
    /// `101` switches to a protocol that was offered, named in an `Upgrade` field; a successful answer to CONNECT opens a
    /// tunnel: after either the octets are no longer ours.
    ///
    /// A field line that may not be sent keeps back the whole response ([`Misuse::FieldName`], [`Misuse::FieldValue`],
    /// [`Misuse::OwnedField`], [`Misuse::Upgrade`], [`Misuse::TeChunked`]), and no octet is lost or moved. Who sends lines that are not
    /// its own asks [`check_field`](crate::check_field) of each, leaves out and reports those that are wrong, and sends the others; or
    /// answers 500. Whitespace at the ends of a value is not sent, and is no mistake.
    ///
    /// # Errors
    ///
    /// [`SendError::OutputTooSmall`]: the head does not fit. [`SendError::Ended`]: the connection has ended. [`SendError::Misuse`]:
    /// there is no request to answer, its final response has begun, the connection is a tunnel, the status is no final one, a `101` was
    /// not offered, it or a `426` is without `Upgrade`, a switch or a tunnel comes before the request is whole, or a field, a version or a
    /// reason phrase may not be sent. Nothing was written, and nothing has moved.
    #[inline]
    pub fn send_response<'r>(
        &mut self,
        now: Instant,
        response: impl Into<Response<'r>>,
        fields: impl Fields,
        content: Content,
        out: &mut (impl Output + ?Sized),
    ) -> Result<usize, SendError> {
        let written = self.write_response(now, response.into(), fields, content, &[], out.base())?;
        Ok(written.written)
    }

    /// Writes the final response whose content is at hand: its head, as [`send_response`](Self::send_response) with
    /// [`Content::Exact`], and as much of the content as there is room for after it. What was not taken is to be sent by
    /// [`send_content`](Self::send_content); where all was, the response is complete. Content that may not be sent (to HEAD, in a 304) is
    /// taken and not written.
    ///
    /// ```
    /// use http_keepalive::*;
    ///
    /// let now = Instant::from_secs(1);
    /// let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
    /// connection.receive(now, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
    /// connection.receive(now, b"")?;
    /// let mut out = [0; 64];
    /// let written = connection.send_response_with(now, StatusCode::OK, NO_FIELDS, b"ok", &mut out)?;
    /// assert_eq!(written.consumed, 2);
    /// assert_eq!(&out[..written.written], b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_response`](Self::send_response).
    #[inline]
    pub fn send_response_with<'r>(
        &mut self,
        now: Instant,
        response: impl Into<Response<'r>>,
        fields: impl Fields,
        content: &[u8],
        out: &mut (impl Output + ?Sized),
    ) -> Result<Written, SendError> {
        let length = Content::Exact(content.len() as u64);
        self.write_response(now, response.into(), fields, length, content, out.base())
    }

    /// `begin` is of content of exact length.
    // inlined: -177 `response-head`
    #[inline(always)]
    fn write_response(
        &mut self,
        now: Instant,
        response: Response<'_>,
        fields: impl Fields,
        content: Content,
        begin: &[u8],
        out: &mut (impl Base + ?Sized),
    ) -> Result<Written, SendError> {
        let (state, terms) = self.lifecycle.parts_on_terms();
        let settings = terms.connection;
        let now = state.tick(now);
        let (request, unread) = (state.request_facts(), u64::from(state.octets_unread()));
        let plan = response_to_send::judge(state, request, settings, now, &response, content, unread)?;
        let mut writer = Writer::new(out);
        writer.response_line(&response);
        let switches = plan.options.upgrade;
        let upgrades = writer.fields(fields, if switches { Some(state.offers()) } else { None })?;
        let needed = switches || response.status == StatusCode::UPGRADE_REQUIRED;
        if needed && !upgrades {
            return Err(Misuse::UpgradeNotOffered.into());
        }
        writer.announce_to_end(plan.framing, plan.options.with_upgrade(upgrades), plan.hint, None);
        let is_sent = plan.sends_content();
        let consumed = if is_sent { writer.put_what_fits(begin) } else { begin.len() };
        let written = writer.finish()?;
        state.begin_to_send(now, terms);
        state.written(now, written as u64);
        response_to_send::record(state, settings, now, &plan);
        if is_sent && consumed > 0 {
            self.lifecycle.exact_content_sent(now, consumed as u64);
        }
        self.check();
        Ok(Written { consumed, written })
    }

    /// Refuses the request that is open, or the next one: [`Lifecycle::refuse`](crate::Lifecycle::refuse).
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, or another refusal is due. [`SendError::Misuse`]: the response has begun, the status
    /// is not of 400 to 599, or the connection is a tunnel. Nothing has moved.
    pub fn refuse(&mut self, now: Instant, status: StatusCode) -> Result<(), SendError> {
        self.lifecycle.refuse(now, status)?;
        self.see_looks();
        self.check();
        Ok(())
    }

    /// The application will not answer, or not go on: [`Lifecycle::application_gone`](crate::Lifecycle::application_gone).
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended. [`SendError::Misuse`]: there is no request, or the connection is a tunnel. Nothing
    /// has moved.
    pub fn application_gone(&mut self, now: Instant) -> Result<(), SendError> {
        self.lifecycle.application_gone(now)?;
        self.check();
        Ok(())
    }

    /// Closes without an answer to the request that is open: [`Lifecycle::close_unanswered`](crate::Lifecycle::close_unanswered).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn close_unanswered(&mut self, now: Instant) -> Result<(), SendError> {
        self.lifecycle.close_unanswered(now)?;
        self.check();
        Ok(())
    }

    /// What the connection is for one that looks for a place: [`Lifecycle::idleness`](crate::Lifecycle::idleness). Octets that were offered
    /// and not consumed are a request that has come: then it is not idle.
    pub fn idleness(&self) -> Option<Idleness> {
        if self.lifecycle.state().octets_unread() > 0 { None } else { self.lifecycle.idleness() }
    }

    /// Frees the place of the connection for another one, if it may go: [`Lifecycle::free_place`](crate::Lifecycle::free_place).
    pub fn free_place(&mut self, now: Instant) -> bool {
        let goes = self.idleness().is_some() && self.lifecycle.free_place(now);
        self.see_looks();
        self.check();
        goes
    }

    /// Writes the whole refusal that is due ([`Turn::Refuse`](crate::Turn::Refuse)): its status, `close`, and a line of text
    /// that says why (none where the driver [refused](Self::refuse)), beside the `fields` given: a server with a clock sends `Date`
    /// (RFC 9110 6.6.1). An application that knows better sends its own response instead.
    ///
    /// # Errors
    ///
    /// [`SendError::OutputTooSmall`]: it does not fit. [`SendError::Ended`]: the connection has ended. [`SendError::Misuse`]: no
    /// refusal is due, or a field may not be sent. Nothing was written, and nothing has moved.
    pub fn send_refusal(
        &mut self,
        now: Instant,
        fields: impl Fields,
        out: &mut (impl Output + ?Sized),
    ) -> Result<usize, SendError> {
        // what is known of the request counts once the refusal fits
        let late = match &self.reading {
            // its time ran out after its start line
            Reading::Head(progress) if progress.has_start_line() => Some(&progress.facts),
            _ => None,
        };
        let written = self.lifecycle.write_refusal(now, late, fields, out.base())?;
        self.check();
        Ok(written)
    }
}
