//! Values of options, as people write them: one grammar in all tools, and what was expected in one line where a value is none.

use std::time::Duration;

use http_keepalive::settings;

/// Something, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrOff<T>(pub Option<T>);

/// A duration, or `off`: no limit.
pub fn duration_or_off(text: &str) -> Result<OrOff<Duration>, String> {
    settings::duration_or_off(text).map(OrOff)
}

/// How many: from `LEAST` to `MOST`.
pub fn count<const LEAST: u32, const MOST: u32, N: TryFrom<u32>>(text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
    number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| match MOST {
        u32::MAX => format!("expected a whole number from {LEAST} on, such as {}", 10.max(LEAST)),
        _ => format!("expected a whole number from {LEAST} to {MOST}, such as {}", 10.clamp(LEAST, MOST)),
    })
}

/// How many at most, from 1; `off` or 0: any number.
pub fn count_or_off(text: &str) -> Result<OrOff<u32>, String> {
    match text {
        "off" | "0" => Ok(OrOff(None)),
        _ => count::<1, { u32::MAX }, _>(text)
            .map(|count| OrOff(Some(count)))
            .map_err(|expected| format!("{expected}, or `off`")),
    }
}

/// Octets, without a unit; `off`: any number.
pub fn octets_or_off(text: &str) -> Result<OrOff<u64>, String> {
    match text {
        "off" => Ok(OrOff(None)),
        _ => text
            .parse()
            .map(|octets| OrOff(Some(octets)))
            .map_err(|_| "expected a number of octets, such as 1048576 for a MiB, or `off`".to_owned()),
    }
}

/// `HOST:PORT`, or a port alone, `8080` or `:8080`, which is of this machine only.
pub fn address(text: &str) -> Result<String, String> {
    const EXPECTED: &str = "expected HOST:PORT or a port, such as 127.0.0.1:8080, [::1]:8080 or 8080; 0.0.0.0:8080 is for other machines, too";
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let is_number = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    // an address of IPv6 has colons of its own
    let is_host = !host.contains([':', '/']) || host.starts_with('[') && host.ends_with(']');
    if !is_number || !is_host || host.contains("//") {
        return Err(EXPECTED.to_owned());
    }
    let port: u16 = port.parse().map_err(|_| format!("{port} is no port: they go from 0 to 65535"))?;
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    Ok(format!("{host}:{port}"))
}
