//! The lines printed: one JSON object for each thing the connection says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_keepalive::{
    BodyLength, Event, FieldSection, Persistence, ProtocolError, RequestHead, ResponseHead, retry::Unanswered,
};
use serde_json::{Value, json};

/// An event, with the verdict that stands after it.
pub fn event(event: &Event<'_>, persistence: Persistence, offset: u64) -> Option<Value> {
    Some(match event {
        Event::Request(head) => request(head),
        Event::Interim(head) => response("interim", head),
        Event::Response(head) => response("response", head),
        Event::Content(octets) => json!({ "event": "content", "data_b64": STANDARD.encode(octets) }),
        Event::End { trailers } => end(trailers, persistence),
        Event::Tunnel(reason) => json!({ "event": "tunnel", "reason": reason.as_str(), "offset": offset }),
        _ => return None,
    })
}

fn request(head: &RequestHead<'_>) -> Value {
    let (framing, length) = framing(head.framing.length);
    json!({
        "event": "request",
        "method": latin1(head.method.as_bytes().iter().copied()),
        "target": latin1(head.target.as_bytes().iter().copied()),
        "version": format!("1.{}", head.version.minor),
        "fields": fields(&head.fields),
        "framing": framing,
        "rule": head.framing.rule.as_str(),
        "length": length,
        "expect_continue": head.expects_continue(),
        "upgrade": head.offers_upgrade() || head.method.as_str() == "CONNECT",
    })
}

fn response(event: &str, head: &ResponseHead<'_>) -> Value {
    let mut line = json!({
        "event": event,
        "status": head.status.as_u16(),
        "reason": latin1(head.reason.iter().copied()),
        "version": format!("1.{}", head.version.minor),
        "fields": fields(&head.fields),
    });
    if event == "response" {
        let (framing, length) = framing(head.framing.length);
        line["framing"] = framing.into();
        line["rule"] = head.framing.rule.as_str().into();
        line["length"] = length.into();
    }
    line
}

/// What becomes of a request that was not answered.
pub fn retry(unanswered: &Unanswered) -> Value {
    let verdict = unanswered.verdict();
    json!({
        "event": "retry",
        "request": unanswered.request,
        "advice": verdict.advice.as_str(),
        "reason": verdict.reason.as_str(),
        "clause": verdict.reason.clause(),
    })
}

fn end(trailers: &FieldSection<'_>, persistence: Persistence) -> Value {
    let word = match persistence {
        Persistence::Reuse(_) => "reuse",
        Persistence::Tunnel(_) => "tunnel",
        Persistence::Close(_) | Persistence::Undecided => "close",
    };
    json!({
        "event": "end",
        "fields": fields(trailers),
        "persistence": word,
        "reason": persistence.as_str(),
        "clause": persistence.clause(),
    })
}

/// What the peer did wrong.
pub fn error(error: &ProtocolError) -> Value {
    json!({
        "event": "error",
        "kind": error.kind.as_str(),
        "offset": error.offset,
        "status": error.suggested_status().map(|status| status.as_u16()),
        "clause": error.clause(),
    })
}

/// Octets we would send.
pub fn write(octets: &[u8]) -> Value {
    json!({ "event": "write", "data_b64": STANDARD.encode(octets) })
}

/// The last line.
pub fn state(state: &str, consumed: u64) -> Value {
    json!({ "event": "state", "state": state, "consumed": consumed })
}

/// The line with what it tells of as text, too: octets, or a head. Latin-1: one character, one octet.
pub fn with_text(mut line: Value) -> Value {
    if let Some(octets) = line["data_b64"].as_str().and_then(|data| STANDARD.decode(data).ok()) {
        line["text"] = latin1(octets.into_iter()).into();
    } else if let Some(head) = head_as_text(&line) {
        line["text"] = head.into();
    }
    line
}

/// The head that a line tells of, as it is written in HTTP; whitespace around values is none of it.
fn head_as_text(line: &Value) -> Option<String> {
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    let start_line = match text("event") {
        "request" => format!("{} {} HTTP/{}", text("method"), text("target"), text("version")),
        "response" | "interim" => format!("HTTP/{} {} {}", text("version"), line["status"], text("reason")),
        _ => return None,
    };
    let fields = line["fields"].as_array().into_iter().flatten();
    let fields = fields.map(|field| {
        let [name, value] = [&field[0], &field[1]].map(|part| part.as_str().unwrap_or_default());
        format!("{name}: {value}\r\n")
    });
    Some(format!("{start_line}\r\n{}\r\n", fields.collect::<String>()))
}

fn framing(length: BodyLength) -> (&'static str, Option<u64>) {
    match length {
        BodyLength::Empty => ("none", None),
        BodyLength::Exact(octets) => ("length", Some(octets)),
        BodyLength::Chunked => ("chunked", None),
        BodyLength::UntilClose => ("close", None),
    }
}

fn fields(section: &FieldSection<'_>) -> Vec<[String; 2]> {
    section.iter().map(|line| [latin1(line.name.iter().copied()), latin1(line.value.octets())]).collect()
}

fn latin1(octets: impl Iterator<Item = u8>) -> String {
    octets.map(char::from).collect()
}
