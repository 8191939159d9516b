//! One connection: a blocking socket, and the drive that says what is to be done with it.

mod carrying;

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::time::Duration;

use http_keepalive::drive::Drive;
use http_keepalive::retry::Unanswered;
use http_keepalive::{
    Account, Client, CloseReason, Config, ConnectionSummary, Content, NO_FIELDS, Persistence, Request, Reusable,
    SendError, Timeouts,
};

use crate::happened::Happened;
use crate::target::{Clock, Origin};
use crate::trace::Trace;
use crate::upload::Ledger;

/// As many as may be outstanding.
pub const DEPTH: usize = 64;

/// One connection to an origin.
pub struct Wire {
    pub drive: Drive<Client<DEPTH>, Vec<u8>, Rc<Config<Client<DEPTH>>>>,
    stream: TcpStream,
    clock: Clock,
    /// Content that is being sent.
    piece: Vec<u8>,
    /// Content was given, and the socket is to have its turn before more is asked for.
    was_given: bool,
    /// What has left since the connection opened.
    pub ledger: Ledger,
    /// Why nothing goes any more: what the peer has said may still be read (RFC 9112 9.5).
    failure: Option<String>,
    /// The last answer was complete before its request had left.
    is_early: bool,
    /// A deadline has passed, and that is not in the trace: the look at what has come is not over.
    has_expired: bool,
    trace: Option<Trace>,
    account: Account,
    /// What happened, and is not told.
    happened: Vec<Happened>,
    /// By which the pool knows it.
    pub number: u64,
}

impl Wire {
    /// Opens a connection; `config` makes its settings from the time that took. What happens on it is written to `trace`.
    pub fn open(
        origin: &Origin,
        clock: Clock,
        config: impl FnOnce(Duration) -> Config<Client<DEPTH>>,
        mut trace: Option<Trace>,
    ) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot connect to {origin}: {error}");
        let began = std::time::Instant::now();
        let addresses = (origin.host.as_str(), origin.port).to_socket_addrs().map_err(failed)?;
        let mut last = io::Error::new(ErrorKind::NotFound, "no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, Duration::from_secs(10)) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(failed)?;
                    let (now, config) = (clock.now(), Rc::new(config(began.elapsed())));
                    if let Some(trace) = &mut trace {
                        trace.opened(now, &config);
                    }
                    return Ok(Self {
                        drive: Drive::new(now, config, vec![0; ROOM], Vec::new()),
                        stream,
                        clock,
                        piece: Vec::new(),
                        was_given: false,
                        ledger: Ledger::default(),
                        failure: None,
                        is_early: false,
                        has_expired: false,
                        trace,
                        account: Account::new(now),
                        happened: Vec::new(),
                        number: 0,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }

    /// The server speaks HTTP/1.1, as connections before this one have shown.
    pub fn knows_http11(&mut self) {
        self.drive.knows_http11();
        self.note("knows_http11", &true.into());
    }

    /// Writes what was said to the connection into the trace, if there is one.
    fn note(&mut self, key: &str, value: &serde_json::Value) {
        if let Some(trace) = &mut self.trace {
            trace.fact(self.clock.now(), key, value);
        }
    }

    /// May a request be sent? Looks at the socket first: the peer may have closed it.
    pub fn reusable(&mut self) -> Reusable {
        let lifecycle = self.drive.connection().lifecycle();
        if lifecycle.is_idle() && lifecycle.requests() > 0 {
            self.go_on(false);
        }
        self.drive.reusable(self.clock.now())
    }

    /// Hands out a request's head.
    pub fn ask(&mut self, request: &Request<'_>, fields: &[(&str, &str)], content: Content) -> Result<(), SendError> {
        let now = self.clock.now();
        self.drive.request(now, request, fields, content)?;
        if let Some(trace) = &mut self.trace {
            trace.request(now, request, fields, content);
        }
        self.is_early = false;
        self.sum_up();
        Ok(())
    }

    /// Hands out a piece of content. All that was handed out before has left.
    pub fn send(&mut self, piece: Vec<u8>) -> Result<(), SendError> {
        let now = self.clock.now();
        self.drive.pass_content(now, piece.len() as u64)?;
        if let Some(trace) = &mut self.trace {
            trace.send(now, &piece);
        }
        self.ledger.content += piece.len() as u64;
        (self.piece, self.was_given) = (piece, true);
        self.sum_up();
        Ok(())
    }

    /// Hands out the end of the content.
    pub fn finish(&mut self) -> Result<(), SendError> {
        self.drive.finish(self.clock.now(), NO_FIELDS)?;
        self.note("send_end", &true.into());
        self.was_given = true;
        self.sum_up();
        Ok(())
    }

    /// Octets that wait to be sent.
    pub fn waiting(&self) -> u64 {
        (self.drive.unsent().len() + self.drive.unsent_after().len()) as u64 + self.drive.passed()
    }

    /// The last request was answered before it had left: whether the server took the rest of it no answer says.
    pub const fn is_early(&self) -> bool {
        self.is_early
    }

    /// An exchange may be over.
    fn sum_up(&mut self) {
        let over = self.account.look(self.clock.now(), self.drive.connection());
        self.happened.extend(over.map(Happened::Exchange));
    }

    /// What the connection has come to.
    pub fn summary(&self) -> ConnectionSummary {
        self.account.summary(self.clock.now(), self.drive.connection())
    }

    /// The connection is over: nothing more will be answered.
    pub fn is_closed(&self) -> bool {
        self.drive.connection().is_closed()
    }

    /// Why it is, as far as is known.
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.drive.connection().persistence() {
            Persistence::Close(reason) => self.drive.connection().ended_by().or(Some(reason)),
            _ => None,
        }
    }

    /// Why nothing goes any more, if so.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What ended the connection, for people: what the system said, the deadline that passed, or the reason.
    pub fn why_it_ended(&self) -> String {
        if let Some(failure) = &self.failure {
            return failure.clone();
        }
        let Some(reason) = self.close_reason() else { return "the connection ended".into() };
        let limit = limit(reason, self.drive.connection().lifecycle().config().timeouts());
        limit.map_or_else(|| reason.to_string(), |limit| format!("{limit}: {reason}"))
    }

    /// What was left unanswered.
    pub fn unanswered(&self) -> Vec<Unanswered> {
        self.drive.connection().unanswered().collect()
    }
}

/// The option that says how long was waited, in words.
fn limit(reason: CloseReason, timeouts: &Timeouts) -> Option<String> {
    let (what, option, term) = match reason {
        CloseReason::ContentTimeout => ("no content", "--gap", timeouts.content_gap),
        CloseReason::ResponseTimeout => ("no answer", "--timeout", timeouts.response),
        _ => return None,
    };
    term.map(|term| format!("{what} for {}, as {option} allows", humantime::format_duration(term)))
}

/// Room to read into.
const ROOM: usize = 64 * 1024;
