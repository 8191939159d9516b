use http_keepalive::drive::{Attempt, Drive, Step};
use http_keepalive::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant as Clock;

/// Answers every request on this connection with `content`, until it ends: why. An error is a mistake in this function.
pub fn serve(mut stream: TcpStream, config: &'static Config<Server>, content: &[u8]) -> Result<CloseReason, SendError> {
    let opened = Clock::now();
    let now = || Instant::since(opened, Clock::now());
    let mut drive = Drive::<Server, Vec<u8>>::new(now(), config, Vec::new(), Vec::new());
    let (mut status, mut rest) = (StatusCode::OK, content);
    loop {
        match drive.poll(now()) {
            // What came. Content is of no use here, and the end of a request is told by `Respond`.
            Step::Event(Event::Request(head)) => {
                let connect = head.method.kind() == MethodKind::Connect; // no tunnel is opened here
                status = if connect { StatusCode::NOT_IMPLEMENTED } else { StatusCode::OK };
            }
            // The answer, and its content until all of it was taken.
            Step::Respond => {
                rest = content;
                drive.respond(now(), status, NO_FIELDS, Content::Exact(rest.len() as u64))?;
            }
            Step::Content => rest = &rest[drive.send_content(now(), rest)?..],
            // The socket: one thing at a time, and no longer than until the next deadline. A blocking write tells of a part only when its
            // time is over, so a peer that does not read may be cut after two or three times `write_stall`.
            Step::Transport(transport) => {
                let wait = drive.wait(now());
                if transport.write != Attempt::No {
                    let wrote = stream.set_write_timeout(wait).and_then(|()| stream.write(drive.unsent()));
                    drive.write_result(now(), wrote);
                } else {
                    let read = stream.set_read_timeout(wait).and_then(|()| stream.read(drive.room()));
                    drive.read_result(now(), read);
                }
            }
            Step::Shut(Shut::HalfClose(_)) => {
                let _ = stream.shutdown(Shutdown::Write); // if it fails, so will reading
                drive.shut_done(now());
            }
            // `stream` closes where it is dropped. A reset needs SO_LINGER of zero, which `std` can not set (the crate `socket2`
            // can); without it a peer still sees that content is missing, as its length was said.
            Step::Shut(Shut::Close(reason) | Shut::Reset(reason)) => return Ok(reason),
            _ => {}
        }
    }
}
