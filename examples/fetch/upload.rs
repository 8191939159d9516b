//! A file that is sent, and what is said of it where not all of it was.
//!
//! What counts is content that has left: taken by the transport, whatever the framing around it took. Whether the server has it nobody
//! knows but the server: its answer says so.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use http_keepalive::{CloseReason, StatusCode};

use crate::wire::Wire;

/// The file of one request.
pub struct Upload {
    file: File,
    /// Octets of the file, or of what was read of it where that is more.
    octets: u64,
    /// Octets read of it, and handed out.
    read: u64,
    /// Content that had been handed out on the connection before it.
    before: u64,
    /// Where the request ends among all octets of the connection, once its end was handed out.
    end: Option<u64>,
    is_regular: bool,
}

impl Upload {
    pub fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(failed)?;
        let known = file.metadata().map_err(failed)?;
        Ok(Self { octets: known.len(), is_regular: known.is_file(), file, read: 0, before: 0, end: None })
    }

    /// It can be read again from its begin: a pipe can not.
    pub const fn is_replayable(&self) -> bool {
        self.is_regular
    }

    /// Its request was handed out on this connection.
    pub const fn begin(&mut self, wire: &Wire) {
        self.before = wire.ledger.content;
    }

    /// Hands out the next piece, or the end.
    pub fn send_next(&mut self, wire: &mut Wire) -> Result<(), String> {
        let mut piece = vec![0; PIECE];
        let octets = self.file.read(&mut piece).map_err(|error| format!("cannot read the upload: {error}"))?;
        if octets == 0 {
            wire.finish().map_err(|error| error.to_string())?;
            self.end = Some(wire.ledger.left + wire.waiting());
            return Ok(());
        }
        piece.truncate(octets);
        wire.send(piece).map_err(|error| error.to_string())?;
        self.read += octets as u64;
        self.octets = self.octets.max(self.read);
        Ok(())
    }

    /// Octets of it that have left.
    fn left(&self, wire: &Wire) -> u64 {
        wire.ledger.content_left.saturating_sub(self.before).min(self.read)
    }

    /// All of it has left, and nothing says that it did not arrive.
    pub fn is_whole(&self, wire: &Wire) -> bool {
        wire.failure().is_none() && self.end.is_some_and(|end| wire.ledger.left >= end)
    }

    /// Nothing more of it will leave, and what is to be known of it is.
    pub fn is_over(&self, wire: &Wire) -> bool {
        let given_up = self.end.is_none() && !wire.drive.connection().is_request_whole();
        (self.is_whole(wire) && !wire.is_early()) || given_up || wire.is_closed() || wire.failure().is_some()
    }

    /// How much of it has left, said after a word for it.
    pub fn progress(&self, wire: &Wire) -> String {
        match self.is_whole(wire) {
            true => format!("all {} octets were sent", self.read),
            false if self.is_regular => format!("{} of {} octets were sent", self.left(wire), self.octets),
            false => format!("{} octets were sent, and it has more", self.left(wire)),
        }
    }

    /// What is said of an answer that came though not all of it has left.
    pub fn complaint(&self, wire: &Wire, status: StatusCode, location: Option<&str>) -> String {
        let progress = self.progress(wire);
        let caused = |reason| wire.drive.connection().lifecycle().close_reasons().any(|cause| cause == reason);
        let (why, what) = if caused(CloseReason::ContentUnwanted) {
            ("the server answered instead of asking for the content".to_owned(), None)
        } else if caused(CloseReason::EarlyResponse) {
            ("the server refused the rest, and ends the connection".to_owned(), None)
        } else {
            (wire.why_it_ended(), Some("what the server made of it is not known: send it again"))
        };
        let elsewhere = location.map(|location| format!("to be sent to {location}"));
        let what = elsewhere.as_deref().or(what).map_or(String::new(), |what| format!("; {what}"));
        format!("{status} {}, and the upload is not whole: {progress}; {why}{what}", status.reason_phrase())
    }
}

/// Octets of a piece: few enough that `inspect`, which replays a trace, frames it as one, too.
const PIECE: usize = 60 * 1024;

/// What has left on a connection.
#[derive(Default)]
pub struct Ledger {
    /// Octets that have left.
    pub left: u64,
    /// Content that was handed out.
    pub content: u64,
    /// Of it, what has left.
    pub content_left: u64,
}

impl Ledger {
    /// So many octets have left, and so many of the content have not.
    pub const fn leave(&mut self, octets: usize, content: u64) {
        self.left += octets as u64;
        self.content_left = self.content - content;
    }
}
