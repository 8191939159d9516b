//! A router with a greeting, an echo and a WebSocket. `serve 127.0.0.1:3000 [LAME_DUCK_SECONDS [HEAD_SECONDS]]`; ends gracefully at ctrl-c or SIGTERM.
//!
//! A listener that was inherited, as systemd and others hand it over (`LISTEN_FDS`), is taken instead of the address: the next process
//! accepts on it before this one is told to end, and no request fails between them.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::{any, get, post};
use http_keepalive_axum::{preset, serve};
use listenfd::ListenFd;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:3000".into());
    let mut seconds =
        |default| arguments.next().map_or(Ok(default), |seconds| seconds.parse()).map(Duration::from_secs);
    let (lame_duck, head) = (seconds(0)?, seconds(30)?);
    let config = preset();
    let timeouts = config.timeouts().with_head(Some(head)).with_content_gap(Some(head));
    let app = Router::new()
        .route("/", get(|| async { "Hello, World!\n" }))
        .route("/echo", post(|body: Body| async move { body }))
        .route("/socket", any(|upgrade: WebSocketUpgrade| async move { upgrade.on_upgrade(echo) }));
    let listener = match ListenFd::from_env().take_tcp_listener(0)? {
        Some(listener) => {
            listener.set_nonblocking(true)?;
            tokio::net::TcpListener::from_std(listener)?
        }
        None => tokio::net::TcpListener::bind(&address)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))?,
    };
    println!("listening on http://{}/", listener.local_addr()?);
    serve(listener, app)
        .with_config(config.with_timeouts(timeouts)?)
        .with_graceful_shutdown(end())
        .with_lame_duck(lame_duck)
        .await?;
    Ok(())
}

/// Until the process is to end.
async fn end() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}
