//! A driven client looks at what comes while it sends (RFC 9112 9.5), however much there is to send.

use http_keepalive::drive::{Attempt, Drive, Step};
use http_keepalive::*;

const NOW: Instant = Instant::from_secs(1);
const REFUSAL: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A client that has sent the head of a request with content.
fn uploading() -> Drive<Client<4>, Vec<u8>> {
    static CONFIG: Config<Client<4>> = Config::<Client<4>>::DEFAULT;
    let mut drive = Drive::new(NOW, &CONFIG, Vec::new(), Vec::new());
    let request = Request::new(Method::new(b"PUT"), b"/");
    drive.request(NOW, &request, [("Host", "a")], Content::Unknown).expect("it may be sent");
    drive.wrote(NOW, drive.unsent().len());
    drive
}

fn comes(drive: &mut Drive<Client<4>, Vec<u8>>, octets: &[u8]) {
    drive.room()[..octets.len()].copy_from_slice(octets);
    drive.read(octets.len());
}

#[test]
fn rfc9112_9_5_what_came_is_looked_at_before_more_content_is_asked_for() {
    let mut drive = uploading();
    assert!(matches!(drive.poll(NOW), Step::Content));
    comes(&mut drive, REFUSAL);
    assert!(matches!(drive.poll(NOW), Step::Event(Event::Response(_))));
    // nobody wants the rest
    assert!(matches!(drive.poll(NOW), Step::Event(Event::End { .. })));
    assert!(matches!(drive.poll(NOW), Step::Shut(Shut::Close(CloseReason::CloseReceived))));
}

#[test]
fn rfc9112_9_5_a_server_that_reads_no_more_is_read_from_while_much_waits() {
    let mut drive = uploading();
    while let Step::Content = drive.poll(NOW) {
        drive.send_content(NOW, &[b'a'; 10_000]).expect("there is room");
    }
    let Step::Transport(transport) = drive.poll(NOW) else { panic!("octets wait") };
    assert_eq!((transport.read, transport.write), (Attempt::Wait, Attempt::Wait));
    comes(&mut drive, REFUSAL);
    assert!(matches!(drive.poll(NOW), Step::Event(Event::Response(_))));
}
