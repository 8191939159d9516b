//! What the head of a message to be sent says of its connection and of its content, beside the field lines of the caller.

use crate::error::SendError;
use crate::message::framing::BodyLength;
use crate::message::keep_alive::KeepAlive;
use crate::message::output::Output;
use crate::message::writer::Writer;

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

/// What a head that is about to be sent must say about the connection. Its field lines are written by [`write`](Self::write).
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
    /// In its place a `Keep-Alive` that is a number of seconds alone, if one is to be sent:
    /// [`RequestHint::BareNumber`](crate::RequestHint::BareNumber).
    pub bare_keep_alive: Option<u32>,
    /// The field that says where the content ends.
    pub framing: FramingField,
    /// How the content is framed that is really sent: [`BodyLength::Empty`] where the request or the status forbids content.
    pub length: BodyLength,
}

impl Announce {
    /// How many octets its field lines have at most.
    pub const MOST_OCTETS: usize = "Content-Length: 18446744073709551615\r\n".len()
        + "Connection: close, keep-alive, upgrade, TE\r\n".len()
        + "Keep-Alive: timeout=4294967295, max=4294967295\r\n".len();

    /// Writes its field lines, as [`Connection`](crate::Connection) writes them: first `Content-Length` or `Transfer-Encoding` (RFC 9112
    /// 6), then `Connection` (RFC 9112 9.6), then `Keep-Alive` (RFC 2068 19.7.1.1). Each ends with CRLF; the empty line after the head is
    /// the caller's. How many octets that is: 0 where there is nothing to say.
    ///
    /// A response with an `Upgrade` field of the caller's, as a `426` must have, needs the option beside it (RFC 9110 7.8): set
    /// [`options.upgrade`](ConnectionOptions::upgrade) before. That of a `101` and of a request is set.
    ///
    /// ```
    /// use http_keepalive::*;
    ///
    /// let options = ConnectionOptions { close: true, ..ConnectionOptions::default() };
    /// let framing = FramingField::ContentLength(13);
    /// let (keep_alive, bare_keep_alive, length) = (None, None, BodyLength::Exact(13));
    /// let announce = Announce { options, keep_alive, bare_keep_alive, framing, length };
    /// let mut out = [0; Announce::MOST_OCTETS];
    /// let written = announce.write(&mut out)?;
    /// assert_eq!(&out[..written], b"Content-Length: 13\r\nConnection: close\r\n");
    /// # Ok::<(), SendError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::OutputTooSmall`]: they do not fit into `out`; what stands there then is not to be sent. In
    /// [`MOST_OCTETS`](Self::MOST_OCTETS) they always do.
    pub fn write(&self, out: &mut (impl Output + ?Sized)) -> Result<usize, SendError> {
        let mut writer = Writer::new(out.base());
        writer.announce(self.framing, self.options, self.keep_alive, self.bare_keep_alive);
        writer.finish()
    }
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
