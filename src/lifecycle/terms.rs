//! The settings that hold now: those of the connection, and the timeouts that an exchange may have of its own.
//!
//! An upload, an event stream, a slow report want other times than the connection that carries them. So an exchange may be given a second
//! configuration ([`Lifecycle::exchange_timeouts`](crate::Lifecycle::exchange_timeouts)), of which eight timeouts count, and nothing else:
//! `content_gap`, `content_rate`, `application`, `response`, `exchange` for what is received, `write_stall`, `send_rate`, `expect` for what is
//! sent. Anchors stay; what is due is told anew. Only what still waits to leave when they end counts from then.
//!
//! **How long.** A server's hold until the first octet of the next head; for what is sent until the head of the next response, if octets of
//! the exchange wait to leave then. A client's are those of one request, and of one of those that are outstanding: they hold for what is
//! received while it is the first that waits, and for what is sent while it is the first of which not all has left.
//!
//! **A rate that changes** while a message goes counts from the last octet that left, or the first that waits: what left before has been
//! judged by the rate that held then.

use crate::config::nanos::Span;
use crate::config::{Settings, Timeouts};

/// The settings that hold now. Public in name only, for the sealed trait of roles.
#[derive(Clone, Copy)]
pub struct Terms<'s> {
    /// Of the connection: all but the eight.
    pub(crate) connection: &'s Settings,
    /// Of the exchange that has its own, or the same.
    pub(crate) own: &'s Settings,
    /// Of the exchange, as far as it receives.
    pub(crate) receiving: &'s Settings,
    /// Of the exchange, as far as it sends.
    pub(crate) sending: &'s Settings,
}

impl<'s> Terms<'s> {
    /// Those of the connection alone.
    #[inline(always)]
    pub(crate) const fn of(connection: &'s Settings) -> Self {
        Self { connection, own: connection, receiving: connection, sending: connection }
    }

    /// Which of the timeouts are set, of the connection or of an exchange: for what has to be kept of the state.
    pub(crate) fn set(&self) -> Timeouts {
        let (own, all) = (&self.own.timeouts, self.connection.timeouts);
        Timeouts {
            content_gap: all.content_gap.or(own.content_gap),
            content_rate: all.content_rate.or(own.content_rate),
            application: all.application.or(own.application),
            response: all.response.or(own.response),
            exchange: all.exchange.or(own.exchange),
            write_stall: all.write_stall.or(own.write_stall),
            send_rate: all.send_rate.or(own.send_rate),
            expect: all.expect.or(own.expect),
            ..all
        }
    }

    /// How long the octets of a message have to leave, of which none has; `None`: no rate is set.
    #[inline(always)]
    pub(crate) fn send_rate_advance(&self) -> Option<Span> {
        self.sending.timeouts.send_rate.map(|_| self.sending.spans.write_stall)
    }
}
