//! Numbers as few octets: what is kept of an idle connection that is parked.

/// What each role keeps of its own.
pub(crate) const OWN: usize = 7;

/// Numbers in as many octets as are enough for them, the lowest first.
pub(crate) struct Packer<const N: usize> {
    pub(crate) octets: [u8; N],
    pub(crate) at: usize,
}

impl<const N: usize> Packer<N> {
    pub(crate) fn put(&mut self, number: u64, octets: usize) -> Option<()> {
        let number = number.to_le_bytes();
        let (low, high) = number.split_at_checked(octets)?;
        if high.iter().any(|&octet| octet != 0) {
            return None;
        }
        self.octets.get_mut(self.at..)?.get_mut(..octets)?.copy_from_slice(low);
        self.at += octets;
        Some(())
    }
}

/// The numbers again.
pub(crate) struct Unpacker<'o> {
    pub(crate) octets: &'o [u8],
    pub(crate) at: usize,
}

impl Unpacker<'_> {
    pub(crate) fn take(&mut self, octets: usize) -> u64 {
        let taken = self.octets.iter().skip(self.at).take(octets);
        self.at += octets;
        taken.rev().fold(0, |number, &octet| number << 8 | u64::from(octet))
    }
}
