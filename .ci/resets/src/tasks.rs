//! A connection as a task of tokio, written as the docs of the crate say.

use std::future::pending;
use std::time::Duration;

use http_keepalive::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant as Clock, sleep};

/// Answers every request on this connection with `content`, until it ends: why. Once `drain` is true it ends gracefully.
pub async fn serve(
    mut stream: TcpStream,
    config: &'static Config<Server>,
    content: &[u8],
    mut drain: watch::Receiver<bool>,
) -> Result<CloseReason, SendError> {
    let opened = Clock::now();
    let now = || Instant::since(opened.into_std(), Clock::now().into_std());
    let mut connection = Connection::<Server>::new(now(), config);
    let (mut input, mut piece, mut output) = (Vec::new(), vec![0; 16384], vec![0; 16384]);
    let (mut sent, mut written, mut draining) = (0, 0, false);
    let (mut whole, mut status, mut rest) = (false, StatusCode::OK, content);
    let (mut reader, mut writer) = stream.split();
    loop {
        // 1. Answer, and offer what was received, once all that was written has left.
        if sent == written {
            (sent, written) = (0, 0);
        }
        while sent == 0 && output.len() - written > 1024 {
            let room = &mut output[written..];
            let more = match connection.wants().application {
                Some(Turn::Continue) => connection.send_continue(now(), room),
                Some(Turn::Refuse(_)) => connection.send_refusal(now(), NO_FIELDS, room),
                Some(Turn::Content) => connection.send_content(now(), rest, room).map(|taken| {
                    rest = &rest[taken.consumed..];
                    taken.written
                }),
                Some(Turn::Respond) if whole => {
                    (whole, rest) = (false, content);
                    connection.send_response(now(), status, NO_FIELDS, Content::Exact(rest.len() as u64), room)
                }
                _ => match connection.receive(now(), &input) {
                    Ok(Received { consumed, outcome }) => {
                        let event = matches!(outcome, Outcome::Event(_));
                        match outcome {
                            Outcome::Event(Event::Request(head)) => {
                                let connect = head.method.kind() == MethodKind::Connect;
                                status = if connect { StatusCode::NOT_IMPLEMENTED } else { StatusCode::OK };
                            }
                            Outcome::Event(Event::End { .. }) => whole = true,
                            _ => {}
                        }
                        input.drain(..consumed);
                        if !event {
                            break;
                        }
                        Ok(0)
                    }
                    Err(_) => Ok(0),
                },
            };
            match more {
                Ok(octets) => written += octets,
                Err(SendError::Ended(_)) => {}
                Err(mistake) => return Err(mistake),
            }
        }
        // 2. Shut as the connection says, and say so.
        match connection.wants().shut {
            Some(Shut::HalfClose(_)) => {
                let _ = writer.shutdown().await; // if it fails, so will reading
                connection.handle_shut(now());
            }
            Some(Shut::Close(reason)) => return Ok(reason),
            Some(Shut::Reset(reason)) => {
                let _ = writer.as_ref().set_zero_linger();
                return Ok(reason);
            }
            None => {}
        }
        // 3. Let expire what is due.
        if connection.handle_timeout(now()).is_some() {
            continue;
        }
        // 4. Wait for the first thing that happens.
        let wants = connection.wants();
        let (flush, look, tries) = (wants.flush, wants.read == ReadWant::LookOnce, wants.flush_once);
        // a look is a read or a write that is given a moment: in it tokio asks the system, where `try_read` may only know what was
        let wait = match (look || tries, connection.next_deadline()) {
            (true, _) => Some(Duration::from_millis(1)),
            (false, deadline) => deadline.map(|deadline| deadline.at.saturating_duration_since(now())),
        };
        tokio::select! {
            biased; // so that the look is judged after its read
            _ = drain.wait_for(|drain| *drain), if !draining => {
                draining = true;
                connection.close_after_exchange(now());
            }
            result = writer.write(&output[sent..written]), if flush => match result {
                Ok(octets) => {
                    sent += octets;
                    connection.handle_sent(now(), octets as u64);
                }
                Err(_) => connection.transport_failed(now()),
            },
            result = reader.read(&mut piece), if look || !flush => match result {
                Ok(0) => drop(connection.receive_eof(now(), Eof::Clean)),
                Ok(octets) => input.extend_from_slice(&piece[..octets]),
                Err(_) => connection.transport_failed(now()),
            },
            () = async { match wait { Some(wait) => sleep(wait).await, None => pending().await } } => {
                if tries {
                    connection.handle_sent(now(), 0);
                }
                if look {
                    connection.nothing_to_read(now());
                }
            }
        }
    }
}
