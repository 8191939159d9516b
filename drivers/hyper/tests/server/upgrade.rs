//! Upgrades work as with hyper alone.

use std::convert::Infallible;

use http_keepalive::{Config, Persistence, Timeouts, TunnelReason};
use http_keepalive_hyper::server::{Content, Transport, serve_connection};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::common::{Body, config, full};

async fn switch(mut request: Request<Content>) -> Result<Response<Body>, Infallible> {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = upgrade.await.expect("an upgrade");
        let parts = upgraded.downcast::<TokioIo<Transport<DuplexStream>>>().expect("the transport");
        assert_eq!(&parts.read_buf[..], b"early");
        let mut io = parts.io.into_inner().into_inner();
        let mut octets = [0; 4];
        io.read_exact(&mut octets).await.expect("octets");
        io.write_all(&octets).await.expect("it is open");
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    Ok(response.header("connection", "upgrade").header("upgrade", "echo").body(full("")).expect("a response"))
}

#[tokio::test(start_paused = true)]
async fn a_switch_of_protocols_hands_the_transport_over() {
    let (mut peer, io) = tokio::io::duplex(1024);
    let config: Config<_> = config(Timeouts::DEFAULT);
    let connection = tokio::spawn(serve_connection(&Builder::new(), io, service_fn(switch), config));
    peer.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly")
        .await
        .expect("open");
    let mut octets = [0; 1024];
    let read = peer.read(&mut octets).await.expect("an answer");
    let answer = String::from_utf8_lossy(&octets[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("\r\nconnection: upgrade\r\n"), "{answer}");
    peer.write_all(b"ping").await.expect("open");
    peer.read_exact(&mut octets[..4]).await.expect("an echo");
    assert_eq!(&octets[..4], b"ping");
    let summary = connection.await.expect("no panic").expect("no error");
    assert_eq!((summary.reason, summary.persistence), (None, Persistence::Tunnel(TunnelReason::Upgrade)));
    assert_eq!(summary.sent, read as u64);
}
