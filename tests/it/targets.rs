//! Request targets: which form a method may have, and what a target names (RFC 9112 3.2; RFC 9110 4.2, 7.1), received and sent.

use crate::common;
use crate::common::client::{Asker, DEFAULT, host};
use crate::common::{Driver, accept_one, assert_refused};
use http_keepalive::ProtocolErrorKind::*;
use http_keepalive::{
    Config, Content, HeadFacts, Instant, Lifecycle, Limits, Method, Misuse, PathAndQuery, Policy, Request, RequestHead,
    SendError, Server, TargetForm, Version,
};
use proptest::prelude::*;

const STRICT: Config<Server> = Config::DEFAULT;

/// Asks this of a head with this method and target.
fn with_head<T>(method: &str, target: &str, ask: impl FnOnce(&RequestHead<'_>) -> T) -> T {
    let input = format!("{method} {target} HTTP/1.1\r\nHost: b\r\n\r\n");
    let mut head = RequestHead::new();
    head.parse(input.as_bytes(), &Limits::DEFAULT, &Policy::DEFAULT).unwrap().expect("complete");
    ask(&head)
}

fn request<'a>(method: &'a str, target: &'a str) -> Request<'a> {
    Request::new(Method::new(method.as_bytes()), target.as_bytes())
}

#[test]
fn syn_14_authority_form_is_of_connect_alone() {
    for method in ["GET", "POST", "OPTIONS", "HEAD", "connect", "X"] {
        for target in ["example.com:443", "example.com:", "a:80", "a-b.c+d:0", "localhost:99999999", "http:", "http:80"]
        {
            let input = format!("{method} ▼{target} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_refused(&STRICT, &input, TargetForm, 400);
            // a connection that has lived
            let mut driver = Driver::strict();
            driver.feed(&common::get("")).respond(http_keepalive::StatusCode::OK, Content::Empty);
            driver.feed(&input.replace('▼', ""));
            assert_eq!(driver.requests().len(), 1, "{method} {target}");
            let sent = Asker::new(&DEFAULT).try_ask(&request(method, target), [("Host", target)], Content::Empty);
            assert_eq!(sent, Err(SendError::Misuse(Misuse::RequestLine)), "{method} {target}");
        }
    }
    for target in ["urn:x:y", "mailto:a@b", "urn:isbn:0451450523", "a:b", "example.com:443/x", "a:/b", "a://b:80"] {
        let request = accept_one(&STRICT, &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(request.target, target);
    }
}

#[test]
fn syn_15_what_a_target_names() {
    for (method, target, authority, path, query) in [
        ("GET", "/p?q", None, "/p", Some("q")),
        ("GET", "/", None, "/", None),
        ("GET", "/?", None, "/", Some("")),
        ("GET", "/a?b?c", None, "/a", Some("b?c")),
        ("GET", "//a/b", None, "//a/b", None),
        ("GET", "http://h", Some("h"), "/", None),
        ("GET", "http://h/", Some("h"), "/", None),
        ("GET", "http://h?x", Some("h"), "/", Some("x")),
        ("GET", "http://h?", Some("h"), "/", Some("")),
        ("GET", "HTTPS://[::1]:8443?x/y", Some("[::1]:8443"), "/", Some("x/y")),
        ("GET", "http://h/p?q", Some("h"), "/p", Some("q")),
        ("OPTIONS", "*", None, "*", None),
        ("OPTIONS", "http://h", Some("h"), "*", None),
        ("OPTIONS", "http://h:8001", Some("h:8001"), "*", None),
        ("OPTIONS", "http://h?x", Some("h"), "/", Some("x")),
        ("OPTIONS", "http://h?", Some("h"), "/", Some("")),
        ("OPTIONS", "http://h/", Some("h"), "/", None),
        ("CONNECT", "h:443", Some("h:443"), "", None),
        ("GET", "ftp://u:p@h/x", Some("h"), "/x", None),
        ("GET", "ftp://u@h:21?y", Some("h:21"), "/", Some("y")),
        ("GET", "ftp://@h", Some("h"), "/", None),
        ("GET", "file:///x", Some(""), "/x", None),
        ("GET", "urn:x:y", None, "x:y", None),
        ("GET", "mailto:a@b?subject=c", None, "a@b", Some("subject=c")),
    ] {
        with_head(method, target, |head| {
            assert_eq!(head.target.authority(), authority.map(str::as_bytes), "{target}");
            assert_eq!(head.authority(), Some(authority.unwrap_or("b").as_bytes()), "{target}");
            assert_eq!(head.target.path(), path.as_bytes(), "{method} {target}");
            assert_eq!(head.target.query(), query.map(str::as_bytes), "{method} {target}");
            let both = path.to_owned() + &query.map(|query| format!("?{query}")).unwrap_or_default();
            let named: PathAndQuery<'_> = head.target.path_and_query();
            assert_eq!(named, both.as_str());
            assert_eq!(named, both.as_bytes());
            assert_eq!(named.to_string(), both);
            assert!(named.octets().eq(both.bytes()));
            assert!(named != "/other");
        });
    }
}

#[test]
fn syn_15_an_authority_is_a_host_and_a_port() {
    for target in [
        "http:///p",
        "http://:80/p",
        "https://u@a/p",
        "http://u:p@a",
        "http://@a",
        "http://a:x/p",
        "http:/p",
        "http:p",
        "http://a@b@c/",
        "ftp://a b",
        "ftp://h:x/",
        "ftp://[::1",
        "ftp://a@b@c/",
        "ftp://u%@h",
        "ftp://a\\b/",
        "x://a,[/",
        "http://a\\@b/",
        "ws://[fe80::1%25a]/",
    ] {
        let input = format!("GET ▼{target} HTTP/1.1\r\nHost: a\r\n\r\n");
        if !target.contains(' ') {
            assert_refused(&STRICT, &input, Target, 400);
        }
        let sent = Asker::new(&DEFAULT).try_ask(&request("GET", target), [("Host", "a")], Content::Empty);
        assert_eq!(sent, Err(SendError::Misuse(Misuse::RequestLine)), "{target}");
    }
}

/// Both doors: may a request to this target say this `Host`?
fn may_say(method: &str, target: &str, host: &str) -> bool {
    let request = request(method, target);
    let mut asker = Asker::new(&DEFAULT);
    let before = asker.connection.clone();
    let sent = asker.try_ask(&request, [("X", "y"), ("hOST", host)], Content::Empty);
    let mut facts = HeadFacts::request(request.method(), request.version);
    facts.field_line(b"hOST", host.as_bytes());
    let mut lifecycle = Lifecycle::new(Instant::EPOCH, &DEFAULT);
    let other = lifecycle.head_to_send(Instant::EPOCH, &request, &facts, Content::Empty);
    let checked = format!("Host: {host}\r\n");
    let checked = http_keepalive::CheckedFields::new(checked.as_bytes()).unwrap();
    let third = Asker::new(&DEFAULT).try_ask(&request, checked, Content::Empty);
    match sent {
        Ok(_) => assert!(other.is_ok() && third.is_ok(), "{other:?} {third:?}"),
        Err(error) => {
            assert_eq!(
                (error, other, third),
                (Misuse::Host.into(), Err(Misuse::Host.into()), Err(Misuse::Host.into()))
            );
            assert_eq!(asker.connection, before, "nothing has moved");
        }
    }
    asker.out.len() > 1
}

#[test]
fn send_05_host_is_the_authority_of_the_target() {
    for (method, target, host, may) in [
        ("GET", "http://a/p", "a", true),
        ("GET", "http://a/p", "A", true),
        ("GET", "http://Example.ORG:8080?q", "example.org:8080", true),
        ("GET", "http://a/p", " a ", true),
        ("GET", "http://a/p", "b", false),
        ("GET", "http://a/p", "", false),
        ("GET", "http://a/p", "a:80", false),
        ("GET", "http://a:80/p", "a", false),
        ("GET", "http://a:80/p", "a:080", false),
        ("GET", "http://a:80/p", "a:", false),
        ("OPTIONS", "http://a", "b", false),
        ("CONNECT", "a:443", "a:443", true),
        ("CONNECT", "[::1]:443", "[::1]:443", true),
        ("CONNECT", "a:443", "A:443", true),
        ("CONNECT", "a:443", "a", false),
        ("CONNECT", "a:443", "a:444", false),
        ("CONNECT", "a:443", "proxy:443", false),
        ("GET", "ftp://u:p@h/x", "h", true),
        ("GET", "ftp://u:p@h/x", "g", false),
        ("GET", "urn:x:y", "", true),
        ("GET", "urn:x:y", "a", false),
        ("GET", "/http://a", "b", true),
        ("OPTIONS", "*", "b", true),
    ] {
        assert_eq!(may_say(method, target, host), may, "{method} {target} {host}");
    }
    // HTTP/1.0 may leave it out, and may not say another one
    let old = request("GET", "http://a/").with_version(Version::HTTP_10);
    assert!(Asker::new(&DEFAULT).try_ask(&old, http_keepalive::NO_FIELDS, Content::Empty).is_ok());
    let sent = Asker::new(&DEFAULT).try_ask(&old, [("Host", "b")], Content::Empty);
    assert_eq!(sent, Err(Misuse::Host.into()));
    assert_eq!(host("CONNECT"), [("Host", "a:80")]);
}

proptest! {
    /// Nothing that a server takes for a target names an authority outside the grammar of `Host`, or a path that is empty.
    #[test]
    fn syn_15_what_is_accepted_names_a_host(
        method in prop::sample::select(&["GET", "OPTIONS", "CONNECT"][..]),
        target in "(http|HTTPS|ftp|urn|a)?(:|://|//)?(u:p@|@|a@b@)?[a-z.\\[\\]:%0-9]{0,6}(:[0-9]{0,5})?[/?@*a]{0,4}",
    ) {
        let input = format!("{method} {target} HTTP/1.1\r\nHost: b\r\n\r\n");
        let mut head = RequestHead::new();
        if let Ok(Some(_)) = head.parse(input.as_bytes(), &Limits::DEFAULT, &Policy::DEFAULT) {
            prop_assert_eq!(head.target.form() == TargetForm::Authority, method == "CONNECT");
            if let Some(authority) = head.target.authority() {
                let mut facts = HeadFacts::request(head.method, head.version);
                facts.field_line(b"Host", authority);
                prop_assert_eq!(http_keepalive::framing::host_rule(&facts), Ok(()), "{}", target);
            }
            let path = head.target.path();
            prop_assert!(!path.is_empty() || method == "CONNECT", "{}", target);
            prop_assert!(!path.contains(&b'?'));
            let query = head.target.query().map(|query| format!("?{}", String::from_utf8_lossy(query)));
            prop_assert!(head.target.as_str().ends_with(&query.unwrap_or_default()));
        }
    }
}
