//! Every output takes the same octets, and what does not become a whole message leaves none in it.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use http_keepalive::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const NOW: Instant = Instant::from_secs(1);
type Conn<R> = Connection<R, &'static Config<R>>;
type Lines = Vec<(&'static str, &'static str)>;

/// A call that writes. It returns what was taken and what was written.
trait Call<M> {
    fn call<O: Output + ?Sized>(&self, machine: &mut M, out: &mut O) -> Result<(usize, usize), SendError>;
}

/// Makes the call into every kind of output: each ends with the same octets, the same answer and the same machine.
fn into_each<M: Clone + PartialEq + Debug>(machine: &mut M, call: &impl Call<M>) -> Result<Vec<u8>, SendError> {
    let before = machine.clone();
    let mut room = [0; 4096];
    let said = call.call(machine, &mut room[..]);
    let octets = &room[..said.as_ref().map_or(0, |(_, written)| *written)];
    if said.is_err() {
        assert_eq!(*machine, before, "nothing has moved");
    }

    let (mut other, mut array) = (before.clone(), [0; 4096]);
    assert_eq!(call.call(&mut other, &mut array), said);
    assert!(array.starts_with(octets) && other == *machine);

    let (mut other, mut boxed) = (before.clone(), Box::<[u8]>::from([0; 4096]));
    assert_eq!(call.call(&mut other, &mut boxed), said);
    assert!(boxed.starts_with(octets) && other == *machine);

    let (mut other, mut slice) = (before.clone(), &mut [0; 4096][..]);
    assert_eq!(call.call(&mut other, &mut slice), said);
    assert!(slice.starts_with(octets) && other == *machine);

    // after what there was, with much room and with none
    for capacity in [0, 5000] {
        let (mut other, mut grown) = (before.clone(), Vec::with_capacity(capacity));
        grown.extend_from_slice(b"before");
        assert_eq!(call.call(&mut other, &mut grown), said);
        assert_eq!(grown.strip_prefix(b"before"), Some(octets));
        assert_eq!(other, *machine);
    }
    #[cfg(feature = "bytes")]
    {
        let (mut other, mut grown) = (before.clone(), bytes::BytesMut::from(&b"before"[..]));
        assert_eq!(call.call(&mut other, &mut grown), said);
        assert_eq!(grown.strip_prefix(b"before"), Some(octets));
        assert_eq!(other, *machine);
    }
    said.map(|_| octets.to_vec())
}

#[derive(Clone, Debug)]
enum Answer {
    Interim(u16, Lines),
    Continue,
    Response(u16, Lines, Content),
    Content(usize),
    End(Lines),
    Refusal(Lines),
}

impl Call<Conn<Server>> for Answer {
    fn call<O: Output + ?Sized>(&self, it: &mut Conn<Server>, out: &mut O) -> Result<(usize, usize), SendError> {
        let status = |code: &u16| StatusCode::new(*code).expect("three digits");
        let written = match self {
            Self::Interim(code, lines) => it.send_interim(NOW, status(code), lines, out),
            Self::Continue => it.send_continue(NOW, out),
            Self::Response(code, lines, content) => it.send_response(NOW, status(code), lines, *content, out),
            Self::Content(octets) => {
                let Written { consumed, written } = it.send_content(NOW, &[b'x'; 3000][..*octets], out)?;
                return Ok((consumed, written));
            }
            Self::End(lines) => it.send_end(NOW, lines, out),
            Self::Refusal(lines) => it.send_refusal(NOW, lines, out),
        }?;
        Ok((0, written))
    }
}

/// The refusal of the other front door.
struct Refused(Lines);

impl Call<Lifecycle<Server>> for Refused {
    fn call<O: Output + ?Sized>(&self, it: &mut Lifecycle<Server>, out: &mut O) -> Result<(usize, usize), SendError> {
        it.send_refusal(NOW, &self.0, out).map(|written| (0, written))
    }
}

impl Call<()> for Announce {
    fn call<O: Output + ?Sized>(&self, (): &mut (), out: &mut O) -> Result<(usize, usize), SendError> {
        self.write(out).map(|written| (0, written))
    }
}

#[derive(Clone, Debug)]
struct Asked {
    method: &'static [u8],
    target: &'static [u8],
    lines: Lines,
    content: Content,
}

impl Call<Conn<Client>> for Asked {
    fn call<O: Output + ?Sized>(&self, it: &mut Conn<Client>, out: &mut O) -> Result<(usize, usize), SendError> {
        let request = Request::new(Method::new(self.method), self.target);
        it.send_request(NOW, &request, &self.lines, self.content, out).map(|written| (0, written))
    }
}

/// Lines that may be sent, and now and then one that may not.
fn lines() -> impl Strategy<Value = Lines> {
    let good = [("A", "b"), ("Date", "Tue, 24 Nov 2026 03:00:00 GMT"), ("Upgrade", "x"), ("B", " padded "), ("C", "")];
    let bad = [("Connection", "close"), ("a b", "c"), ("A", "b\r\nc"), ("TE", "chunked"), ("Content-Length", "5")];
    vec(prop_oneof![9 => select(good.to_vec()), 1 => select(bad.to_vec())], 0..4)
}

