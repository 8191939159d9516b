//! What the peer owes before and between requests.

use http_keepalive::{CloseReason, DeadlineKind, Limits, Policy, Timeouts};

use http_keepalive_hyper::server::serve_connection;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::common::{GET, answer, config, config_of, millis, secs, serve, within};

#[tokio::test(start_paused = true)]
async fn a_fresh_connection_without_an_octet_is_closed_at_first_octet() {
    let mut served = serve(config(Timeouts::DEFAULT.with_first_octet(Some(secs(3)))));
    assert_eq!(served.receive_end(secs(3)).await, "");
    let summary = served.summary(secs(3)).await;
    assert_eq!(summary.reason, Some(CloseReason::FirstOctetTimeout));
    assert_eq!((summary.deadline, summary.exchanges), (Some(DeadlineKind::FirstOctet), 0));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_at_idle_and_not_at_head() {
    let timeouts = Timeouts::DEFAULT.with_idle(Some(secs(10))).with_idle_advertised(None).with_head(Some(secs(4)));
    let mut served = serve(config(timeouts));
    served.send(GET).await;
    served.receive_to("hello").await;
    assert_eq!(served.receive_end(secs(10)).await, "");
    let summary = served.summary(secs(10)).await;
    assert_eq!((summary.reason, summary.deadline), (Some(CloseReason::IdleTimeout), Some(DeadlineKind::Idle)));
    assert_eq!((summary.exchanges, summary.received), (1, GET.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn a_connection_idle_after_content_is_closed_at_idle_too() {
    let timeouts = Timeouts::DEFAULT.with_idle(Some(secs(10))).with_idle_advertised(None).with_head(Some(secs(4)));
    let mut served = serve(config(timeouts));
    served.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
    served.receive_to("\r\n\r\n3").await;
    assert_eq!(served.receive_end(secs(10)).await, "");
    let summary = served.summary(secs(10)).await;
    assert_eq!((summary.reason, summary.deadline), (Some(CloseReason::IdleTimeout), Some(DeadlineKind::Idle)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_answered_with_408_and_its_reason() {
    let mut served = serve(config(Timeouts::DEFAULT.with_head(Some(secs(2))).with_head_rate(None)));
    served.send("GET / HTTP/1.1\r\nHost").await;
    let answer = served.receive_end(secs(2)).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n") && answer.contains("\r\nDate: "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n408 Request Timeout: head-timeout, RFC 9110 15.5.9\n"), "{answer}");
    drop(served.peer);
    let ended = served.connection.await.expect("no panic").expect("hyper was let go");
    assert_eq!((ended.reason, ended.deadline), (Some(CloseReason::HeadTimeout), Some(DeadlineKind::Head)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_of_a_second_request_counts_from_its_first_octet() {
    let timeouts = Timeouts::DEFAULT.with_head(Some(secs(2))).with_head_rate(None);
    let mut served = serve(config(timeouts));
    served.send(GET).await;
    served.receive_to("hello").await;
    tokio::time::sleep(secs(7)).await;
    served.send("GET / HT").await;
    let answer = served.receive_end(secs(9)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_keeps_its_rate_has_longer() {
    let timeouts = Timeouts::DEFAULT.with_head(Some(secs(2))).with_head_rate(Some(10)).with_head_cap(Some(secs(10)));
    let mut served = serve(config(timeouts));
    // 30 octets: 3 s more
    served.send("GET / HTTP/1.1\r\nHost: abcdefgh").await;
    let answer = served.receive_end(secs(5)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_at_its_age() {
    let mut served = serve(config(Timeouts::DEFAULT.with_age(Some(secs(20)))));
    served.send(GET).await;
    served.receive_to("hello").await;
    assert_eq!(served.receive_end(secs(20)).await, "");
    assert_eq!(served.summary(secs(20)).await.reason, Some(CloseReason::Age));
}

#[tokio::test(start_paused = true)]
async fn a_response_near_the_age_says_close() {
    let mut served = serve(config(Timeouts::DEFAULT.with_age(Some(secs(20)))));
    tokio::time::sleep(millis(19_500)).await;
    served.send(GET).await;
    let answer = served.receive_to("hello").await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(served.receive_end(millis(19_500)).await, "");
}

#[tokio::test(start_paused = true)]
async fn the_last_of_the_exchanges_says_close() {
    let limits = Limits::DEFAULT.with_max_exchanges(Some(3));
    let mut served = serve(config_of(limits, Timeouts::DEFAULT, Policy::DEFAULT));
    for number in 1..=3 {
        served.send(GET).await;
        let answer = served.receive_to("hello").await;
        assert_eq!(answer.contains("\r\nconnection: close\r\n"), number == 3, "{answer}");
    }
    assert_eq!(served.receive_end(secs(0)).await, "");
    drop(served.peer);
    let summary = served.connection.await.expect("no panic").expect("no error");
    assert_eq!((summary.reason, summary.exchanges), (Some(CloseReason::MaxExchanges), 3));
}

#[tokio::test(start_paused = true)]
async fn what_arrived_while_the_process_slept_is_served_and_nobody_blamed() {
    let mut served = serve(config(Timeouts::DEFAULT.with_head(Some(secs(2))).with_head_rate(None)));
    served.send("GET / HTTP/1.1\r\nHo").await;
    tokio::time::sleep(secs(1)).await;
    // the time passes without a turn of the runtime
    tokio::time::advance(secs(30)).await;
    served.send("st: a\r\n\r\n").await;
    let answer = served.receive_to("hello").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_moves_to_another_task_keeps_its_deadlines() {
    let timeouts =
        Timeouts::DEFAULT.with_idle(Some(secs(10))).with_idle_advertised(None).with_first_octet(Some(secs(5)));
    let (mut peer, io) = tokio::io::duplex(1024);
    let connection = serve_connection(&Builder::new(), io, service_fn(answer), config(timeouts));
    let (mut connection, began) = (Box::pin(connection), Instant::now());
    peer.write_all(GET.as_bytes()).await.expect("it is open");
    assert!(tokio::time::timeout(secs(1), &mut connection).await.is_err());
    let summary = tokio::spawn(connection).await.expect("no panic").expect("no error");
    within(began.elapsed(), secs(10));
    assert_eq!(summary.reason, Some(CloseReason::IdleTimeout));
}
