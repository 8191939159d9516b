//! What a driver has sent, and what of it has left.

use std::sync::Arc;

use http_keepalive::{Config, Connection, SendError};
use serde_json::json;

use super::super::lines;
use super::Intents;
use super::driver::Driver;

impl<R: Intents> Driver<R> {
    /// Whoever says what leaves knows what has not.
    pub(super) fn say_what_left(&mut self) {
        if self.says_sent && self.output > 0 && self.unconfirmed == 0 {
            R::nothing_left(self);
        }
    }

    /// Has `send` write into as much room as it needs. An intent that is not allowed now is said to be refused.
    pub(super) fn write(
        &mut self,
        intent: &str,
        mut send: impl FnMut(&mut Connection<R, Arc<Config<R>>>, &mut [u8]) -> Result<usize, SendError>,
    ) -> bool {
        let mut out = vec![0; 64 * 1024];
        let octets = loop {
            match send(&mut self.connection, &mut out) {
                Ok(octets) => break octets,
                Err(SendError::OutputTooSmall { needed }) => out.resize(needed, 0),
                Err(error) => return self.taken(intent, Err(error)),
            }
        };
        if octets > 0 {
            self.say(lines::write(&out[..octets]));
            self.output += octets as u64;
        }
        true
    }

    /// Whether an intent was taken; if not, it is said to be refused.
    pub(super) fn taken(&mut self, intent: &str, result: Result<(), SendError>) -> bool {
        match result {
            Ok(()) => return true,
            Err(SendError::Misuse(misuse)) => self.refused(intent, misuse.as_str(), misuse.clause()),
            Err(SendError::Ended(reason)) => self.refused(intent, reason.as_str(), reason.clause()),
            Err(error) => self.refused(intent, &error.to_string(), "RFC 9112 9.5"),
        }
        false
    }

    pub(super) fn refused(&mut self, intent: &str, reason: &str, clause: &str) {
        self.say(json!({ "event": "refused", "intent": intent, "reason": reason, "clause": clause }));
    }

    /// Has a piece of content sent, all of it.
    pub(super) fn send(&mut self, mut piece: &[u8]) {
        let now = self.now;
        loop {
            let mut consumed = 0;
            let goes_on = self.write("send", |connection, out| {
                let sent = connection.send_content(now, piece, out)?;
                consumed = sent.consumed;
                Ok(sent.written)
            });
            piece = &piece[consumed..];
            if !goes_on || consumed == 0 || piece.is_empty() {
                return;
            }
        }
    }

    pub(super) fn leave(&mut self, octets: u64) {
        self.output -= octets;
        self.unconfirmed = self.unconfirmed.saturating_sub(octets);
        self.connection.handle_sent(self.now, octets);
    }
}
