//! Whatever answers a client's requests.

use http_keepalive::*;

use super::passes::Passes;
use super::{Story, config, lies_where_it_is_said};

/// What a client is to have outstanding: up to four requests, of which the last may leave HTTP or be on its way.
fn ask(connection: &mut Connection<Client<4>, &Config<Client<4>>>, now: Instant, requests: u8) {
    connection.knows_http11();
    let methods = [&b"GET"[..], b"HEAD", b"PUT", b"DELETE"];
    let number = usize::from(requests & 3);
    let mut out = [0; 256];
    let mut send = |method, target, fields: &[(&str, &str)], content| {
        let request = Request::new(Method::new(method), target).with_idempotent(true);
        // one that may not follow is not sent
        if let Ok(octets) = connection.send_request(now, &request, fields, content, &mut out) {
            connection.handle_sent(now, octets as u64);
        }
    };
    const HOST: (&str, &str) = ("Host", "a");
    for method in methods.into_iter().cycle().skip(usize::from(requests >> 2 & 3)).take(number) {
        send(method, b"/", &[HOST], Content::Empty);
    }
    match requests >> 4 & 7 {
        0 => {}
        1 => send(b"CONNECT", b"a:80", &[("Host", "a:80")], Content::Empty),
        2 => send(b"GET", b"/", &[HOST, ("Upgrade", "websocket, foo")], Content::Empty),
        3 => send(b"POST", b"/", &[HOST, ("Expect", "100-continue")], Content::Exact(5)),
        4 => send(b"POST", b"/", &[HOST], Content::Exact(5)),
        5 => send(b"POST", b"/", &[HOST], Content::Unknown),
        _ => send(b"GET", b"/", &[HOST], Content::Empty),
    }
}

/// Offers `input` in pieces of `sizes`, over and over, to a client with requests outstanding; then its end.
fn answers_story(config: &Config<Client<4>>, requests: u8, input: &[u8], sizes: &[usize]) -> Story {
    let now = Instant::from_secs(1);
    let (mut connection, mut story) = (Connection::new(now, config), Story::default());
    ask(&mut connection, now, requests);
    let (mut at, mut offered, mut sizes) = (0, 0, sizes.iter().cycle());
    loop {
        let ended = offered == input.len();
        offered = (offered + sizes.next().copied().unwrap_or(1).max(1)).min(input.len());
        let mut eof = ended;
        loop {
            let received = match eof {
                true => connection.receive_eof(now, if requests & 128 == 0 { Eof::Clean } else { Eof::Truncated }),
                false => connection.receive(now, &input[at..offered]),
            };
            eof = false;
            let received = match received {
                Ok(received) => received,
                Err(error) => {
                    story.flush();
                    assert!(story.error.replace(error).is_none(), "an error is returned once");
                    assert!(error.offset <= input.len() as u64);
                    continue;
                }
            };
            assert!(received.consumed <= offered - at);
            lies_where_it_is_said(&received, &input[at..offered]);
            at += received.consumed;
            match received.outcome {
                Outcome::Event(event) => story.say(&event),
                Outcome::NeedMore => break,
                Outcome::Paused(PauseReason::OctetsLeft) if ended => {}
                Outcome::Paused(_) => break,
            }
        }
        if ended {
            break;
        }
    }
    story.flush();
    story.said.push(format!("{:?} {:?}", connection.persistence(), connection.wants()));
    story.said.extend(connection.unanswered().map(|left| format!("{left:?} {:?}", left.verdict())));
    let mut rounds = 0;
    while let Some(due) = connection.next_deadline() {
        assert_eq!(connection.expire(due.at), Some(due), "what is announced expires");
        rounds += 1;
        assert!(rounds < 16, "a deadline stays due");
    }
    story
}

/// Whatever answers, in any split, a client makes the same of it.
pub fn answers(data: &[u8]) {
    let [choice, requests, first, second, input @ ..] = data else { return };
    let config = config(*choice);
    let whole = answers_story(&config, *requests, input, &[input.len().max(1)]);
    assert_eq!(whole, answers_story(&config, *requests, input, &[1]), "octet by octet");
    let sizes = [usize::from(*first), usize::from(*second)];
    assert_eq!(whole, answers_story(&config, *requests, input, &sizes), "in pieces of {sizes:?}");
}
