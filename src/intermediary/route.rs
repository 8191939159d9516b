//! Where a request goes, and the target and `Host` it goes with (RFC 9112 3.2, RFC 9110 7.1, 7.2).

use super::ForwardFault;
use crate::message::head::RequestHead;
use crate::message::host;
use crate::message::method::MethodKind;
use crate::message::target::{PathAndQuery, Target, TargetForm};

/// What the recipient of a request is, by which the form of its target is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9112 3.2 knows these two")]
pub enum NextHop {
    /// The origin, or a gateway before it: origin-form, and `*` for OPTIONS that asks about the whole server.
    Origin,
    /// Another proxy: absolute-form, and authority-form for CONNECT.
    Proxy,
}

/// Where a request goes: what its target and its `Host` say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'h> {
    target: Target<'h>,
    method: MethodKind,
    authority: &'h [u8],
}

impl<'h> Route<'h> {
    /// Of a request's head, as its target and its `Host` say. The target's authority beats `Host` (RFC 9112 3.2.2).
    ///
    /// # Errors
    ///
    /// [`ForwardFault::Target`]: a target without an authority, of a scheme other than `http` and `https`.
    pub fn of(head: &RequestHead<'h>) -> Result<Self, ForwardFault> {
        Self::new(head.method.kind(), head.target.as_bytes(), head.authority().unwrap_or_default())
    }

    /// Of a target that was read with this method, and the authority that stands beside it: that of `Host`, which counts where the target
    /// names none.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of), and where the authority is no `host [":" port]`.
    pub fn new(method: MethodKind, target: &'h [u8], host: &'h [u8]) -> Result<Self, ForwardFault> {
        let target = Target::new(target, method);
        let named = matches!(target.form(), TargetForm::Absolute | TargetForm::Authority);
        let authority = if named { target.authority().ok_or(ForwardFault::Target)? } else { host };
        if host::is_host(authority) { Ok(Self { target, method, authority }) } else { Err(ForwardFault::Target) }
    }

    /// Host, and port where one is named. Empty where an HTTP/1.0 request named none.
    pub const fn authority(&self) -> &'h [u8] {
        self.authority
    }

    /// The value of `Host` to send: the authority (RFC 9112 3.2).
    pub const fn host(&self) -> &'h [u8] {
        self.authority
    }

    /// The form of the target as it was received: a forward proxy is asked by absolute-form and authority-form, a gateway by origin-form.
    pub const fn form(&self) -> TargetForm {
        self.target.form()
    }

    /// The scheme that the target names, as it was sent: of absolute-form alone.
    pub fn scheme(&self) -> Option<&'h [u8]> {
        let octets = self.target.as_bytes();
        match self.form() {
            TargetForm::Absolute => octets.get(..octets.iter().position(|&b| b == b':')?),
            TargetForm::Origin | TargetForm::Authority | TargetForm::Asterisk => None,
        }
    }

    /// The target to send to this next hop (RFC 9112 3.2): to an origin `/p?q`, and `*` where OPTIONS named a server without a path; to a
    /// proxy `http://a/p?q`, and for CONNECT `a:443`. It has neither fragment nor `userinfo`, which the target of a request never has.
    ///
    /// # Errors
    ///
    /// [`ForwardFault::Target`]: CONNECT to an origin, which opens no tunnel; to a proxy, a request that names no authority.
    pub fn target_for(&self, next: NextHop) -> Result<RouteTarget<'h>, ForwardFault> {
        let connect = self.method == MethodKind::Connect;
        let path = self.target.path_and_query();
        let parts = match (next, self.form()) {
            (NextHop::Origin, _) if connect => return Err(ForwardFault::Target),
            (NextHop::Proxy, TargetForm::Authority) => Parts::AsReceived(self.target.as_bytes()),
            (NextHop::Origin, _) => Parts::Path(path),
            (NextHop::Proxy, TargetForm::Absolute) => Parts::AsReceived(self.target.as_bytes()),
            (NextHop::Proxy, _) if self.authority.is_empty() => return Err(ForwardFault::Target),
            // it asks about the whole server (RFC 9112 3.2.4)
            (NextHop::Proxy, TargetForm::Asterisk) => Parts::Absolute(self.authority, None),
            (NextHop::Proxy, TargetForm::Origin) => Parts::Absolute(self.authority, Some(path)),
        };
        Ok(RouteTarget(parts))
    }
}

/// A target to send: its octets one by one, since it is not always a slice of what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteTarget<'h>(Parts<'h>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parts<'h> {
    AsReceived(&'h [u8]),
    Path(PathAndQuery<'h>),
    Absolute(&'h [u8], Option<PathAndQuery<'h>>),
}

impl<'h> RouteTarget<'h> {
    /// Its octets.
    pub fn octets(&self) -> impl Iterator<Item = u8> + use<'h> {
        let (front, path): ([&[u8]; 2], _) = match self.0 {
            Parts::AsReceived(octets) => ([octets, b""], None),
            Parts::Path(path) => ([b"", b""], Some(path)),
            Parts::Absolute(authority, path) => ([b"http://", authority], path),
        };
        front.into_iter().flatten().copied().chain(path.into_iter().flat_map(|path| path.octets()))
    }
}
