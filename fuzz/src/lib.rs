//! What the fuzz targets do, on the public API; plain tests replay the seeds through the same functions.
//!
//! Each takes any octets and panics where a law is broken: that a split changes nothing, that nothing is due for ever, that
//! what is emitted parses, that no octets and no order of calls make the machine panic.

use std::time::Duration;

use http_keepalive::*;

/// Strict, lenient, and with limits that are soon met: chosen by one octet.
fn config<R: Role>(choice: u8) -> Config<R> {
    let lenient = Tolerance::Accept;
    let policy = match choice & 1 {
        0 => Policy::DEFAULT,
        _ => Policy::DEFAULT
            .with_bare_lf(lenient)
            .with_bare_cr(lenient)
            .with_control_octets(lenient)
            .with_whitespace_before_fields(lenient)
            .with_start_line_whitespace(lenient)
            .with_target_octets(lenient)
            .with_request_fold(lenient)
            .with_response_colon_space(lenient)
            .with_repeated_length(lenient)
            .with_length_and_coding(lenient)
            .with_http10_coding(lenient)
            .with_other_codings(lenient)
            .with_chunk_size_whitespace(lenient)
            .with_request_trailers(lenient)
            .with_expectation(lenient)
            .with_host(Use::Off),
    };
    let limits = match choice & 2 {
        0 => Limits::DEFAULT,
        _ => Limits::DEFAULT
            .with_start_line(48)
            .with_field_line(40)
            .with_head(160)
            .with_field_lines(5)
            .with_trailer_section(48)
            .with_trailer_lines(2)
            .with_chunk_extension(6)
            .with_chunk_extensions(12)
            .with_content(Some(64))
            .with_unread_octets(Some(16))
            .with_linger_octets(Some(32))
            .with_max_exchanges(Some(3))
            .with_interim_responses(2)
            .with_empty_lines(1),
    };
    let (limits, timeouts, policy) = match choice & 4 {
        0 => (limits, Timeouts::DEFAULT, policy),
        _ => (
            limits.with_jitter(50).with_max_octets(Some(400)),
            Timeouts::DEFAULT
                .with_drain_window(Some(Duration::from_secs(3)))
                .with_drain_spread(Some(Duration::from_secs(2)))
                .with_age(Some(Duration::from_secs(90))),
            policy.with_half_close(HalfClose::Abort).with_idle_close(IdleClose::Staged),
        ),
    };
    Config::new(limits, timeouts, policy).expect("within bounds")
}

/// What a connection made of octets, content joined.
#[derive(Debug, Default, PartialEq)]
struct Story {
    said: Vec<String>,
    content: Vec<u8>,
    written: Vec<u8>,
    error: Option<ProtocolError>,
}

impl Story {
    fn flush(&mut self) {
        if !self.content.is_empty() {
            let content = std::mem::take(&mut self.content);
            self.said.push(format!("content {content:?}"));
        }
    }

    fn say(&mut self, event: &Event<'_>) {
        if let Event::Content(octets) = event {
            return self.content.extend_from_slice(octets);
        }
        self.flush();
        self.said.push(match event {
            Event::Request(head) => {
                let fields: Vec<_> =
                    head.fields.iter().map(|line| (line.name, line.value.octets().collect())).collect();
                let fields: &[(&[u8], Vec<u8>)] = &fields;
                format!("{:?} {:?} {:?} {:?} {fields:?}", head.method, head.target, head.version, head.framing)
            }
            Event::Interim(head) | Event::Response(head) => {
                let fields: Vec<_> =
                    head.fields.iter().map(|line| (line.name, line.value.octets().collect())).collect();
                let fields: &[(&[u8], Vec<u8>)] = &fields;
                let interim = matches!(event, Event::Interim(_));
                format!(
                    "{interim} {:?} {:?} {:?} {:?} {fields:?}",
                    head.status, head.reason, head.version, head.framing
                )
            }
            Event::End { trailers } => {
                let fields: Vec<_> = trailers.iter().map(|line| (line.name, line.value.octets().collect())).collect();
                let fields: &[(&[u8], Vec<u8>)] = &fields;
                format!("end {fields:?}")
            }
            other => format!("{other:?}"),
        });
    }
}

