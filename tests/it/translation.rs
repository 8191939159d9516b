//! Between HTTP/1.x and HTTP/2 or HTTP/3.

use http_keepalive::intermediary::translation::*;
use http_keepalive::intermediary::{Direction, FieldPolicy, HopFields};
use http_keepalive::retry::{Advice, Evidence, Sender, Sent};
use http_keepalive::*;

#[test]
fn xlat_01_to_2_and_3_nothing_of_the_connection_goes_and_names_are_lower_case() {
    let lines: [(&[u8], &[u8]); 8] = [
        (b"Connection", b"X-Hop, keep-alive"),
        (b"X-Hop", b"1"),
        (b"Proxy-Connection", b"close"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Upgrade", b"h2c"),
        (b"TE", b"gzip"),
        (b"Content-Type", b"text/plain"),
    ];
    let fields = HopFields::of(lines.into_iter(), &FieldPolicy::DEFAULT).unwrap();
    let crossed: Vec<Vec<u8>> =
        fields.forwarded(Direction::Response).map(|(name, _)| lower_case(name).collect()).collect();
    assert_eq!(crossed, [b"content-type"]);
    for (name, _) in lines.into_iter().take(7).filter(|(name, _)| *name != b"X-Hop") {
        assert!(connection_specific(name));
    }
}

#[test]
fn xlat_02_te_crosses_into_requests_as_trailers_alone() {
    let strict = SpecificFields::Refuse;
    assert_eq!(strict.of(b"te", b"trailers", true), Ok(Line::Stays));
    assert_eq!(strict.of(b"te", b"trailers, gzip", true), Err(Malformed::ConnectionSpecific));
    assert_eq!(strict.of(b"te", b"trailers", false), Err(Malformed::ConnectionSpecific));
}

#[test]
fn xlat_03_a_connection_specific_field_makes_a_message_malformed_as_policy_has_it() {
    assert_eq!(SpecificFields::default(), SpecificFields::SAFARI);
    for name in [&b"connection"[..], b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"] {
        assert_eq!(SpecificFields::SAFARI.of(name, b"x", false), Err(Malformed::ConnectionSpecific));
        assert_eq!(SpecificFields::CHROMIUM.of(name, b"x", false), Ok(Line::IsDropped));
        assert_eq!(SpecificFields::FIREFOX.of(name, b"x", false), Ok(Line::IsDropped));
    }
    assert_eq!(SpecificFields::SAFARI.of(b"accept", b"x", false), Ok(Line::Stays));
}

#[test]
fn xlat_04_no_octet_that_is_syntax_in_1_crosses() {
    for octet in 0..=255u8 {
        let (name, value) = ([b'x', octet], [b'x', octet, b'x']);
        let bad_name = octet <= 0x20 || octet.is_ascii_uppercase() || octet == b':' || octet >= 0x7f;
        assert!(!bad_name || check_name(&name).is_err(), "{octet}");
        let bad_value = matches!(octet, 0 | b'\r' | b'\n');
        assert!(!bad_value || check_value(&value).is_err(), "{octet}");
        let line = octet <= 0x20 || octet == 0x7f;
        assert!(!line || check_request_line(&name, b"/", None).is_err());
        assert!(!line || check_request_line(b"GET", &[b'/', octet], None).is_err());
        assert!(!line || check_request_line(b"GET", b"/", Some(&name)).is_err());
    }
    assert!(check_name(b"accept").is_ok() && check_name(b"").is_err());
    for edge in [" x", "x ", "\tx", "x\t"] {
        assert!(check_value(edge.as_bytes()).is_err());
    }
    assert!(check_value(b"").is_ok() && check_value(b"a b\xff").is_ok());
    assert_eq!(check_request_line(b"GET", b"/ HTTP/1.1\r\nHost: evil\r\n\r\n", None), Err(Malformed::Path));
    assert_eq!(check_request_line(b"GET", b"", None), Err(Malformed::Path));
    assert_eq!(check_request_line(b"GET", b"*", None), Err(Malformed::Path));
    assert_eq!(check_request_line(b"OPTIONS", b"*", Some(b"a")), Ok(()));
    assert_eq!(check_request_line(b"CONNECT", b"", Some(b"a:443")), Ok(()));
    assert_eq!(check_request_line(b"CONNECT", b"", Some(b"a")), Err(Malformed::Authority));
    assert_eq!(check_request_line(b"CONNECT", b"", None), Err(Malformed::Authority));
}

#[test]
fn xlat_05_host_is_the_authority() {
    use Multiplexed::{Http2, Http3};
    let (a, b) = (&b"a"[..], &b"b"[..]);
    assert_eq!(host_from(Http2, Some(a), Some(b)), Ok(a));
    assert_eq!(host_from(Http3, Some(a), Some(b)), Err(Malformed::Host));
    assert_eq!(host_from(Http3, Some(a), Some(b"A")), Ok(a));
    for version in [Http2, Http3] {
        assert_eq!(host_from(version, Some(a), None), Ok(a));
        assert_eq!(host_from(version, None, Some(b)), Ok(b));
        assert_eq!(host_from(version, None, None), Err(Malformed::Host));
        assert_eq!(host_from(version, Some(b"a b"), None), Err(Malformed::Authority));
    }
}

#[test]
fn xlat_06_a_length_is_that_of_the_content() {
    let counted = |said, pieces: &[u64]| {
        let mut content = CountedContent::of(said, pieces.is_empty(), false);
        pieces.iter().try_for_each(|&octets| content.data(octets)).and_then(|()| content.end())
    };
    assert_eq!(counted(Some(5), &[2, 3]), Ok(()));
    assert_eq!(counted(Some(5), &[2, 4]), Err(Malformed::ContentLength));
    assert_eq!(counted(Some(5), &[2]), Err(Malformed::ContentLength));
    assert_eq!(counted(Some(5), &[]), Err(Malformed::ContentLength));
    assert_eq!(counted(None, &[u64::MAX, 1]), Ok(()));
    // the response to HEAD, a 304
    let mut none = CountedContent::of(Some(5), true, true);
    assert_eq!((none.end(), none.to_send()), (Ok(()), Content::Exact(5)));
    assert_eq!(none.data(1), Err(Malformed::ContentLength));
    assert_eq!(CountedContent::of(None, false, false).to_send(), Content::Unknown);
    assert_eq!(CountedContent::of(None, true, false).to_send(), Content::Empty);
}

#[test]
fn xlat_07_cookies_are_joined() {
    let mut out = [0; 16];
    let cookies = [&b"a=b"[..], b"c=d", b"e"];
    assert_eq!(join_cookies(cookies, &mut out), Some(&b"a=b; c=d; e"[..]));
    assert_eq!(join_cookies(cookies, &mut [0; 10]), None);
    assert_eq!(join_cookies([], &mut out), Some(&b""[..]));
}

#[test]
fn xlat_08_interim_responses_cross_and_a_switch_does_not() {
    assert!(interim_crosses(StatusCode::CONTINUE) && interim_crosses(StatusCode::EARLY_HINTS));
    assert!(!interim_crosses(StatusCode::SWITCHING_PROTOCOLS) && !interim_crosses(StatusCode::OK));
    assert!(connection_specific(b"upgrade"));
}

#[test]
fn xlat_09_the_end_of_a_stream_is_that_of_its_message_alone() {
    assert_eq!(StreamEnd::Clean.other_side(false), OtherSide::Ends);
    assert_eq!(StreamEnd::Clean.other_side(true), OtherSide::HalfCloses);
    for end in [StreamEnd::Reset, StreamEnd::Refused, StreamEnd::BeyondGoaway] {
        assert_eq!(end.other_side(false), OtherSide::IsCut);
        assert_eq!(end.other_side(true), OtherSide::IsCut);
    }
}

#[test]
fn xlat_10_a_refused_stream_proves_that_nothing_was_processed() {
    let post = Evidence { sent: Sent::All, ..Evidence::new(MethodKind::Post).sent_for(Sender::Proxy) };
    assert_eq!(StreamEnd::Refused.evidence(post).verdict().advice, Advice::Retry);
    assert_eq!(StreamEnd::BeyondGoaway.evidence(post).verdict().advice, Advice::Retry);
    assert_eq!(StreamEnd::Reset.evidence(post).verdict().advice, Advice::Never);
}
