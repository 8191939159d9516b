//! What a peer sends, and what a parser of the user knows of it: which octets are a head, framing, content.

use std::collections::VecDeque;

use http_keepalive::{BodyLength, Framing, HeadFacts, Method, StatusCode, Version};

/// What octets are.
#[derive(Clone, Debug)]
pub enum Is {
    Head(HeadFacts),
    Framing,
    Content,
    /// The end of a message: no octets.
    End,
    /// No HTTP: what is wrong is for the parser to find.
    Broken,
}

/// Octets up to here are this.
#[derive(Clone, Debug)]
pub struct Mark {
    pub to: usize,
    pub is: Is,
}

/// A stream, and how far it has come.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    octets: Vec<u8>,
    pub marks: VecDeque<Mark>,
    pub arrived: usize,
    pub read: usize,
    pub told: usize,
    /// There was framing in a body since it was said what is left: what else came with it, lengths do not say.
    pub was_chunked: bool,
}

impl Peer {
    /// Octets that came and are not consumed.
    pub fn inbox(&self) -> &[u8] {
        &self.octets[self.read..self.arrived]
    }

    /// So many octets more come, if there are as many.
    pub fn arrive(&mut self, octets: usize) -> usize {
        let octets = octets.min(self.octets.len() - self.arrived);
        self.arrived += octets;
        octets
    }

    fn push(&mut self, octets: &str, is: Is) {
        self.octets.extend_from_slice(octets.as_bytes());
        self.marks.push_back(Mark { to: self.octets.len(), is });
    }

    fn body(&mut self, body: &[(&str, bool)]) {
        for (octets, content) in body {
            self.push(octets, if *content { Is::Content } else { Is::Framing });
        }
        self.push("", Is::End);
    }

    /// A request: its request line, its field lines, and its body, of which pieces are content.
    fn request(&mut self, (line, lines, body): &Message) {
        let mut words = line.split(' ');
        let method = Method::new(words.next().unwrap_or_default().as_bytes());
        let version = if line.ends_with('0') { Version::HTTP_10 } else { Version::HTTP_11 };
        self.head(line, lines, HeadFacts::request(method, version));
        self.body(body);
    }

    fn response(&mut self, (line, lines, body): &Message) {
        let code = line[9..12].parse().expect("three digits");
        let version = if line.starts_with("HTTP/1.0") { Version::HTTP_10 } else { Version::HTTP_11 };
        self.head(line, lines, HeadFacts::response(StatusCode::new(code).expect("a status"), version));
        // an interim response has no end of its own
        if !(code < 200 && code != 101) {
            self.body(body);
        }
    }

    fn head(&mut self, line: &str, lines: &[(&str, &str)], mut facts: HeadFacts) {
        let mut head = format!("{line}\r\n");
        for (name, value) in lines {
            head += &format!("{name}: {value}\r\n");
            facts.field_line(name.as_bytes(), value.as_bytes());
        }
        head += "\r\n";
        self.push(&head, Is::Head(facts.with_octets(head.len())));
    }

    /// What follows a head is framed so, whatever the peer meant: a response to HEAD has no content, and what has no length is all there is.
    pub fn framed(&mut self, framing: Framing) {
        let follows = |mark: &Mark| matches!(mark.is, Is::Content | Is::Framing);
        match framing.length {
            BodyLength::Empty if self.marks.front().is_some_and(follows) => {
                let at = self.marks.iter().position(|mark| matches!(mark.is, Is::End)).expect("a body has an end");
                let to = self.marks[at].to;
                self.marks.drain(..=at);
                self.marks.push_front(Mark { to, is: Is::Broken });
            }
            BodyLength::UntilClose => {
                self.marks.clear();
                self.marks.push_back(Mark { to: usize::MAX, is: Is::Content });
            }
            _ => {}
        }
    }
}

/// A start line, field lines, and pieces of a body: which of them are content.
type Message = (&'static str, &'static [(&'static str, &'static str)], &'static [(&'static str, bool)]);

const HOST: (&str, &str) = ("Host", "a");
const FIVE: (&str, &str) = ("Content-Length", "5");
const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");
const HELLO: &[(&str, bool)] = &[("hello", true)];
const CHUNKS: &[(&str, bool)] =
    &[("3\r\n", false), ("abc", true), ("\r\n2\r\n", false), ("de", true), ("\r\n0\r\n\r\n", false)];
const MORE: &[(&str, bool)] = &[("9\r\n", false), ("abcdefghi", true), ("\r\n0\r\nA: b\r\n\r\n", false)];

