//! The content of a request, on its way from the connection to the application.
//!
//! The application asks by polling, and the connection reads no further ahead than [`AHEAD`] octets. Before the first poll nothing is asked of
//! the client (so a client that waits for `100 (Continue)` is not asked for content that nobody reads), and while what was read ahead
//! waits, the connection says that it is paused: nobody is blamed for a slow application.
//!
//! Each side is woken by the other only while it waits. The application is mostly polled by the connection's own task, which polls it again
//! where something came; so a reader of the same task is not woken.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

/// Octets of content that are read ahead of the application, about.
const AHEAD: usize = 64 * 1024;

/// The content of a request: its data, and its trailers where it has some.
///
/// Whoever drops it before its end wants no more of it: what is left of it is read and dropped within the limit
/// [`unread_octets`](http_keepalive::Limits::unread_octets), or the connection ends after the response.
#[derive(Debug, Default)]
pub struct Body {
    /// `None`: there is no content.
    reader: Option<Reader>,
}

/// Why content is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContentError {
    /// The machine's token of the reason, such as `content-timeout`.
    pub reason: &'static str,
    /// The clause that says so.
    pub clause: &'static str,
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the content of the request is not whole: {} ({})", self.reason, self.clause)
    }
}

impl std::error::Error for ContentError {}

#[derive(Debug)]
struct Reader(Arc<Shared>);

/// The connection's end of it.
#[derive(Debug)]
pub(super) struct Sender(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    slot: Mutex<Slot>,
}

#[derive(Debug)]
struct Slot {
    pieces: VecDeque<Bytes>,
    /// Octets in them.
    ahead: usize,
    end: Option<Result<Option<HeaderMap>, ContentError>>,
    /// The content as a whole, less what the reader has taken.
    left: Option<u64>,
    /// The reader has asked at least once.
    asked: bool,
    dropped: bool,
    /// The connection's task runs, and looks here before it waits.
    driven: bool,
    reader: Option<Waker>,
    connection: Option<Waker>,
}

/// What the application does with the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Appetite {
    /// It takes none for now.
    Paused,
    /// It waits for more, or will soon.
    Reading,
    /// It will take no more.
    Dropped,
}

/// Content of this length, if that is known.
pub(super) fn channel(length: Option<u64>) -> (Sender, Body) {
    let slot = Slot {
        pieces: VecDeque::new(),
        ahead: 0,
        end: None,
        left: length,
        asked: false,
        dropped: false,
        driven: true,
        reader: None,
        connection: None,
    };
    let shared = Arc::new(Shared { slot: Mutex::new(slot) });
    (Sender(Arc::clone(&shared)), Body { reader: Some(Reader(shared)) })
}

impl Shared {
    /// The lock is held for a few instructions, in which nothing panics.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    const fn appetite(&self) -> Appetite {
        if self.dropped {
            Appetite::Dropped
        } else if self.asked && self.ahead < AHEAD {
            Appetite::Reading
        } else {
            Appetite::Paused
        }
    }

    /// The reader, to be woken: not if it is of the task that runs.
    fn reader_of_another_task(&mut self, own: &Waker) -> Option<Waker> {
        self.reader.take().filter(|reader| !reader.will_wake(own))
    }
}

impl Sender {
    pub(super) fn appetite(&self) -> Appetite {
        self.0.slot().appetite()
    }

    /// A piece of content came. What the application does now.
    pub(super) fn push(&self, piece: Bytes, own: &Waker) -> Appetite {
        let mut slot = self.0.slot();
        if slot.dropped {
            return Appetite::Dropped;
        }
        slot.ahead += piece.len();
        slot.pieces.push_back(piece);
        let (appetite, reader) = (slot.appetite(), slot.reader_of_another_task(own));
        drop(slot);
        if let Some(reader) = reader {
            reader.wake();
        }
        appetite
    }

    /// It is over, whole or not.
    pub(super) fn end(&self, how: Result<Option<HeaderMap>, ContentError>, own: &Waker) {
        let mut slot = self.0.slot();
        if slot.end.is_none() {
            slot.end = Some(how);
        }
        let reader = slot.reader_of_another_task(own);
        drop(slot);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The connection's task runs.
    pub(super) fn drive(&self) {
        self.0.slot().driven = true;
    }

    /// The connection's task is about to wait, and is woken where the application's appetite changes from what is `known`. What it is.
    pub(super) fn rest(&self, known: Appetite, own: &Waker) -> Appetite {
        let mut slot = self.0.slot();
        let appetite = slot.appetite();
        if appetite == known {
            slot.driven = false;
            if slot.connection.as_ref().is_none_or(|waker| !waker.will_wake(own)) {
                slot.connection = Some(own.clone());
            }
        }
        appetite
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut slot = self.0.slot();
        if slot.end.is_none() {
            slot.end = Some(Err(ContentError { reason: "connection-ended", clause: "RFC 9112 8" }));
        }
        let reader = slot.reader.take();
        drop(slot);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Reader {
    /// After a change: wakes the connection, if it waits and the appetite is another one.
    fn tell(mut slot: MutexGuard<'_, Slot>, before: Appetite) {
        if slot.driven || slot.appetite() == before || slot.end.is_some() {
            return;
        }
        slot.driven = true;
        let connection = slot.connection.clone();
        drop(slot);
        if let Some(connection) = connection {
            connection.wake();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut slot = self.0.slot();
        let before = slot.appetite();
        slot.dropped = true;
        let pieces = std::mem::take(&mut slot.pieces);
        Self::tell(slot, before);
        drop(pieces);
    }
}

impl Body {
    /// No content.
    pub const fn empty() -> Self {
        Self { reader: None }
    }

    /// There is no content, and will be none.
    pub const fn is_empty(&self) -> bool {
        self.reader.is_none()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = ContentError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ContentError>>> {
        let Some(reader) = &self.reader else { return Poll::Ready(None) };
        let mut slot = reader.0.slot();
        let before = slot.appetite();
        slot.asked = true;
        if let Some(piece) = slot.pieces.pop_front() {
            slot.ahead -= piece.len();
            if let Some(left) = &mut slot.left {
                *left = left.saturating_sub(piece.len() as u64);
            }
            Reader::tell(slot, before);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match slot.end.take() {
            Some(end) => {
                slot.end = Some(Ok(None));
                match end {
                    Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
                    Err(error) => Poll::Ready(Some(Err(error))),
                }
            }
            None => {
                if slot.reader.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
                    slot.reader = Some(context.waker().clone());
                }
                Reader::tell(slot, before);
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let Some(reader) = &self.reader else { return true };
        let slot = reader.0.slot();
        slot.pieces.is_empty() && matches!(slot.end, Some(Ok(None)))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.reader {
            None => SizeHint::with_exact(0),
            Some(reader) => reader.0.slot().left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
