//! What is fetched, from whom, and the time that is told.

use std::fmt;

use http_keepalive::Instant;
use url::Url;

/// The machine's time: since the program began.
#[derive(Clone, Copy)]
pub struct Clock(std::time::Instant);

impl Clock {
    pub fn new() -> Self {
        Self(std::time::Instant::now())
    }

    pub fn now(self) -> Instant {
        Instant::since(self.0, std::time::Instant::now())
    }
}

/// Who is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What is fetched.
#[derive(Clone, Debug)]
pub struct Target {
    pub url: String,
    pub origin: Origin,
    /// The value of `Host`.
    pub authority: String,
    /// In origin-form.
    pub path: String,
}

impl Target {
    /// `http://` may be left out: `localhost:8080/` is a host and a port, and no URL of the scheme `localhost`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = if has_scheme(text) { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
        let url = url.map_err(|error| format!("{text}: no URL such as http://127.0.0.1:8080/: {error}"))?;
        if url.scheme() != "http" {
            return Err(format!("{text}: only http:// is spoken here, and no {}://", url.scheme()));
        }
        let host = url.host_str().ok_or_else(|| format!("{text}: no host"))?;
        let port = url.port_or_known_default().unwrap_or(80);
        let authority = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { url: text.to_owned(), origin: Origin { host, port }, authority, path })
    }
}

fn has_scheme(text: &str) -> bool {
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.chars().all(in_scheme))
}
