//! A router with a greeting, an echo and a WebSocket. `serve 127.0.0.1:3000 [LAME_DUCK_SECONDS]`; ends gracefully at ctrl-c.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::{any, get, post};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:3000".into());
    let lame_duck = arguments.next().map_or(Ok(0), |seconds| seconds.parse())?;
    let app = Router::new()
        .route("/", get(|| async { "Hello, World!\n" }))
        .route("/echo", post(|body: Body| async move { body }))
        .route("/socket", any(|upgrade: WebSocketUpgrade| async move { upgrade.on_upgrade(echo) }));
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("listening on http://{}/", listener.local_addr()?);
    http_keepalive_axum::serve(listener, app)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
        .with_lame_duck(Duration::from_secs(lame_duck))
        .await?;
    Ok(())
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}
