//! Shapes of messages in which a reader may look at an octet more than once: each at any length.

/// Which role reads a shape, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A server, its limits raised.
    Strict,
    /// A server with every leniency.
    Lenient,
    /// A server with every leniency that has answered already: content is discarded.
    Discarding,
    /// A client, its limits raised; it has asked with GET.
    Client,
    /// A client with every leniency.
    LenientClient,
}

use Reader::*;

/// A shape: what it is called, who reads it, and its octets at about such a length.
pub type Shape = (&'static str, &'static [Reader], fn(usize) -> Vec<u8>);

const BOTH: &[Reader] = &[Strict, Lenient];
const LOOSE: &[Reader] = &[Lenient];
const CONTENT: &[Reader] = &[Strict, Lenient, Discarding];
const LOOSE_CONTENT: &[Reader] = &[Lenient, Discarding];
const CLIENTS: &[Reader] = &[Client, LenientClient];

pub const ALL: &[Shape] = &[
    ("a long target", BOTH, |n| start(&format!("GET /{}", "a".repeat(n)))),
    ("a long authority", BOTH, |n| start(&format!("GET http://{}/", "a".repeat(n)))),
    ("a long method", BOTH, |n| start(&format!("{} /", "M".repeat(n)))),
    ("spaces in a request line", LOOSE, |n| start(&format!("GET{}/", " ".repeat(n)))),
    ("spaces before a request line", LOOSE, |n| start(&format!("{}GET /", " ".repeat(n)))),
    ("a target of high octets", LOOSE, |n| start(&format!("GET /{}", "\u{e9}".repeat(n / 2)))),
    ("a long value", BOTH, |n| head(&line("X", "y", n))),
    ("a long host", BOTH, |n| request(&line("Host", "a", n), "GET /")),
    ("a long name", BOTH, |n| head(&format!("{}: y\r\n", "x".repeat(n)))),
    ("spaces before a value", BOTH, |n| head(&format!("X:{}y\r\n", " ".repeat(n)))),
    ("spaces after a value", BOTH, |n| head(&format!("X: y{}\r\n", " ".repeat(n)))),
    ("short lines", BOTH, |n| head(&"X: y\r\n".repeat(n / 6))),
    ("lines without a space", BOTH, |n| head(&"X:y\r\n".repeat(n / 5))),
    ("lines ended by LF", LOOSE, |n| head(&"X: y\n".repeat(n / 5))),
    ("commas in Connection", BOTH, |n| head(&line("Connection", ",", n))),
    ("options in Connection", BOTH, |n| head(&line("Connection", "a,", n))),
    ("lines of Connection", BOTH, |n| head(&"Connection: close\r\n".repeat(n / 19))),
    ("commas in Upgrade", BOTH, |n| head(&line("Upgrade", ",", n))),
    ("quotes in Upgrade", BOTH, |n| head(&line("Upgrade", "\"", n))),
    ("commas in Expect", BOTH, |n| head(&format!("Expect: 100-continue{}\r\n", ",".repeat(n)))),
    ("members of Keep-Alive", BOTH, |n| head(&line("Keep-Alive", "max=5,", n))),
    ("quotes in Keep-Alive", BOTH, |n| head(&line("Keep-Alive", "a=\",\",\"", n))),
    ("lengths on a line", LOOSE, |n| head(&format!("Content-Length: {}0\r\n", "0,".repeat(n / 2)))),
    ("zeros of a length", BOTH, |n| head(&line("Content-Length", "0", n))),
    ("codings", LOOSE, |n| coded(&format!("{}chunked", "a,".repeat(n / 2)))),
    ("commas before chunked", BOTH, |n| coded(&format!("{}chunked", ",".repeat(n)))),
    ("parameters of a coding", LOOSE, |n| coded(&format!("a{}, chunked", ";b=\",\"".repeat(n / 6)))),
    ("quotes in a coding", LOOSE, |n| coded(&format!("a;b=\"{}\", chunked", "\\\"".repeat(n / 2)))),
    ("empty folds in a head", LOOSE, |n| head(&folded(" \r\n", n))),
    ("folds in a head", LOOSE, |n| head(&folded(" two\r\n", n))),
    ("folds ended by LF", LOOSE, |n| head(&folded(" \n", n))),
    ("folded lines", LOOSE, |n| head(&"X: y\r\n z\r\n".repeat(n / 10))),
    ("blank lines before the fields", LOOSE, |n| head_after(&" \r\n".repeat(n / 3))),
    ("bare CR in a value", LOOSE, |n| head(&line("X", "\ry", n))),
    ("NUL in a value", LOOSE, |n| head(&line("X", "\0", n))),
    ("pipelined requests", &[Discarding], |n| head("").repeat(n / 27)),
    ("a long reason", CLIENTS, |n| answer(&"r".repeat(n), LENGTH)),
    ("a long reason, short lines", CLIENTS, |n| {
        answer(&"r".repeat(n / 4), &(LENGTH.to_owned() + &"X: y\r\n".repeat(n / 8)))
    }),
    ("a long reason, folds", CLIENTS, |n| {
        answer(&"r".repeat(n / 4), &(LENGTH.to_owned() + &folded(" \r\n", n * 3 / 4)))
    }),
    ("a long value in a response", CLIENTS, |n| answer("OK", &(LENGTH.to_owned() + &line("X", "y", n)))),
    ("short lines in a response", CLIENTS, |n| answer("OK", &(LENGTH.to_owned() + &"X: y\r\n".repeat(n / 6)))),
    ("folds in a response", CLIENTS, |n| answer("OK", &(LENGTH.to_owned() + &folded(" \r\n", n)))),
    ("spaces before a colon", &[LenientClient], |n| answer("OK", &format!("{LENGTH}X{}: y\r\n", " ".repeat(n)))),
    ("interim responses", CLIENTS, |n| {
        // the number of them is limited, so each is long
        let one = format!("HTTP/1.1 103 E\r\n{}\r\n", line("X", "y", n / 200));
        (one.repeat(200) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").into()
    }),
    ("one-octet chunks", CONTENT, |n| chunked(&"1\r\nx\r\n".repeat(n / 6))),
    ("zeros of chunk sizes", CONTENT, |n| chunked(&format!("{}1\r\nx\r\n", "0".repeat(31)).repeat(n / 37))),
    ("a large chunk", CONTENT, |n| chunked(&format!("{n:x}\r\n{}\r\n", "x".repeat(n)))),
    ("a long extension", CONTENT, |n| chunked(&format!("1;{}\r\nx\r\n", "a".repeat(n)))),
    ("a quoted extension", CONTENT, |n| chunked(&format!("1;a=\"{}\"\r\nx\r\n", "\\\"".repeat(n / 2)))),
    ("extensions of a chunk", CONTENT, |n| chunked(&format!("1{}\r\nx\r\n", "; a = b".repeat(n / 7)))),
    ("extensions of chunks", CONTENT, |n| chunked(&"1;a=b\r\nx\r\n".repeat(n / 10))),
    ("spaces after a chunk size", LOOSE_CONTENT, |n| chunked(&format!("1{}\r\nx\r\n", " ".repeat(n)))),
    ("a long value in trailers", CONTENT, |n| trailers(&line("X", "y", n))),
    ("a long name in trailers", CONTENT, |n| trailers(&format!("{}: y\r\n", "x".repeat(n)))),
    ("short lines in trailers", CONTENT, |n| trailers(&"X: y\r\n".repeat(n / 6))),
    ("lines without a space in trailers", CONTENT, |n| trailers(&"X:y\r\n".repeat(n / 5))),
    ("commas in trailers", LOOSE_CONTENT, |n| trailers(&line("Connection", ",", n))),
    ("dropped trailers", LOOSE_CONTENT, |n| trailers(&"TE: a\r\n".repeat(n / 7))),
    ("empty folds in trailers", LOOSE_CONTENT, |n| trailers(&folded(" \r\n", n))),
    ("folds in trailers", LOOSE_CONTENT, |n| trailers(&folded(" two\r\n", n))),
    ("chunks in a response", CLIENTS, |n| chunks_in_answer(&("1\r\nx\r\n".repeat(n / 6) + "0\r\n"))),
    ("a long value in a response's trailers", CLIENTS, |n| chunks_in_answer(&format!("0\r\n{}", line("X", "y", n)))),
    ("short lines in a response's trailers", CLIENTS, |n| {
        chunks_in_answer(&format!("0\r\n{}", "X: y\r\n".repeat(n / 6)))
    }),
    ("folds in a response's trailers", CLIENTS, |n| chunks_in_answer(&format!("0\r\n{}", folded(" \r\n", n)))),
    ("content of known length", &[Strict, Discarding], |n| {
        let mut octets = head(&format!("Content-Length: {n}\r\n"));
        octets.resize(octets.len() + n, b'x');
        octets
    }),
    ("content until the close", CLIENTS, |n| {
        let mut octets = answer("OK", "");
        octets.resize(octets.len() + n, b'x');
        octets
    }),
];

const LENGTH: &str = "Content-Length: 0\r\n";

fn request(fields: &str, start: &str) -> Vec<u8> {
    format!("{start} HTTP/1.1\r\n{fields}\r\n").into()
}

fn start(start: &str) -> Vec<u8> {
    request("Host: a\r\n", start)
}

fn head(fields: &str) -> Vec<u8> {
    request(&format!("Host: a\r\n{fields}"), "GET /")
}

fn head_after(blank: &str) -> Vec<u8> {
    request(&format!("{blank}Host: a\r\n"), "GET /")
}

fn line(name: &str, unit: &str, octets: usize) -> String {
    format!("{name}: {}\r\n", unit.repeat(octets / unit.len()))
}

fn folded(fold: &str, octets: usize) -> String {
    format!("X: y\r\n{}", fold.repeat(octets / fold.len()))
}

fn coded(codings: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {codings}\r\n\r\n0\r\n\r\n").into()
}

fn chunked(chunks: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").into()
}

fn trailers(fields: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{fields}\r\n").into()
}

fn answer(reason: &str, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 {reason}\r\n{fields}\r\n").into()
}

fn chunks_in_answer(chunks: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}\r\n").into()
}
