//! An exchange through a relay, a number of times: what `benches count` counts as `relay`: a small request and its small answer, or an answer
//! of 64 KiB. The upstream is given back after each, and given for the next, as a pool has it.

use std::hint::black_box;

use http_keepalive::drive::{Attempt, Drive};
use http_keepalive::intermediary::NextHop;
use http_keepalive::relay::{Neighbor, Relay, RelayPolicy, RelayStep};
use http_keepalive::*;

#[path = "../inputs.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod inputs;

fn main() {
    let mut words = std::env::args().rev();
    let times = words.next().and_then(|times| times.parse().ok()).expect("how often");
    let octets = if words.next().as_deref() == Some("64k") { 64 * 1024 } else { 13 };
    let mut response = format!("HTTP/1.1 200 OK\r\nContent-Length: {octets}\r\n\r\n").into_bytes();
    response.resize(response.len() + octets, b'x');
    relayed(black_box(inputs::TINY), black_box(&response), times);
}

static SERVER: Config<Server> =
    match Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::DEFAULT, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("out of bounds"),
    };

static CLIENT: Config<Client> =
    match Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::CLIENT, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("out of bounds"),
    };

fn relayed(request: &[u8], response: &[u8], times: usize) {
    let now = Instant::EPOCH;
    let client = Drive::<Server, Vec<u8>>::new(now, &SERVER, Vec::new(), Vec::new());
    let mut relay = Relay::<_>::new(client, RelayPolicy::DEFAULT, Vec::new());
    let mut idle = Some(Drive::<Client, Vec<u8>>::new(now, &CLIENT, Vec::new(), Vec::new()));
    let (mut left, mut comes) = (times + 1, &response[..0]);
    loop {
        match relay.poll(now) {
            RelayStep::Upstream => {
                black_box(relay.wanted());
                let upstream = idle.take().expect("it was given back");
                assert!(relay.forward(now, upstream, NextHop::Origin, NO_FIELDS).is_ok(), "it was wanted");
                comes = response;
            }
            RelayStep::Return => idle = relay.take_upstream(now).map(|(upstream, _)| upstream),
            // all leaves at once, and what is to come is there: transports that do not block
            RelayStep::Transport(both) => {
                let writes = [(Neighbor::Upstream, both.upstream.write), (Neighbor::Client, both.client.write)];
                if let Some((to, _)) = writes.into_iter().find(|(_, write)| *write != Attempt::No) {
                    let octets = black_box(relay.unsent(to)).slices().iter().map(|slice| slice.len()).sum();
                    relay.wrote(now, to, octets);
                } else if both.upstream.read != Attempt::No && !comes.is_empty() {
                    let room = relay.room(Neighbor::Upstream);
                    let (piece, rest) = comes.split_at(room.len().min(comes.len()));
                    // what the content is counts nothing, and the system's copy of it is not the relay's
                    let head = piece.len().min(256);
                    room[..head].copy_from_slice(&piece[..head]);
                    relay.read(Neighbor::Upstream, piece.len());
                    comes = rest;
                } else if both.upstream.read == Attempt::Look {
                    relay.looked_nothing(now, Neighbor::Upstream);
                } else {
                    assert_ne!(both.client.read, Attempt::No, "a request may come");
                    left -= 1;
                    if left == 0 {
                        return;
                    }
                    black_box(relay.wait(now));
                    relay.room(Neighbor::Client)[..request.len()].copy_from_slice(request);
                    relay.read(Neighbor::Client, request.len());
                }
            }
            step => panic!("{step:?}"),
        }
    }
}
