//! What it costs: a server of hyper's that ends after so many requests, with the machine beside it or without, to be run under callgrind.
//!
//! ```text
//! cargo build --release --example cost
//! valgrind --tool=callgrind target/release/examples/cost beside 4000 &    # or `plain`, or `timed`
//! h2load --h1 -c 1 -n 4000 http://127.0.0.1:8123/
//! ```
//!
//! Twice with different numbers: the difference of the instructions over that of the requests is what one costs. `timed` is hyper with its
//! own timeout. Examples are built with the paused time of tokio's tests, which makes each look at the clock dearer: the figures of the README
//! are those of the same program in a package of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use http_keepalive::Config;
use http_keepalive_hyper::server::serve_connection;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

static LEFT: AtomicUsize = AtomicUsize::new(0);

async fn hello<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    LEFT.fetch_sub(1, Ordering::Relaxed);
    Ok(Response::new(Full::new(Bytes::from_static(b"Hello, world!"))))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next();
    let beside = mode.as_deref() == Some("beside");
    LEFT.store(arguments.next().ok_or("cost plain|timed|beside REQUESTS")?.parse()?, Ordering::Relaxed);
    let listener = TcpListener::bind("127.0.0.1:8123").await?;
    let config = Arc::new(Config::DEFAULT.clone());
    let mut builder = Builder::new();
    if mode.as_deref() == Some("timed") {
        builder.timer(TokioTimer::new());
    } else {
        builder.header_read_timeout(None);
    }
    while LEFT.load(Ordering::Relaxed) > 0 {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        if beside {
            let connection = serve_connection(&builder, stream, service_fn(hello), Arc::clone(&config));
            eprintln!("{}", tokio::spawn(connection).await??);
        } else {
            let connection = builder.serve_connection(TokioIo::new(stream), service_fn(hello)).with_upgrades();
            tokio::spawn(connection).await??;
        }
    }
    Ok(())
}
