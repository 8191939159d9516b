//! The applications of both drivers: a server's, which answers in turn, and a client's, which asks one after the other.

use http_keepalive::drive::{Drive, Storage};
use http_keepalive::*;

use crate::drive_loops::Application;

/// What a server's application answers, in turn.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub length: Length,
    pub octets: usize,
    pub piece: usize,
}

#[derive(Clone, Copy, Debug)]
pub enum Length {
    Exact,
    Unknown,
    UntilClose,
    Empty,
}

/// A server's application: answers in turn.
#[derive(Clone)]
pub struct Answers<'a> {
    pub answers: &'a [Answer],
    pub at: usize,
    pub left: Option<usize>,
}

impl Answers<'_> {
    fn next(&mut self) -> &Answer {
        let answer = &self.answers[self.at % self.answers.len()];
        self.at += 1;
        answer
    }

    fn head(&mut self) -> (StatusCode, Content) {
        let Answer { status, length, octets, .. } = *self.next();
        let (content, left) = match length {
            Length::Exact => (Content::Exact(octets as u64), Some(octets)),
            Length::Unknown => (Content::Unknown, Some(octets)),
            Length::UntilClose => (Content::UntilClose, Some(octets)),
            Length::Empty => (Content::Empty, None),
        };
        self.left = left;
        (status, content)
    }

    /// The next piece of content; `None`: its end.
    fn piece(&self) -> Option<Vec<u8>> {
        let answer = &self.answers[(self.at + self.answers.len() - 1) % self.answers.len()];
        self.left.filter(|&left| left > 0).map(|left| vec![b'a' + (left % 26) as u8; left.min(answer.piece)])
    }

    fn sent(&mut self, octets: usize) {
        self.left = self.left.map(|left| left - octets);
    }
}

impl Application<Server> for Answers<'_> {
    fn event(&mut self, _: &Event<'_>) {}

    fn known(&self, connection: &Connection<Server>) -> String {
        format!("{:?}", connection.lifecycle().close_reasons().collect::<Vec<_>>())
    }

    fn says(
        &mut self,
        now: Instant,
        connection: &mut Connection<Server>,
        out: &mut [u8],
    ) -> Option<Result<usize, SendError>> {
        match connection.wants().application? {
            Turn::Respond => {
                let (status, content) = self.head();
                Some(connection.send_response(now, status, [("X", "y")], content, out))
            }
            Turn::Content => Some(match self.piece() {
                Some(piece) => connection.send_content(now, &piece, out).map(|sent| {
                    self.sent(sent.consumed);
                    sent.written
                }),
                None => connection.send_end(now, NO_FIELDS, out),
            }),
            _ => None,
        }
    }

    fn says_to<S: Storage>(&mut self, now: Instant, drive: &mut Drive<Server, S>) -> Option<Result<(), SendError>> {
        match drive.connection().wants().application? {
            Turn::Respond => {
                let (status, content) = self.head();
                Some(drive.respond(now, status, [("X", "y")], content))
            }
            Turn::Content => Some(match self.piece() {
                Some(piece) => drive.send_content(now, &piece).map(|octets| self.sent(octets)),
                None => drive.finish(now, NO_FIELDS),
            }),
            _ => None,
        }
    }
}

/// A request of a client's application.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    pub octets: usize,
    pub chunked: bool,
    pub expects: bool,
}

/// Of a request: what is said of it.
type Head = (Request<'static>, Vec<(&'static str, &'static str)>, Content);

#[derive(Clone)]
pub struct Asks<'a> {
    pub asks: &'a [Ask],
    pub at: usize,
    pub left: usize,
}

impl Asks<'_> {
    fn head(&self) -> Option<Head> {
        let ask = self.asks.get(self.at)?;
        let content = match (ask.octets, ask.chunked) {
            (0, false) => Content::Empty,
            (octets, false) => Content::Exact(octets as u64),
            (_, true) => Content::Unknown,
        };
        let mut fields = vec![("Host", "a")];
        fields.extend(ask.expects.then_some(("Expect", "100-continue")));
        Some((Request::new(Method::new(ask.method.as_bytes()), b"/"), fields, content))
    }

    fn asked(&mut self, done: bool) {
        // a request that may not be sent is left out
        self.left = if done { self.asks[self.at].octets } else { 0 };
        self.at += 1;
    }

    fn piece(&self) -> Option<Vec<u8>> {
        (self.left > 0).then(|| vec![b'a' + (self.left % 26) as u8; self.left.min(700)])
    }
}

impl Application<Client<4>> for Asks<'_> {
    fn event(&mut self, _: &Event<'_>) {}

    fn known(&self, connection: &Connection<Client<4>>) -> String {
        let reasons: Vec<_> = connection.lifecycle().close_reasons().collect();
        format!("{reasons:?} {:?}", connection.unanswered().collect::<Vec<_>>())
    }

    fn says(
        &mut self,
        now: Instant,
        connection: &mut Connection<Client<4>>,
        out: &mut [u8],
    ) -> Option<Result<usize, SendError>> {
        if connection.wants().application == Some(Turn::Content) {
            return Some(match self.piece() {
                Some(piece) => connection.send_content(now, &piece, out).map(|sent| {
                    self.left -= sent.consumed;
                    sent.written
                }),
                None => connection.send_end(now, NO_FIELDS, out),
            });
        }
        if !matches!(connection.reusable(now), Reusable::Now { .. }) {
            return None;
        }
        let (request, fields, content) = self.head()?;
        let done = connection.send_request(now, &request, fields.iter().copied(), content, out);
        self.asked(done.is_ok());
        Some(done)
    }

    fn says_to<S: Storage>(&mut self, now: Instant, drive: &mut Drive<Client<4>, S>) -> Option<Result<(), SendError>> {
        if drive.connection().wants().application == Some(Turn::Content) {
            return Some(match self.piece() {
                Some(piece) => drive.send_content(now, &piece).map(|octets| self.left -= octets),
                None => drive.finish(now, NO_FIELDS),
            });
        }
        if !matches!(drive.reusable(now), Reusable::Now { .. }) {
            return None;
        }
        let (request, fields, content) = self.head()?;
        let done = drive.request(now, &request, fields.iter().copied(), content);
        self.asked(done.is_ok());
        Some(done)
    }
}
