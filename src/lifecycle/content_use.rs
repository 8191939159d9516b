//! What the application does with the content that is being received: said by it, and not guessed.
//!
//! Each head begins `Undecided`. What is said holds for the content of that message.
//!
//! | said | the peer's clocks | what comes | where our response is complete first |
//! | --- | --- | --- | --- |
//! | nothing | run | is reported | it is dropped from then on |
//! | `Reading` | run | is reported | it is reported to its end, whatever ends the connection after it |
//! | `Paused` | stand still | waits in the transport, or is held by the driver | it is dropped from then on |
//! | `Dropped` | run | is walked over | the same |
//!
//! **Content that will be read is not unread** (RFC 9112 9.3): a response that begins early does not end the connection for content that is
//! read or paused. `Reading` also takes the content of a client that waits for `100 (Continue)` and gets a final response in its place.
//! Whether that content comes nobody knows, so what comes next is taken for it (RFC 9110 10.1.1): to be said only where clients are known to
//! send it, as those that authenticate the connection (NTLM) do.
//!
//! **Back-pressure is not the peer's fault.** While the application pauses no clock that accuses the peer runs: after it the gap counts
//! anew, and rates go on from where they stood. `application`, where it is on, counts from the pause; `exchange` and `drain` run on. No
//! octets are asked for; the end of the peer is.
//!
//! **What is dropped** is walked over within [`Limits::unread_octets`](crate::Limits::unread_octets). What would be more is given up: of a
//! server the response says `close`, or the connection ends after it; a client's ends at once.

/// What the application does with the content that is being received. Said by [`Connection::content_use`](crate::Connection::content_use).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "whoever serves content says one of these, and acts on each")]
pub enum ContentUse {
    /// It has not said: how each message begins. It is taken to read, and not to read what comes after its response.
    #[default]
    Undecided,
    /// It reads what comes, to the end.
    Reading,
    /// It takes nothing for now, and will go on: say `Reading` then.
    Paused,
    /// It reads none of what is still to come. Nothing else can be said after it.
    Dropped,
}

impl ContentUse {
    /// The token for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Reading => "reading",
            Self::Paused => "paused",
            Self::Dropped => "dropped",
        }
    }

    /// What comes is reported.
    #[inline(always)]
    pub(crate) const fn is_reported(self) -> bool {
        matches!(self, Self::Undecided | Self::Reading)
    }
}
