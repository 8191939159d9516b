//! The lifecycle alone, for users who have a parser: facts in any order, also heads where none may begin.

use http_keepalive::*;

use super::operations::{Script, accepted, attempt, somebody_owes, told};
use super::sayings::{Said, own, say, say_to_server};
use super::{USES, config};

/// Field lines that matter, and one that does not.
const LINES: [(&[u8], &[u8]); 8] = [
    (b"A", b"b"),
    (b"Connection", b"close"),
    (b"Connection", b"keep-alive"),
    (b"Content-Length", b"9"),
    (b"Transfer-Encoding", b"chunked"),
    (b"Expect", b"100-continue"),
    (b"Keep-Alive", b"timeout=3, max=2"),
    (b"Content-Length", b"x"),
];

const CONTENTS: [Content; 4] = [Content::Empty, Content::Exact(9), Content::Unknown, Content::UntilClose];

/// Whatever both roles have; octets of more than one message would be no fact of one.
macro_rules! facts {
    ($machine:ident, $script:ident, $op:expr, $op_whole:ident, $argument:ident) => {{
        let (now, octets) = ($script.now, u64::from($argument));
        match $op {
            0 => $machine.octets_received(now, octets),
            1 => drop(told(&mut $machine, |it| it.content_received(now, octets % 12))),
            2 => drop(told(&mut $machine, |it| it.end_received(now))),
            3 => drop($machine.eof_received(now)),
            4 if $op_whole & 128 != 0 => match $argument % 8 {
                4 | 5 => $machine.handle_sent(now, 0),
                6 | 7 => $script.sleep($argument),
                said => drop(told(&mut $machine, |it| it.content_use(now, USES[usize::from(said)]))),
            },
            4 if $argument % 8 == 0 => $machine.fault_received(now, ProtocolErrorKind::ContentTooLarge),
            4 => $machine.nothing_to_read(now),
            5 => {
                let left = octets.min($machine.octets_pending());
                $machine.handle_sent(now, left);
            }
            6 => $machine.octets_written(now, octets),
            7 => match $argument % 8 {
                0 => $machine.transport_failed(now),
                1 => $machine.abort(now),
                2 => $machine.close_after_exchange(now),
                _ => {
                    if $machine.wants().shut.is_some() {
                        $machine.handle_shut(now);
                    }
                }
            },
            8 => attempt(&mut $machine, |it| it.end_sent(now)),
            9 => $script.wait($argument),
            10 => $script.set_back(),
            11 => {
                if let Some(parked) = $machine.park() {
                    let resumed = Lifecycle::unpark(Parked::from_octets(parked.to_octets()), $machine.config());
                    assert_eq!(resumed.next_deadline(), $machine.next_deadline());
                    assert_eq!(resumed.wants(), $machine.wants());
                    assert_eq!(resumed.persistence(), $machine.persistence());
                    assert_eq!(resumed.exchanges(), $machine.exchanges());
                }
            }
            _ => {}
        }
    }};
}

fn lines(mut head: HeadFacts, argument: u8) -> HeadFacts {
    for (bit, (name, value)) in LINES.iter().enumerate() {
        if argument >> bit & 1 != 0 {
            head.field_line(name, value);
        }
    }
    head
}

fn version(argument: u8) -> Version {
    if argument % 4 == 3 { Version::HTTP_10 } else { Version::HTTP_11 }
}

