//! A response whose content is at hand: the same octets and the same state as its head and its content one after the other.

use proptest::prelude::*;
use proptest::sample::select;

use http_keepalive::drive::{Attempt, Drive, Side, Step};
use http_keepalive::*;

use crate::cases;

const NOW: Instant = Instant::from_secs(1);

fn asked(request: &[u8]) -> Connection<Server> {
    let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
    let received = connection.receive(NOW, request).expect("it may be received");
    connection.receive(NOW, &request[received.consumed..]).expect("its content may, too");
    connection
}

proptest! {
    #![proptest_config(cases::property(5000, 500))]

    #[test]
    fn it_is_its_head_and_its_content(
        request in select(vec![
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ]),
        status in select(vec![200u16, 204, 205, 304, 404, 500]),
        content in proptest::collection::vec(any::<u8>(), 0..100),
        room in prop_oneof![0..300usize, Just(1000)],
    ) {
        let status = StatusCode::new(status).expect("it is one");
        let (mut one, mut two) = (asked(request.as_bytes()), asked(request.as_bytes()));
        let (mut whole, mut parts) = ([0; 1000], [0; 1000]);
        let said = one.send_response_with(NOW, status, [("X", "y")], &content, &mut whole[..room]);
        let length = Content::Exact(content.len() as u64);
        let head = two.send_response(NOW, status, [("X", "y")], length, &mut parts[..room]);
        let expected = head.map(|head| match two.wants().application {
            Some(Turn::Content) => match two.send_content(NOW, &content, &mut parts[head..room]) {
                Ok(sent) => Written { consumed: sent.consumed, written: head + sent.written },
                // no room after the head
                Err(_) => Written { consumed: 0, written: head },
            },
            _ => Written { consumed: content.len(), written: head },
        });
        prop_assert_eq!(said, expected);
        prop_assert_eq!(one.canonical(NOW), two.canonical(NOW));
        if let Ok(written) = said {
            prop_assert_eq!(&whole[..written.written], &parts[..written.written]);
            prop_assert_eq!(one.octets_pending(), written.written as u64);
        }
    }
}

/// A drive takes what it has room for, and asks for the rest.
#[test]
fn what_a_drive_did_not_take_is_asked_for() {
    let content: Vec<u8> = (0..200_000u32).map(|octet| octet as u8).collect();
    for room in [512, 70_000, 1 << 20] {
        let mut drive = Drive::<Server, _>::new(
            NOW,
            &Config::DEFAULT,
            vec![0; 1024].into_boxed_slice(),
            vec![0; room].into_boxed_slice(),
        );
        let (mut rest, mut sent, mut asked) = (&content[..], Vec::new(), false);
        loop {
            match drive.poll(NOW) {
                Step::Respond => {
                    rest = &content[drive.respond_with(NOW, StatusCode::OK, NO_FIELDS, &content).unwrap()..]
                }
                Step::Content => rest = &rest[drive.send_content(NOW, rest).unwrap()..],
                Step::Transport(transport) if transport.write != Attempt::No => {
                    sent.extend_from_slice(drive.unsent());
                    drive.wrote(NOW, drive.unsent().len());
                }
                Step::Transport(_) if asked => break,
                Step::Transport(_) => {
                    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
                    drive.room()[..request.len()].copy_from_slice(request);
                    drive.read(request.len());
                    asked = true;
                }
                _ => {}
            }
        }
        assert!(rest.is_empty() && sent.ends_with(&content), "{room}");
    }
}

/// RFC 9110 9.3.6: who answers every request alike opens no tunnel; who wants them has them.
#[test]
fn rfc9110_9_3_6_a_tunnel_is_opened_for_who_asked_for_them() {
    for wants in [false, true] {
        let mut drive = Drive::<Server, _>::new(NOW, &Config::DEFAULT, Vec::new(), Vec::new());
        if wants {
            drive = drive.with_tunnels();
        }
        let request = b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nother";
        drive.room()[..request.len()].copy_from_slice(request);
        drive.read(request.len());
        let (mut sent, mut refused) = (Vec::new(), None);
        let end = loop {
            match drive.poll(NOW) {
                Step::Refuse(status) => refused = Some(status),
                Step::Respond => drive.respond(NOW, StatusCode::OK, NO_FIELDS, Content::Empty).unwrap(),
                Step::Transport(transport) if transport.write != Attempt::No => {
                    sent.extend_from_slice(drive.unsent());
                    drive.wrote(NOW, drive.unsent().len());
                }
                Step::Transport(_) => drive.failed(NOW, Side::Read),
                Step::Shut(_) => drive.shut_done(NOW),
                Step::HandOver(reason) => break Some(reason),
                Step::Closed => break None,
                _ => {}
            }
        };
        let (status, reason) = if wants { ("200", Some(TunnelReason::Connect)) } else { ("501", None) };
        assert!(String::from_utf8_lossy(&sent).starts_with(&format!("HTTP/1.1 {status} ")));
        assert_eq!(end, reason);
        assert_eq!(refused, (!wants).then_some(StatusCode::NOT_IMPLEMENTED));
        assert!(!wants || drive.received() == b"other");
    }
}