/// Offers `input` in pieces of `sizes`, over and over; answers each request once it is complete.
fn story(config: &Config<Server>, input: &[u8], sizes: &[usize]) -> Story {
    let now = Instant::from_secs(1);
    let (mut connection, mut story, mut out) = (Connection::new(now, config), Story::default(), [0; 512]);
    let (mut at, mut offered, mut sizes) = (0, 0, sizes.iter().cycle());
    let mut respond = |connection: &mut Connection<Server, _>, story: &mut Story| {
        let written = match connection.wants().application {
            Some(Turn::Refuse(_)) => connection.send_refusal(now, NO_FIELDS, &mut out),
            _ => connection.send_response(now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out),
        };
        let written = written.expect("an answer was due");
        story.written.extend_from_slice(&out[..written]);
        connection.handle_sent(now, written as u64);
    };
    while offered < input.len() {
        offered = (offered + sizes.next().copied().unwrap_or(1).max(1)).min(input.len());
        loop {
            let received = match connection.receive(now, &input[at..offered]) {
                Ok(received) => received,
                Err(error) => {
                    story.flush();
                    story.error = Some(error);
                    assert!(error.offset <= input.len() as u64);
                    respond(&mut connection, &mut story);
                    continue;
                }
            };
            at += received.consumed;
            match received.outcome {
                Outcome::Event(event) => {
                    story.say(&event);
                    if let Event::End { .. } = event {
                        respond(&mut connection, &mut story);
                    }
                }
                Outcome::Paused(PauseReason::ContinueDue) => {
                    // whether it is asked for depends on what has come: no part of the story
                    connection.send_continue(now, &mut [0; 64]).expect("it was due");
                    let pending = connection.lifecycle().octets_pending();
                    connection.handle_sent(now, pending);
                }
                Outcome::NeedMore | Outcome::Paused(_) => break,
            }
        }
    }
    story.flush();
    story
}

/// Any split gives the same events, errors and answers.
pub fn connection(data: &[u8]) {
    let [choice, first, second, input @ ..] = data else { return };
    let config = config(*choice);
    let whole = story(&config, input, &[input.len().max(1)]);
    assert_eq!(whole, story(&config, input, &[1]), "octet by octet");
    let sizes = [usize::from(*first), usize::from(*second)];
    assert_eq!(whole, story(&config, input, &sizes), "in pieces of {sizes:?}");
}

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
        assert_eq!(connection.handle_timeout(due.at), Some(due), "what is announced expires");
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

/// No order of facts, intents and instants panics; no deadline stays due; what is consumed is what was offered.
pub fn operations(data: &[u8]) {
    let [choice, data @ ..] = data else { return };
    let config = config(*choice);
    let mut now = Instant::from_secs(1000);
    let mut connection = Connection::<Server, _>::new(now, &config).with_seed(u64::from(*choice));
    let (mut buffer, mut out, mut total) = (Vec::new(), [0; 300], 0u64);
    let mut data = data.iter().copied();
    while let Some(op) = data.next() {
        let argument = data.next().unwrap_or_default();
        let room = usize::from(argument) % out.len();
        match op % 16 {
            0..=3 => {
                let octets: Vec<u8> = data.by_ref().take(usize::from(argument)).collect();
                total += octets.len() as u64;
                buffer.extend_from_slice(&octets);
                if let Ok(received) = connection.receive(now, &buffer) {
                    let consumed = received.consumed;
                    assert!(consumed <= buffer.len());
                    buffer.drain(..consumed);
                }
                assert!(connection.offset() <= total);
            }
            4 => drop(connection.send_response(now, StatusCode::OK, [("A", "b")], Content::Empty, &mut out[..room])),
            5 => drop(connection.send_response(now, StatusCode::OK, NO_FIELDS, Content::Exact(9), &mut out[..room])),
            6 => drop(connection.send_response(now, StatusCode::NOT_FOUND, NO_FIELDS, Content::Unknown, &mut out)),
            7 => drop(connection.send_content(now, &[b'x'; 20][..usize::from(argument) % 20], &mut out[..room])),
            8 => drop(connection.send_end(now, NO_FIELDS, &mut out[..room])),
            9 => drop(connection.send_continue(now, &mut out[..room])),
            10 => drop(connection.send_refusal(now, [("Date", "now")], &mut out[..room])),
            11 => connection.handle_sent(now, u64::from(argument)),
            12 => now = now + Duration::from_millis(u64::from(argument) * 400),
            13 => match argument % 5 {
                // a connection that is put away comes back as it was
                4 => {
                    if let Some(parked) = connection.park() {
                        let resumed = Connection::unpark(Parked::from_octets(parked.to_octets()), &config);
                        assert_eq!(resumed.deadline_cause(), connection.deadline_cause());
                        assert_eq!(resumed.wants(), connection.wants());
                        assert_eq!(resumed.persistence(), connection.persistence());
                        assert_eq!(resumed.offset(), connection.offset());
                        connection = resumed;
                    }
                }
                0 => connection.close_after_exchange(now),
                1 => connection.nothing_to_read(now),
                2 => drop(connection.receive_eof(now, Eof::Clean)),
                _ => drop(connection.frame_content(now, u64::from(argument))),
            },
            14 => {
                if connection.wants().shut.is_some() {
                    connection.handle_shut(now);
                }
            }
            _ => now = Instant::from_nanos(now.as_nanos() / 2),
        }
        let mut rounds = 0;
        while connection.handle_timeout(now).is_some() {
            rounds += 1;
            assert!(rounds < 16, "a deadline stays due");
        }
        assert_eq!(connection, connection.clone());
    }
}

