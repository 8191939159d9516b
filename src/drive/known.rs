//! The connection, and what the next poll says where that is known.
//!
//! A request without content is three steps: its head, its end, the application's turn. After the first the others follow, unless
//! something moves the connection in between. Whoever moves it asks for it by [`Followed::moved`], and nothing is known any more.
//! Debug builds compare what is known with the order of steps.

use core::ops::Deref;

use crate::config::Config;
use crate::connection::Connection;
use crate::connection::role::Role;

/// A connection, with what is known of the next step.
#[derive(Clone, Debug)]
pub(super) struct Followed<R: Role, C: Deref<Target = Config<R>>> {
    connection: Connection<R, C>,
    known: Known,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is to be found out.
    Nothing,
    /// The end of a message without content.
    End,
    /// The application's turn to respond, which there is room for.
    Respond,
}

impl<R: Role, C: Deref<Target = Config<R>>> Followed<R, C> {
    pub(super) const fn new(connection: Connection<R, C>) -> Self {
        Self { connection, known: Known::Nothing }
    }

    #[inline]
    pub(super) const fn connection(&self) -> &Connection<R, C> {
        &self.connection
    }

    /// The connection, to be moved by what is not a poll.
    #[inline]
    pub(super) const fn moved(&mut self) -> &mut Connection<R, C> {
        self.known = Known::Nothing;
        &mut self.connection
    }

    /// For a poll, which knows what follows from it.
    #[inline]
    pub(super) const fn parts(&mut self) -> (&mut Connection<R, C>, &mut Known) {
        (&mut self.connection, &mut self.known)
    }
}

impl<R: Role, C: Deref<Target = Config<R>>> Deref for Followed<R, C> {
    type Target = Connection<R, C>;

    #[inline]
    fn deref(&self) -> &Connection<R, C> {
        &self.connection
    }
}
