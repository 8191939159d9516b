use http_keepalive::*;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant as Clock};

/// Answers every request on this connection with `content`, until it ends: why. An error is a mistake in this function.
pub fn serve(mut stream: TcpStream, config: &'static Config<Server>, content: &[u8]) -> Result<CloseReason, SendError> {
    let opened = Clock::now();
    let now = || Instant::since(opened, Clock::now());
    let mut connection = Connection::<Server>::new(now(), config);
    let (mut input, mut piece, mut output) = (Vec::new(), [0; 16384], [0; 16384]);
    let (mut whole, mut status, mut rest) = (false, StatusCode::OK, content);
    let (mut unsent, mut read_at) = (0..0, now()); // what of `output`; and when the last read began
    loop {
        // 1. Answer, and offer what was received, until it is all looked at or enough waits to be sent. What a look has found (5) is
        // offered in any case.
        if !connection.wants().flush {
            unsent = 0..0;
        }
        loop {
            let wants = connection.wants();
            let looks = wants.read == ReadWant::LookOnce;
            if !looks && output.len() - unsent.end <= 1024 {
                break;
            }
            let room = &mut output[unsent.end..];
            let sent = match wants.application.filter(|_| !looks) {
                Some(Turn::Continue) => connection.send_continue(now(), room),
                Some(Turn::Refuse(_)) => connection.send_refusal(now(), NO_FIELDS, room),
                Some(Turn::Content) => connection.send_content(now(), rest, room).map(|sent| {
                    rest = &rest[sent.consumed..];
                    sent.written
                }),
                // it may be sooner, but a client that sends all of its content first would not read it
                Some(Turn::Respond) if whole => {
                    (whole, rest) = (false, content);
                    connection.send_response(now(), status, NO_FIELDS, Content::Exact(rest.len() as u64), room)
                }
                _ => match connection.receive(now(), &input) {
                    Ok(Received { consumed, outcome }) => {
                        let event = matches!(outcome, Outcome::Event(_));
                        match outcome {
                            Outcome::Event(Event::Request(head)) => {
                                let connect = head.method.kind() == MethodKind::Connect; // no tunnel is opened here
                                status = if connect { StatusCode::NOT_IMPLEMENTED } else { StatusCode::OK };
                            }
                            Outcome::Event(Event::End { .. }) => whole = true,
                            _ => {}
                        }
                        input.drain(..consumed); // whatever the outcome
                        if !event {
                            break;
                        }
                        Ok(0)
                    }
                    Err(_) => Ok(0), // the peer's, and answered by the connection: it asks for a refusal, or for a close
                },
            };
            match sent {
                Ok(octets) => unsent.end += octets,
                Err(SendError::Ended(_)) => {} // the peer or a deadline was faster: `wants` says how it goes on
                Err(mistake) => return Err(mistake),
            }
        }
        // The next deadline, as a timeout of the socket; one of zero is not allowed. A look does not wait.
        let moment = Duration::from_millis(1);
        let until = |deadline: Deadline| deadline.at.saturating_duration_since(now()).max(moment);
        // 2. Send, as long as that is wanted, and say how much has left. A blocking write tells of a part only when its time is
        // over, so a peer that does not read may be cut after two or three times `write_stall`.
        while connection.wants().flush && connection.wants().read != ReadWant::LookOnce {
            let look = connection.wants().flush_once;
            let timeout = if look { Some(moment) } else { connection.next_deadline().map(until) };
            match stream.set_write_timeout(timeout).and_then(|()| stream.write(&output[unsent.clone()])) {
                Ok(octets) => {
                    unsent.start += octets;
                    connection.handle_sent(now(), octets as u64);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut if look => connection.handle_sent(now(), 0),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => drop(connection.handle_timeout(now())),
                    ErrorKind::Interrupted => {}
                    _ => connection.transport_failed(now()),
                },
            }
        }
        // 3. Shut as the connection says, and say so. A failed connection asks for it, too.
        match connection.wants().shut {
            Some(Shut::HalfClose(_)) => {
                let _ = stream.shutdown(Shutdown::Write); // if it fails, so will reading
                connection.handle_shut(now());
            }
            // `stream` closes where it is dropped. A reset needs SO_LINGER of zero, which `std` can not set (the crate `socket2`
            // can); without it a peer still sees that content is missing, as its length was said.
            Some(Shut::Close(reason) | Shut::Reset(reason)) => return Ok(reason),
            None => {}
        }
        // 4. Let expire what was due when the last read began: what had come by then has been offered, so that nobody is blamed for a
        // pause of this process. There may be more to do after this and after sending.
        let expired = connection.handle_timeout(read_at).is_some();
        let look = connection.wants().read == ReadWant::LookOnce;
        if !look && (expired || unsent.end > 0) {
            continue;
        }
        // 5. Read until the next deadline; or look whether there is anything, without waiting.
        read_at = now();
        let timeout = if look { Some(moment) } else { connection.next_deadline().map(until) };
        match stream.set_read_timeout(timeout).and_then(|()| stream.read(&mut piece)) {
            Ok(0) => drop(connection.receive_eof(now(), Eof::Clean)),
            Ok(octets) => input.extend_from_slice(&piece[..octets]),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut if look => connection.nothing_to_read(now()),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {} // see 4
                _ => connection.transport_failed(now()),
            },
        }
    }
}
