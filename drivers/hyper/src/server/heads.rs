//! The facts of heads, as hyper has read them.
//!
//! The requests of one connection say mostly the same of it: the same method, the same `Host`. Facts are a function of what is told, so those of
//! the head before are taken where the same is told again, which costs a fourth of finding them.

use http::Request;
use http_keepalive::{HeadFacts, Method, Version};

/// The facts of the head before, and what was told of it.
#[derive(Default)]
pub(super) struct Heads {
    told: Vec<u8>,
    facts: Option<HeadFacts>,
}

impl Heads {
    pub(super) fn facts_of<B>(&mut self, request: &Request<B>) -> HeadFacts {
        match self.facts {
            Some(facts) if self.is_told_again(request) => facts,
            _ => self.find(request),
        }
    }

    fn is_told_again<B>(&self, request: &Request<B>) -> bool {
        let mut rest = Some(self.told.as_slice());
        each_piece(request, |piece| {
            rest = rest.and_then(|rest| rest.strip_prefix(piece));
            rest.is_some()
        });
        rest == Some(&[])
    }

    #[inline(never)]
    fn find<B>(&mut self, request: &Request<B>) -> HeadFacts {
        let version = Version::try_from(request.version()).unwrap_or(Version::HTTP_11);
        let mut facts = HeadFacts::request(Method::from(request.method()), version);
        for (name, value) in request.headers() {
            if !is_left_out(name.as_str()) {
                facts.field_line(name.as_str().as_bytes(), value.as_bytes());
            }
        }
        self.told.clear();
        each_piece(request, |piece| {
            self.told.extend_from_slice(piece);
            self.told.len() <= MOST_TOLD
        });
        self.facts = (self.told.len() <= MOST_TOLD).then_some(facts);
        facts
    }
}

/// What is told, piece by piece, while `take` says that it wants more. None of the pieces but the ends has a line end within it, so no two heads
/// that tell something else have the same.
fn each_piece<B>(request: &Request<B>, mut take: impl FnMut(&[u8]) -> bool) {
    let http10: &[u8] = if request.version() == http::Version::HTTP_10 { b"\n0\n" } else { b"\n1\n" };
    if !take(request.method().as_str().as_bytes()) || !take(http10) {
        return;
    }
    for (name, value) in request.headers() {
        let name = name.as_str();
        let goes_on =
            is_left_out(name) || (take(name.as_bytes()) && take(b":") && take(value.as_bytes()) && take(b"\n"));
        if !goes_on {
            return;
        }
    }
}

/// What most requests have and what says nothing of the connection need not be told: [`HeadFacts::field_line`]. All else is.
fn is_left_out(name: &str) -> bool {
    const LEFT_OUT: [&str; 7] =
        ["user-agent", "accept", "accept-encoding", "accept-language", "cookie", "referer", "content-type"];
    LEFT_OUT.contains(&name) || name.starts_with("sec-")
}

/// Longer ones are not kept.
const MOST_TOLD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &[(&str, &str)]) -> Request<()> {
        let build = lines.iter().fold(Request::builder(), |build, (name, value)| build.header(*name, *value));
        build.body(()).expect("a request")
    }

    #[test]
    fn facts_that_were_kept_are_those_that_are_found() {
        let requests = [
            request(&[("host", "a")]),
            request(&[("host", "a"), ("accept", "*/*")]),
            request(&[("host", "a"), ("connection", "close")]),
            request(&[("host", "ab")]),
            request(&[("host", "a"), ("host", "b")]),
            request(&[("connection", "close"), ("host", "a")]),
            request(&[("expect", "100-continue"), ("host", "a")]),
            request(&[]),
        ];
        for first in &requests {
            for second in &requests {
                let mut heads = Heads::default();
                heads.facts_of(first);
                assert_eq!(heads.facts_of(second), Heads::default().facts_of(second), "{first:?} {second:?}");
            }
        }
    }

    #[test]
    fn another_method_and_another_version_are_told() {
        let mut heads = Heads::default();
        let get = request(&[("host", "a")]);
        assert_eq!(heads.facts_of(&get), heads.facts_of(&get));
        let mut head = get.clone();
        *head.method_mut() = http::Method::HEAD;
        assert_ne!(heads.facts_of(&head).method(), heads.facts_of(&get).method());
        let mut old = get.clone();
        *old.version_mut() = http::Version::HTTP_10;
        assert_ne!(heads.facts_of(&old).version(), heads.facts_of(&get).version());
    }

    #[test]
    fn what_is_long_is_not_kept() {
        let mut heads = Heads::default();
        let long = "x".repeat(300);
        heads.facts_of(&request(&[("host", "a"), ("x-long", long.as_str())]));
        assert!(heads.facts.is_none());
    }
}
