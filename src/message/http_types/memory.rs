//! Memory that heads of `http` were made with, for those that come next.
//!
//! A map costs two allocations, and a name that `http` does not know by itself costs one and a copy. The heads of one program have nearly the
//! same names, so a few that came last are kept: one that comes again costs a comparison. Nothing is kept of values.

use bytes::Bytes;
use http::header::InvalidHeaderName;
use http::{HeaderMap, HeaderName};

use crate::message::head::FieldSection;

/// Names that are kept, at most: each has one place, which the last one takes.
const NAMES: usize = 64;
/// Octets of a name that is kept, at most.
const MOST_OCTETS: usize = 64;
/// Lines of a map that is kept, at most.
const MOST_LINES: usize = 100;

/// Memory for heads of `http`: a map that is used again, and names that came before. One for each thread, or each connection; it holds
/// at most 6 KiB beside the map.
///
/// ```
/// use bytes::Bytes;
/// use http_keepalive::*;
///
/// let mut memory = HttpMemory::new();
/// let octets = Bytes::from_static(b"GET / HTTP/1.1\r\nHost: a\r\nSec-Fetch-Mode: navigate\r\n\r\n");
/// let mut head = RequestHead::new();
/// head.parse(&octets, &Limits::DEFAULT, &Policy::DEFAULT)?.expect("a whole head");
/// let map = memory.map_of(&head.fields, &octets)?;
/// assert_eq!(map["sec-fetch-mode"], "navigate");
/// memory.give_back(map);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HttpMemory {
    map: HeaderMap,
    names: [Option<HeaderName>; NAMES],
}

impl Default for HttpMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpMemory {
    /// Empty.
    pub fn new() -> Self {
        Self { map: HeaderMap::new(), names: [const { None }; NAMES] }
    }

    /// The same lines as those of `http`: as [`FieldSection::to_http`], with what is kept here.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn map_of(&mut self, fields: &FieldSection<'_>, octets: &Bytes) -> Result<HeaderMap, http::Error> {
        let mut map = core::mem::take(&mut self.map);
        for line in fields {
            if map.capacity() == 0 {
                // most heads have no more, and so the table is made once
                map.try_reserve(12)?;
            }
            map.try_append(self.name(line.name)?, super::heads::value(&line, octets)?)?;
        }
        Ok(map)
    }

    /// A map that is needed no more: its memory is for the next head.
    pub fn give_back(&mut self, mut map: HeaderMap) {
        if map.capacity() <= MOST_LINES {
            map.clear();
            self.map = map;
        }
    }

    /// This name, kept or made.
    #[inline]
    fn name(&mut self, octets: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
        match self.names.get(place(octets)) {
            Some(Some(name)) if name.as_str().as_bytes().eq_ignore_ascii_case(octets) => Ok(name.clone()),
            _ => self.make(octets),
        }
    }

    #[cold]
    fn make(&mut self, octets: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
        let name = HeaderName::from_bytes(octets)?;
        if let Some(slot) = self.names.get_mut(place(octets)).filter(|_| octets.len() <= MOST_OCTETS) {
            *slot = Some(name.clone());
        }
        Ok(name)
    }
}

/// Where a name is kept, whatever the case of its letters.
#[inline]
const fn place(name: &[u8]) -> usize {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    let middle = name[name.len() / 2];
    let sum = name.len().wrapping_mul(7)
        + (*first | 0x20) as usize * 5
        + (middle | 0x20) as usize * 3
        + (*last | 0x20) as usize;
    sum % NAMES
}