const REQUESTS: &[Message] = &[
    ("GET / HTTP/1.1", &[HOST], &[]),
    ("POST / HTTP/1.1", &[HOST, FIVE], HELLO),
    ("POST / HTTP/1.1", &[HOST, CHUNKED], CHUNKS),
    ("POST / HTTP/1.1", &[HOST, FIVE, ("Expect", "100-continue")], HELLO),
    ("POST / HTTP/1.1", &[HOST, CHUNKED, ("Expect", "100-continue")], CHUNKS),
    ("POST / HTTP/1.1", &[HOST, CHUNKED], MORE),
    ("POST / HTTP/1.1", &[HOST, ("Content-Length", "9")], &[("123456789", true)]),
    ("GET / HTTP/1.1", &[HOST, ("Connection", "close")], &[]),
    ("GET / HTTP/1.1", &[HOST, ("Connection", "keep-alive")], &[]),
    ("GET / HTTP/1.0", &[], &[]),
    ("GET / HTTP/1.0", &[("Connection", "keep-alive")], &[]),
    ("HEAD / HTTP/1.1", &[HOST], &[]),
    ("CONNECT a:80 HTTP/1.1", &[("Host", "a:80")], &[]),
    ("GET / HTTP/1.1", &[HOST, ("Connection", "upgrade"), ("Upgrade", "foo")], &[]),
    // wrong by what they say
    ("GET / HTTP/1.1", &[], &[]),
    ("HEAD / HTTP/1.1", &[], &[]),
    ("POST / HTTP/1.1", &[HOST, FIVE, CHUNKED], CHUNKS),
    ("POST / HTTP/1.1", &[HOST, ("Content-Length", "+5")], HELLO),
    ("GET / HTTP/1.1", &[HOST, ("Expect", "x")], &[]),
];

const RESPONSES: &[Message] = &[
    ("HTTP/1.1 200 OK", &[FIVE], HELLO),
    ("HTTP/1.1 200 OK", &[CHUNKED], CHUNKS),
    ("HTTP/1.1 204 No Content", &[], &[]),
    ("HTTP/1.1 200 OK", &[], HELLO),
    ("HTTP/1.1 100 Continue", &[], &[]),
    ("HTTP/1.1 103 Early Hints", &[], &[]),
    ("HTTP/1.1 200 OK", &[CHUNKED], MORE),
    ("HTTP/1.1 200 OK", &[("Content-Length", "9")], &[("123456789", true)]),
    ("HTTP/1.1 304 Not Modified", &[FIVE], &[]),
    ("HTTP/1.1 200 OK", &[FIVE, ("Connection", "close")], HELLO),
    ("HTTP/1.1 417 Expectation Failed", &[("Content-Length", "0")], &[]),
    ("HTTP/1.1 413 Content Too Large", &[FIVE, ("Connection", "close")], HELLO),
    ("HTTP/1.0 200 OK", &[FIVE], HELLO),
    ("HTTP/1.0 200 OK", &[FIVE, ("Connection", "keep-alive")], HELLO),
    ("HTTP/1.1 204 No Content", &[("Connection", "keep-alive"), ("Keep-Alive", "timeout=4, max=1")], &[]),
    ("HTTP/1.1 408 Request Timeout", &[("Content-Length", "0"), ("Connection", "close")], &[]),
    ("HTTP/1.1 101 Switching Protocols", &[("Connection", "upgrade"), ("Upgrade", "foo")], &[]),
    // wrong by what they say
    ("HTTP/1.1 200 OK", &[FIVE, CHUNKED], CHUNKS),
    ("HTTP/1.1 200 OK", &[("Content-Length", "+5")], HELLO),
];

/// No HTTP, in a head or in chunks: how it begins, where a head does, and what is wrong.
const BROKEN: &[&str] = &["GET / HTTP/1.1\r\nX y\r\n\r\n", "\0", "HTTP/1.1 2x0 OK\r\n\r\n"];

/// How many kinds of messages there are.
pub const KINDS: usize = 24;

/// A stream of these kinds of messages.
pub fn stream(is_client: bool, kinds: &[usize]) -> Peer {
    let mut peer = Peer::default();
    for kind in kinds {
        let (messages, bad_chunk) = if is_client { (RESPONSES, RESPONSES[1]) } else { (REQUESTS, REQUESTS[2]) };
        match (messages.get(*kind), kind - messages.len().min(*kind)) {
            (Some(message), _) if is_client => peer.response(message),
            (Some(message), _) => peer.request(message),
            (None, 3) => {
                let chunked = (bad_chunk.0, bad_chunk.1, &[][..]);
                if is_client {
                    peer.response(&chunked)
                } else {
                    peer.request(&chunked)
                }
                peer.marks.pop_back();
                peer.push("1\r\n", Is::Framing);
                peer.push("x", Is::Content);
                peer.push("y\r\n", Is::Broken);
                peer.push("", Is::End);
            }
            (None, broken) => peer.push(BROKEN[broken % BROKEN.len()], Is::Broken),
        }
    }
    peer
}
