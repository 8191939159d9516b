//! What a connection waits for, whole and part by part.

use core::ops::Deref;

use crate::config::Config;
use crate::connection::Connection;
use crate::connection::role::Role;
use crate::lifecycle::wants::{ReadWant, Shut, Turn, Wants};

impl<R: Role, C: Deref<Target = Config<R>>> Connection<R, C> {
    /// What the connection waits for. Who is at one step of a loop asks for the part that it is about: [`wants_read`](Self::wants_read),
    /// [`wants_flush`](Self::wants_flush), [`wants_flush_once`](Self::wants_flush_once), [`wants_application`](Self::wants_application),
    /// [`wants_take_content`](Self::wants_take_content), [`wants_shut`](Self::wants_shut).
    pub fn wants(&self) -> Wants {
        self.lifecycle.wants()
    }

    /// [`Wants::read`] alone: what to do with the transport's reading side.
    #[inline]
    pub fn wants_read(&self) -> ReadWant {
        self.lifecycle.wants_read()
    }

    /// [`Wants::flush`] alone: octets that were handed out have not left.
    #[inline]
    pub fn wants_flush(&self) -> bool {
        self.lifecycle.wants_flush()
    }

    /// [`Wants::flush_once`] alone: try once more to write, and tell how many octets left.
    #[inline]
    pub fn wants_flush_once(&self) -> bool {
        self.lifecycle.wants_flush_once()
    }

    /// [`Wants::application`] alone: what the application is to do.
    ///
    /// ```
    /// use http_keepalive::*;
    ///
    /// let now = Instant::from_secs(1);
    /// let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
    /// assert_eq!(connection.wants_application(), None);
    /// connection.receive(now, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")?;
    /// assert_eq!(connection.wants_application(), Some(Turn::Respond));
    /// # Ok::<(), ProtocolError>(())
    /// ```
    #[inline]
    pub fn wants_application(&self) -> Option<Turn> {
        self.lifecycle.wants_application()
    }

    /// [`Wants::take_content`] alone: the application paused, and is to take content again, or to say that it drops it.
    #[inline]
    pub fn wants_take_content(&self) -> bool {
        self.lifecycle.wants_take_content()
    }

    /// [`Wants::shut`] alone: how the transport is to be shut, all that was handed out having left.
    #[inline]
    pub fn wants_shut(&self) -> Option<Shut> {
        self.lifecycle.wants_shut()
    }
}
