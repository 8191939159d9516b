//! A server of hyper's, with the machine beside it: `cargo run --example hyper`, and Ctrl-C ends it.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use http_keepalive::{Config, Limits, Policy, Timeouts};
use http_keepalive_hyper::server::{Content, serve};
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::net::TcpListener;

async fn hello(_: Request<Content>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"Hello, world!\n"))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let timeouts = Timeouts::DEFAULT.with_drain_window(Some(Duration::from_secs(1)));
    let config = Config::new(Limits::DEFAULT.with_max_exchanges(Some(1000)), timeouts, Policy::DEFAULT)?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}", listener.local_addr()?);
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    serve(listener, |_peer| service_fn(hello), config)
        .with_log(|ended| match ended {
            Ok(summary) => println!("{summary}"),
            Err(error) => println!("{error}"),
        })
        .until(stop)
        .await;
    Ok(())
}
