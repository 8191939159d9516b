//! What is to happen: requests with their gaps, and their answers.

use std::ops::Range;
use std::time::Duration;

use super::wire::Side;

/// How the content of an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    Exact,
    Chunked,
    UntilClose,
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub content: usize,
    pub framing: Framed,
    /// At its head, not at its end.
    pub early: bool,
    /// Interim responses before it.
    pub interim: u8,
    /// What the application takes.
    pub delay: Duration,
    /// The application takes no content for so long, from the head of the request on.
    pub pause: Duration,
}

/// When a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the one before was answered or given up.
    After(Duration),
    /// Behind the one before, without waiting for its answer, if that may be.
    Behind,
}

/// A request to be made, and its answer.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    pub content: usize,
    pub chunked: bool,
    /// `Expect: 100-continue`
    pub expects: bool,
    /// `Connection: close`
    pub closes: bool,
    /// Its content can be sent again.
    pub replayable: bool,
    pub when: When,
    pub reply: Reply,
}

impl Ask {
    /// Without content, answered at once by a short 200; this long after the one before.
    pub const fn new(method: &'static str, gap: Duration) -> Self {
        let reply = Reply {
            status: 200,
            content: 5,
            framing: Framed::Exact,
            early: false,
            interim: 0,
            delay: Duration::ZERO,
            pause: Duration::ZERO,
        };
        let when = When::After(gap);
        Self { method, content: 0, chunked: false, expects: false, closes: false, replayable: true, when, reply }
    }

    pub fn is_idempotent(&self) -> bool {
        self.method != "POST"
    }

    /// Octets of content in the answer.
    pub fn answer_length(&self) -> usize {
        let none = self.method == "HEAD" || matches!(self.reply.status, 204 | 304);
        if none { 0 } else { self.reply.content }
    }
}

/// What is said that nobody asked for, and how late.
pub type Piece = (Duration, Vec<u8>);

/// The plan, and what befalls it.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub asks: Vec<Ask>,
    /// The client reads nothing while it has something to write.
    pub writes_first: bool,
    /// The client shuts its sending direction behind the last request.
    pub half_closes: bool,
    /// At this step, every connection of this side is asked to end.
    pub drain: Option<(Side, usize)>,
    /// From this step on, all connections of this side are not driven for so long: the process sleeps.
    pub sleep: Option<(Side, usize, Duration)>,
    /// At this step, the newest connection is lost.
    pub sever: Option<usize>,
    /// The server of the connection that is the newest at this step says what nobody asked for, in these pieces: so long after the
    /// step, and after the piece before.
    pub hostile: Option<(usize, Vec<Piece>)>,
    /// The client never gives its word that nothing has left.
    pub wordless: bool,
}

impl Scene {
    pub fn of(asks: Vec<Ask>) -> Self {
        Self { asks, ..Self::default() }
    }
}

/// These octets of the content of this request.
pub fn request_octets(number: usize, octets: Range<usize>) -> Vec<u8> {
    octets.map(|at| (number * 7 + at % 251) as u8).collect()
}

/// These octets of the content of its answer.
pub fn answer_octets(number: usize, octets: Range<usize>) -> Vec<u8> {
    octets.map(|at| (number * 11 + 3 + at % 241) as u8).collect()
}
