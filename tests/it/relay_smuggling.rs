//! Shapes by which a request was smuggled through other intermediaries: nothing of them reaches an upstream, or exactly one request that is
//! well-formed, framed as it was read.

use http_keepalive::relay::UpstreamVerdict;
use http_keepalive::*;

use crate::relay_world::{Neighbor, Route, World};

/// What the upstream was sent, as a strict server reads it.
fn requests(octets: &[u8]) -> Vec<(String, Vec<u8>)> {
    let now = Instant::from_secs(1);
    let mut server = Connection::<Server>::new(now, &Config::DEFAULT);
    let (mut rest, mut all, mut out) = (octets, Vec::new(), [0; 256]);
    loop {
        let received = server.receive(now, rest).expect("only well-formed requests reach an upstream");
        rest = &rest[received.consumed..];
        match received.outcome {
            Outcome::Event(Event::Request(head)) => {
                all.push((format!("{} {}", head.method.as_str(), head.target.as_str()), Vec::new()))
            }
            Outcome::Event(Event::Content(piece)) => all.last_mut().expect("a request").1.extend_from_slice(piece),
            Outcome::Event(Event::End { .. }) => {
                let written = server
                    .send_response(now, StatusCode::NO_CONTENT, NO_FIELDS, Content::Empty, &mut out)
                    .expect("it fits");
                server.handle_sent(now, written as u64);
            }
            _ => return all,
        }
    }
}

/// What reaches the upstream of these octets: it answers each request that was whole.
fn through(octets: &[u8], piece: usize) -> Vec<(String, Vec<u8>)> {
    let mut world = World::new();
    let mut rest = octets;
    let mut answered = 0;
    for _ in 0..1000 {
        world.run();
        if world.reads(Neighbor::Client) && !rest.is_empty() {
            let share = rest.len().min(piece);
            world.client(&rest[..share]);
            rest = &rest[share..];
        }
        let got = world.origins.first().map(|origin| requests(&origin.got)).unwrap_or_default();
        let waits = world.current.is_some() && world.reads(Neighbor::Upstream);
        if got.len() > answered && waits && (rest.is_empty() || !world.reads(Neighbor::Client)) {
            answered += 1;
            world.upstream("HTTP/1.1 204 No Content\r\n\r\n");
        } else if rest.is_empty() || !world.reads(Neighbor::Client) {
            break;
        }
    }
    assert!(world.origins.len() <= 1);
    world.origins.first().map(|origin| requests(&origin.got)).unwrap_or_default()
}

const EVIL: &str = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn rfc9112_11_2_what_two_could_read_in_two_ways_reaches_nobody() {
    let heads = [
        // both lengths, in any spelling
        "Content-Length: 44\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 44",
        "Content-Length: 0\r\nContent-Length: 44",
        "Content-Length: 44\r\nContent-Length: 44",
        "Content-Length: 0, 44",
        "Content-Length: +44",
        "Content-Length: 0x2c",
        "Content-Length: 4 4",
        "Content-Length: 44,",
        "Content-Length:\r\n 44",
        "Content-Length : 44",
        "Content-Length\t: 44",
        " Content-Length: 44",
        "Content-Length: \x0b44",
        "Content-Length: 44\x00",
        "Content-Length: 44\r",
        "X: y\rContent-Length: 44",
        "X: y\nContent-Length: 44",
        "X: y\r\r\nContent-Length: 44",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: chunked;x=y",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding:",
        "Transfer-Encoding\r\n : chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer\x00-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        // options that name what frames
        "Connection: Content-Length\r\nContent-Length: 44",
        "Connection: close, content-length\r\nContent-Length: 44",
        "Connection: Host\r\nContent-Length: 0",
        // two hosts, or one that is none
        "Host: b\r\nContent-Length: 0",
        // other than token
        "X Y: 1\r\nContent-Length: 0",
        "X(: 1\r\nContent-Length: 0",
        ": 1\r\nContent-Length: 0",
        "X\r\nContent-Length: 0",
    ];
    for head in heads {
        let octets = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n0\r\n\r\n{EVIL}");
        for piece in [1, 7, 10_000] {
            assert_eq!(through(octets.as_bytes(), piece), [], "{head:?}");
        }
    }
    let lines = [
        "GET /\r HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET /\tx HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.1\nX: y",
        "GET /a b HTTP/1.1",
        "GET /#x HTTP/1.1",
        "GET / HTTP/2.0",
        "GET / http/1.1",
        "GET * HTTP/1.1",
        "GET a:80 HTTP/1.1",
        "GET http://u@a/ HTTP/1.1",
        "G@T / HTTP/1.1",
        "CONNECT / HTTP/1.1",
        "HTTP/1.1 200 OK",
        "PRI * HTTP/2.0",
    ];
    for line in lines {
        assert_eq!(through(format!("{line}\r\nHost: a\r\n\r\n{EVIL}").as_bytes(), 10_000), [], "{line:?}");
    }
}

