//! An axum router over sockets: its extractors, its WebSockets, the loop that accepts, and its end.
#![allow(missing_docs, reason = "tests")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::{any, get, post};
use http_keepalive::{CloseReason, Config, DrainMode, Limits, Policy, Server, Timeouts};
use http_keepalive_hyper::server::{Summary, serve, serve_connection};
use http_keepalive_hyper::tokio::{Drain, Stop};
use hyper::server::conn::http1::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

fn router() -> Router {
    let echo = async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                socket.send(message).await.expect("it is open");
            }
        })
    };
    Router::new()
        .route("/", get(async || "hello"))
        .route("/upper", post(async |text: String| text.to_uppercase()))
        .route("/ws", any(echo))
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    ended: Arc<Mutex<Vec<Summary>>>,
}

async fn run(config: Config<Server>, stop: Stop) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (sender, signal) = oneshot::channel::<()>();
    let ended = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&ended);
    let serve =
        serve(listener, |_| TowerToHyperService::new(router()), config).with_stop(stop).with_log(move |connection| {
            log.lock().expect("no panic").push(connection.unwrap_or_else(|error| error.summary))
        });
    let server = tokio::spawn(serve.until(async { drop(signal.await) }));
    Running { address, stop: sender, server, ended }
}

async fn receive_to(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut octets = Vec::new();
    while !octets.ends_with(end) {
        octets.push(timeout(Duration::from_secs(10), stream.read_u8()).await.expect("octets").expect("octets"));
    }
    String::from_utf8_lossy(&octets).into_owned()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn extractors_and_websockets_work() {
    let running = run(Config::DEFAULT.clone(), Stop::Close).await;
    let mut stream = TcpStream::connect(running.address).await.expect("a connection");
    stream.write_all(b"POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await.expect("open");
    receive_to(&mut stream, b"ABC").await;
    let upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.expect("open");
    let head = receive_to(&mut stream, b"\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // a text of four octets, masked with zeros
    stream.write_all(b"\x81\x84\0\0\0\0ping").await.expect("open");
    receive_to(&mut stream, b"\x81\x04ping").await;
    drop(stream);
    running.stop.send(()).expect("it runs");
    timeout(Duration::from_secs(5), running.server).await.expect("an end").expect("no panic");
}

#[tokio::test]
async fn a_server_that_ends_closes_what_is_idle_and_waits_for_it() {
    let timeouts = Timeouts::DEFAULT.with_idle_shield(None);
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let running = run(config, Stop::Close).await;
    let mut stream = TcpStream::connect(running.address).await.expect("a connection");
    stream.write_all(GET).await.expect("open");
    receive_to(&mut stream, b"hello").await;
    running.stop.send(()).expect("it runs");
    assert_eq!(stream.read(&mut [0]).await.expect("an end"), 0);
    drop(stream);
    timeout(Duration::from_secs(5), running.server).await.expect("an end").expect("no panic");
    assert_eq!(running.ended.lock().expect("no panic")[0].reason, Some(CloseReason::Drain));
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_lame_duck_accepts_and_answers_with_close() {
    let policy = Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck);
    let config = Config::new(Limits::DEFAULT, Timeouts::DEFAULT, policy).expect("within bounds");
    let running = run(config, Stop::LameDuck(Duration::from_millis(300))).await;
    running.stop.send(()).expect("it runs");
    sleep(Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(running.address).await.expect("a connection");
    stream.write_all(GET).await.expect("open");
    let answer = receive_to(&mut stream, b"hello").await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert_eq!(stream.read(&mut [0]).await.expect("an end"), 0);
    drop(stream);
    timeout(Duration::from_secs(5), running.server).await.expect("an end").expect("no panic");
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn over_a_socket_a_deadline_is_kept_within_20_ms() {
    let timeouts = Timeouts::DEFAULT.with_head(Some(Duration::from_millis(200))).with_head_rate(None);
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let running = run(config, Stop::Close).await;
    let mut stream = TcpStream::connect(running.address).await.expect("a connection");
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHo").await.expect("open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer and an end");
    let took = began.elapsed();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(took >= Duration::from_millis(200) && took < Duration::from_millis(220), "{took:?}");
}

/// The process stands still while what is late arrives, and then the connection runs before the runtime has asked the system for it: a drain
/// has woken it.
#[tokio::test]
async fn what_came_while_the_process_stood_still_is_served_and_nobody_blamed() {
    let timeouts = Timeouts::DEFAULT.with_head(Some(Duration::from_millis(100))).with_head_rate(None);
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut stream = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
    let (io, _) = listener.accept().await.expect("a connection");
    let drain = Drain::new();
    let service = TowerToHyperService::new(router());
    tokio::spawn(serve_connection(&Builder::new(), io, service, config).with_drain(&drain));
    stream.write_all(b"GET / HTTP/1.1\r\nHo").await.expect("open");
    sleep(Duration::from_millis(50)).await;
    let mut beside = stream.into_std().expect("a socket");
    drain.begin();
    std::thread::sleep(Duration::from_millis(300));
    std::io::Write::write_all(&mut beside, b"st: a\r\n\r\n").expect("open");
    let mut stream = TcpStream::from_std(beside).expect("a socket");
    let answer = receive_to(&mut stream, b"hello").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
