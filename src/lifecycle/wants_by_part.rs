//! Each part of what a connection waits for, as a call of its own: a driver asks for the one that its step is about.
//!
//! What is usual is answered where it is asked; what is not is a call. [`Wants`] is made of the same parts, so they can not differ.

use core::ops::Deref;

use crate::config::Config;
use crate::lifecycle::Lifecycle;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::looks::Side;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Receiving, Sending, Stage};
use crate::lifecycle::wants::{ReadWant, Shut, Turn, Wants};

impl<R: LifecycleRole, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// What the connection waits for. Each part is independent of the others, and is a call of its own, too.
    pub fn wants(&self) -> Wants {
        Wants {
            read: self.wants_read(),
            flush: self.wants_flush(),
            flush_once: self.wants_flush_once(),
            application: self.wants_application(),
            take_content: self.wants_take_content(),
            shut: self.wants_shut(),
        }
    }

    /// [`Wants::read`] alone: what to do with the transport's reading side.
    #[inline]
    pub fn wants_read(&self) -> ReadWant {
        self.state().wants_read()
    }

    /// [`Wants::flush`] alone: octets that were handed out have not left.
    #[inline]
    pub fn wants_flush(&self) -> bool {
        self.state().wants_flush()
    }

    /// [`Wants::flush_once`] alone: try once more to write, and tell how many octets left.
    #[inline]
    pub fn wants_flush_once(&self) -> bool {
        self.state().look() == Some(Side::Writing)
    }

    /// [`Wants::application`] alone: what the application is to do.
    #[inline]
    pub fn wants_application(&self) -> Option<Turn> {
        self.state().wants_application()
    }

    /// [`Wants::take_content`] alone: the application paused, and is to take content again, or to say that it drops it.
    #[inline]
    pub fn wants_take_content(&self) -> bool {
        self.state().is_open() && self.state().is_paused()
    }

    /// [`Wants::shut`] alone: how the transport is to be shut.
    #[inline]
    pub fn wants_shut(&self) -> Option<Shut> {
        self.state().wants_shut()
    }
}

impl<R: LifecycleRole> ConnectionState<R> {
    /// Octets wait, and may leave.
    #[inline]
    fn waits_to_leave(&self) -> bool {
        self.send.unsent > 0 && !self.send.has_failed()
    }

    #[inline]
    fn wants_flush(&self) -> bool {
        self.waits_to_leave() && matches!(self.lifetime.stage(), Stage::Open | Stage::Finishing | Stage::Tunnel(_))
    }

    /// Twin of [`any_read_want`](Self::any_read_want), for what is usual.
    #[inline]
    fn wants_read(&self) -> ReadWant {
        let usual = self.lifetime.is_open()
            && self.lifetime.passed.is_none()
            && !self.receive.has_ended()
            && !self.owes_refusal();
        let want = match self.receive.half() {
            Receiving::Idle | Receiving::Head if usual => ReadWant::Octets,
            Receiving::Content if usual && !self.is_paused() => ReadWant::Octets,
            Receiving::Complete if usual && !self.receive.given_up => ReadWant::EofOnly,
            _ => return self.any_read_want(),
        };
        debug_assert_eq!(want, self.any_read_want(), "the fast path differs from its twin");
        want
    }

    #[inline(never)]
    fn any_read_want(&self) -> ReadWant {
        let waits = self.receive.half() != Receiving::Complete;
        if self.receive.has_ended() {
            // the application comes first where a response is due; what is offered may be nothing: then the end is told
            let offers = self.lifetime.is_open() && waits && !self.is_paused();
            return if offers { ReadWant::Offer } else { ReadWant::No };
        }
        match self.lifetime.stage() {
            Stage::Open | Stage::HalfClosed if self.look() == Some(Side::Reading) => ReadWant::LookOnce,
            Stage::Open if self.owes_refusal() => ReadWant::Discard,
            Stage::Open if self.is_paused() => ReadWant::EofOnly,
            Stage::Open if waits => ReadWant::Octets,
            Stage::Open if self.receive.given_up => ReadWant::Discard,
            Stage::Open => ReadWant::EofOnly,
            // it is to be closed, and nothing is waited for
            Stage::Finishing if R::IS_CLIENT && self.send.unsent == 0 => ReadWant::No,
            Stage::Finishing | Stage::HalfClosed => ReadWant::Discard,
            Stage::CloseDue | Stage::ResetDue | Stage::Closed | Stage::Tunnel(_) => ReadWant::No,
        }
    }

    #[inline]
    fn wants_application(&self) -> Option<Turn> {
        if !self.lifetime.is_open() {
            return None;
        }
        let awaits_continue = self.send.request.awaits_continue;
        match (self.receive.half(), self.send.half()) {
            (_, Sending::Content) if R::IS_CLIENT && awaits_continue => None,
            (_, Sending::Content) => Some(Turn::Content),
            _ if R::IS_CLIENT => None,
            (_, Sending::RefusalDue) => self.refusal().map(Turn::Refuse),
            (Receiving::Content, Sending::Idle)
                if awaits_continue && self.receive.content_use != ContentUse::Dropped =>
            {
                Some(Turn::Continue)
            }
            (Receiving::Content | Receiving::Complete, Sending::Idle) => Some(Turn::Respond),
            (Receiving::Idle | Receiving::Head, Sending::Idle) | (_, Sending::Complete) => None,
        }
    }

    #[inline]
    fn wants_shut(&self) -> Option<Shut> {
        if self.lifetime.is_open() { None } else { self.shut_at_the_end() }
    }

    #[inline(never)]
    fn shut_at_the_end(&self) -> Option<Shut> {
        match self.lifetime.stage() {
            Stage::Finishing if self.waits_to_leave() => None,
            Stage::Finishing if self.receive.has_ended() || R::IS_CLIENT => Some(Shut::Close(self.close_reason())),
            Stage::Finishing => Some(Shut::HalfClose(self.close_reason())),
            Stage::CloseDue => Some(Shut::Close(self.close_reason())),
            Stage::ResetDue => Some(Shut::Reset(self.close_reason())),
            Stage::Open | Stage::HalfClosed | Stage::Closed | Stage::Tunnel(_) => None,
        }
    }
}
