//! Ten thousand requests pipelined at depth 64 to a server on a real socket that answers some of each batch and closes: what
//! was answered and what was not is told apart exactly (RFC 9112 9.3.2), and each that was not has a verdict.

use std::collections::{BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use http_keepalive::retry::{Advice, RetryReason, Sent};
use http_keepalive::{
    Client, Config, Connection, Content, Eof, Event, Instant, Limits, Method, NO_FIELDS, Outcome, Policy, Request,
    SendError, Server, Shut, StatusCode, Timeouts, Turn,
};

const REQUESTS: u32 = 10_000;
const NOW: Instant = Instant::EPOCH;

/// Answers so many requests of a connection, and closes without a word; the numbers it answered.
fn answer(mut stream: TcpStream, most: u32, config: &Config<Server>) -> Vec<u32> {
    let mut connection = Connection::<Server, _>::new(NOW, config);
    let (mut input, mut answered, mut piece) = (Vec::new(), Vec::new(), [0; 16 * 1024]);
    loop {
        let octets = stream.read(&mut piece).expect("a client that is there");
        if octets == 0 {
            return answered;
        }
        input.extend_from_slice(&piece[..octets]);
        loop {
            let received = connection.receive(NOW, &input).expect("requests");
            if let Outcome::Event(Event::Request(head)) = &received.outcome {
                answered.push(head.target.as_str()[1..].parse().expect("a number"));
            }
            let (consumed, more) = (received.consumed, matches!(received.outcome, Outcome::Event(_)));
            input.drain(..consumed);
            if connection.wants().application == Some(Turn::Respond) {
                let mut out = [0; 256];
                let sent = connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out);
                let sent = sent.expect("a response");
                stream.write_all(&out[..sent]).expect("a client that reads");
                connection.handle_sent(NOW, sent as u64);
                if answered.len() as u32 == most {
                    // the others are read and dropped, so that no reset destroys the answers
                    stream.shutdown(Shutdown::Write).expect("open");
                    while stream.read(&mut piece).is_ok_and(|octets| octets > 0) {}
                    return answered;
                }
            } else if !more {
                break;
            }
        }
    }
}

#[test]
fn pipe_03_what_a_broken_pipeline_leaves_is_told_exactly() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = thread::spawn(move || {
        let config = Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::DEFAULT, Policy::DEFAULT).unwrap();
        let mut answered = Vec::new();
        let mut connections = 0;
        while (answered.len() as u32) < REQUESTS {
            let (stream, _) = listener.accept().expect("a client");
            // another number each time, from 1 to 64
            let most = 1 + connections * 37 % 64;
            connections += 1;
            answered.extend(answer(stream, most, &config));
        }
        answered
    });

    let config = Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::DEFAULT, Policy::DEFAULT).unwrap();
    let mut waiting: VecDeque<u32> = (0..REQUESTS).collect();
    let mut answered = Vec::new();
    let mut left = 0;
    while !waiting.is_empty() {
        let mut stream = TcpStream::connect(address).expect("a server");
        let mut connection = Connection::<Client<64>, _>::new(NOW, &config);
        connection.knows_http11();
        let (mut asked, mut input, mut piece) = (VecDeque::new(), Vec::new(), [0; 16 * 1024]);
        while let Some(&number) = waiting.front() {
            let target = format!("/{number}");
            let request = Request::new(Method::new(b"GET"), target.as_bytes());
            let mut out = [0; 256];
            match connection.send_request(NOW, &request, [("Host", "a")], Content::Empty, &mut out) {
                Ok(octets) => {
                    stream.write_all(&out[..octets]).expect("a server that reads");
                    connection.handle_sent(NOW, octets as u64);
                }
                Err(SendError::Misuse(_)) => break,
                Err(error) => panic!("{error}"),
            }
            asked.push_back(number);
            waiting.pop_front();
        }
        // reading to the end of the connection
        while connection.wants().shut.is_none() && !(asked.is_empty() && waiting.is_empty()) {
            let octets = stream.read(&mut piece).expect("an end without a reset");
            if octets == 0 {
                let received = connection.receive_eof(NOW, Eof::Clean).expect("nothing broken off");
                assert!(matches!(received.outcome, Outcome::Event(Event::PeerClosed)));
            }
            input.extend_from_slice(&piece[..octets]);
            loop {
                let received = connection.receive(NOW, &input).expect("responses");
                let consumed = received.consumed;
                let ends = matches!(received.outcome, Outcome::Event(Event::End { .. }));
                let more = matches!(received.outcome, Outcome::Event(_));
                input.drain(..consumed);
                if ends {
                    answered.push(asked.pop_front().expect("one was asked"));
                }
                if !more {
                    break;
                }
            }
        }
        if waiting.is_empty() && asked.is_empty() {
            break;
        }
        assert!(matches!(connection.wants().shut, Some(Shut::Close(_))));
        let unanswered: Vec<_> = connection.unanswered().collect();
        assert_eq!(unanswered.len(), asked.len(), "exactly those without an answer");
        assert_eq!(connection.lifecycle().pipeline_broke(), asked.len() > 1);
        let first = connection.lifecycle().requests() - unanswered.len() as u32;
        for (place, one) in unanswered.iter().enumerate() {
            assert_eq!(one.request, first + place as u32);
            assert_eq!(one.evidence.sent, Sent::All);
            assert!(!one.evidence.response_begun);
            assert_eq!((one.verdict().advice, one.verdict().reason), (Advice::Retry, RetryReason::Idempotent));
        }
        left += unanswered.len();
        asked.into_iter().rev().for_each(|number| waiting.push_front(number));
    }
    assert!(left > 0, "the server left none unanswered");
    assert_eq!(answered, (0..REQUESTS).collect::<Vec<_>>(), "each once, and in order");
    let served = server.join().expect("a server that ends");
    assert_eq!(
        served.iter().collect::<BTreeSet<_>>().len(),
        served.len(),
        "what was reported unanswered was not answered"
    );
    assert_eq!(served, answered);
}
