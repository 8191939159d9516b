//! Request targets: four forms, bound to methods (RFC 9112 3.2).

use crate::method::MethodKind;

/// A request target as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target<'a> {
    octets: &'a [u8],
    form: TargetForm,
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
    pub(crate) fn new(octets: &'a [u8], method: MethodKind) -> Self {
        let form = match octets {
            _ if method == MethodKind::Connect => TargetForm::Authority,
            [b'/', ..] => TargetForm::Origin,
            b"*" => TargetForm::Asterisk,
            _ => TargetForm::Absolute,
        };
        Self { octets, form }
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
        self.form
    }

    /// The authority it names; it overrides `Host` (RFC 9112 3.2.2).
    pub fn authority(&self) -> Option<&'a [u8]> {
        match self.form {
            TargetForm::Absolute => absolute_authority(self.octets),
            TargetForm::Authority => Some(self.octets),
            TargetForm::Origin | TargetForm::Asterisk => None,
        }
    }

    /// Path and query: of an absolute form what stands behind its authority, `/` if nothing does.
    pub fn path_and_query(&self) -> &'a [u8] {
        match self.form {
            TargetForm::Origin => self.octets,
            TargetForm::Absolute => {
                let behind = after_scheme(self.octets).unwrap_or_default();
                let path = behind.iter().position(|&b| matches!(b, b'/' | b'?')).map_or(&b""[..], |at| &behind[at..]);
                if path.is_empty() { b"/" } else { path }
            }
            TargetForm::Authority | TargetForm::Asterisk => b"",
        }
    }
}

/// The authority of `scheme "://" authority [path]`, or nothing if it is not that.
pub(crate) fn absolute_authority(target: &[u8]) -> Option<&[u8]> {
    let behind = after_scheme(target)?;
    let end = behind.iter().position(|&b| matches!(b, b'/' | b'?')).unwrap_or(behind.len());
    Some(&behind[..end])
}

fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    let colon = target.iter().position(|&b| b == b':')?;
    let (scheme, behind) = target.split_at(colon);
    let valid = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if valid { behind.strip_prefix(b"://") } else { None }
}
