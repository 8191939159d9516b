//! What a peer of an older version may be told (RFC 9110 6.2, 6.5.1, 7.8, 10.1.1, 15.2; RFC 9112 6.1, 9.3).

use crate::message::announcement::Content;
use crate::message::framing::BodyLength;
use crate::message::method::Version;

/// Something that HTTP/1.1 has and HTTP/1.0 does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Telling {
    /// An interim response (RFC 9110 15.2).
    Interim,
    /// `Transfer-Encoding: chunked` (RFC 9112 6.1).
    Chunked,
    /// Trailers (RFC 9110 6.5.1).
    Trailers,
    /// A protocol to switch to (RFC 9110 7.8).
    Upgrade,
    /// `Expect: 100-continue` (RFC 9110 10.1.1).
    Expectation,
}

/// May a peer of this version be told this? One that speaks HTTP/1.0 none of them.
pub const fn may_be_told(peer: Version, what: Telling) -> bool {
    match what {
        Telling::Interim | Telling::Chunked | Telling::Trailers | Telling::Upgrade | Telling::Expectation => {
            peer.is_http11()
        }
    }
}

/// Content that was received with this framing, as it is to be sent on: what has a length keeps it, and all else is framed anew by what the
/// next peer knows (RFC 9112 6.1). Of content whose end can not be told apart from a loss, nothing says that it is whole but its end
/// (RFC 9112 8): who sends it on ends it only then.
pub const fn content_to_send(received: BodyLength) -> Content {
    match received {
        BodyLength::Empty => Content::Empty,
        BodyLength::Exact(octets) => Content::Exact(octets),
        BodyLength::Chunked | BodyLength::UntilClose => Content::Unknown,
    }
}
