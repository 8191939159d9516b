//! Two hosts in memory, each with a TCP/IP stack of its own (smoltcp): one posts, the other sends it back. It teaches a driver for firmware:
//! no allocation, buffers that are arrays, what a socket of smoltcp does for `Transport` and `Shut`. Time is virtual: a minute takes none.
//! On a board `now` is a timer, and `network.rs` the chip and its stack. `cargo run -p smoltcp-example --example smoltcp`.
#![no_std]
#![forbid(unsafe_code)]

extern crate std; // for `println!`, and nothing else
mod network;

use core::time::Duration;
use http_keepalive::{drive::*, *};
use network::{Host, Memory, Packets, Port};
use smoltcp::socket::tcp::{RecvError, Socket, State};
use smoltcp::{time::Instant as Time, wire::IpAddress};

type Side<R> = Drive<R, [u8; 1024]>;
const LIMITS: Limits =
    Limits::DEFAULT.with_start_line(256).with_head(1024).with_trailer_section(256).with_content(Some(256));
static SERVER: Config<Server> = checked(Timeouts::DEFAULT);
static CLIENT: Config<Client> = checked(Timeouts::CLIENT);

/// Checked when it is compiled.
const fn checked<R>(timeouts: Timeouts) -> Config<R> {
    match Config::new(LIMITS, timeouts, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("these settings do not fit together"),
    }
}

/// Does on a socket what the transport is to do. `false`: nothing has come or left, and the stack is to go on.
fn carry<R: DriveRole>(now: Instant, drive: &mut Side<R>, socket: &mut Socket<'_>, asked: Transport) -> bool {
    let wrote = if asked.write == Attempt::No { 0 } else { socket.send_slice(drive.unsent()).unwrap_or(0) };
    if wrote > 0 || asked.write == Attempt::Look {
        drive.wrote(now, wrote);
        return true;
    }
    match if asked.read == Attempt::No { Ok(0) } else { socket.recv_slice(drive.room()) } {
        Ok(octets @ 1..) => drive.read(octets),
        Err(RecvError::Finished) => drive.eof(Eof::Clean),
        Err(_) if socket.state() == State::Closed => drive.failed(now, drive::Side::Read),
        _ if asked.read == Attempt::Look => drive.looked_nothing(now),
        _ => return false,
    }
    true
}

fn shut<R: DriveRole>(now: Instant, drive: &mut Side<R>, socket: &mut Socket<'_>, asked: Shut) {
    match asked {
        Shut::Reset(_) => socket.abort(),
        Shut::HalfClose(_) | Shut::Close(_) => socket.close(),
    }
    drive.shut_done(now);
}

fn main() {
    let ([mut request_line, mut response_line], [mut one, mut other]) = ([Packets::NEW; 2], [Memory::NEW; 2]);
    let (requests, responses, address) = (request_line.line(), response_line.line(), IpAddress::v4(10, 0, 0, 1));
    let mut server_host = Host::new(address, Port(&requests, &responses), &mut one);
    let mut client_host = Host::new(IpAddress::v4(10, 0, 0, 2), Port(&responses, &requests), &mut other);
    server_host.socket().listen(80).unwrap();
    client_host.connect(address, 80);

    let (mut now, mut ask_at, mut asked) = (Instant::EPOCH, Instant::EPOCH, 0);
    let mut server: Side<Server> = Drive::new(now, &SERVER, [0; 1024], [0; 1024]);
    let mut client: Side<Client> = Drive::new(now, &CLIENT, [0; 1024], [0; 1024]);
    let (mut content, mut end, mut sent) = ([0; 256], 0, 0);
    while !server.connection().is_closed() || !client.connection().is_closed() {
        let time = Time::from_micros((now.as_nanos() / 1000) as i64);
        server_host.poll(time);
        client_host.poll(time);
        let mut moves = true;
        while moves {
            let socket = server_host.socket();
            match server.poll(now) {
                Step::Event(Event::Request(_)) => end = 0,
                Step::Event(Event::Content(piece)) => {
                    content[end..][..piece.len()].copy_from_slice(piece); // within `LIMITS`
                    end += piece.len();
                }
                Step::Respond => sent = server.respond_with(now, StatusCode::OK, NO_FIELDS, &content[..end]).unwrap(),
                Step::Content => sent += server.send_content(now, &content[sent..end]).unwrap(),
                Step::Transport(asked) => moves = carry(now, &mut server, socket, asked),
                Step::Shut(asked) => shut(now, &mut server, socket, asked),
                Step::HandOver(_) | Step::Closed => moves = false,
                _ => {}
            }
        }
        let is_usable = client_host.socket().may_send() && matches!(client.reusable(now), Reusable::Now { .. });
        if is_usable && now >= ask_at && asked < 3 {
            let (request, host) = (Request::new(Method::new(b"POST"), b"/"), [("Host", "10.0.0.1")]);
            client.request(now, &request, host, Content::Exact(5)).unwrap();
            (asked, ask_at) = (asked + 1, now + Duration::from_secs(20));
        }
        moves = true;
        while moves {
            let socket = client_host.socket();
            match client.poll(now) {
                Step::Event(Event::Response(head)) => std::println!("{now:?} {}", head.status.as_u16()),
                Step::Event(Event::Content(piece)) => std::println!("{now:?} {}", core::str::from_utf8(piece).unwrap()),
                Step::Content => _ = client.send_content(now, b"hello").unwrap(),
                Step::Transport(asked) => moves = carry(now, &mut client, socket, asked),
                Step::Shut(asked) => shut(now, &mut client, socket, asked),
                Step::HandOver(_) | Step::Closed => moves = false,
                _ => {}
            }
        }
        now = now + Duration::from_millis(1);
    }
    std::println!("{now:?} {}", client.connection().ended_by().unwrap());
}
