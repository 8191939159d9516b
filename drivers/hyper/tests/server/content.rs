//! Content: who waits for whom.

use http_keepalive::{CloseReason, DeadlineKind, Limits, Policy, Timeouts};

use crate::common::{GET, config, config_of, millis, secs, serve};

fn gap() -> Timeouts {
    Timeouts::DEFAULT.with_content_gap(Some(secs(2))).with_content_rate(None)
}

#[tokio::test(start_paused = true)]
async fn content_of_a_length_that_stops_is_answered_with_408() {
    let mut served = serve(config(gap()));
    served.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    tokio::time::sleep(secs(1)).await;
    served.send("d").await;
    let answer = served.receive_end(secs(3)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.ends_with("content-timeout, RFC 9110 15.5.9\n"), "{answer}");
    drop(served.peer);
    let ended = served.connection.await.expect("no panic").expect("hyper was let go");
    assert_eq!((ended.reason, ended.deadline), (Some(CloseReason::ContentTimeout), Some(DeadlineKind::ContentGap)));
}

#[tokio::test(start_paused = true)]
async fn chunked_content_that_stops_is_answered_with_408() {
    let mut served = serve(config(gap()));
    served.send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    let answer = served.receive_end(secs(2)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn octets_of_framing_alone_put_off_no_gap() {
    let mut served = serve(config(gap()));
    served.send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    tokio::time::sleep(millis(1500)).await;
    served.send("0").await;
    let answer = served.receive_end(secs(2)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn content_below_its_rate_is_answered_with_408() {
    let timeouts = Timeouts::DEFAULT.with_content_gap(Some(secs(2))).with_content_rate(Some(10));
    let mut served = serve(config(timeouts));
    served.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n").await;
    // 5 octets by then give half a second more
    for _ in 0..5 {
        tokio::time::sleep(millis(400)).await;
        served.send("a").await;
    }
    tokio::time::sleep(millis(400)).await;
    served.send("a").await;
    let answer = served.receive_end(millis(2600)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    drop(served.peer);
    let ended = served.connection.await.expect("no panic").expect("hyper was let go");
    assert_eq!(ended.deadline, Some(DeadlineKind::ContentRate));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_reads_late_is_not_the_peers_fault() {
    let mut served = serve(config(gap()));
    let content = "x".repeat(30_000);
    served.send(&format!("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n{content}")).await;
    let answer = served.receive_to("30000").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && !answer.contains("close"), "{answer}");
    served.took(secs(60));
    // and what stops after it read is
    served.send("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n").await;
    let answer = served.receive_end(secs(122)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn an_echo_of_what_is_still_to_come_keeps_the_connection() {
    let mut served = serve(config(gap()));
    let content = "x".repeat(200_000);
    served.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n").await;
    let head = served.receive_to("\r\n\r\n").await;
    assert!(!head.contains("close"), "{head}");
    let (mut reading, mut writing) = tokio::io::split(&mut served.peer);
    let mut echoed = vec![0; 200_000];
    let (sent, received) = tokio::join!(
        tokio::io::AsyncWriteExt::write_all(&mut writing, content.as_bytes()),
        tokio::io::AsyncReadExt::read_exact(&mut reading, &mut echoed)
    );
    sent.expect("sent");
    received.expect("received");
    served.send(GET).await;
    served.receive_to("hello").await;
}

#[tokio::test(start_paused = true)]
async fn content_that_nobody_reads_is_walked_over_and_the_connection_kept() {
    let mut served = serve(config(gap()));
    served.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n").await;
    let answer = served.receive_to("hello").await;
    assert!(!answer.contains("close"), "{answer}");
    tokio::time::sleep(secs(1)).await;
    served.send("01234567890123456789").await;
    served.send(GET).await;
    served.receive_to("hello").await;
    // and chunked content, too
    served.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    served.receive_to("hello").await;
    served.send("3\r\nabc\r\n0\r\n\r\n").await;
    served.send(GET).await;
    served.receive_to("hello").await;
}

#[tokio::test(start_paused = true)]
async fn content_that_nobody_reads_and_that_does_not_come_ends_the_connection_at_the_gap() {
    let mut served = serve(config(gap()));
    served.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n").await;
    served.receive_to("hello").await;
    assert_eq!(served.receive_end(secs(2)).await, "");
}

#[tokio::test(start_paused = true)]
async fn more_content_than_is_worth_it_is_answered_with_close() {
    let mut served = serve(config(gap()));
    served.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n").await;
    let answer = served.receive_to("hello").await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    served.receive_end(secs(0)).await;
    drop(served.peer);
    let ended = served.connection.await.expect("no panic").expect("no error");
    assert_eq!(ended.reason, Some(CloseReason::UnreadContent));
}

#[tokio::test(start_paused = true)]
async fn more_content_than_the_limit_is_answered_with_413() {
    let config = config_of(Limits::DEFAULT.with_content(Some(10)), gap(), Policy::DEFAULT);
    let mut served = serve(config);
    served
        .send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n")
        .await;
    let answer = served.receive_end(secs(0)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_100_is_told_and_its_time_begins_then() {
    let mut served = serve(config(gap()));
    served.send("POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").await;
    assert_eq!(served.receive_to("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    served.took(secs(60));
    let answer = served.receive_end(secs(62)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_100_and_is_not_asked_is_told_close() {
    let mut served = serve(config(gap()));
    served.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").await;
    let answer = served.receive_to("hello").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    served.receive_end(secs(0)).await;
}

#[tokio::test(start_paused = true)]
async fn content_taken_in_another_task_after_the_response_keeps_the_connection() {
    let mut served = serve(config(gap()));
    served.send("POST /aside HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc").await;
    let answer = served.receive_to("aside").await;
    assert!(!answer.contains("close"), "{answer}");
    tokio::time::sleep(secs(1)).await;
    served.send("def").await;
    served.send(GET).await;
    served.receive_to("hello").await;
}

#[tokio::test(start_paused = true)]
async fn content_that_stops_while_another_task_waits_for_it_is_late_in_its_time() {
    let mut served = serve(config(gap()));
    served.send("POST /task HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").await;
    let answer = served.receive_end(secs(12)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn content_that_another_task_takes_is_answered() {
    let mut served = serve(config(gap()));
    served.send("POST /task HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234").await;
    tokio::time::sleep(secs(11)).await;
    served.send("56789").await;
    let answer = served.receive_to("\r\n\r\n10").await;
    assert!(!answer.contains("close"), "{answer}");
    served.took(secs(11));
}

#[tokio::test(start_paused = true)]
async fn content_taken_late_in_another_task_after_a_slow_response_keeps_the_connection() {
    let served = serve(config(gap()));
    let content = "x".repeat(200_000);
    let head = "POST /aside-late HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (mut reading, mut writing) = tokio::io::split(served.peer);
    let sends = tokio::spawn(async move {
        let message = format!("{head}30d40\r\n{content}\r\n0\r\n\r\n{GET}");
        tokio::io::AsyncWriteExt::write_all(&mut writing, message.as_bytes()).await.expect("it is open");
        writing
    });
    let (mut text, mut octets) = (String::new(), [0; 1024]);
    while !text.ends_with("hello") {
        let read = tokio::io::AsyncReadExt::read(&mut reading, &mut octets).await.expect("an answer");
        assert!(read > 0, "the end after {text}");
        text.push_str(&String::from_utf8_lossy(&octets[..read]));
    }
    assert!(!text.contains("close"), "{text}");
    drop(sends.await.expect("no panic"));
}
