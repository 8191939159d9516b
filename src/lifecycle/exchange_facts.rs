//! How far the exchange under way has come, as far as a [summary](crate::ExchangeSummary) tells it. Only read from; nothing is decided here.

use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Receiving, Sending};
use crate::time::Instant;

/// How far an exchange has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExchangeFacts {
    /// The exchange under way, or the one that is next: another number is another exchange.
    pub(crate) number: u32,
    pub(crate) is_open: bool,
    pub(crate) began: Instant,
    /// Octets handed out on the connection before it, and with it so far.
    pub(crate) sent: (u64, u64),
    /// A server handed out the head of its response; the response's first octet came to a client.
    pub(crate) answer_begun: bool,
    /// The message that was sent, and the one that was received, is whole so far as it went: nothing of it was given up.
    pub(crate) sent_whole: bool,
    pub(crate) received_whole: bool,
}

impl<R: LifecycleRole> ConnectionState<R> {
    /// How far the exchange under way has come, or the one that was last; `read`: octets that were consumed on the connection.
    pub(crate) fn exchange_facts(&self, read: u64) -> ExchangeFacts {
        let (received, sent) = (self.receive.half(), self.send.half());
        let between = self.is_between_exchanges();
        let is_open = self.lifetime.is_open() && !between;
        let begun = if R::IS_CLIENT {
            received != Receiving::Idle
        } else {
            matches!(sent, Sending::Content | Sending::Complete)
        };
        ExchangeFacts {
            number: R::exchange_number(self),
            is_open,
            began: self.exchange_began,
            sent: R::octets_sent(self, read),
            answer_begun: begun,
            sent_whole: self.send.is_whole() && (between || sent == Sending::Complete),
            received_whole: !self.receive.given_up && (between || received == Receiving::Complete),
        }
    }

    /// Octets handed out on the connection where `read` were consumed.
    pub(crate) fn octets_sent(&self, read: u64) -> u64 {
        self.lifetime.octets.saturating_sub(read)
    }

    /// Octets that were handed out have not left, and may never.
    pub(crate) fn holds_octets(&self) -> bool {
        self.send.unsent > 0 || self.send.has_failed()
    }

    /// What ends the connection so far, the first first.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = CloseReason> + use<R> {
        self.lifetime.causes.iter()
    }
}
