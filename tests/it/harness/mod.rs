//! What the fuzz targets do, on the public API; plain tests replay the seeds through the same functions.
//!
//! Each takes any octets and panics where a law is broken: that a split changes nothing, that nothing is due for ever, that
//! what is emitted parses, that no octets and no order of calls make the machine panic.

mod answers;
mod of_clients;
mod of_lifecycles;
mod operations;
mod passes;
mod sayings;

use std::time::Duration;

use http_keepalive::*;

pub use answers::answers;
pub use operations::operations;
pub use passes::Passes;

/// What an application may say of content.
const USES: [ContentUse; 4] = [ContentUse::Undecided, ContentUse::Paused, ContentUse::Reading, ContentUse::Dropped];

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
            .with_response_junk_lines(lenient)
            .with_repeated_length(lenient)
            .with_length_and_coding(lenient)
            .with_http10_coding(lenient)
            .with_other_codings(lenient)
            .with_chunk_size_whitespace(lenient)
            .with_request_trailers(lenient)
            .with_expectation(lenient)
            .with_host(HostRule::Off),
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
            .with_chunk_framing(Some(20))
            .with_content(Some(64))
            .with_unread_octets(Some(16))
            .with_linger_octets(Some(32))
            .with_max_exchanges(Some(3))
            .with_interim_responses(Some(2))
            .with_empty_lines(1),
    };
    // whenever the peer owes the next step something is due
    let timeouts = Timeouts::DEFAULT.with_response(Some(Duration::from_secs(60)));
    let timeouts = match choice & 128 {
        0 => timeouts,
        _ => timeouts
            .with_send_rate(Some(10))
            .with_half_closed(Some(Duration::from_secs(15)))
            .with_application(Some(Duration::from_secs(25))),
    };
    let policy = match choice & 128 {
        0 => policy,
        _ => policy
            .with_application_timeout_response(Use::On)
            .with_age_close(AgeClose::Announced)
            .with_drain_mode(DrainMode::LameDuck),
    };
    let (limits, timeouts, policy) = match choice & 4 {
        0 => (limits, timeouts, policy),
        _ => (
            limits.with_jitter(50).with_max_octets(Some(400)),
            timeouts
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

/// What was received lies in the offer where it is said to: content at its range, and heads and trailers at their places, also of
/// octets that were moved.
pub fn lies_where_it_is_said(received: &Received<'_>, offer: &[u8]) {
    let range = received.content_range();
    let consumed = &offer[..received.consumed];
    let moved = consumed.to_vec();
    let Outcome::Event(event) = &received.outcome else { return assert_eq!(range, None) };
    match event {
        Event::Content(content) => {
            let there = range.as_ref().map(|range| offer[range.clone()].as_ptr_range());
            return assert_eq!(there, Some(content.as_ptr_range()));
        }
        Event::Request(head) => {
            assert_eq!(head.places(offer).on(offer).as_ref(), Some(head));
            let there = head.places(consumed).on(&moved).expect("the same octets");
            assert_eq!(&there, head);
            assert!(there.fields.iter().eq(head.fields.iter()));
            assert!(there.upgrade_offers().eq(head.upgrade_offers()));
        }
        Event::Interim(head) | Event::Response(head) => {
            assert_eq!(head.places(offer).on(offer).as_ref(), Some(head));
            let there = head.places(consumed).on(&moved).expect("the same octets");
            assert_eq!(&there, head);
            assert!(there.fields.iter().eq(head.fields.iter()));
        }
        Event::End { trailers } => {
            let there = trailers.places(offer).on(&moved).expect("the same octets");
            assert_eq!(&there, trailers);
            assert!(there.iter().eq(trailers.iter()));
        }
        _ => {}
    }
    assert_eq!(range, None);
}

/// Offers `input` in pieces of `sizes`, over and over; answers each request once it is complete. Of its content this is said first, and
/// that it is read after a pause.
fn story(config: &Config<Server>, said: ContentUse, input: &[u8], sizes: &[usize]) -> Story {
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
            lies_where_it_is_said(&received, &input[at..offered]);
            at += received.consumed;
            match received.outcome {
                Outcome::Event(event) => {
                    story.say(&event);
                    match event {
                        // where there is none it is a mistake
                        Event::Request(_) => drop(connection.content_use(now, said)),
                        Event::End { .. } => respond(&mut connection, &mut story),
                        _ => {}
                    }
                }
                Outcome::Paused(PauseReason::ContinueDue) => {
                    // whether it is asked for depends on what has come: no part of the story
                    connection.send_continue(now, &mut [0; 64]).expect("it was due");
                    let pending = connection.lifecycle().octets_pending();
                    connection.handle_sent(now, pending);
                }
                Outcome::Paused(PauseReason::ContentPaused) => {
                    connection.content_use(now, ContentUse::Reading).expect("it is to be taken");
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
    let said = USES[usize::from(*choice >> 5 & 3)];
    let whole = story(&config, said, input, &[input.len().max(1)]);
    assert_eq!(whole, story(&config, said, input, &[1]), "octet by octet");
    let sizes = [usize::from(*first), usize::from(*second)];
    assert_eq!(whole, story(&config, said, input, &sizes), "in pieces of {sizes:?}");
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
    crate::twin::run(data);
}
