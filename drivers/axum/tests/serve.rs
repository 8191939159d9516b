//! What axum's users see, over sockets: what is alike in `axum::serve`, and what is new.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use http_keepalive_axum::{Builder, ConnectionInfo, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn router() -> Router {
    Router::new().route("/", get(|| async { "Hello" }))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The next response, with content of known length.
async fn response<T: tokio::io::AsyncRead + Unpin>(stream: &mut T) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, content)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if content.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut octets = [0; 4096];
        let read = stream.read(&mut octets).await.unwrap();
        assert!(read > 0, "ended within {text:?}");
        text.push_str(std::str::from_utf8(&octets[..read]).unwrap());
    }
}

async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(GET).await.unwrap();
    response(stream).await
}

#[tokio::test]
async fn a_router_answers_and_its_connection_is_kept() {
    let (listener, address) = listener().await;
    tokio::spawn(serve(listener, router()).into_future());
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        let response = ask(&mut stream).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\nHello"), "{response}");
        assert!(response.contains("\r\nDate: ") && !response.contains("close"), "{response}");
    }
}

#[tokio::test]
async fn all_that_axum_serves_is_served() {
    async fn who(ConnectInfo(from): ConnectInfo<SocketAddr>) -> String {
        from.to_string()
    }
    async fn hello() -> &'static str {
        "Hello"
    }
    let with_info = || Router::new().route("/", get(who)).into_make_service_with_connect_info::<SocketAddr>();
    let (one, first) = listener().await;
    tokio::spawn(serve(one, with_info()).into_future());
    let (two, second) = listener().await;
    tokio::spawn(serve(two.tap_io(|io| io.set_nodelay(true).unwrap()), with_info()).into_future());
    for address in [first, second] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let own = stream.local_addr().unwrap().to_string();
        assert!(ask(&mut stream).await.ends_with(&own));
    }

    use axum::handler::HandlerWithoutStateExt;
    let (listener_one, one) = listener().await;
    tokio::spawn(serve(listener_one, hello.into_make_service()).into_future());
    let (listener_two, two) = listener().await;
    tokio::spawn(serve(listener_two, get(hello)).into_future());
    let (listener_three, three) = listener().await;
    tokio::spawn(serve(listener_three, router().into_make_service()).into_future());
    let (listener_four, four) = listener().await;
    tokio::spawn(serve(listener_four, tower::make::Shared::new(router())).into_future());
    for address in [one, two, three, four] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut stream).await.ends_with("\r\n\r\nHello"));
    }
}

#[tokio::test]
async fn a_unix_socket_is_served() {
    let path = std::env::temp_dir().join(format!("http-keepalive-axum-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(serve(listener, router()).into_future());
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(GET).await.unwrap();
    assert!(response(&mut stream).await.ends_with("\r\n\r\nHello"));
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn a_websocket_opens_and_octets_that_came_early_are_not_lost() {
    let echo = |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(|mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        })
    };
    let (listener, address) = listener().await;
    tokio::spawn(serve(listener, Router::new().route("/", any(echo))).into_future());

    let (mut socket, response) = tokio_tungstenite::connect_async(format!("ws://{address}/")).await.unwrap();
    assert_eq!(response.status(), 101);
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    socket.close(None).await.unwrap();

    // a text frame "hi", masked by zeros, right after the head
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(&[head, &b"\x81\x82\0\0\0\0hi"[..]].concat()).await.unwrap();
    let mut all = Vec::new();
    while !all.ends_with(b"\x81\x02hi") {
        assert!(stream.read_buf(&mut all).await.unwrap() > 0, "{:?}", String::from_utf8_lossy(&all));
    }
}

#[tokio::test]
async fn a_graceful_shutdown_answers_what_is_under_way_and_returns() {
    let (release, wait) = oneshot::channel::<()>();
    let wait = std::sync::Arc::new(tokio::sync::Mutex::new(Some(wait)));
    let slow = move || {
        let wait = std::sync::Arc::clone(&wait);
        async move {
            let wait = wait.lock().await.take();
            wait.unwrap().await.unwrap();
            "slow"
        }
    };
    let (listener, address) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(listener, router().route("/slow", get(slow)))
        .with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
    let server = tokio::spawn(server.into_future());
    let mut idle = TcpStream::connect(address).await.unwrap();
    ask(&mut idle).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // it is asked, once a request that was sent after it is answered
    ask(&mut idle).await;
    stop.send(()).unwrap();
    let mut end = Vec::new();
    idle.read_to_end(&mut end).await.unwrap();
    assert!(end.is_empty());
    drop(idle);
    release.send(()).unwrap();
    let response = response(&mut busy).await;
    assert!(response.contains("\r\nConnection: close\r\n") && response.ends_with("slow"), "{response}");
    drop(busy);
    server.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_lame_duck_accepts_and_says_close() {
    let (listener, address) = listener().await;
    let server = serve(listener, router()).with_graceful_shutdown(async {}).with_lame_duck(Duration::from_millis(500));
    let server = tokio::spawn(server.into_future());
    let mut answered = 0;
    while let Ok(mut stream) = TcpStream::connect(address).await {
        let response = ask(&mut stream).await;
        assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
        answered += 1;
        if answered == 3 {
            break;
        }
    }
    assert_eq!(answered, 3);
    // one that sends nothing holds nobody up
    let _silent = TcpStream::connect(address).await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_tells_of_its_connection_where_that_is_asked_for() {
    let number = |request: axum::extract::Request| async move {
        request.extensions().get::<ConnectionInfo>().map_or("none".into(), |info| info.exchange.to_string())
    };
    let (listener, address) = listener().await;
    let builder = Builder::new(http_keepalive_axum::preset()).with_extensions(true);
    tokio::spawn(serve(listener, Router::new().route("/", get(number))).with_builder(builder).into_future());
    let mut stream = TcpStream::connect(address).await.unwrap();
    for exchange in ["1", "2"] {
        assert!(ask(&mut stream).await.ends_with(&format!("\r\n\r\n{exchange}")));
    }
}
