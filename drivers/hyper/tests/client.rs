//! hyper-util's cache with the machine beside its connections, in virtual time: what a server says is obeyed.
#![allow(missing_docs, reason = "tests")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use http_keepalive::{Client, CloseReason, Config, KeepAlive, Limits, Policy, Timeouts};
use http_keepalive_hyper::client::{Received, Reuse, ReuseError, ReuseLayer};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::client::pool::cache;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};

/// hyper's sender as a service of tower.
#[derive(Debug)]
struct Sender(SendRequest<Empty<Bytes>>);

impl Service<Request<Empty<Bytes>>> for Sender {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Empty<Bytes>>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// A server that answers every request with this, on each connection; how many connections there were is counted.
fn connector(
    answer: &'static str,
    opened: Arc<AtomicU32>,
) -> impl Service<(), Response = Sender, Error = hyper::Error, Future = Opening> + Clone {
    tower::service_fn(move |()| {
        opened.fetch_add(1, Ordering::Relaxed);
        let future: Opening = Box::pin(async move {
            let (io, mut server) = tokio::io::duplex(4096);
            tokio::spawn(async move {
                let mut octets = [0; 4096];
                while let Ok(1..) = server.read(&mut octets).await {
                    server.write_all(answer.as_bytes()).await.expect("it is open");
                }
            });
            let (sender, connection) = handshake(TokioIo::new(io)).await?;
            tokio::spawn(connection);
            Ok(Sender(sender))
        });
        future
    })
}

type Opening = Pin<Box<dyn Future<Output = Result<Sender, hyper::Error>> + Send>>;

fn config(timeouts: Timeouts) -> Config<Client> {
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds")
}

async fn open(answer: &'static str, timeouts: Timeouts) -> Reuse<Sender> {
    let connector = ReuseLayer::new(config(timeouts)).layer(connector(answer, Arc::default()));
    connector.oneshot(()).await.expect("it opens")
}

fn request() -> Request<Empty<Bytes>> {
    Request::builder().uri("/").header("host", "a").body(Empty::new()).expect("a request")
}

type Answer = Response<Received<Incoming>>;

async fn send(connection: &mut Reuse<Sender>) -> Result<Answer, ReuseError<hyper::Error>> {
    connection.ready().await?.call(request()).await
}

async fn exchange(connection: &mut Reuse<Sender>) {
    let answer = send(connection).await.expect("an answer");
    answer.into_body().collect().await.expect("its content");
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HINT: &str = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=10\r\nContent-Length: 2\r\n\r\nok";
const MAX: &str = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: max=1\r\nContent-Length: 2\r\n\r\nok";
const CLOSE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn the_hint_is_obeyed_less_the_margin() {
    let mut connection = open(HINT, Timeouts::CLIENT.with_hint_margin(Some(secs(2)))).await;
    sleep(secs(3)).await;
    exchange(&mut connection).await;
    assert_eq!(connection.hint(), KeepAlive { timeout: Some(10), max: None });
    assert_eq!(connection.until(), Some(Instant::now() + secs(8)));
    sleep(Duration::from_millis(7_990)).await;
    assert!(connection.is_reusable());
    exchange(&mut connection).await;
    sleep(Duration::from_millis(8_001)).await;
    assert!(!connection.is_reusable());
    let refused = send(&mut connection).await.expect_err("it is over");
    assert!(matches!(refused, ReuseError::Over(CloseReason::IdleTimeout)), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn without_a_hint_the_own_idle_time_counts() {
    let mut connection = open(PLAIN, Timeouts::CLIENT.with_idle(Some(secs(30))).with_idle_advertised(None)).await;
    exchange(&mut connection).await;
    assert_eq!(connection.until(), Some(Instant::now() + secs(30)));
    sleep(secs(31)).await;
    assert_eq!(connection.over(), Some(CloseReason::IdleTimeout));
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_counts_from_the_end_of_the_content() {
    let mut connection = open(CHUNKED, Timeouts::CLIENT.with_idle(Some(secs(30))).with_idle_advertised(None)).await;
    let answer = send(&mut connection).await.expect("an answer");
    sleep(secs(40)).await;
    assert!(connection.is_reusable() && connection.until().is_none());
    answer.into_body().collect().await.expect("its content");
    assert_eq!(connection.until(), Some(Instant::now() + secs(30)));
}

#[tokio::test(start_paused = true)]
async fn the_age_ends_its_use() {
    let mut connection = open(PLAIN, Timeouts::CLIENT.with_age(Some(secs(100)))).await;
    for _ in 0..4 {
        exchange(&mut connection).await;
        sleep(secs(24)).await;
    }
    exchange(&mut connection).await;
    assert!(connection.is_reusable());
    sleep(secs(5)).await;
    assert_eq!(connection.over(), Some(CloseReason::Age));
}

#[tokio::test(start_paused = true)]
async fn max_counts_the_requests() {
    let mut connection = open(MAX, Timeouts::CLIENT).await;
    exchange(&mut connection).await;
    assert!(connection.is_reusable());
    let answer = send(&mut connection).await.expect("the one that is still accepted");
    answer.into_body().collect().await.expect("its content");
    let mut last = open(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: max=0\r\nContent-Length: 0\r\n\r\n",
        Timeouts::CLIENT,
    )
    .await;
    exchange(&mut last).await;
    assert_eq!(last.over(), Some(CloseReason::MaxHint));
}

#[tokio::test(start_paused = true)]
async fn a_response_with_close_is_the_last() {
    let mut connection = open(CLOSE, Timeouts::CLIENT).await;
    exchange(&mut connection).await;
    assert_eq!(connection.over(), Some(CloseReason::CloseReceived));
}

#[tokio::test(start_paused = true)]
async fn a_response_without_content_is_over_with_its_head() {
    let mut connection = open(NOT_FOUND, Timeouts::CLIENT.with_idle(Some(secs(30))).with_idle_advertised(None)).await;
    let answer = send(&mut connection).await.expect("an answer");
    assert_eq!(connection.until(), Some(Instant::now() + secs(30)));
    drop(answer);
    exchange(&mut connection).await;
}

#[tokio::test(start_paused = true)]
async fn content_that_nobody_reads_costs_the_connection() {
    let mut connection = open(PLAIN, Timeouts::CLIENT).await;
    drop(send(&mut connection).await.expect("an answer"));
    assert_eq!(connection.over(), Some(CloseReason::Aborted));
    // a request that is given up does, too
    let mut connection = open("", Timeouts::CLIENT).await;
    let given_up = tokio::time::timeout(secs(1), send(&mut connection)).await;
    assert!(given_up.is_err() && !connection.is_reusable());
}

#[tokio::test(start_paused = true)]
async fn a_request_with_close_is_the_last() {
    let mut connection = open(PLAIN, Timeouts::CLIENT).await;
    let mut request = request();
    request.headers_mut().insert("connection", "close".parse().expect("a value"));
    let answer = connection.ready().await.expect("it is fresh").call(request).await.expect("an answer");
    answer.into_body().collect().await.expect("its content");
    assert_eq!(connection.over(), Some(CloseReason::CloseSent));
}

#[tokio::test(start_paused = true)]
async fn a_cache_opens_another_connection_where_the_hint_is_over() {
    let opened = Arc::new(AtomicU32::new(0));
    let layer = ReuseLayer::new(config(Timeouts::CLIENT));
    let mut pool = cache::builder().build(layer.layer(connector(HINT, Arc::clone(&opened))));
    for (pause, expected) in [(0, 1), (7, 1), (9, 2), (7, 2)] {
        sleep(secs(pause)).await;
        pool.retain(|connection: &mut Reuse<Sender>| connection.is_reusable());
        let mut connection = pool.ready().await.expect("a place").call(()).await.expect("a connection");
        let answer = connection.ready().await.expect("it is ready").call(request()).await.expect("an answer");
        answer.into_body().collect().await.expect("its content");
        assert_eq!(opened.load(Ordering::Relaxed), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_was_not_asked_to_retain_drops_what_fails() {
    let opened = Arc::new(AtomicU32::new(0));
    let layer = ReuseLayer::new(config(Timeouts::CLIENT));
    let mut pool = cache::builder().build(layer.layer(connector(HINT, Arc::clone(&opened))));
    let mut connection = pool.ready().await.expect("a place").call(()).await.expect("a connection");
    let answer = connection.ready().await.expect("it is ready").call(request()).await.expect("an answer");
    answer.into_body().collect().await.expect("its content");
    drop(connection);
    sleep(secs(9)).await;
    let mut connection = pool.ready().await.expect("a place").call(()).await.expect("the same");
    assert!(connection.ready().await.is_err());
    drop(connection);
    assert!(pool.is_empty());
    assert_eq!(opened.load(Ordering::Relaxed), 1);
}
