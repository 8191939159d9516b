//! What a connection tells of its answers.

use http_keepalive::{BodyLength, Deadline, Event, ExchangeSummary, Outcome, Persistence, ProtocolError, StatusCode};

/// What happened on a connection.
pub enum Happened {
    /// An interim response.
    Interim(StatusCode),
    /// A final response's head; the octets of its content, where they are known.
    Response { status: StatusCode, head: String, octets: Option<u64> },
    /// A piece of its content.
    Content(Vec<u8>),
    /// It is complete: what that means for the connection.
    End(Persistence),
    /// What the peer did wrong.
    Error(ProtocolError),
    /// A deadline passed.
    Expired(Deadline),
    /// An exchange is over: all of it in a line.
    Exchange(ExchangeSummary),
}

pub fn tell(outcome: &Outcome<'_>, persistence: Persistence, happened: &mut Vec<Happened>) {
    let Outcome::Event(event) = outcome else { return };
    match event {
        Event::Interim(head) => happened.push(Happened::Interim(head.status)),
        Event::Response(head) => {
            let mut text = format!("HTTP/1.{} {} {}\n", head.version.minor, head.status, head.reason.escape_ascii());
            for line in &head.fields {
                let value: Vec<u8> = line.value.octets().collect();
                text += &format!("{}: {}\n", line.name.escape_ascii(), String::from_utf8_lossy(&value));
            }
            let octets = match head.framing.length {
                BodyLength::Exact(octets) => Some(octets),
                BodyLength::Empty => Some(0),
                BodyLength::Chunked | BodyLength::UntilClose => None,
            };
            happened.push(Happened::Response { status: head.status, head: text, octets });
        }
        Event::Content(octets) => happened.push(Happened::Content(octets.to_vec())),
        Event::End { .. } => happened.push(Happened::End(persistence)),
        _ => {}
    }
}
