//! Where a connection lies in the range of a limit: numbers from a seed, evenly spread.

/// The position of a connection without a seed: the middle.
pub(crate) const MIDDLE: u16 = 1 << 15;

/// Where a seed puts a connection between the extremes.
pub(crate) const fn jitter_position(seed: u64) -> u16 {
    (splitmix64(seed, 1) >> 48) as u16
}

/// A number of a seed's sequence (SplitMix64), by its index: evenly distributed, and neighbouring seeds give numbers far apart.
pub(crate) const fn splitmix64(seed: u64, index: u64) -> u64 {
    let mixed = seed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
