//! The end of the process.

use http_keepalive::{CloseReason, DeadlineKind, DrainMode, Limits, Policy, Timeouts};

use crate::common::{GET, config, config_of, secs, serve};

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_when_its_shield_is_over() {
    let mut served = serve(config(Timeouts::DEFAULT.with_idle_shield(Some(secs(1)))));
    served.send(GET).await;
    served.receive_to("hello").await;
    served.drain.begin();
    assert_eq!(served.receive_end(secs(1)).await, "");
    drop(served.peer);
    assert_eq!(served.connection.await.expect("no panic").expect("no error").reason, Some(CloseReason::Drain));
    assert_eq!(served.drain.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn in_the_window_a_request_that_was_on_its_way_is_answered_with_close() {
    let mut served = serve(config(Timeouts::DEFAULT.with_drain_window(Some(secs(5)))));
    served.send(GET).await;
    served.receive_to("hello").await;
    served.drain.begin();
    tokio::time::sleep(secs(4)).await;
    served.send(GET).await;
    let answer = served.receive_to("hello").await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(served.receive_end(secs(4)).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_window_in_which_nothing_comes_ends_the_connection() {
    let mut served = serve(config(Timeouts::DEFAULT.with_drain_window(Some(secs(5)))));
    served.send(GET).await;
    served.receive_to("hello").await;
    served.drain.begin();
    assert_eq!(served.receive_end(secs(5)).await, "");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_under_way_is_ended_with_close() {
    let mut served = serve(config(Timeouts::DEFAULT.with_drain(Some(secs(100)))));
    served.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(secs(1)).await;
    served.drain.begin();
    let answer = served.receive_to("slow").await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(served.receive_end(secs(60)).await, "");
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_takes_too_long_is_cut_at_the_hard_end() {
    let mut served = serve(config(Timeouts::DEFAULT.with_drain(Some(secs(10)))));
    served.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(secs(1)).await;
    served.drain.begin();
    assert_eq!(served.receive_end(secs(11)).await, "");
    let summary = served.summary(secs(11)).await;
    assert_eq!((summary.reason, summary.deadline), (Some(CloseReason::DrainTimeout), Some(DeadlineKind::Drain)));
}

#[tokio::test(start_paused = true)]
async fn a_lame_duck_stays_until_its_own_timeouts_and_serves_with_close() {
    let policy = Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck);
    let timeouts = Timeouts::DEFAULT.with_idle(Some(secs(8))).with_idle_advertised(None);
    let mut served = serve(config_of(Limits::DEFAULT, timeouts, policy));
    served.send(GET).await;
    served.receive_to("hello").await;
    served.drain.begin();
    tokio::time::sleep(secs(7)).await;
    served.send(GET).await;
    let answer = served.receive_to("hello").await;
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(served.receive_end(secs(7)).await, "");
}
