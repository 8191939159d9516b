//! A parser that you have already, httparse, beside `Lifecycle`, which takes facts instead of octets. It teaches what is told when, and how what is
//! asked for is done: answers, refusals, looks, shuts. Which octets may come, and how many in a head, is the parser's: httparse takes a bare LF, say.
//! A thread for each connection; a request is answered once it is whole. `httparse HOST:PORT '{"timeouts": {"idle": "15s"}}'`.
#![forbid(unsafe_code)]

use http_keepalive::{ProtocolErrorKind as Fault, drive::is_wait_over, *};
use httparse::{EMPTY_HEADER, Status};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::{env, error::Error, thread, time};

const TICK: time::Duration = time::Duration::from_millis(50); // so often who waits looks at deadlines

fn main() -> Result<(), Box<dyn Error>> {
    let settings = env::args().nth(2).unwrap_or(r#"{"limits": {"content": 16777216}}"#.into());
    let config: &Config<Server> = Box::leak(serde_json::from_str(&settings)?);
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:8080".into()))?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        let serve = |(stream, _)| thread::Builder::new().spawn(move || serve(stream, config).unwrap());
        listener.accept().and_then(serve).map_or_else(|_| thread::sleep(TICK), drop); // no descriptors or threads for a while
    }
}

/// What the parser reads next. After a chunk of which no octets are left: the line end after it.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Head,
    Content { octets: u64, is_chunk: bool },
    ChunkSize,
}

/// Looks at one part of what came, or says what is wrong with it. `false`: more is needed, or something else is to be done first.
fn parse(now: Instant, lifecycle: &mut Lifecycle<Server>, (next, input): &mut (Next, Vec<u8>)) -> Result<bool, Fault> {
    let more = |most, fault| if input.len() < most { Ok(false) } else { Err(fault) };
    let mut lines = [EMPTY_HEADER; 128];
    let (octets, then) = match *next {
        _ if input.is_empty() => return Ok(false),
        _ if lifecycle.wants_read() == ReadWant::Discard => (input.len(), *next),
        Next::Head if lifecycle.wants_application().is_some() => return Ok(false), // a pipelined request waits for the answer before it
        Next::Head => {
            let mut head = httparse::Request::new(&mut lines);
            let parsed = head.parse(input).map_err(|_| Fault::NotHttp)?;
            let Status::Complete(octets) = parsed else { return more(65536, Fault::HeadTooLong) };
            let (method, minor) = (Method::new(head.method.unwrap().as_bytes()), head.version.unwrap());
            let mut facts = HeadFacts::request(method, Version { minor }).with_octets(octets);
            head.headers.iter().for_each(|line| facts.field_line(line.name.as_bytes(), line.value));
            let framing = lifecycle.head_received(now, &facts);
            if method.kind() == MethodKind::Connect {
                let _ = lifecycle.refuse(now, StatusCode::NOT_IMPLEMENTED); // an answer of 200 would open a tunnel
            }
            match framing.map(|framing| framing.length) {
                Ok(BodyLength::Exact(length @ 1..)) => (octets, Next::Content { octets: length, is_chunk: false }),
                Ok(BodyLength::Chunked) => (octets, Next::ChunkSize),
                _ => (octets, Next::Head), // it has no content, or is refused: `wants` says so
            }
        }
        Next::Content { octets: 0, .. } if input.starts_with(b"\r\n") => (2, Next::ChunkSize),
        Next::Content { octets: 0, .. } => return if input == b"\r" { Ok(false) } else { Err(Fault::ChunkEnd) },
        Next::Content { octets, is_chunk } => match octets.min(input.len() as u64) {
            here if lifecycle.content_received(now, here).is_err() => return Ok(false), // more than the limit: the same
            here if here == octets && !is_chunk => (here as usize, Next::Head),
            here => (here as usize, Next::Content { octets: octets - here, is_chunk }),
        },
        Next::ChunkSize if !input[0].is_ascii_hexdigit() => return Err(Fault::ChunkSize), // httparse takes none for 0
        Next::ChunkSize => match httparse::parse_chunk_size(input).map_err(|_| Fault::ChunkSize)? {
            Status::Complete((line, 0)) => match httparse::parse_headers(&input[line..], &mut lines) {
                Ok(Status::Complete((trailers, _))) => (line + trailers, Next::Head),
                Ok(Status::Partial) => return more(16384, Fault::HeadTooLong),
                Err(_) => return Err(Fault::FieldName),
            },
            Status::Complete((line, octets)) => (line, Next::Content { octets, is_chunk: true }),
            Status::Partial => return more(1024, Fault::ChunkExtensionsTooLong),
        },
    };
    input.drain(..octets);
    if then == Next::Head {
        let _ = lifecycle.end_received(now); // after chunks nothing else says it
        lifecycle.octets_unread(now, input.len() as u64);
    }
    *next = then;
    Ok(true)
}