#[test]
fn rfc9112_11_2_what_can_be_read_in_one_way_alone_reaches_the_upstream_as_that() {
    let rows: [(&str, &[(&str, &str)]); 8] = [
        // unrelated names are unrelated
        ("Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", &[("POST /", "0\r\n\r\n")]),
        ("X-Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", &[("POST /", "0\r\n\r\n")]),
        // without a length there is no content, and what follows is a request
        ("\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n", &[("POST /", ""), ("GET /b", "")]),
        ("Transfer-Encoding: CHUNKED\r\n\r\n2;a=\"b\"\r\nok\r\n0\r\n\r\n", &[("POST /", "ok")]),
        ("Transfer-Encoding: ,chunked,\r\n\r\n02\r\nok\r\n000\r\n\r\n", &[("POST /", "ok")]),
        ("Content-Length: 0000000000000000000000000000002\r\n\r\nok", &[("POST /", "ok")]),
        ("Content-Length: 2\r\nX: Content-Length: 9\r\n\r\nok", &[("POST /", "ok")]),
        // a request within content stays content
        (
            "Content-Length: 34\r\n\r\nGET /evil HTTP/1.1\r\nHost: aaaa\r\n\r\n",
            &[("POST /", "GET /evil HTTP/1.1\r\nHost: aaaa\r\n\r\n")],
        ),
    ];
    for (rest, expected) in rows {
        let octets = format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}");
        for piece in [1, 10_000] {
            let expected: Vec<_> =
                expected.iter().map(|(line, content)| ((*line).to_owned(), content.as_bytes().to_vec())).collect();
            assert_eq!(through(octets.as_bytes(), piece), expected, "{rest:?}");
        }
    }
}

#[test]
fn rfc9112_7_1_broken_chunks_are_cut_and_never_completed() {
    let rows = [
        "2\r\nok",
        "2\r\nokx\r\n0\r\n\r\n",
        "2\nok\r\n0\r\n\r\n",
        "2\r\nok\r\n0\r\nX Y: 1\r\n\r\n",
        "2\r\nok\r\n0\r\nContent-Length: 3\r\n\r\n",
        "2 \r\nok\r\n0\r\n\r\n",
        "-2\r\nok\r\n",
        "2;a\nb\r\nok\r\n0\r\n\r\n",
    ];
    for row in rows {
        let mut world = World::new();
        world.client(format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{row}"));
        world.ends(Neighbor::Client);
        let sent = world.request();
        assert!(!sent.contains("0\r\n\r\n"), "{row:?}: {sent}");
        assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)), "{row:?}");
    }
}

#[test]
fn rfc9112_9_2_a_response_that_nobody_asked_for_answers_nothing() {
    // octets before the request, and after a response
    let mut world = World::new();
    world.client("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    world.upstream("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    world.client("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(world.origins.len(), 2);
    world.upstream("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
    assert!(world.answer().ends_with("\r\n\r\n2") && !String::from_utf8_lossy(&world.told).contains("evil"));
    // a head with a length that is none of a HEAD
    let mut world = World::new();
    world.client("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    world.upstream("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n");
    assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)));
}

#[test]
fn rfc9110_9_3_6_what_follows_a_connect_is_no_request() {
    let mut world = World::new();
    world.routes.extend([Route::NotConnected, Route::NotConnected]);
    world.client(format!("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n{EVIL}"));
    assert!(world.answer().starts_with("HTTP/1.1 502 ") && world.origins.is_empty() && world.shut.is_some());
}
