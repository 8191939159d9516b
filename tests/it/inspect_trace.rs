//! The driver of `examples/inspect --trace`: what it makes of a trace is what the trace says.

#![cfg(feature = "serde")]

#[path = "../../examples/inspect/help.rs"]
pub mod help;
#[path = "../../examples/inspect/lines.rs"]
pub mod lines;
#[path = "../../examples/inspect/settings.rs"]
pub mod settings;
#[path = "../../examples/inspect/trace/mod.rs"]
pub mod trace;

use http_keepalive::{Client, Server};
use serde_json::{Value, json};

fn run(lines: &[Value]) -> Vec<Value> {
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    let config = settings::server(None, &[]).expect("no settings");
    trace::run::<Server>(config, trace::parse::<Server>(text.join("\n").as_bytes()).expect("a trace"))
}

#[test]
fn content_of_any_length_is_sent_whole() {
    let get = json!({ "at": 0, "receive": "GET / HTTP/1.1\r\nHost: a\r\n\r\n" });
    let long = "x".repeat(300_000);
    let whole = json!({ "at": 0, "respond": { "status": 200, "content": long } });
    let piece = [json!({ "at": 0, "respond": { "status": 200, "chunked": true } }), json!({ "at": 0, "send": long })];
    let lines = run(&[get.clone(), whole, get, piece[0].clone(), piece[1].clone(), json!({ "at": 0, "send_end": [] })]);
    assert_eq!(lines.last().map(|line| &line["state"]), Some(&json!("idle")));
    assert!(lines.iter().all(|line| line["event"] != "refused"));
    let written: usize = lines.iter().filter_map(|line| line["data_b64"].as_str()).map(|data| data.len() / 4 * 3).sum();
    assert!(written > 600_000, "{written}");
}

#[test]
fn a_bad_trace_names_its_line_and_what_is_wrong_with_it() {
    let good = r#"{"at":0,"receive":"GET"}"#;
    for (line, why) in [
        (r#"{"at":1,"recieve":"x"}"#, "no fact or intent `recieve`: did you mean `receive`?"),
        (
            r#"{"at":1,"zzzzzzzz":"x"}"#,
            "no fact or intent `zzzzzzzz`; there are: receive, receive_b64, eof, sent, drain, content_use, timeouts, failed, send, send_end, \
             respond, interim, refuse, application_gone",
        ),
        (r#"{"at":"1"}"#, r#"`at`: expected seconds since the start, not "1""#),
        (r#"{"at":-1}"#, "`at`: expected seconds since the start, not -1"),
        (r#"{"eof":true}"#, "no `at`"),
        ("[1]", "expected an object, not [1]"),
        (r#"{"at":1,"#, "no JSON: EOF while parsing a value at column 8"),
        (r#"{"at":1,"receive":"x","eof":true}"#, "`receive` and `eof`: a line has one of these"),
        (r#"{"at":1,"receive":5}"#, "`receive`: expected text, not 5"),
        (r#"{"at":1,"receive_b64":"??"}"#, "`receive_b64`: no base64: Invalid symbol 63, offset 0."),
        (r#"{"at":1,"eof":false}"#, "`eof`: expected true, not false"),
        (r#"{"at":1,"unconfirmed":true}"#, "`unconfirmed` without `sent`"),
        (r#"{"at":1,"sent":-1}"#, "`sent`: expected a whole number, not -1"),
        (r#"{"at":1,"send_end":"end"}"#, r#"`send_end`: expected [[name, value], …], not "end""#),
        (r#"{"at":1,"respond":{}}"#, "`respond`: no `status`"),
        (r#"{"at":1,"respond":{"status":"OK"}}"#, r#"`respond`: `status`: expected a status, not "OK""#),
        (r#"{"at":1,"respond":{"status":200,"chunkd":true}}"#, "`respond`: no key `chunkd`: did you mean `chunked`?"),
        (
            r#"{"at":1,"respond":{"status":200,"length":1,"chunked":true}}"#,
            "`respond`: one at most of `content`, `length`, `chunked`, `until_close`",
        ),
        (r#"{"at":1,"interim":{"status":103,"content":""}}"#, "`interim`: no key `content`; there are: status, fields"),
        (r#"{"at":1,"request":{}}"#, "`request` is told to a client, and this is a server"),
    ] {
        let trace = format!("{good}\n\n{line}\nnor is this one right\n");
        assert_eq!(trace::parse::<Server>(trace.as_bytes()).err(), Some(format!("line 3: {why}")), "{line}");
    }
    for (line, why) in [
        (r#"{"at":1,"respond":{}}"#, "`respond` is told to a server, and this is a client"),
        (r#"{"at":1,"request":{"method":"GET"}}"#, "`request`: no `target`"),
        (
            r#"{"at":1,"request":{"method":"GET","target":"/","version":"2"}}"#,
            r#"`request`: `version`: expected "1.0" or "1.1", not "2""#,
        ),
    ] {
        assert_eq!(trace::parse::<Client<16>>(line.as_bytes()).err(), Some(format!("line 1: {why}")), "{line}");
    }
    assert!(
        trace::parse::<Server>(b"{\"at\":1,\"receive\":\"\xff\"}").err().is_some_and(|why| why.starts_with("line 1: "))
    );
}

#[test]
fn a_late_look_finds_its_lines_in_their_order() {
    let get = json!({ "at": 0, "request": { "method": "GET", "target": "/", "fields": [["Host", "a"]] } });
    let sent = json!({ "at": 1, "sent": 1000, "late": true });
    let answer = json!({ "at": 1, "receive": "HTTP/1.1 204 No Content\r\n\r\n", "late": true });
    let last = |lines: &[Value]| {
        let text: Vec<_> = lines.iter().map(Value::to_string).collect();
        let config = settings::client(None, &[]).expect("no settings");
        let lines =
            trace::run::<Client<16>>(config, trace::parse::<Client<16>>(text.join("\n").as_bytes()).expect("a trace"));
        lines.last().map(|line| line["state"].clone())
    };
    assert_eq!(last(&[get.clone(), sent.clone(), answer.clone()]), Some(json!("idle")), "the request left first");
    assert_eq!(last(&[get, answer, sent]), Some(json!("closed")), "what came before it is no answer of its");
}
