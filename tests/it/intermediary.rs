//! What an intermediary does to a message: the pure part.

use http_keepalive::intermediary::{
    Direction, FieldPolicy, ForwardFault, HopFields, MaxForwards, NextHop, Nominations, ProxyAuthentication, Pseudonym,
    Route, Telling, accepts_trailers, content_to_send, is_end_to_end, max_forwards, may_be_told,
};
use http_keepalive::*;
use proptest::prelude::*;

type Line<'l> = (&'l [u8], &'l [u8]);

fn lines<'l>(of: &[(&'l str, &'l str)]) -> Vec<Line<'l>> {
    of.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}

fn forwarded(of: &[(&str, &str)], direction: Direction, policy: &FieldPolicy) -> Result<Vec<String>, ForwardFault> {
    let lines = lines(of);
    let fields = HopFields::of(lines.iter().copied(), policy)?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Ok(fields.forwarded(direction).map(|(name, value)| format!("{}: {}", text(name), text(value))).collect())
}

fn strict(of: &[(&str, &str)]) -> Result<Vec<String>, ForwardFault> {
    forwarded(of, Direction::Request, &FieldPolicy::DEFAULT)
}

#[test]
fn rfc9110_7_6_1_a_field_that_an_option_names_stays_on_the_hop() {
    let message =
        [("X-Hop", "1"), ("Connection", "close, x-hop"), ("Accept", "a"), ("connection", "Other"), ("other", "2")];
    for direction in [Direction::Request, Direction::Response] {
        assert_eq!(forwarded(&message, direction, &FieldPolicy::DEFAULT).unwrap(), ["Accept: a"]);
    }
}

#[test]
fn rfc9110_7_6_1_fields_of_the_hop_stay_whether_named_or_not() {
    let message = [
        ("Proxy-Connection", "keep-alive"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "websocket"),
        ("X", "1"),
    ];
    assert_eq!(strict(&message).unwrap(), ["X: 1"]);
}

#[test]
fn rfc9110_7_6_1_an_option_that_names_an_end_to_end_field_refuses_the_message() {
    for name in
        ["Host", "Content-Length", "AUTHORIZATION", "Cookie", "Cache-Control", "X-Forwarded-For", "If-Match", "Via"]
    {
        assert!(is_end_to_end(name.as_bytes()));
        let message = [("Connection", name), ("Host", "a")];
        assert_eq!(strict(&message), Err(ForwardFault::EndToEndOption), "{name}");
        assert_eq!(ForwardFault::EndToEndOption.status(), StatusCode::BAD_REQUEST);
    }
    // or has no effect
    let lenient = FieldPolicy::DEFAULT.with_nominations(Nominations::Ignore);
    let message = [("Connection", "Authorization, X"), ("Authorization", "secret"), ("X", "1")];
    assert_eq!(forwarded(&message, Direction::Request, &lenient).unwrap(), ["Authorization: secret"]);
}

#[test]
fn rfc9110_5_6_1_2_options_are_bounded() {
    let many = |count: usize| (0..count).map(|number| format!("x{number}")).collect::<Vec<_>>().join(",");
    assert!(strict(&[("Connection", &many(32))]).is_ok());
    assert_eq!(strict(&[("Connection", &many(33))]), Err(ForwardFault::TooManyOptions));
    assert!(strict(&[("Connection", &format!("{}{}", ",".repeat(500), "close,keep-alive,te,".repeat(20)))]).is_ok());
}

#[test]
fn rfc9110_5_3_the_order_of_lines_is_kept_and_unknown_fields_pass() {
    let message = [("B", "1"), ("A", "2"), ("b", "3"), ("Set-Cookie", "x"), ("Set-Cookie", "y")];
    assert_eq!(strict(&message).unwrap(), ["B: 1", "A: 2", "b: 3", "Set-Cookie: x", "Set-Cookie: y"]);
    let policy = FieldPolicy::DEFAULT.with_removed(&["set-cookie"]);
    assert_eq!(forwarded(&message, Direction::Response, &policy).unwrap(), ["B: 1", "A: 2", "b: 3"]);
}

#[test]
fn rfc9110_11_7_proxy_authentication_is_of_the_hop_or_relayed() {
    let message = [("Proxy-Authorization", "Basic x"), ("Proxy-Authenticate", "Basic")];
    assert_eq!(strict(&message).unwrap(), [""; 0]);
    let relayed = FieldPolicy::DEFAULT.with_proxy_authentication(ProxyAuthentication::Relayed);
    assert_eq!(forwarded(&message, Direction::Request, &relayed).unwrap().len(), 2);
}

#[test]
fn rfc9110_10_1_4_te_counts_only_as_a_field_of_this_connection() {
    let accepts = |of: &[(&str, &str)]| accepts_trailers(lines(of).iter().copied());
    assert!(accepts(&[("TE", "deflate;q=0.5, trailers"), ("Connection", "te")]));
    assert!(!accepts(&[("TE", "trailers")]));
    assert!(!accepts(&[("TE", "deflate"), ("Connection", "TE")]));
}

