//! Where a relay stands in its exchange, in named parts.

use core::ops::Range;

use super::pieces::Pieces;
use super::step::TakenReason;
use crate::error::ProtocolError;
use crate::intermediary::{ForwardFault, NamedFields};
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::persistence::TunnelReason;
use crate::status::StatusCode;

/// The stage of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No request is open.
    Idle,
    /// An upstream is wanted.
    Routing,
    /// The request goes to the upstream, and no final response has begun.
    Forwarding,
    /// The final response goes to the client.
    Responding,
    /// The final response is complete, and the request may not be.
    Responded,
    /// This status is the answer, and has not been given.
    Answering(StatusCode),
    /// The driver answers.
    DriverAnswers,
    /// What came of a response that was cut is still to leave; then the client's connection is cut.
    Cutting,
    /// The client's connection is closed without an answer.
    ClosingSilently,
    /// Another protocol follows, on the client's side when its head has left.
    Switching(TunnelReason),
    /// Nothing more is forwarded: the client's connection ends by itself.
    Over,
}

impl Stage {
    /// The request goes to an upstream.
    pub(super) const fn forwards(self) -> bool {
        matches!(self, Self::Forwarding | Self::Responding | Self::Responded)
    }
}

/// One exchange.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) stage: Stage,
    pub(super) request: RequestSide,
    pub(super) attempt: Attempt,
    pub(super) response: ResponseSide,
    /// The upstream is to be taken back, for this: it is not used again.
    pub(super) taken: Option<TakenReason>,
    /// It may be used again.
    pub(super) returned: bool,
    /// The upstream belongs to this client.
    pub(super) pinned: bool,
    /// What is to be told once.
    pub(super) told: Option<Told>,
    /// The client's transport was shut.
    pub(super) client_over: bool,
}

/// What is to be told once, beside what a drive tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    Refused(ForwardFault),
    Lost(super::LossKind, super::LossVerdict, super::LossReason),
}

/// The client's request, as far as it has come.
#[derive(Clone, Debug)]
pub(super) struct RequestSide {
    /// Content is to come.
    pub(super) is_open: bool,
    /// Its end was told.
    pub(super) is_whole: bool,
    pub(super) pieces: Pieces,
    /// What was said of its content.
    pub(super) said: ContentUse,
}

/// One try on one upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// Tries before this one.
    pub(super) tries: u32,
    /// How many of them on used connections.
    pub(super) reused_tries: u32,
    /// An octet has come from the upstream.
    pub(super) octets_came: bool,
    /// The request was given to the upstream whole, or it takes no more of it.
    pub(super) is_given: bool,
    /// What the upstream did wrong.
    pub(super) error: Option<ProtocolError>,
}

/// The response, as far as it has come.
#[derive(Clone, Debug)]
pub(super) struct ResponseSide {
    /// Where in the upstream's input the content ends that is being written to the client.
    pub(super) piece: Option<Range<usize>>,
    /// What was said to the upstream of its content.
    pub(super) said: ContentUse,
    /// An interim response went on.
    pub(super) interim_sent: bool,
    /// Which fields its options named: for its trailers.
    pub(super) named: NamedFields,
}

impl Attempt {
    pub(super) const FIRST: Self = Self { tries: 0, reused_tries: 0, octets_came: false, is_given: false, error: None };

    /// The next one, after one that was lost.
    pub(super) const fn next(self, reused: bool) -> Self {
        Self {
            tries: self.tries.saturating_add(1),
            reused_tries: self.reused_tries.saturating_add(reused as u32),
            ..Self::FIRST
        }
    }
}

impl RequestSide {
    fn none() -> Self {
        Self { is_open: false, is_whole: false, pieces: Pieces::default(), said: ContentUse::Undecided }
    }
}

impl ResponseSide {
    const fn none() -> Self {
        Self { piece: None, said: ContentUse::Undecided, interim_sent: false, named: NamedFields::NONE }
    }
}

impl Exchange {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Idle,
            request: RequestSide::none(),
            attempt: Attempt::FIRST,
            response: ResponseSide::none(),
            taken: None,
            returned: false,
            pinned: false,
            told: None,
            client_over: false,
        }
    }

    /// A request begins; the upstream that is pinned stays.
    pub(super) fn begin(&mut self, has_content: bool) {
        debug_assert!(matches!(self.stage, Stage::Idle | Stage::Over), "one exchange after another: {self:?}");
        debug_assert!(self.taken.is_none() && self.response.piece.is_none(), "the upstream was given back: {self:?}");
        let (pinned, told) = (self.pinned, self.told);
        *self = Self::new();
        (self.stage, self.pinned, self.told) = (Stage::Routing, pinned, told);
        self.request.is_open = has_content;
    }

    /// It is over.
    pub(super) fn end(&mut self) {
        let (pinned, told, over) = (self.pinned, self.told, self.client_over);
        *self = Self::new();
        (self.pinned, self.told, self.client_over) = (pinned, told, over);
    }

    /// The upstream is lost, or left: it is taken back, and not used again. The first reason stays.
    pub(super) fn take(&mut self, reason: TakenReason) {
        self.taken = self.taken.or(Some(reason));
        self.returned = false;
    }
}
