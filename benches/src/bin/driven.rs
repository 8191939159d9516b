//! A server's exchange through a drive, a number of times: what `benches count` counts as `drive`. A program of its own, since where two parts
//! of a program use the same function neither has it compiled for itself.

use std::hint::black_box;

use http_keepalive::drive::{Attempt, Drive, Step};
use http_keepalive::*;

#[path = "../inputs.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod inputs;

fn main() {
    let times = std::env::args().next_back().and_then(|times| times.parse().ok()).expect("how often");
    driven(black_box(inputs::TINY), times);
}

const CONTENT: &[u8] = b"Hello, World!";

static UNCAPPED: Config<Server> =
    match Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::DEFAULT, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("out of bounds"),
    };

/// The same exchange through a drive, with its buffers: octets are put into its room and taken from what it has to send.
fn driven(input: &[u8], times: usize) {
    let (now, fields) = (Instant::EPOCH, CheckedFields::new(FIELDS).expect("they may be sent"));
    let mut drive = Drive::<Server, _>::new(now, &UNCAPPED, [0; 1024], [0; 1024]);
    let mut left = times + 1;
    loop {
        match drive.poll(now) {
            Step::Event(ref event) => drop(black_box(event)),
            Step::Respond => {
                drive.respond_with(now, StatusCode::OK, fields, CONTENT).unwrap();
            }
            // all of it leaves, and the next request is there: a transport that does not block
            Step::Transport(transport) => {
                if transport.write == Attempt::Wait {
                    let octets = black_box(drive.unsent()).len();
                    drive.wrote(now, octets);
                }
                assert_eq!(transport.read, Attempt::Wait, "a request may come");
                left -= 1;
                if left == 0 {
                    return;
                }
                black_box(drive.next_deadline());
                drive.room()[..input.len()].copy_from_slice(input);
                drive.read(input.len());
            }
            step => panic!("{step:?}"),
        }
    }
}

/// Date and type as a server keeps them: checked when the second changes, not with each response.
const FIELDS: &[u8] = b"Date: Tue, 24 Nov 2026 03:00:00 GMT\r\nContent-Type: text/plain\r\n";
