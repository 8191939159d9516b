//! Connections that become another protocol's.

use http::{Request, Response};
use http_keepalive_tokio::BoxError;
use http_keepalive_tokio::http_keepalive::Config;
use http_keepalive_tokio::server::{Body, OnUpgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::service_fn;

use super::support::*;

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";

/// Says what it gets, in capitals.
fn capitals(mut request: Request<Body>) {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
    let other = upgrade.clone();
    tokio::spawn(async move {
        let (mut io, received) = upgrade.await.unwrap().into_parts();
        assert!(other.await.is_err());
        let mut octets = received.to_vec();
        io.read_to_end(&mut octets).await.unwrap();
        io.write_all(&octets.to_ascii_uppercase()).await.unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn what_came_early_is_the_other_protocols() {
    for early in ["", "early "] {
        let service = service_fn(async |request: Request<Body>| {
            capitals(request);
            tokio::time::sleep(secs(1)).await;
            Ok::<_, BoxError>(Response::builder().status(101).header("upgrade", "x").body(full(""))?)
        });
        let (mut client, served) = serve(&builder(Config::DEFAULT), service);
        client.send(format!("{UPGRADE}{early}")).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client.send("late").await;
        client.io.shutdown().await.unwrap();
        assert_eq!(client.rest().await, format!("{}LATE", early.to_uppercase()));
        let summary = served.await.unwrap();
        assert_eq!(summary.persistence.as_str(), "upgrade");
    }
}

#[tokio::test(start_paused = true)]
async fn connect_is_refused_unless_tunnels_are_asked_for() {
    let service = service_fn(async |request: Request<Body>| {
        assert_eq!(request.uri().to_string(), "b:443");
        capitals(request);
        ok("")
    });
    let connect = "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n";
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send(connect).await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 501 "));
    let (mut client, served) = serve(&builder(Config::DEFAULT).with_tunnels(true), service);
    client.send(format!("{connect}tunnel")).await;
    client.expect("HTTP/1.1 200 OK\r\n\r\n").await;
    client.io.shutdown().await.unwrap();
    assert_eq!(client.rest().await, "TUNNEL");
    assert_eq!(served.await.unwrap().persistence.as_str(), "connect");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_nobody_waits_for_drops_the_transport() {
    let service =
        service_fn(async |_| Ok::<_, BoxError>(Response::builder().status(101).header("upgrade", "x").body(full(""))?));
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send(UPGRADE).await;
    assert!(takes(secs(0), client.rest()).await.starts_with("HTTP/1.1 101 "));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_when_the_connection_ends() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let service = service_fn(move |mut request: Request<Body>| {
        let (upgrade, tell) = (request.extensions_mut().remove::<OnUpgrade>().unwrap(), tell.clone());
        tokio::spawn(async move { tell.send(upgrade.await.is_err()) });
        std::future::pending::<Answer>()
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    client.send(UPGRADE).await;
    tokio::time::sleep(secs(1)).await;
    served.abort();
    assert!(told.recv().await.unwrap());
}
