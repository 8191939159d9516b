//! When the hostile thing is said, and when the next request is: by the round's number.

use std::time::Duration;

use crate::driver::Manner;
use crate::origin::Kind;

/// One round: four requests of one client to one origin.
#[derive(Clone, Debug)]
pub struct Round {
    pub kind: Kind,
    pub number: u64,
    /// From the first answer of a connection to the hostile thing.
    pub gap: Duration,
    /// Between requests.
    pub pause: Duration,
    pub manner: Manner,
    pub methods: [&'static str; 4],
}

/// Microseconds, up to what the pool's default once trusted an idle connection for.
const GAPS: [u64; 10] = [0, 0, 50, 300, 1_000, 5_000, 20_000, 100_000, 500_000, 1_900_000];
/// What the pause adds to the gap; `None`: no pause at all.
const AFTER: [Option<u64>; 6] = [None, Some(0), Some(100), Some(500), Some(3_000), Some(20_000)];

impl Round {
    pub fn new(kind: Kind, number: u64) -> Self {
        let drawn = mix(number ^ (kind as u64) << 32);
        let gap = GAPS[(number % 10) as usize];
        let pause = AFTER[((number / 10 + drawn) % 6) as usize].map_or(0, |after| gap + after);
        let late = Duration::from_micros([200, 1_000, 5_000][(drawn >> 8) as usize % 3]);
        let manner =
            [Manner::Whole, Manner::Whole, Manner::Split(late), Manner::Late(late)][(drawn >> 16) as usize % 4];
        let methods = match drawn >> 24 & 1 {
            0 => ["GET", "POST", "GET", "POST"],
            _ => ["POST", "GET", "POST", "GET"],
        };
        Self { kind, number, gap: Duration::from_micros(gap), pause: Duration::from_micros(pause), manner, methods }
    }
}

/// Any number, the same for the same one.
fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}