/// A head is read the same as a whole, by a connection and alone; fields found by index and by search are the same.
pub fn head(data: &[u8]) {
    let [choice, input @ ..] = data else { return };
    let config = config(*choice & !2);
    let mut head = RequestHead::new();
    let alone = head.parse(input, config.limits(), config.policy());
    if let Ok(Some((octets, facts))) = &alone {
        assert!(*octets <= input.len());
        let mut slowly = Connection::<Server, _>::new(Instant::EPOCH, &config);
        for end in 1..*octets {
            if !matches!(
                slowly.receive(Instant::EPOCH, &input[..end]),
                Ok(Received { consumed: 0, outcome: Outcome::NeedMore })
            ) {
                return;
            }
        }
        if let Ok(Received { outcome: Outcome::Event(Event::Request(found)), .. }) =
            slowly.receive(Instant::EPOCH, &input[..*octets])
        {
            assert!(found.fields.iter().eq(head.fields.iter()));
            assert_eq!((found.method, found.target, found.framing), (head.method, head.target, head.framing));
        }
        let mut again = HeadFacts::request(head.method, head.version);
        head.fields.iter().for_each(|line| again.field_line(line.name, line.value.as_received()));
        assert_eq!(*facts, again, "the facts are those of the field lines");
    }
    let mut head = ResponseHead::new();
    for method in [MethodKind::Get, MethodKind::Head, MethodKind::Connect] {
        let _ = head.parse(input, method, config.limits(), config.policy());
    }
}

/// No value of a field that bears on the connection panics, and hints never exceed what was said.
pub fn fields(data: &[u8]) {
    let hint = KeepAlive::parse(data);
    let mut facts = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11);
    for name in ["connection", "keep-alive", "content-length", "transfer-encoding", "host", "expect", "upgrade"] {
        facts.field_line(name.as_bytes(), data);
        let _ = framing::request_framing(&facts, &Policy::DEFAULT);
        let _ = framing::response_framing(&facts, MethodKind::Get, &Policy::DEFAULT);
        let _ = (framing::host_rule(&facts), facts.keep_alive(), persistence::of_message(&facts, true));
    }
    let doubled = [data, b",", data].concat();
    let quotes = data.iter().filter(|&&b| b == b'"').count();
    if quotes == 0 {
        assert_eq!(KeepAlive::parse(&doubled), hint, "the smallest of equal hints is the hint");
    }
}

/// The pool beside its naive twin, which the tests share: settings, then what happens.
pub fn pool(data: &[u8]) {
    twin::run(data);
}

#[path = "../../tests/twin/pool.rs"]
mod twin;
