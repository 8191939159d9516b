//! What a connection tells of its answers.

use http_keepalive::{BodyLength, Deadline, Event, ExchangeSummary, Persistence, ProtocolError, StatusCode};

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
    /// More of a request's content is to be sent, or its end.
    Asked,
    /// What the peer did wrong.
    Error(ProtocolError),
    /// A deadline passed.
    Expired(Deadline),
    /// An exchange is over: all of it in a line.
    Exchange(ExchangeSummary),
}

/// What was received, but for an end.
pub fn tell(event: &Event<'_>) -> Option<Happened> {
    match event {
        Event::Interim(head) => Some(Happened::Interim(head.status)),
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
            Some(Happened::Response { status: head.status, head: text, octets })
        }
        Event::Content(octets) => Some(Happened::Content(octets.to_vec())),
        _ => None,
    }
}
