//! Answers GET with a line of text, and gives a POST its content back as it comes. `server 127.0.0.1:8080`; drains at ctrl-c.

use std::convert::Infallible;

use http::{Method, Request, Response};
use http_body_util::{Either, Full};
use http_keepalive_tokio::Stop;
use http_keepalive_tokio::http_keepalive::{Config, Limits, Policy, Timeouts};
use http_keepalive_tokio::server::{Body, Builder};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listener = TcpListener::bind(&address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("listening on http://{}/", listener.local_addr()?);
    let limits = Limits::DEFAULT.with_content(Some(1 << 30));
    let config = Config::new(limits, Timeouts::DEFAULT, Policy::DEFAULT)?;
    let signal = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    Builder::new(config).serve_until(listener, |_| tower::service_fn(answer), Stop::Close, signal).await;
    Ok(())
}

async fn answer(request: Request<Body>) -> Result<Response<Either<Body, Full<bytes::Bytes>>>, Infallible> {
    Ok(Response::new(match *request.method() {
        Method::POST => Either::Left(request.into_body()),
        _ => Either::Right(Full::from("Hello\n")),
    }))
}
