//! A connection that is being opened.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Uri;
use http_keepalive::Instant;

use super::Connect;
use super::builder::Shared;
use super::error::Error;
use super::exchange::{Lent, close, give_back};
use super::key::Key;
use super::wire::Wire;
use crate::Timer;
use crate::trace::event;

/// A place in the pool.
pub(super) type FreePlace<T> = http_keepalive::pool::FreePlace<Key, Box<Wire<T>>>;

/// A connection that is being opened in a place of the pool.
pub(super) struct Opening<C: Connect> {
    pub(super) place: FreePlace<C::Transport>,
    connecting: Connecting<C>,
    until: Option<Instant>,
    timer: Timer,
}

enum Connecting<C: Connect> {
    /// The connector is not ready.
    Before(Box<C>, Uri),
    Now(Pin<Box<C::Future>>),
}

impl<C: Connect> Opening<C> {
    pub(super) fn new(shared: &Shared<C>, now: Instant, place: FreePlace<C::Transport>, key: &Key) -> Self {
        shared.keep();
        let connecting = Connecting::Before(Box::new(shared.connector()), key.uri());
        Self { place, connecting, until: shared.open_timeout.map(|timeout| now + timeout), timer: Timer::new() }
    }

    /// Whether the transport is there. No later than the pool gives its place to another.
    pub(super) fn poll(&mut self, shared: &Shared<C>, context: &mut Context<'_>) -> Poll<Result<C::Transport, Error>> {
        if let Poll::Ready(opened) = self.poll_connecting(context) {
            return Poll::Ready(opened.map_err(Error::of_connect));
        }
        let Some(until) = self.until else { return Poll::Pending };
        ready!(self.timer.poll_until(&shared.clock, shared.clock.now(), until, context));
        Poll::Ready(Err(Error::open_overdue()))
    }

    fn poll_connecting(&mut self, context: &mut Context<'_>) -> Poll<Result<C::Transport, C::Error>> {
        if let Connecting::Before(connector, uri) = &mut self.connecting {
            ready!(connector.poll_ready(context))?;
            self.connecting = Connecting::Now(Box::pin(connector.connect(std::mem::take(uri))));
        }
        match &mut self.connecting {
            Connecting::Now(future) => future.as_mut().poll(context),
            Connecting::Before(..) => Poll::Pending,
        }
    }

    /// The connection is open, for a request.
    pub(super) fn opened(self, shared: &Shared<C>, io: C::Transport) -> Result<Lent<C::Transport>, Error> {
        let now = shared.clock.now();
        self.place.opened(now, shared.wire(now, io)).map_err(|late| {
            close(late, now);
            Error::open_overdue()
        })
    }

    /// Its request has another connection: it is opened for the next one.
    pub(super) fn for_the_next(self, shared: Arc<Shared<C>>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        event!(DEBUG, "a connection is opened for a later request");
        // the client is kept no longer by it than the connection takes to open
        let mut opening = Some(self);
        runtime.spawn(std::future::poll_fn(move |context| {
            let Some(now_opening) = &mut opening else { return Poll::Ready(()) };
            let opened = ready!(now_opening.poll(&shared, context));
            if let (Some(opening), Ok(io)) = (opening.take(), opened) {
                if let Ok(lent) = opening.opened(&shared, io) {
                    give_back(lent, shared.clock.now());
                }
            }
            Poll::Ready(())
        }));
    }
}