/// Until the connection ends. An error is a mistake in this function.
fn serve(mut stream: TcpStream, config: &'static Config<Server>) -> Result<(), SendError> {
    // if it fails, so will reading
    let _ = stream.set_read_timeout(Some(TICK)).and(stream.set_write_timeout(Some(TICK))).and(stream.set_nodelay(true));
    let (opened, mut lifecycle) = (time::Instant::now(), Lifecycle::<Server>::new(Instant::EPOCH, config));
    let (mut parser, mut output, mut room, mut peer_closed) = ((Next::Head, Vec::new()), Vec::new(), [0; 16384], false);
    loop {
        let now = Instant::since(opened, time::Instant::now());
        while parse(now, &mut lifecycle, &mut parser).map_err(|kind| lifecycle.fault_received(now, kind)) == Ok(true) {}
        let (next, input) = &mut parser;
        if peer_closed && (input.is_empty() || *next != Next::Head || lifecycle.wants_application().is_none()) {
            lifecycle.eof_received(now); // all that came before it was looked at
        }
        while lifecycle.handle_timeout(now).is_some() {}
        let wants = lifecycle.wants();
        match (wants.shut, wants.application) {
            (Some(Shut::HalfClose(_)), _) => {
                let _ = stream.shutdown(Shutdown::Write); // if it fails, so will reading
                lifecycle.handle_shut(now);
            }
            (Some(_), _) => return Ok(()), // where it is dropped
            (_, Some(Turn::Refuse(_))) => _ = lifecycle.send_refusal(now, NO_FIELDS, &mut output)?,
            (_, Some(Turn::Continue)) if !wants.flush && lifecycle.interim_to_send(now, StatusCode::CONTINUE)? => {
                output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                lifecycle.octets_written(now, output.len() as u64);
            }
            (_, Some(Turn::Respond)) if *next == Next::Head && !wants.flush => {
                let announce = lifecycle.head_to_send(now, StatusCode::OK, Content::Exact(6))?;
                let content: &[u8] = if announce.length == BodyLength::Empty { b"" } else { b"Hello\n" }; // none after HEAD
                output.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
                announce.write(&mut output)?;
                output.extend([b"\r\n", content].concat());
                lifecycle.octets_written(now, output.len() as u64);
                lifecycle.content_sent(now, content.len() as u64)?;
            }
            _ if wants.flush && wants.read != ReadWant::LookOnce => match stream.write(&output) {
                Ok(octets) => lifecycle.handle_sent(now, output.drain(..octets).len() as u64),
                Err(error) if is_wait_over(&error) => lifecycle.handle_sent(now, 0),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => lifecycle.write_failed(now),
            },
            _ => match stream.read(&mut room) {
                Ok(0) => peer_closed = true,
                Ok(octets) => {
                    input.extend_from_slice(&room[..octets]);
                    lifecycle.octets_received(now, octets as u64);
                }
                Err(error) if is_wait_over(&error) && wants.read == ReadWant::LookOnce => {
                    lifecycle.nothing_to_read(now)
                }
                Err(error) if is_wait_over(&error) || error.kind() == ErrorKind::Interrupted => {}
                Err(_) => lifecycle.transport_failed(now),
            },
        }
    }
}
