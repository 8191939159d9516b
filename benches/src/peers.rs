//! Whole exchanges of http-net, the crate nearest to ours, in its cheapest way that we found: input goes where a socket would
//! read it to, output to a buffer that is kept, and what can be built once is.

use std::hint::black_box;

use http_net::*;

pub const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\r\nHello, World!";
const CONTENT: &[u8] = b"Hello, World!";

/// A request out, 13 octets of content with type and length in, all of it read, until the next request may be sent.
pub fn http_net_client(times: usize) {
    let mut connection = ClientConn::new();
    let (request, input) = (black_box(Request::get("/").header("Host", "a")), black_box(RESPONSE));
    let mut out = Vec::with_capacity(1024);
    for _ in 0..times {
        out.clear();
        connection.send_request(&request, &mut out).unwrap();
        black_box(&out);
        let mut unread = input;
        while !unread.is_empty() {
            let taken = fill(connection.read_buf(), &mut unread);
            connection.commit(taken);
        }
        let mut content = 0;
        loop {
            match connection.poll().unwrap() {
                ClientEvent::Response(_) | ClientEvent::ResponseEnd => {}
                ClientEvent::Body(octets) => content += black_box(octets).len(),
                ClientEvent::Idle => break,
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(content, CONTENT.len());
    }
}

/// A request in, 13 octets of content with date, type and length out. The response is built when the second changes, not for each
/// request: heads of borrowed fields, and a date of its own, cost more.
pub fn http_net_server(input: &[u8], times: usize) {
    let mut connection = ServerConn::new();
    let response = Response::new(200).header("Date", "Tue, 24 Nov 2026 03:00:00 GMT");
    let response = black_box(response.header("Content-Type", "text/plain").body(CONTENT));
    let mut out = Vec::with_capacity(1024);
    for _ in 0..times {
        let mut unread = input;
        while !unread.is_empty() {
            let taken = fill(connection.read_buf(), &mut unread);
            connection.commit(taken);
        }
        assert!(matches!(connection.poll().unwrap(), ServerEvent::Request(_)));
        assert!(matches!(connection.poll().unwrap(), ServerEvent::RequestEnd));
        out.clear();
        connection.respond(&response, &mut out).unwrap();
        black_box(&out);
    }
}

/// What a socket does: as much as there is room for.
fn fill(room: &mut [u8], unread: &mut &[u8]) -> usize {
    let taken = room.len().min(unread.len());
    let (now, later) = unread.split_at(taken);
    room[..taken].copy_from_slice(now);
    *unread = later;
    taken
}
