//! The storages of a drive: lent, exchanged, too small, given back; content that is passed, and memory that a system holds meanwhile.

use http_keepalive::drive::{Attempt, Drive, Side, Step, Storage, Transport};
use http_keepalive::*;

const NOW: Instant = Instant::from_secs(1);
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn receive<S: Storage>(drive: &mut Drive<Server, S>, mut octets: &[u8]) {
    while !octets.is_empty() {
        let room = drive.room();
        let piece = octets.len().min(room.len());
        room[..piece].copy_from_slice(&octets[..piece]);
        drive.read(piece);
        octets = &octets[piece..];
    }
}

/// Answers what was received with `content`, and takes what is sent until the drive waits to read: what that was.
fn answer<S: Storage>(drive: &mut Drive<Server, S>, content: &[u8], most: usize) -> Vec<u8> {
    let (mut sent, mut rest) = (Vec::new(), content);
    loop {
        match drive.poll(NOW) {
            Step::Respond => {
                rest = content;
                match drive.respond(NOW, StatusCode::OK, NO_FIELDS, Content::Exact(rest.len() as u64)) {
                    Ok(()) | Err(SendError::OutputTooSmall { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Content => match drive.send_content(NOW, rest) {
                Ok(octets) => rest = &rest[octets..],
                Err(SendError::OutputTooSmall { .. }) => {}
                Err(error) => panic!("{error}"),
            },
            Step::Transport(Transport { write: Attempt::Wait, .. }) => {
                let octets = drive.unsent().len().min(most);
                sent.extend_from_slice(&drive.unsent()[..octets]);
                drive.wrote(NOW, octets);
            }
            Step::Transport(Transport { read: Attempt::Wait, .. }) | Step::Closed => return sent,
            Step::Shut(_) => drive.shut_done(NOW),
            Step::Event(_) | Step::Refuse(_) | Step::Error(_) => {}
            step => panic!("{step:?}"),
        }
    }
}

fn drive<S: Storage>(input: S, output: S) -> Drive<Server, S> {
    Drive::new(NOW, &Config::DEFAULT, input, output)
}

/// An input that was filled to its last octet and read to it can be exchanged, and there is room in the one that comes.
#[test]
fn a_storage_that_was_full_can_be_exchanged() {
    let (input, mut output) = (GET.repeat(3), Vec::new());
    let boxed = |octets| vec![0; octets].into_boxed_slice();
    let mut drive = drive(boxed(input.len()), boxed(1024));
    assert_eq!(drive.room().len(), input.len());
    receive(&mut drive, &input);
    output.extend(answer(&mut drive, b"ok", usize::MAX));
    let [Some(own), Some(_)] = drive.empty_storages() else { panic!("nothing is in them") };
    *own = boxed(GET.len());
    assert_eq!(drive.room().len(), GET.len());
    for _ in 0..3 {
        receive(&mut drive, GET);
        output.extend(answer(&mut drive, b"ok", usize::MAX));
    }
    assert_eq!(output, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".repeat(6));
}

/// The same octets leave, whatever the storages are and however little leaves at once.
#[test]
fn what_is_sent_does_not_depend_on_the_storages() {
    let content = vec![b'x'; 3000];
    let expected = answer_of(drive(Vec::new(), Vec::new()), &content, usize::MAX);
    assert_eq!(expected.len(), 5 * (content.len() + b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n".len()));
    for most in [1, 7, 100, 5000] {
        assert!(answer_of(drive(Vec::new(), Vec::new()), &content, most) == expected);
        assert!(answer_of(drive([0; 1024], [0; 1024]), &content, most) == expected);
        assert!(answer_of(drive([0; 64], [0; 64]), &content, most) == expected);
        let (mut input, mut output) = ([0; 600], [0; 600]);
        assert!(answer_of(drive(&mut input[..], &mut output[..]), &content, most) == expected);
        let boxed = || vec![0; 700].into_boxed_slice();
        assert!(answer_of(drive(boxed(), boxed()), &content, most) == expected);
    }
}

fn answer_of<S: Storage>(mut drive: Drive<Server, S>, content: &[u8], most: usize) -> Vec<u8> {
    let mut sent = Vec::new();
    for _ in 0..5 {
        receive(&mut drive, GET);
        sent.extend(answer(&mut drive, content, most));
    }
    sent
}

/// A head that is longer than an input which can not grow is refused with 431, and the connection ends.
#[test]
fn a_head_that_finds_no_room_is_refused() {
    let (mut input, mut output) = ([0; 64], [0; 512]);
    let mut drive = drive(&mut input[..], &mut output[..]);
    let head = [&GET[..GET.len() - 2], b"X: ", &[b'x'; 100], b"\r\n\r\n"].concat();
    receive(&mut drive, &head[..64]);
    let sent = answer(&mut drive, b"", usize::MAX);
    assert!(sent.starts_with(b"HTTP/1.1 431 "), "{}", String::from_utf8_lossy(&sent));
}

/// Between what the drive holds, content of the caller's own goes where it belongs, in any pieces, and chunks are framed.
#[test]
fn content_that_is_passed_goes_between_what_is_framed() {
    for (content, expected) in [
        (Content::Exact(10), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"),
        (
            Content::Unknown,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
        ),
    ] {
        for most in 1..expected.len() {
            let mut drive = drive(Vec::new(), Vec::new());
            receive(&mut drive, GET);
            let (mut sent, mut own) = (Vec::new(), Vec::new());
            let mut pieces = [&b"01234"[..], b"56789"].into_iter();
            loop {
                match drive.poll(NOW) {
                    Step::Respond => drive.respond(NOW, StatusCode::OK, NO_FIELDS, content).unwrap(),
                    Step::Content => match pieces.next() {
                        Some(piece) => {
                            drive.pass_content(NOW, 5).unwrap();
                            assert_eq!((drive.passed(), own.len()), (5, 0));
                            own = piece.to_vec();
                            // one at a time
                            assert!(drive.pass_content(NOW, 1).is_err());
                        }
                        None => drive.finish(NOW, NO_FIELDS).unwrap(),
                    },
                    Step::Transport(Transport { write: Attempt::Wait, .. }) => {
                        let passed = own.len() - own.len().min(drive.passed() as usize);
                        let all = [drive.unsent(), &own[passed..], drive.unsent_after()].concat();
                        let octets = all.len().min(most);
                        sent.extend_from_slice(&all[..octets]);
                        drive.wrote(NOW, octets);
                        if drive.passed() == 0 {
                            own.clear();
                        }
                    }
                    Step::Transport(_) => break,
                    Step::Event(_) => {}
                    step => panic!("{step:?}"),
                }
            }
            assert_eq!(String::from_utf8_lossy(&sent), expected, "{most} at once");
        }
    }
}

/// To HEAD nothing is passed, and nothing is waited for.
#[test]
fn nothing_is_passed_to_head() {
    let mut drive = drive(Vec::new(), Vec::new());
    receive(&mut drive, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(answer(&mut drive, b"0123456789", usize::MAX), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    assert_eq!((drive.passed(), drive.takes_content()), (0, false));
}

/// While the system holds both storages, every call may be made; what it read and wrote is told afterwards.
#[test]
fn storages_may_be_lent_to_a_system() {
    let mut drive = drive(Vec::new(), Vec::new());
    let (mut storage, room) = drive.lend_input().unwrap();
    assert!(drive.lend_input().is_none() && drive.room().is_empty());
    // nothing is offered, and no read is asked for
    let Step::Transport(transport) = drive.poll(NOW) else { panic!("it waits") };
    assert_eq!(transport, Transport { read: Attempt::No, write: Attempt::No });
    storage[room.start..room.start + GET.len()].copy_from_slice(GET);
    drive.return_input(storage);
    drive.read(GET.len());
    while !matches!(drive.poll(NOW), Step::Respond) {}
    drive.respond(NOW, StatusCode::OK, NO_FIELDS, Content::Exact(4)).unwrap();
    // the head is under way, while content is made
    let mut spare = Vec::new();
    let range = drive.take_output(&mut spare).unwrap();
    assert_eq!(&spare[range.clone()], b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(drive.send_content(NOW, b"abcd"), Ok(4));
    let mut other = Vec::new();
    assert_eq!(drive.take_output(&mut other), None);
    let Step::Transport(Transport { write: Attempt::No, read: Attempt::Wait }) = drive.poll(NOW) else {
        panic!("one write at a time")
    };
    // a part of it has left, then the rest
    drive.wrote(NOW, 10);
    assert_eq!((drive.take_output(&mut other), drive.connection().octets_pending()), (None, range.len() as u64 - 6));
    drive.wrote(NOW, range.len() - 10);
    let Step::Transport(Transport { write: Attempt::Wait, .. }) = drive.poll(NOW) else {
        panic!("content is to leave")
    };
    assert_eq!(drive.take_output(&mut other).map(|range| other[range].to_vec()), Some(b"abcd".to_vec()));
    drive.wrote(NOW, 4);
    assert!(drive.connection().is_idle());
}

/// A read that fails while the input is lent, and a write while the output is taken: the connection ends, and nothing is waited for.
#[test]
fn what_is_lent_may_fail() {
    let mut drive = drive(Vec::new(), Vec::new());
    receive(&mut drive, GET);
    while !matches!(drive.poll(NOW), Step::Respond) {}
    drive.respond(NOW, StatusCode::OK, NO_FIELDS, Content::Exact(4)).unwrap();
    let (mut storage, _) = (Vec::new(), drive.lend_input().unwrap());
    assert!(drive.take_output(&mut storage).is_some());
    drive.failed(NOW, Side::Read);
    let Step::Shut(shut) = drive.poll(NOW) else { panic!("it ends") };
    assert_eq!(shut.reason(), CloseReason::TransportFailed);
    drive.shut_done(NOW);
    assert!(matches!(drive.poll(NOW), Step::Closed));
}
