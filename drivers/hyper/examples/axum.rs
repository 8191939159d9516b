//! An axum router served by hyper, with the machine beside it: `cargo run --example axum`, and Ctrl-C ends it.

use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::{any, get};
use http_keepalive::{Config, DrainMode, Limits, Policy, Timeouts};
use http_keepalive_hyper::server::serve;
use http_keepalive_hyper::tokio::Stop;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let echo = async |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        })
    };
    let router: Router = Router::new().route("/", get(async || "Hello, world!\n")).route("/ws", any(echo));
    // for five seconds after Ctrl-C it goes on accepting, and every answer says `close`
    let policy = Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck);
    let config = Config::new(Limits::DEFAULT, Timeouts::DEFAULT, policy)?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    // what a user of axum does: the router goes in as a service of hyper's
    serve(listener, |_peer| TowerToHyperService::new(router.clone()), config)
        .with_stop(Stop::LameDuck(Duration::from_secs(5)))
        .until(stop)
        .await;
    Ok(())
}