#[test]
fn rfc9110_7_6_3_via_names_us_and_shows_a_loop() {
    let us = Pseudonym::new("edge:8080").unwrap();
    assert_eq!(&us.line(Version::HTTP_10)[..], b"1.0 edge:8080");
    let is_in = |value: &str| us.is_in(lines(&[("vIA", value)]).into_iter());
    assert!(is_in("1.1 other, HTTP/1.1 EDGE:8080 (comment)"));
    assert!(!is_in("1.1 edge:80, 1.0 other (edge:8080)"));
    for bad in ["", "a b", "a,b", "a/b/c d", &"x".repeat(49)] {
        assert_eq!(Pseudonym::new(bad), None, "{bad}");
    }
}

#[test]
fn rfc9110_7_6_2_max_forwards_counts_for_trace_and_options_alone() {
    let of = |method, values: &[&str]| {
        let lines: Vec<_> = values.iter().map(|value| (&b"max-forwards"[..], value.as_bytes())).collect();
        max_forwards(method, lines.into_iter())
    };
    assert_eq!(of(MethodKind::Get, &["0"]), MaxForwards::NotSaid);
    for method in [MethodKind::Trace, MethodKind::Options] {
        assert_eq!(of(method, &[]), MaxForwards::NotSaid);
        assert_eq!(of(method, &["0"]), MaxForwards::EndsHere);
        assert_eq!(of(method, &["7"]), MaxForwards::GoesOn(6));
        assert_eq!(of(method, &["99999999999999999999999"]), MaxForwards::GoesOn(u64::MAX));
        for bad in [&["-1"][..], &["+1"], &[""], &["1, 2"], &["1", "1"]] {
            assert_eq!(of(method, bad), MaxForwards::Invalid, "{bad:?}");
        }
    }
}

fn route(request: &str, next: NextHop) -> (String, Result<String, ForwardFault>) {
    let mut head = RequestHead::new();
    head.parse(request.as_bytes(), &Limits::DEFAULT, &Policy::DEFAULT).unwrap().unwrap();
    let route = Route::of(&head).unwrap();
    let target = route.target_for(next).map(|target| String::from_utf8(target.octets().collect()).unwrap());
    (String::from_utf8_lossy(route.host()).into_owned(), target)
}

#[test]
fn rfc9112_3_2_the_target_is_made_for_the_next_hop_and_host_from_it() {
    let rows = [
        ("GET http://a.example:81/p?q HTTP/1.1\r\nHost: b\r\n\r\n", "a.example:81", "/p?q", "http://a.example:81/p?q"),
        ("GET http://a?q HTTP/1.1\r\nHost: b\r\n\r\n", "a", "/?q", "http://a?q"),
        ("GET /p HTTP/1.1\r\nHost: b:8\r\n\r\n", "b:8", "/p", "http://b:8/p"),
        ("OPTIONS http://a HTTP/1.1\r\nHost: b\r\n\r\n", "a", "*", "http://a"),
        ("OPTIONS http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "a", "/", "http://a/"),
        ("OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n", "b", "*", "http://b"),
    ];
    for (request, host, origin, proxy) in rows {
        assert_eq!(route(request, NextHop::Origin), (host.to_owned(), Ok(origin.to_owned())), "{request}");
        assert_eq!(route(request, NextHop::Proxy), (host.to_owned(), Ok(proxy.to_owned())), "{request}");
    }
    let connect = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    assert_eq!(route(connect, NextHop::Origin).1, Err(ForwardFault::Target));
    assert_eq!(route(connect, NextHop::Proxy), ("a:443".to_owned(), Ok("a:443".to_owned())));
    assert_eq!(route("GET / HTTP/1.0\r\n\r\n", NextHop::Proxy).1, Err(ForwardFault::Target));
}

#[test]
fn rfc9112_6_1_an_older_peer_is_told_nothing_of_http11() {
    for what in [Telling::Interim, Telling::Chunked, Telling::Trailers, Telling::Upgrade, Telling::Expectation] {
        assert!(may_be_told(Version::HTTP_11, what) && !may_be_told(Version::HTTP_10, what));
    }
    assert_eq!(content_to_send(BodyLength::Exact(7)), Content::Exact(7));
    assert_eq!(content_to_send(BodyLength::Chunked), Content::Unknown);
    assert_eq!(content_to_send(BodyLength::UntilClose), Content::Unknown);
}

proptest! {
    #![proptest_config(crate::cases::property(2000, 200))]

    /// No field of the hop crosses, whatever names it, and every other one does, in order.
    #[test]
    fn nothing_of_the_hop_crosses_and_nothing_else_is_lost(
        names in prop::collection::vec("[xX]-[a-c]|TE|Upgrade|keep-alive|[Cc]onnection|Accept", 0..12),
        options in prop::collection::vec("[xX]-[a-d]|close|TE|accept", 0..4),
    ) {
        let joined = options.join(" ,\t");
        let mut all: Vec<_> = names.iter().map(|name| (name.as_str(), if name.eq_ignore_ascii_case("connection") { "x-c" } else { "v" })).collect();
        all.push(("Connection", &joined));
        let named = |name: &str| {
            options.iter().any(|option| option.eq_ignore_ascii_case(name))
                || (name.eq_ignore_ascii_case("x-c") && names.iter().any(|name| name.eq_ignore_ascii_case("connection")))
        };
        let of_hop = |name: &str| ["te", "upgrade", "keep-alive", "connection"].iter().any(|one| name.eq_ignore_ascii_case(one));
        let expected: Vec<_> = names.iter().filter(|name| !of_hop(name) && !named(name)).map(|name| format!("{name}: v")).collect();
        prop_assert_eq!(strict(&all).unwrap(), expected);
    }
}
