//! A drive beside a loop by hand, from octets of any kind: the settings of the world, then what the peer sends.

use http_keepalive::drive::Drive;
use http_keepalive::*;

use crate::drive_applications::{Answer, Answers, Ask, Asks, Length};
use crate::drive_loops::{by_hand, driven};
use crate::drive_world::{End, Failure, Script, World};

/// The settings: so many octets before those of the peer.
const SETTINGS: usize = 24;

fn script(settings: &[u8], octets: &[u8]) -> Script {
    let number = |place: usize| usize::from(settings[place]);
    // from milliseconds to a hundred seconds
    let time = |place: usize| 1000 + (number(place) as u64 & 15) * [1, 37, 999, 6500][number(place) >> 4 & 3];
    let arrivals = [(time(1), octets.len() * number(2) / 256), (time(3), octets.len())];
    let ends = [End::Clean, End::Clean, End::Truncated, End::Fails];
    Script {
        octets: octets.to_vec(),
        arrivals: arrivals[usize::from(number(0) & 1 == 0)..].to_vec(),
        end: (number(4) & 64 == 0).then(|| (time(4), ends[number(5) & 3])),
        reads: vec![1 + number(6), [1, 7, 100, 10_000][number(7) & 3]],
        windows: vec![(0, [1 << 20, 100, 1000, 0][number(8) & 3]), (time(9), 200 * number(10))],
        writes: vec![1 + number(11), [3, 50, 1000, 1 << 20][number(12) & 3]],
        write_fails: (number(13) > 200)
            .then(|| (8 * number(14), if number(13) & 1 == 0 { Failure::Write } else { Failure::Both })),
        stops: if number(15) & 1 == 0 { Vec::new() } else { vec![(time(16), time(17))] },
        drains: (number(18) & 3 == 0).then(|| time(18)),
    }
}

/// Both say the same, of either role.
pub fn drive(data: &[u8]) {
    let Some((settings, octets)) = data.split_at_checked(SETTINGS) else { return };
    let script = script(settings, octets);
    let (length, size) = (settings[19], usize::from(settings[20]));
    let (mut drive, mut hand) = (World::new(&script), World::new(&script));
    let opened = Instant::from_millis(1000);
    if settings[0] & 2 == 0 {
        let lengths = [Length::Exact, Length::Unknown, Length::UntilClose, Length::Empty];
        let statuses = [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        let answer = |place: u8| Answer {
            status: statuses[usize::from(length >> place & 3)],
            length: lengths[usize::from(length >> (place + 2) & 3)],
            octets: 10 * size,
            piece: 1 + size,
        };
        let answers = [answer(0), answer(4)];
        let application = Answers { answers: &answers, at: 0, left: None };
        let connection = || Connection::<Server>::new(opened, &Config::DEFAULT);
        driven(&mut drive, Drive::of(connection(), Vec::new(), Vec::new()).with_tunnels(), &mut application.clone());
        by_hand(&mut hand, connection(), &mut application.clone());
    } else {
        static CONFIG: Config<Client<4>> = Config::<Client<4>>::DEFAULT;
        let ask = |bits: u8| {
            let method = ["GET", "HEAD", "POST", "PUT"][usize::from(bits & 3)];
            let has = bits & 2 != 0;
            let octets = if has { 10 * size } else { 0 };
            Ask { method, octets, chunked: has && bits & 4 != 0, expects: has && bits & 8 != 0 }
        };
        let asks = [ask(length), ask(length >> 4), ask(settings[21])];
        let application = Asks { asks: &asks[..1 + usize::from(settings[22] % 3)], at: 0, left: 0 };
        let connection = || {
            let mut connection = Connection::<Client<4>>::new(opened, &CONFIG);
            if settings[23] & 1 == 0 {
                connection.knows_http11();
            }
            connection
        };
        driven(&mut drive, Drive::of(connection(), Vec::new(), Vec::new()).with_tunnels(), &mut application.clone());
        by_hand(&mut hand, connection(), &mut application.clone());
    }
    assert_eq!(drive.log, hand.log);
    assert_eq!(String::from_utf8_lossy(&drive.sent), String::from_utf8_lossy(&hand.sent));
}
