//! Where content and heads lie in what was offered. That they lie where it is said, `lies_where_it_is_said` looks at in every test that
//! offers octets, the properties of splits among them; here is what it does not come to.

use crate::cases;
use crate::common::{get, lenient, lies_where_it_is_said};
use http_keepalive::*;
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: Instant = Instant::from_secs(1);

/// The head of a request, of which all octets were offered.
fn with_head<T>(octets: &[u8], then: impl FnOnce(&RequestHead<'_>) -> T) -> T {
    let config = Config::new(Limits::DEFAULT, Timeouts::DEFAULT, lenient()).expect("within bounds");
    let mut connection = Connection::<Server, _>::new(NOW, &config);
    let received = connection.receive(NOW, octets).expect("no fault");
    lies_where_it_is_said(&received, octets);
    let Outcome::Event(Event::Request(head)) = &received.outcome else { panic!("no request: {received:?}") };
    then(head)
}

#[test]
fn the_range_of_content_begins_after_the_framing_before_it() {
    let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
    let octets =
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n2\r\nab\r\n0\r\n\r\n";
    let (mut at, mut ranges) = (0, Vec::new());
    loop {
        let received = connection.receive(NOW, &octets[at..]).expect("no fault");
        ranges.extend(received.content_range().map(|range| at + range.start..at + range.end));
        at += received.consumed;
        if matches!(received.outcome, Outcome::Event(Event::End { .. })) {
            break;
        }
    }
    assert_eq!(ranges.iter().map(|range| &octets[range.clone()]).collect::<Vec<_>>(), [&b"hello"[..], b"ab"]);
}

/// Who makes one of their own may say what is not so.
#[test]
fn content_that_is_longer_than_what_was_consumed_has_no_range() {
    let outcome = Outcome::Event(Event::Content(b"hello"));
    assert_eq!(Received { consumed: 4, outcome: outcome.clone() }.content_range(), None);
    assert_eq!(Received { consumed: 7, outcome }.content_range(), Some(2..7));
}

/// RFC 9112 2.2: empty lines before it are consumed with the head, and its places count from the front of what they are asked on.
#[test]
fn places_count_from_the_front_of_the_octets_given() {
    let octets = format!("\r\n\r\n{}", get("A: b\r\n"));
    with_head(octets.as_bytes(), |head| {
        assert_eq!(head.places(octets.as_bytes()).on(octets.as_bytes()).as_ref(), Some(head));
        let (octets, moved) = (&octets.as_bytes()[4..], octets.as_bytes()[4..].to_vec());
        assert_eq!(head.places(octets).on(&moved).as_ref(), Some(head));
    });
}

#[test]
fn a_head_that_does_not_lie_in_the_octets_given_is_on_none() {
    let octets = get("A: b\r\n").into_bytes();
    with_head(&octets, |head| {
        let other = octets.clone();
        assert_eq!(head.places(&other).on(&octets), None);
        // nor one that lies in them in part
        assert_eq!(head.places(&octets[..20]).on(&octets), None);
        assert_eq!(head.places(&octets[4..]).on(&octets), None);
        // nor one that was changed
        let mut changed = head.clone();
        changed.method = Method::new(b"POST");
        assert_eq!(changed.places(&octets).on(&octets), None);
    });
}

#[test]
fn octets_that_are_too_short_have_no_head() {
    let octets = get("A: b\r\n").into_bytes();
    with_head(&octets, |head| {
        // the empty line after it is not asked for
        for end in 0..octets.len() - 2 {
            assert_eq!(head.places(&octets).on(&octets[..end]), None, "{end}");
        }
        assert_eq!(head.places(&octets).on(&octets[..octets.len() - 2]).as_ref(), Some(head));
    });
}

#[test]
fn places_are_small_and_live_as_long_as_they_are_kept() {
    fn kept<P: Copy + Send + Sync + 'static>() -> usize {
        size_of::<P>()
    }
    let sizes = [kept::<RequestPlaces>(), kept::<ResponsePlaces>(), kept::<FieldPlaces>()];
    assert_eq!(sizes, [128, 120, 80]);
}

proptest! {
    #![proptest_config(cases::property(256, 60))]
    #[test]
    fn on_other_octets_a_head_is_none_or_what_lies_there_and_nothing_panics(
        fields in vec("[A-Za-z]{1,9}: ?[a-z ]{0,9}(\r\n [a-z]{0,4}){0,1}\r\n", 0..20),
        mut others in vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b':')], 0..300),
        ends in any::<bool>(),
    ) {
        let octets = get(&fields.concat()).into_bytes();
        with_head(&octets, |head| {
            let places = head.places(&octets);
            // lines begin and end where they did
            if ends && others.len() >= octets.len() {
                others[15..17].copy_from_slice(b"\r\n");
                others[octets.len() - 3] = b'\n';
            }
            if let Some(other) = places.on(&others) {
                let _ = (other.fields.iter().count(), other.authority(), other.target.path(), other.expects_continue());
                let _ = (other.fields.value("a"), other.upgrade_offers().count(), format!("{other:?}"));
                let method = other.method.as_bytes().as_ptr_range();
                assert!(others.as_ptr_range().contains(&method.start));
            }
        });
    }
}
