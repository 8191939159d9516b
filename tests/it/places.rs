//! Where content and heads lie in what was offered. That they lie where it is said, `lies_where_it_is_said` looks at in every test that
//! offers octets, the properties of splits among them; here is what it does not come to.

use http_keepalive::*;

const NOW: Instant = Instant::from_secs(1);

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
