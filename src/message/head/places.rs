//! Heads without the octets they were read in: where each part lies, to be put back onto the same octets later.
//!
//! A head borrows the buffer that it was read in, so that nothing is copied. Who keeps it for longer, while the buffer moves on, keeps its
//! places instead, and the octets in a buffer of its own. What was judged is not judged again: places are numbers, and facts that no
//! octet is asked for twice.

use super::fields::Finding;
use super::{FieldSection, FieldTable, RequestHead, ResponseHead};
use crate::message::fact_set::FactSet;
use crate::message::framing::Framing;
use crate::message::method::{Method, MethodKind, Version};
use crate::message::target::Target;
use crate::status::StatusCode;

/// Where a part lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    from: u32,
    to: u32,
}

impl Place {
    /// That of a part which lies in no octets.
    const NOWHERE: Self = Self { from: 1, to: 0 };

    /// That of `part` in `octets`.
    fn of(part: &[u8], octets: &[u8]) -> Self {
        let within = || {
            let from = (part.as_ptr() as usize).checked_sub(octets.as_ptr() as usize)?;
            let to = from.checked_add(part.len()).filter(|to| *to <= octets.len())?;
            Some(Self { from: u32::try_from(from).ok()?, to: u32::try_from(to).ok()? })
        };
        match within() {
            Some(place) => place,
            // what is empty may lie anywhere
            None if part.is_empty() => Self { from: 0, to: 0 },
            None => Self::NOWHERE,
        }
    }

    fn on(self, octets: &[u8]) -> Option<&[u8]> {
        octets.get(self.from as usize..self.to as usize)
    }
}

/// Where the lines of a [`FieldSection`] lie: [`FieldSection::places`].
#[derive(Clone, Copy, Debug)]
pub struct FieldPlaces {
    lines: Place,
    table: FieldTable,
    finding: Finding,
}

impl FieldPlaces {
    /// The field lines on these octets.
    ///
    /// `None`: they are too short, or no lines begin and end at these places; or there are no places, since the section did not lie in what
    /// [`places`](FieldSection::places) was given. Nothing is judged again: on other octets than those that were read, it may also be lines
    /// that nobody has judged. It never panics.
    pub fn on<'b>(&self, octets: &'b [u8]) -> Option<FieldSection<'b>> {
        let lines = self.lines.on(octets)?;
        let before = octets.get(..self.lines.from as usize)?;
        let begins = before.is_empty() || before.ends_with(b"\n");
        let ends = lines.is_empty() || lines.ends_with(b"\n");
        if begins && ends { Some(FieldSection::at(lines, self.table, self.finding)) } else { None }
    }
}

/// Where the parts of a [`RequestHead`] lie, and what is known of it without them: [`RequestHead::places`]. 128 octets, of no lifetime.
#[derive(Clone, Copy, Debug)]
pub struct RequestPlaces {
    method: Place,
    target: Place,
    version: Version,
    fields: FieldPlaces,
    framing: Framing,
    facts: FactSet,
}

impl RequestPlaces {
    /// The head on these octets: those that it was read in, in this or another buffer.
    ///
    /// `None`: they are too short, or no lines begin and end at these places; or there are no places, since the head did not lie in what
    /// [`places`](RequestHead::places) was given. Nothing is judged again: on other octets than those that were read, it may also be a head
    /// that nobody has judged. It never panics.
    pub fn on<'b>(&self, octets: &'b [u8]) -> Option<RequestHead<'b>> {
        let method = self.method.on(octets)?;
        Some(RequestHead {
            method: Method::new(method),
            target: Target::new(self.target.on(octets)?, MethodKind::of(method)),
            version: self.version,
            fields: self.fields.on(octets)?,
            framing: self.framing,
            facts: self.facts,
        })
    }
}

/// Where the parts of a [`ResponseHead`] lie, and what is known of it without them: [`ResponseHead::places`]. 120 octets, of no lifetime.
#[derive(Clone, Copy, Debug)]
pub struct ResponsePlaces {
    status: StatusCode,
    reason: Place,
    version: Version,
    fields: FieldPlaces,
    framing: Framing,
}

impl ResponsePlaces {
    /// The head on these octets: those that it was read in, in this or another buffer.
    ///
    /// `None`: they are too short, or no lines begin and end at these places; or there are no places, since the head did not lie in what
    /// [`places`](ResponseHead::places) was given. Nothing is judged again: on other octets than those that were read, it may also be a
    /// head that nobody has judged. It never panics.
    pub fn on<'b>(&self, octets: &'b [u8]) -> Option<ResponseHead<'b>> {
        Some(ResponseHead {
            status: self.status,
            reason: self.reason.on(octets)?,
            version: self.version,
            fields: self.fields.on(octets)?,
            framing: self.framing,
        })
    }
}

impl FieldSection<'_> {
    /// Where its lines lie in `octets`: those that it was read in, or any part of them that has all of it. Back onto them:
    /// [`FieldPlaces::on`].
    pub fn places(&self, octets: &[u8]) -> FieldPlaces {
        let (table, finding) = self.kept();
        FieldPlaces { lines: Place::of(self.as_bytes(), octets), table, finding }
    }
}

impl RequestHead<'_> {
    /// Where its parts lie in `octets`: what was offered, or any part of that which has the whole head. They are kept while the buffer moves
    /// on, and put back onto the octets, wherever those are then: `head.places(octets).on(octets)` is `head`. Within the first 4 GiB of
    /// `octets`.
    ///
    /// ```
    /// use http_keepalive::*;
    ///
    /// let now = Instant::from_secs(1);
    /// let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
    /// let mut buffer = b"GET /a HTTP/1.1\r\nHost: example.org\r\n\r\nGET /b".to_vec();
    /// let received = connection.receive(now, &buffer)?;
    /// let Outcome::Event(Event::Request(head)) = received.outcome else { panic!("a whole request") };
    /// let places = head.places(&buffer);
    ///
    /// // the octets move on, and the head with them
    /// let octets: Vec<u8> = buffer.drain(..received.consumed).collect();
    /// let head = places.on(&octets).expect("the same octets");
    /// assert_eq!((head.target.as_str(), head.fields.value("host").unwrap().to_str()), ("/a", Some("example.org")));
    /// # Ok::<(), ProtocolError>(())
    /// ```
    pub fn places(&self, octets: &[u8]) -> RequestPlaces {
        RequestPlaces {
            method: Place::of(self.method.as_bytes(), octets),
            target: Place::of(self.target.as_bytes(), octets),
            version: self.version,
            fields: self.fields.places(octets),
            framing: self.framing,
            facts: self.facts,
        }
    }
}

impl ResponseHead<'_> {
    /// Where its parts lie in `octets`: what was offered, or any part of that which has the whole head. They are kept while the buffer moves
    /// on, and put back onto the octets, wherever those are then: `head.places(octets).on(octets)` is `head`. Within the first 4 GiB of
    /// `octets`.
    pub fn places(&self, octets: &[u8]) -> ResponsePlaces {
        ResponsePlaces {
            status: self.status,
            reason: Place::of(self.reason, octets),
            version: self.version,
            fields: self.fields.places(octets),
            framing: self.framing,
        }
    }
}
