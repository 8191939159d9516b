//! A client's connection in any order of calls, beside a count of what was written, what left and what is unread.

use std::collections::VecDeque;

use http_keepalive::*;

use super::operations::{Inbox, Script, accepted, attempt, park, somebody_owes, told};
use super::sayings::{Said, own, say};
use super::{USES, config};

/// What the caller knows.
#[derive(Default)]
struct Known {
    /// Octets handed out on the connection before each request that has no whole answer.
    outstanding: VecDeque<u64>,
    written: u64,
    sent: u64,
    /// Octets of the last offer that were not consumed.
    unread: usize,
}

/// A method, a target, a field line and content.
type Asked = (&'static [u8], &'static [u8], Option<(&'static str, &'static str)>, Content);

const REQUESTS: [Asked; 9] = [
    (b"GET", b"/", None, Content::Empty),
    (b"POST", b"/", None, Content::Exact(5)),
    (b"PUT", b"/", None, Content::Unknown),
    (b"HEAD", b"/", None, Content::Empty),
    (b"POST", b"/", Some(("Expect", "100-continue")), Content::Exact(5)),
    (b"GET", b"/", Some(("Upgrade", "websocket")), Content::Empty),
    (b"CONNECT", b"a:80", None, Content::Empty),
    (b"OPTIONS", b"*", None, Content::Empty),
    (b"POST", b"/", None, Content::Empty),
];

pub fn client<const DEPTH: usize>(mut script: Script<'_>) {
    let (config, own, mut said) = (config(script.choice), own(), Said::default());
    let mut connection = Connection::<Client<DEPTH>, _>::new(script.now, &config).with_seed(script.seed());
    let (mut inbox, mut out, mut known) = (Inbox::default(), [0; 300], Known::default());
    while let Some((op, argument)) = script.next() {
        let (now, room) = (script.now, usize::from(argument) % out.len());
        match op % 16 {
            0..=4 => {
                let consumed = match inbox.offer(&mut connection, &mut script, argument) {
                    None => 0,
                    Some(received) => {
                        known.heard(&received.outcome);
                        received.consumed
                    }
                };
                inbox.unread.drain(..consumed);
                known.unread = inbox.unread.len();
            }
            5 | 6 => {
                let (method, target, field, content) = REQUESTS[usize::from(argument) % REQUESTS.len()];
                let fields = [("Host", "a:80")].into_iter().chain(field);
                let request = Request::new(Method::new(method), target).with_close(argument > 250);
                let is_idle = connection.unanswered().next().is_none();
                let room = if op % 16 == 5 { out.len() } else { room };
                let sent = accepted(&mut connection, |it| {
                    it.send_request(now, &request, fields.collect::<Vec<_>>().as_slice(), content, &mut out[..room])
                });
                if let Some(octets) = sent {
                    assert!(!is_idle || known.unread == 0, "octets were there before the request");
                    known.outstanding.push_back(known.written);
                    known.written += octets as u64;
                }
            }
            7 => {
                let content = &[b'x'; 20][..usize::from(argument) % 20];
                let sent = accepted(&mut connection, |it| it.send_content(now, content, &mut out[..room]));
                known.written += sent.map_or(0, |sent| sent.written as u64);
            }
            8 => {
                let sent = accepted(&mut connection, |it| it.send_end(now, NO_FIELDS, &mut out[..room]));
                known.written += sent.unwrap_or(0) as u64;
            }
            9 => {
                let octets = u64::from(argument);
                if let Some(framed) = accepted(&mut connection, |it| it.frame_content(now, octets)) {
                    known.written += octets + (framed.before().len() + framed.after().len()) as u64;
                }
            }
            10 => match argument % 4 {
                0 => connection.transport_failed(now),
                1 => connection.abort(now),
                2 => connection.knows_http11(),
                _ => connection.nothing_left(now),
            },
            11 => {
                let octets = u64::from(argument).min(connection.lifecycle().octets_pending());
                known.sent += octets;
                connection.handle_sent(now, octets);
            }
            12 => script.wait(argument),
            13 => match argument % 6 {
                5 => inbox.skip(&mut connection, now, u64::from(argument) / 6),
                4 => {
                    let before = connection.reusable(now);
                    park(&mut connection, &config);
                    assert_eq!(connection.reusable(now), before);
                }
                0 => connection.close_after_exchange(now),
                1 => connection.nothing_to_read(now),
                ended => {
                    let eof = if ended == 2 { Eof::Clean } else { Eof::Truncated };
                    if let Ok(received) = connection.receive_eof(now, eof) {
                        known.heard(&received.outcome);
                    }
                }
            },
            14 if op & 128 != 0 => match argument % 8 {
                4 | 5 => connection.handle_sent(now, 0),
                6 => script.sleep(argument),
                7 => connection.nothing_to_read(now),
                said => drop(told(&mut connection, |it| it.content_use(now, USES[usize::from(said)]))),
            },
            14 => {
                if connection.wants().shut.is_some() {
                    connection.handle_shut(now);
                }
            }
            _ if op & 128 != 0 => say!(connection, now, &own, said, argument),
            _ => script.set_back(),
        }
        script.expire(&mut connection, Connection::handle_timeout, |it| it.next_deadline());
        known.check(&connection, script.now);
        somebody_owes(connection.wants(), connection.next_deadline(), connection.is_closed(), connection.persistence());
        said.check(connection.wants(), connection.is_idle(), connection.persistence());
    }
}

impl Known {
    /// No answer while nothing of its request has left.
    fn heard(&mut self, outcome: &Outcome<'_>) {
        match outcome {
            Outcome::Event(Event::Interim(_) | Event::Response(_)) => {
                let first = self.outstanding.front();
                assert!(first.is_some_and(|&before| self.sent > before), "answered before it was asked");
            }
            Outcome::Event(Event::End { .. }) => drop(self.outstanding.pop_front()),
            _ => {}
        }
    }

    fn check<const DEPTH: usize>(&self, connection: &Connection<Client<DEPTH>, &Config<Client<DEPTH>>>, now: Instant) {
        let is_idle = connection.unanswered().next().is_none();
        let reusable = connection.reusable(now);
        let is_now = matches!(reusable, Reusable::Now { .. });
        assert!(!is_now || !is_idle || self.unread == 0, "reusable with octets unread");
        let mut next = connection.clone();
        let request = Request::new(Method::new(b"GET"), b"/");
        let sent = next.send_request(now, &request, [("Host", "a")], Content::Empty, &mut [0; 300]);
        assert_eq!(is_now, sent.is_ok(), "{reusable:?}, and {sent:?}");
        // what may not be as once is not repeated where it may have left
        for left in connection.unanswered() {
            if left.evidence.sent == retry::Sent::Unknown && !left.evidence.idempotent {
                assert_ne!(left.verdict().advice, retry::Advice::Retry, "{left:?}");
            }
        }
    }
}
