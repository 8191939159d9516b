//! Request targets: four forms, bound to methods (RFC 9112 3.2).

use crate::error::ProtocolErrorKind;
use crate::host;
use crate::method::MethodKind;

/// A request target as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target<'a> {
    octets: &'a [u8],
    method: MethodKind,
}

/// The forms of RFC 9112 3.2.1 to 3.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/where?q=now`
    Origin,
    /// `http://www.example.org/pub/`: to a proxy, and to be accepted by any server.
    Absolute,
    /// `www.example.org:80`: CONNECT's alone.
    Authority,
    /// `*`: OPTIONS' alone.
    Asterisk,
}

impl<'a> Target<'a> {
    #[inline(always)]
    pub(crate) const fn new(octets: &'a [u8], method: MethodKind) -> Self {
        Self { octets, method }
    }

    /// The octets, as sent.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.octets
    }

    /// As text; visible ASCII unless octets above 0x7F were let in, and then empty.
    pub fn as_str(&self) -> &'a str {
        core::str::from_utf8(self.octets).unwrap_or_default()
    }

    /// Its form.
    pub const fn form(&self) -> TargetForm {
        match (self.method, self.octets) {
            (MethodKind::Connect, _) => TargetForm::Authority,
            (_, [b'/', ..]) => TargetForm::Origin,
            (_, b"*") => TargetForm::Asterisk,
            _ => TargetForm::Absolute,
        }
    }

    /// The authority it names; it overrides `Host` (RFC 9112 3.2.2).
    pub fn authority(&self) -> Option<&'a [u8]> {
        match self.form() {
            TargetForm::Absolute => absolute_authority(self.octets),
            TargetForm::Authority => Some(self.octets),
            TargetForm::Origin | TargetForm::Asterisk => None,
        }
    }

    /// Path and query: of an absolute form what stands behind its authority, `/` if nothing does.
    pub fn path_and_query(&self) -> &'a [u8] {
        match self.form() {
            TargetForm::Origin => self.octets,
            TargetForm::Absolute => {
                let path = match (absolute_authority(self.octets), scheme(self.octets)) {
                    (Some(authority), Some((scheme, _))) => &self.octets[scheme.len() + 3 + authority.len()..],
                    (None, Some((_, behind))) => behind,
                    _ => b"",
                };
                if path.is_empty() { b"/" } else { path }
            }
            TargetForm::Authority | TargetForm::Asterisk => b"",
        }
    }
}

/// Is this an absolute URI? Of `http` and `https` the authority is checked, for it is where the request goes.
pub(crate) fn is_absolute(target: &[u8]) -> Result<(), ProtocolErrorKind> {
    let (scheme, _) = scheme(target).ok_or(ProtocolErrorKind::TargetForm)?;
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Ok(());
    }
    match absolute_authority(target) {
        Some(authority) if !authority.is_empty() && host::is_host(authority) => Ok(()),
        _ => Err(ProtocolErrorKind::Target),
    }
}

/// The authority of `scheme "://" authority [path]`, if there is one.
fn absolute_authority(target: &[u8]) -> Option<&[u8]> {
    let (_, behind) = scheme(target)?;
    let behind = behind.strip_prefix(b"//")?;
    let end = behind.iter().position(|&b| matches!(b, b'/' | b'?')).unwrap_or(behind.len());
    Some(&behind[..end])
}

/// Scheme, and what stands behind its colon (RFC 3986 3.1).
fn scheme(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = target.iter().position(|&b| b == b':')?;
    let scheme = &target[..colon];
    let valid = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if valid { Some((scheme, &target[colon + 1..])) } else { None }
}
