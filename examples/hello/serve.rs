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
    let mut rest = content;
    loop {
        match drive.poll(now()) {
            // A request is whole. What came with it, a `Step::Event` each, is of no use here. The answer, and more of its content until
            // all of it was taken.
            Step::Respond => rest = &content[drive.respond_with(now(), StatusCode::OK, NO_FIELDS, content)?..],
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