fn content() -> impl Strategy<Value = Content> {
    select(&[Content::Empty, Content::Exact(0), Content::Exact(5), Content::Unknown, Content::UntilClose][..])
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        (select(&[100, 102, 103, 101, 200][..]), lines()).prop_map(|(code, lines)| Answer::Interim(code, lines)),
        Just(Answer::Continue),
        (select(&[200, 204, 304, 404, 426, 101, 103, 999][..]), lines(), content())
            .prop_map(|(code, lines, content)| Answer::Response(code, lines, content)),
        select(&[0, 1, 5, 6, 3000][..]).prop_map(Answer::Content),
        lines().prop_map(Answer::End),
        lines().prop_map(Answer::Refusal),
    ]
}

/// What stands before the answers.
const REQUESTS: [&[u8]; 6] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
];

const METHODS: [&[u8]; 4] = [b"GET", b"POST", b"CONNECT", b"a b"];
const TARGETS: [&[u8]; 4] = [b"/", b"http://a/", b"a:1", b"/ "];
const HOSTS: [(&str, &str); 4] = [("Host", "a"), ("Host", "b"), ("Host", "a:1"), ("X", "y")];

proptest! {
    #[test]
    fn every_output_takes_what_a_server_sends(
        request in select(&REQUESTS[..]),
        answers in vec(answer(), 1..8),
        refused in lines(),
    ) {
        let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
        if let Ok(received) = connection.receive(NOW, request) {
            connection.receive(NOW, &request[received.consumed..]).expect("its end");
        }
        for answer in &answers {
            if let Ok(octets) = into_each(&mut connection, answer) {
                connection.handle_sent(NOW, octets.len() as u64);
            }
        }
        let mut lifecycle = Lifecycle::<Server>::new(NOW, &Config::DEFAULT);
        lifecycle.octets_received(NOW, 9);
        lifecycle.fault_received(NOW, ProtocolErrorKind::FieldName);
        let _ = into_each(&mut lifecycle, &Refused(refused));
    }

    #[test]
    fn every_output_takes_what_a_client_sends(
        method in select(&METHODS[..]),
        target in select(&TARGETS[..]),
        host in select(&HOSTS[..]),
        mut lines in lines(),
        content in content(),
        octets in 0..9usize,
    ) {
        lines.insert(0, host);
        let mut connection = Connection::<Client>::new(NOW, &Config::DEFAULT);
        let _ = into_each(&mut connection, &Asked { method, target, lines, content });
        let mut grown = Vec::new();
        let room = &mut [0; 99];
        let (mut twin, sent) = (connection.clone(), connection.send_content(NOW, &[b'x'; 9][..octets], room));
        prop_assert_eq!(twin.send_content(NOW, &[b'x'; 9][..octets], &mut grown), sent);
        prop_assert_eq!(&grown, &room[..sent.map_or(0, |sent| sent.written)]);
    }

    #[test]
    fn every_output_takes_what_a_head_must_say(
        close in any::<bool>(),
        upgrade in any::<bool>(),
        octets in proptest::option::of(any::<u64>()),
        seconds in proptest::option::of(any::<u32>()),
    ) {
        let options = ConnectionOptions { close, upgrade, ..ConnectionOptions::default() };
        let framing = octets.map_or(FramingField::Chunked, FramingField::ContentLength);
        let announce = Announce {
            options, framing, keep_alive: None, bare_keep_alive: seconds, length: BodyLength::Chunked,
        };
        into_each(&mut (), &announce).expect("there is room");
    }
}

/// RFC 9112 7.1: all of it is one chunk where the output grows, however long it is.
#[test]
fn a_buffer_that_grows_takes_all_the_content_at_once() {
    let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
    let mut out = Vec::new();
    connection.receive(NOW, REQUESTS[0]).expect("a request");
    connection.receive(NOW, b"").expect("its end");
    connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Unknown, &mut out).expect("it is due");
    out.clear();
    let written = connection.send_content(NOW, &[b'x'; 0x12345], &mut out).expect("there is room");
    assert_eq!(written, Written { consumed: 0x12345, written: 0x12345 + 9 });
    assert!(out.starts_with(b"12345\r\nxxx") && out.ends_with(b"xxx\r\n"));
}

/// An iterator of the caller's may panic: what had been written of the head is no part of the buffer.
#[test]
fn nothing_is_left_of_a_head_whose_fields_panicked() {
    let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
    connection.receive(NOW, REQUESTS[0]).expect("a request");
    let (mut out, before) = (b"before".to_vec(), connection.clone());
    let fields = ["a", "b"].into_iter().map(|name| if name == "a" { (name, "1") } else { panic!("no more") });
    let sent = catch_unwind(AssertUnwindSafe(|| {
        connection.send_response(NOW, StatusCode::OK, fields, Content::Empty, &mut out)
    }));
    assert!(sent.is_err());
    assert_eq!((&out[..], connection), (&b"before"[..], before));
}
