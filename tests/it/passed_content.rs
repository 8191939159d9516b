//! Content that passes beside the connection: taken by `splice`, framed for `writev`. It counts as any other, and only where it may pass.

use crate::common::Passes;
use std::time::Duration;

use crate::common::client::{Asker, DEFAULT};
use crate::common::{Driver, Seen, chunked, get, limits};
use http_keepalive::*;

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

#[test]
fn chunk_what_is_left_of_a_chunk_may_be_skipped() {
    let mut driver = Driver::strict();
    driver.feed(&chunked("5\r\nhe"));
    assert_eq!(driver.connection.contiguous_content(), 3);
    driver.connection.skip_content(driver.now, 3).expect("it is content");
    assert_eq!(driver.connection.contiguous_content(), 0);
    driver.feed("\r\n0\r\n\r\n");
    assert!(matches!(driver.seen.last(), Some(Seen::End(_))), "{:?}", driver.seen);
}

#[test]
fn nothing_is_skipped_past_octets_in_the_buffer() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r");
    let before = asker.connection.clone();
    let skipped = asker.connection.skip_content(asker.now, 1);
    assert_eq!(skipped, Err(ReceiveError::Misuse(Misuse::ContentNotExpected)));
    assert_eq!(asker.connection, before);
}

#[test]
fn what_was_given_up_can_not_be_skipped_and_nothing_moves() {
    let mut driver = Driver::strict();
    driver.feed(POST).wait(Duration::from_secs(100));
    while driver.connection.expire(driver.now).is_some() {}
    assert_eq!(driver.connection.contiguous_content(), 0);
    let before = driver.connection.clone();
    let ended = ReceiveError::Ended(CloseReason::ContentTimeout);
    assert_eq!(driver.connection.skip_content(driver.now, 5), Err(ended));
    assert_eq!(driver.connection, before);
}

#[test]
fn limit_12_what_is_skipped_counts_as_carried() {
    for (most, closes) in [(1000, true), (2000, false)] {
        let mut driver = Driver::new(&limits(Limits::DEFAULT.with_max_octets(Some(most))));
        driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n");
        driver.connection.skip_content(driver.now, 900).expect("it is content");
        driver.feed("").respond(StatusCode::OK, Content::Exact(100));
        let verdict = driver.connection.persistence();
        assert_eq!(verdict == Persistence::Close(CloseReason::MaxOctets), closes, "{verdict:?}");
    }
}

#[test]
fn framing_and_the_content_it_is_for_count_as_handed_out() {
    let mut driver = Driver::strict();
    driver.feed(&get("")).respond(StatusCode::OK, Content::Unknown);
    let framed = driver.connection.frame_content(driver.now, 5).expect("content is due");
    assert_eq!((framed.before(), framed.after()), (&b"5\r\n"[..], &b"\r\n"[..]));
    assert_eq!(driver.connection.octets_pending(), 10);
}

#[test]
fn nothing_is_framed_out_of_place() {
    let mut driver = Driver::strict();
    let not_sending = Err(SendError::Misuse(Misuse::NotSending));
    assert_eq!(driver.connection.frame_content(driver.now, 5), not_sending);
    driver.feed(&get(""));
    assert_eq!(driver.connection.frame_content(driver.now, 5), not_sending);
    driver.respond(StatusCode::OK, Content::Exact(5));
    driver.connection.abort(driver.now);
    let ended = Err(SendError::Ended(CloseReason::ContentAborted));
    assert_eq!(driver.connection.frame_content(driver.now, 5), ended);
}
