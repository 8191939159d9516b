//! `Host` and authorities: `uri-host [":" port]` (RFC 9110 7.2, RFC 3986 3.2.2).
//!
//! A zone identifier in an address is refused: RFC 3986 has none, and RFC 6874 forbade sending it.

use core::net::Ipv6Addr;

use crate::message::octets::{self, class};

/// A valid `Host`: `uri-host [":" port]`, possibly empty.
///
/// Its first tests are the twin of [`split_authority`].
pub(crate) fn is_host(value: &[u8]) -> bool {
    // most are a registered name, alone or with a port
    match octets::skip_host_name(value) {
        [] => true,
        [b':', port @ ..] if is_port(port) => true,
        _ => split_authority(value).is_some(),
    }
}

/// It may be empty (RFC 3986 3.2.3).
fn is_port(port: &[u8]) -> bool {
    port.is_empty() || matches!(octets::decimal(port), Ok(0..=65535))
}

/// A valid target of CONNECT: a host that is not empty and a port from 1 to 65535 (RFC 9110 9.3.6).
pub(crate) fn is_authority_with_port(target: &[u8]) -> bool {
    matches!(split_authority(target), Some((host, Some(port))) if !host.is_empty()
        && matches!(octets::decimal(port), Ok(1..=65535)))
}

/// Host and port, if both are within the grammar. A port may be empty (RFC 3986 3.2.3).
#[inline(never)]
pub(crate) fn split_authority(value: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let end = match value {
        [b'[', inner @ ..] => {
            let close = inner.iter().position(|&b| b == b']')?;
            if !is_ip_literal(&inner[..close]) {
                return None;
            }
            close + 2
        }
        _ => {
            let end = value.iter().position(|&b| b == b':').unwrap_or(value.len());
            if !is_registered_name(&value[..end]) {
                return None;
            }
            end
        }
    };
    match value.get(end..)? {
        [] => Some((value, None)),
        [b':', port @ ..] if is_port(port) => Some((&value[..end], Some(port))),
        _ => None,
    }
}

pub(crate) fn is_registered_name(mut name: &[u8]) -> bool {
    loop {
        match name {
            [] => return true,
            [b'%', high, low, rest @ ..] if octets::is(*high, class::HEX) && octets::is(*low, class::HEX) => {
                name = rest
            }
            [first, rest @ ..] if octets::is(*first, class::NAME) => name = rest,
            _ => return false,
        }
    }
}

/// The octets between brackets: an IPv6 address, or `"v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`.
fn is_ip_literal(inner: &[u8]) -> bool {
    if let [b'v' | b'V', future @ ..] = inner {
        let digits = future.iter().take_while(|&&b| octets::is(b, class::HEX)).count();
        return match future.split_at(digits) {
            ([_, ..], [b'.', rest @ ..]) => {
                !rest.is_empty() && rest.iter().all(|&b| b == b':' || octets::is(b, class::NAME))
            }
            _ => false,
        };
    }
    core::str::from_utf8(inner).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_follow_the_grammar() {
        for good in
            ["", "a", "a:", "a:80", "a.example:65535", "[::1]:8080", "[v1.x:y]", "a%20b", "127.0.0.1", "a,b", "a_b"]
        {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b",
            "a/b",
            "a:x",
            "u@a",
            "[::1",
            "[fe80::1%25eth0]",
            "[]",
            "a%2",
            "a:99999",
            "[::1]x",
            "a:80:80",
            "\u{e9}",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn connect_needs_a_port() {
        assert!(is_authority_with_port(b"a:443"));
        for bad in ["a", "a:", "a:0", "a:99999", ":443", "/x"] {
            assert!(!is_authority_with_port(bad.as_bytes()), "{bad}");
        }
    }
}
