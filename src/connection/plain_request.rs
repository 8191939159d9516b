//! A request that came whole, whose lines are as most are, on a connection of which nothing unusual is known: read, judged and recorded in
//! one step. Nearly all are, and what else they might be is not asked.
//!
//! What has been read of another one is not read again: the full path goes on there.

use core::ops::Deref;

use crate::config::{Config, Server};
use crate::connection::Connection;
use crate::connection::event::{Event, Outcome, Received};
use crate::connection::receive::Reading;
use crate::error::ProtocolError;
use crate::lifecycle::request_received;
use crate::message::framing::{BodyLength, Framing, FramingRule};
use crate::message::head::{
    FieldSection, FieldTable, Progress, RequestHead, RequestLineParts, Rules, Section, fast_request_line,
};
use crate::time::Instant;

impl<C: Deref<Target = Config<Server>>> Connection<Server, C> {
    /// Receives a head, or whatever else comes where one may begin.
    ///
    /// Twin of [`receive_in_full`](Self::receive_in_full).
    #[inline(never)]
    pub(crate) fn receive_request<'b>(&mut self, now: Instant, buf: &'b [u8]) -> Result<Received<'b>, ProtocolError> {
        let Some((rules, line)) = self.plain_line(buf) else {
            return self.receive_next(now, buf, None);
        };
        let (mut progress, mut table) = (Progress::after(&line), FieldTable::new());
        if let Some(section) = progress.fast_request(rules, &line, &mut table) {
            if let Some((length, rule)) = self.record_whole(now, &progress, buf.len()) {
                let fields = FieldSection::of_plain(section, table, progress.lines() as u32);
                let framing = Framing { length, rule };
                let head = RequestHead { framing, ..line.head(&progress.facts, fields) };
                return Ok(Received { consumed: progress.octets(), outcome: Outcome::Event(Event::Request(head)) });
            }
        }
        self.reading = Reading::Head(progress);
        self.receive_next(now, buf, Some(&table))
    }

    /// The same, with the outcome written where it is needed, and how many octets were consumed.
    #[inline(never)]
    pub(crate) fn receive_request_into<'b>(
        &mut self,
        now: Instant,
        buf: &'b [u8],
        outcome: &mut Outcome<'b>,
    ) -> Result<usize, ProtocolError> {
        let Some((rules, line)) = self.plain_line(buf) else {
            return self.receive_in_full(now, buf, None, outcome);
        };
        *outcome = Outcome::Event(Event::Request(RequestHead::new()));
        let Outcome::Event(Event::Request(head)) = outcome else { return Ok(0) };
        let mut progress = Progress::after(&line);
        if let Some(section) = progress.fast_request(rules, &line, head.fields.table()) {
            progress.complete_request(&line, section, head);
            if let Some((length, rule)) = self.record_whole(now, &progress, buf.len()) {
                // part by part: the unused octets between the parts are not copied
                (head.framing.length, head.framing.rule) = (length, rule);
                return Ok(progress.octets());
            }
        }
        let table = *head.fields.table();
        self.reading = Reading::Head(progress);
        self.receive_in_full(now, buf, Some(&table), outcome)
    }

    /// The request line as most are, where a request may begin of which nothing else is known.
    #[inline(always)]
    fn plain_line<'b>(&self, buf: &'b [u8]) -> Option<(Rules<'_>, RequestLineParts<'b>)> {
        if !self.lifecycle.state().awaits_plain_request() {
            return None;
        }
        let settings = self.lifecycle.config().settings();
        let rules = Rules { section: Section::Request, limits: &settings.limits, policy: &settings.policy };
        fast_request_line(rules, buf).map(|line| (rules, line))
    }

    /// Judges a head that is whole, and records what follows: how it is framed. `None`: something is wrong with it, and nothing has moved.
    #[inline(always)]
    fn record_whole(&mut self, now: Instant, progress: &Progress, offered: usize) -> Option<(BodyLength, FramingRule)> {
        let (state, settings) = self.lifecycle.parts();
        let framing = if request_received::received_plain(state, settings, now, &progress.facts) {
            self.reading = Reading::End;
            (BodyLength::Empty, FramingRule::NothingSaid)
        } else {
            let framing = request_received::received_whole(state, settings, now, &progress.facts)?;
            self.reading = Reading::content(framing.length, &settings.limits);
            (framing.length, framing.rule)
        };
        self.leave(progress.octets(), offered);
        self.check();
        Some(framing)
    }
}
