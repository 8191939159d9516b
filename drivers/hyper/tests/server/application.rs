//! An application that is late, or fails.

use http_keepalive::{CloseReason, DeadlineKind, Limits, Policy, Timeouts, Use};
use http_keepalive_hyper::server::{Content, serve_connection};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{Body, GET, config, config_of, secs, serve};

const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn an_application_that_is_late_is_closed_or_answered_for_by_policy() {
    let timeouts = Timeouts::DEFAULT.with_application(Some(secs(5)));
    let mut served = serve(config(timeouts));
    served.send(SLOW).await;
    assert_eq!(served.receive_end(secs(5)).await, "");
    let policy = Policy::DEFAULT.with_application_timeout_response(Use::On);
    let mut served = serve(config_of(Limits::DEFAULT, timeouts, policy));
    served.send(SLOW).await;
    let answer = served.receive_end(secs(5)).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop(served.peer);
    let ended = served.connection.await.expect("no panic").expect("hyper was let go");
    assert_eq!(ended.reason, Some(CloseReason::ApplicationTimeout));
    assert_eq!(ended.deadline, Some(DeadlineKind::Application));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_takes_too_long_is_closed() {
    let mut served = serve(config(Timeouts::DEFAULT.with_exchange(Some(secs(9)))));
    served.send(SLOW).await;
    assert_eq!(served.receive_end(secs(9)).await, "");
    assert_eq!(served.summary(secs(9)).await.reason, Some(CloseReason::ExchangeTimeout));
}

async fn fails(_: Request<Content>) -> Result<Response<Body>, &'static str> {
    Err("failed")
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_is_answered_for_with_500_and_told_as_hypers_error() {
    let (mut peer, io) = tokio::io::duplex(1024);
    let connection = serve_connection(&Builder::new(), io, service_fn(fails), config(Timeouts::DEFAULT));
    let connection = tokio::spawn(connection);
    peer.write_all(GET.as_bytes()).await.expect("it is open");
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("application-gone"), "{answer}");
    drop(peer);
    let error = connection.await.expect("no panic").expect_err("hyper says so");
    assert!(error.hyper.is_user(), "{error}");
    assert_eq!(error.summary.reason, Some(CloseReason::ApplicationGone));
}
