//! The close in its stages, and what ends a connection otherwise.

use http_keepalive::{CloseReason, DeadlineKind, HalfClose, Limits, Policy, Timeouts};
use tokio::io::AsyncWriteExt;

use crate::common::{GET, config, config_of, secs, serve};

#[tokio::test(start_paused = true)]
async fn after_the_half_close_octets_are_dropped_until_the_gap() {
    let timeouts = Timeouts::DEFAULT.with_linger_gap(Some(secs(5))).with_linger(Some(secs(30)));
    let mut served = serve(config(timeouts));
    served.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let answer = served.receive_end(secs(0)).await;
    assert!(answer.ends_with("hello") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    tokio::time::sleep(secs(4)).await;
    served.send("something else").await;
    let summary = served.summary(secs(9)).await;
    assert_eq!((summary.reason, summary.deadline), (Some(CloseReason::CloseReceived), Some(DeadlineKind::LingerGap)));
}

#[tokio::test(start_paused = true)]
async fn after_the_half_close_the_total_counts_too() {
    let timeouts = Timeouts::DEFAULT.with_linger_gap(Some(secs(5))).with_linger(Some(secs(12)));
    let mut served = serve(config(timeouts));
    served.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    served.receive_end(secs(0)).await;
    for _ in 0..3 {
        tokio::time::sleep(secs(3)).await;
        served.send("something else").await;
    }
    assert_eq!(served.summary(secs(12)).await.deadline, Some(DeadlineKind::Linger));
}

#[tokio::test(start_paused = true)]
async fn the_application_closes_with_its_own_field() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send("GET /close HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = served.receive_end(secs(0)).await;
    assert_eq!(answer.matches("close\r\n").count(), 1, "{answer}");
    drop(served.peer);
    assert_eq!(served.connection.await.expect("no panic").expect("no error").reason, Some(CloseReason::CloseSent));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_idle_peer_closes_at_once() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send(GET).await;
    served.receive_to("hello").await;
    served.peer.shutdown().await.expect("it is open");
    let summary = served.summary(secs(0)).await;
    assert_eq!((summary.reason, summary.exchanges), (Some(CloseReason::PeerClosed), 1));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ends_within_its_head_is_told_as_hypers_error_with_the_summary() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send("GET / HT").await;
    served.peer.shutdown().await.expect("it is open");
    let error = served.connection.await.expect("no panic").expect_err("hyper says so");
    assert!(error.hyper.is_incomplete_message(), "{error}");
    assert_eq!(error.summary.reason, Some(CloseReason::Incomplete));
}

#[tokio::test(start_paused = true)]
async fn who_closes_one_side_is_answered_by_default() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    served.peer.shutdown().await.expect("it is open");
    let answer = served.receive_end(secs(60)).await;
    assert!(answer.ends_with("slow"), "{answer}");
    assert_eq!(served.summary(secs(60)).await.reason, Some(CloseReason::PeerClosed));
}

#[tokio::test(start_paused = true)]
async fn who_closes_one_side_is_not_answered_where_policy_says_so() {
    let policy = Policy::DEFAULT.with_half_close(HalfClose::Abort);
    let mut served = serve(config_of(Limits::DEFAULT, Timeouts::DEFAULT, policy));
    served.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    served.peer.shutdown().await.expect("it is open");
    assert_eq!(served.receive_end(secs(0)).await, "");
    assert_eq!(served.summary(secs(0)).await.reason, Some(CloseReason::PeerClosed));
}

#[tokio::test(start_paused = true)]
async fn what_hyper_refuses_it_answers_and_the_close_is_staged_all_the_same() {
    let mut served = serve(config(Timeouts::DEFAULT.with_linger_gap(Some(secs(5)))));
    served.send("G ET / HTTP/1.1\r\n\r\n").await;
    let answer = served.receive_end(secs(0)).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.matches("HTTP/1.1").count() == 1, "{answer}");
    let summary = served.summary(secs(5)).await;
    assert_eq!((summary.reason, summary.deadline), (Some(CloseReason::ProtocolError), Some(DeadlineKind::LingerGap)));
}

#[tokio::test(start_paused = true)]
async fn what_hyper_lets_in_and_the_machine_does_not_is_refused() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send("GET / HTTP/1.1\r\n\r\n").await;
    let answer = served.receive_end(secs(0)).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("host-missing, RFC 9112 3.2\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_response_whose_content_breaks_off_is_cut() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = served.receive_end(secs(0)).await;
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    let error = served.connection.await.expect("no panic").expect_err("hyper says so");
    assert_eq!(error.summary.reason, Some(CloseReason::ApplicationGone));
}
