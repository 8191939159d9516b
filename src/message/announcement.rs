//! What the head of a message to be sent says of its connection and of its content, beside the field lines of the caller.

use crate::message::framing::BodyLength;
use crate::message::keep_alive::KeepAlive;

/// What the application knows of the content it sends; the framing follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever writes a head of their own frames each: another way to say a length is a breaking change on purpose"
)]
pub enum Content {
    /// The message has no content.
    Empty,
    /// This many octets. The message ends with the last of them, or with its head where there are 0: no `send_end` is needed.
    Exact(u64),
    /// All that is sent until `send_end`: chunked to an HTTP/1.1 peer; to an older one it ends with the connection.
    Unknown,
    /// All that is sent until `send_end`, which ends the connection as well. Responses only.
    UntilClose,
}

/// What a head that is about to be sent must say about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever writes heads of their own must write each: a new one is a breaking change on purpose"
)]
pub struct Announce {
    /// The options of the `Connection` field; a field without any is not sent.
    pub options: ConnectionOptions,
    /// The `Keep-Alive` field, if one is to be sent.
    pub keep_alive: Option<KeepAlive>,
    /// The field that says where the content ends.
    pub framing: FramingField,
    /// How the content is framed that is really sent: [`BodyLength::Empty`] where the request or the status forbids content.
    pub length: BodyLength,
}

/// Connection options we send (RFC 9110 7.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever writes heads of their own must write each: a new one is a breaking change on purpose"
)]
pub struct ConnectionOptions {
    /// `close`
    pub close: bool,
    /// `keep-alive`
    pub keep_alive: bool,
    /// `TE`: beside a `TE` field that the caller sends.
    pub te: bool,
    /// `upgrade`: beside an `Upgrade` field that the caller sends.
    pub upgrade: bool,
}

impl ConnectionOptions {
    /// With `upgrade` set to this.
    pub(crate) const fn with_upgrade(self, upgrade: bool) -> Self {
        Self { upgrade, ..self }
    }
}

/// The framing field of a head we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever writes a head of their own writes each: another field is a breaking change on purpose"
)]
pub enum FramingField {
    /// None.
    None,
    /// `Content-Length`
    ContentLength(u64),
    /// `Transfer-Encoding: chunked`
    Chunked,
}
