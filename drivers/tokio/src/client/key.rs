//! Whose connection a request may use, and how its target is written there.

use std::hash::{Hash, Hasher};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Uri};

use super::{Error, Proxy};

/// By what the pool knows a peer: its scheme and its authority, as the URI has them. The port is that of the URI: with and without the default
/// one are two peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    scheme: Scheme,
    authority: Authority,
}

impl Key {
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// `scheme://authority/`
    pub(super) fn uri(&self) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        Uri::from_parts(parts).unwrap_or_default()
    }
}

impl Hash for Key {
    /// In lower case, as they are compared; by pieces, since octets one by one cost more.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for text in [self.scheme.as_str(), self.authority.as_str()] {
            let mut lower = [0; 32];
            for piece in text.as_bytes().chunks(lower.len()) {
                let lower = &mut lower[..piece.len()];
                lower.copy_from_slice(piece);
                lower.make_ascii_lowercase();
                state.write(lower);
            }
            state.write_u8(0xff);
        }
    }
}

/// Where a request goes.
#[derive(Debug)]
pub(super) struct Way {
    /// Whose connection it may use.
    pub(super) key: Key,
    /// The authority that it is for, if that is not the key's: through a proxy.
    other_authority: Option<Authority>,
    target: Target,
    /// The key is that of a proxy.
    pub(super) is_proxied: bool,
}

#[derive(Debug)]
enum Target {
    /// The path and the query.
    Origin(PathAndQuery),
    /// A text of its own.
    Text(String),
}

impl Way {
    pub(super) fn of(method: &Method, uri: Uri, proxy: Option<&Proxy>) -> Result<Self, Error> {
        let parts = uri.into_parts();
        let authority =
            parts.authority.ok_or_else(|| Error::of_request("its URI has no authority: give a whole one"))?;
        let authority = without_user(authority)?;
        let is_connect = *method == Method::CONNECT;
        let scheme = match parts.scheme {
            Some(scheme) => scheme,
            // the target of CONNECT has none
            None if is_connect => Scheme::HTTP,
            None => return Err(Error::of_request("its URI has no scheme: give a whole one")),
        };
        let target = match parts.path_and_query {
            _ if is_connect => Target::Text(authority.as_str().to_owned()),
            _ if proxy.is_some() => {
                let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
                let slash = if path.starts_with('/') { "" } else { "/" };
                Target::Text(format!("{scheme}://{authority}{slash}{path}"))
            }
            Some(path) if path.as_str().starts_with('?') => Target::Text(format!("/{path}")),
            Some(path) => Target::Origin(path),
            None => Target::Origin(PathAndQuery::from_static("/")),
        };
        let Some(Proxy(proxy)) = proxy else {
            return Ok(Self { key: Key { scheme, authority }, other_authority: None, target, is_proxied: false });
        };
        let proxy = proxy.clone().into_parts();
        let key = Key {
            scheme: proxy.scheme.unwrap_or(Scheme::HTTP),
            authority: without_user(
                proxy.authority.ok_or_else(|| Error::of_request("the URI of the proxy has no authority"))?,
            )?,
        };
        Ok(Self { key, other_authority: Some(authority), target, is_proxied: true })
    }

    /// The authority that the request is for.
    pub(super) fn authority(&self) -> &str {
        self.other_authority.as_ref().unwrap_or(&self.key.authority).as_str()
    }

    pub(super) fn target(&self) -> &[u8] {
        match &self.target {
            Target::Origin(path) => path.as_str().as_bytes(),
            Target::Text(text) => text.as_bytes(),
        }
    }
}

/// What goes before `@` is no part of what a request says (RFC 9110 4.2.4).
fn without_user(authority: Authority) -> Result<Authority, Error> {
    match authority.as_str().rsplit_once('@') {
        None => Ok(authority),
        Some((_, rest)) => rest.parse().map_err(Error::of_request),
    }
}