pub fn server(mut script: Script<'_>) {
    let (config, own, mut said) = (config(script.choice), own(), Said::default());
    let mut machine = Lifecycle::<Server, _>::new(script.now, &config).with_seed(script.seed());
    while let Some((op, argument)) = script.next() {
        let now = script.now;
        match op % 16 {
            12 => {
                let methods = [&b"GET"[..], b"POST", b"HEAD", b"CONNECT"];
                let method = Method::new(methods[usize::from(argument) % 4]);
                let lines_of = script.octets.next().unwrap_or_default();
                let mut head = lines(HeadFacts::request(method, version(argument >> 2)), lines_of);
                head.field_line(b"Host", b"a");
                if said.turns_away && machine.is_idle() {
                    // it is the one that is refused
                    let _ = machine.head_received(now, &head);
                } else {
                    let _ = told(&mut machine, |it| it.head_received(now, &head));
                }
            }
            13 => {
                let status = [200, 204, 304, 404, 101][usize::from(argument) % 5];
                let status = StatusCode::new(status).expect("three digits");
                let content = CONTENTS[usize::from(argument >> 4) % 4];
                let response = Response::new(status).with_close(argument & 8 != 0);
                attempt(&mut machine, |it| it.head_to_send(now, response, content));
            }
            14 => {
                let status = StatusCode::new(100 + u16::from(argument % 4)).expect("three digits");
                attempt(&mut machine, |it| it.interim_to_send(now, status));
            }
            15 => attempt(&mut machine, |it| it.content_sent(now, u64::from(argument) % 12)),
            10 if op & 128 != 0 => {
                let latest = script.latest;
                say_to_server!(machine, now, latest, &own, said, argument);
            }
            fact => facts!(machine, script, fact, op, argument),
        }
        script.expire(&mut machine, Lifecycle::handle_timeout, |it| it.next_deadline());
        somebody_owes(machine.wants(), machine.next_deadline(), machine.is_closed(), machine.persistence());
        said.check(machine.wants(), machine.is_idle(), machine.persistence());
    }
}

pub fn client<const DEPTH: usize>(mut script: Script<'_>) {
    let (config, own, mut said) = (config(script.choice), own(), Said::default());
    let mut machine = Lifecycle::<Client<DEPTH>, _>::new(script.now, &config).with_seed(script.seed());
    while let Some((op, argument)) = script.next() {
        let now = script.now;
        match op % 16 {
            12 => {
                let statuses = [200, 100, 204, 304, 408, 503, 101, 417];
                let status = StatusCode::new(statuses[usize::from(argument) % 8]).expect("three digits");
                let lines_of = script.octets.next().unwrap_or_default();
                let head = lines(HeadFacts::response(status, version(argument >> 3)), lines_of);
                let asked = machine.unanswered().next();
                let is_open = !machine.has_ended();
                if told(&mut machine, |it| it.head_received(now, &head)).is_ok() && is_open {
                    let sent = asked.map(|asked| asked.evidence.sent);
                    let has_left = matches!(sent, Some(retry::Sent::Some | retry::Sent::All));
                    assert!(has_left || machine.has_ended(), "answered before it was asked: {sent:?}");
                }
            }
            13 => {
                let methods = [&b"GET"[..], b"POST", b"HEAD", b"PUT"];
                let request = Request::new(Method::new(methods[usize::from(argument) % 4]), b"/");
                let mut fields = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11);
                fields.field_line(b"Host", b"a");
                if argument & 4 != 0 {
                    fields.field_line(b"Expect", b"100-continue");
                }
                let content = CONTENTS[usize::from(argument >> 4) % 3];
                // a head that is announced is written: what is never handed out nobody waits for
                if accepted(&mut machine, |it| it.head_to_send(now, &request, &fields, content)).is_some() {
                    machine.octets_written(now, 20);
                }
            }
            14 if argument % 2 == 0 => machine.knows_http11(),
            14 => machine.nothing_left(now),
            15 => {
                let octets = u64::from(argument) % 12;
                if accepted(&mut machine, |it| it.content_sent(now, octets)).is_some() {
                    machine.octets_written(now, octets);
                }
            }
            10 if op & 128 != 0 => say!(machine, now, &own, said, argument),
            fact => facts!(machine, script, fact, op, argument),
        }
        script.expire(&mut machine, Lifecycle::handle_timeout, |it| it.next_deadline());
        somebody_owes(machine.wants(), machine.next_deadline(), machine.is_closed(), machine.persistence());
        said.check(machine.wants(), machine.is_idle(), machine.persistence());
        let unknown = machine.unanswered().filter(|left| left.evidence.sent == retry::Sent::Unknown);
        for left in unknown.filter(|left| !left.evidence.idempotent) {
            assert_ne!(left.verdict().advice, retry::Advice::Retry, "{left:?}");
        }
    }
}
