//! The driver of `examples/inspect --trace`: what it makes of a trace is what the trace says.

#![cfg(feature = "serde")]

#[path = "../../examples/inspect/lines.rs"]
mod lines;
#[expect(dead_code, reason = "the program's own uses are in its main")]
#[path = "../../examples/inspect/settings.rs"]
mod settings;
#[path = "../../examples/inspect/trace.rs"]
mod trace;

use http_keepalive::Server;
use serde_json::{Value, json};

fn run(lines: &[Value]) -> Vec<Value> {
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    let config = settings::server(&[], true).expect("no settings");
    trace::run::<Server>(&config, &trace::parse(&text.join("\n")).expect("a trace")).expect("of a server")
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
