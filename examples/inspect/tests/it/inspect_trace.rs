//! The driver of `examples/inspect --trace`: what it makes of a trace is what the trace says.

#[path = "../../help.rs"]
pub mod help;
#[path = "../../lines.rs"]
pub mod lines;
#[path = "../../settings.rs"]
pub mod settings;
#[path = "../../trace/mod.rs"]
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
            "no fact or intent `zzzzzzzz`; there are: receive, receive_b64, eof, sent, drain, content_use, timeouts, failed, send, send_b64, send_end, \
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

fn client(lines: &[Value]) -> Vec<Value> {
    let text: Vec<_> = lines.iter().map(Value::to_string).collect();
    let config = settings::client(None, &[]).expect("no settings");
    trace::run::<Client<16>>(config, trace::parse::<Client<16>>(text.join("\n").as_bytes()).expect("a trace"))
}

#[test]
fn the_first_line_may_say_whose_trace_it_is_and_with_which_settings() {
    let header = |text: &str| trace::header::read(text.as_bytes());
    let first =
        r#"{"at":0,"connection":{"role":"client","timeouts":{"idle":"5s","age":"off"},"limits":{"field_lines":100}}}"#;
    let said = header(&format!("\n{first}\n{{\"at\":1}}\n")).expect("good").expect("there");
    assert_eq!(said.role, "client");
    assert_eq!(said.settings, ["limits.field_lines=100", "timeouts.idle=5s", "timeouts.age=off"]);
    assert!(settings::client(None, &said.settings).is_ok_and(|config| config.timeouts().age.is_none()));
    // what it says is no line of the trace
    assert_eq!(trace::parse::<Client<16>>(format!("{first}\n{{\"at\":1}}").as_bytes()).map(|lines| lines.len()), Ok(1));
    assert_eq!(header(r#"{"at":0,"receive":"x"}"#), Ok(None));
    assert_eq!(header(""), Ok(None));
    for (wrong, why) in [
        (r#"{"connection":{}}"#, "line 1: `connection`: no `role`"),
        (r#"{"connection":{"role":"proxy"}}"#, "line 1: `connection`: `role`: server or client, not proxy"),
        (
            r#"{"connection":{"role":"client","timeout":{}}}"#,
            "line 1: `connection`: no key `timeout`: did you mean `timeouts`?",
        ),
        (
            r#"{"connection":{"role":"client","timeouts":{"idel":"5s"}}}"#,
            "line 1: `connection`: `timeouts`: no setting `idel`: did you mean `idle`?",
        ),
        (r#"{"connection":{"role":"client"},"eof":true}"#, "line 1: `connection` and `eof`: a line has one of these"),
    ] {
        assert_eq!(header(wrong), Err(why.to_owned()), "{wrong}");
    }
    // only the first
    let second = format!("{{\"at\":0}}\n{first}");
    assert!(trace::parse::<Client<16>>(second.as_bytes()).err().is_some_and(|why| why.starts_with("line 2: ")));
}

#[test]
fn content_to_send_may_be_any_octets() {
    let put = json!({ "at": 0, "request": { "method": "PUT", "target": "/", "fields": [["Host", "a"]], "length": 3 } });
    let written = |piece: Value| client(&[put.clone(), piece]).into_iter().rfind(|line| line["event"] == "write");
    assert_eq!(
        written(json!({ "at": 0, "send": "abc" })).map(|line| line["data_b64"].clone()),
        written(json!({ "at": 0, "send_b64": "YWJj" })).map(|line| line["data_b64"].clone())
    );
    let any = written(json!({ "at": 0, "send_b64": "//79" })).expect("it is sent");
    assert_eq!(any["data_b64"], "//79");
}

#[test]
fn a_trace_says_what_a_client_knows_of_its_peer_and_of_its_content() {
    let get = json!({ "at": 0, "request": { "method": "GET", "target": "/", "fields": [["Host", "a"]] } });
    let refused = |lines: &[Value]| client(lines).iter().filter(|line| line["event"] == "refused").count();
    assert_eq!(refused(&[get.clone(), get.clone()]), 1, "a peer that may not know HTTP/1.1");
    assert_eq!(refused(&[json!({ "at": 0, "knows_http11": true }), get.clone(), get]), 0);
    let retry = |replayable: bool| {
        let asked = json!({ "method": "PUT", "target": "/", "fields": [["Host", "a"]], "content": "x", "replayable": replayable });
        let lines = client(&[json!({ "at": 0, "request": asked }), json!({ "at": 1, "eof": true })]);
        lines.into_iter().find(|line| line["event"] == "retry").map(|line| line["reason"].clone())
    };
    assert_eq!(retry(true), Some(json!("idempotent")));
    assert_eq!(retry(false), Some(json!("not-replayable")));
}
