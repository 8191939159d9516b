//! What attacks found, each once.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use http_keepalive_tokio::BoxError;
use http_keepalive_tokio::http_keepalive::{Config, Timeouts};
use http_keepalive_tokio::server::{Body, ExchangeTimeouts, OnUpgrade};
use tower::service_fn;

use super::support::*;

#[tokio::test(start_paused = true)]
async fn each_exchange_is_counted_and_the_first_octet_has_its_time() {
    let service = service_fn(async |_| {
        tokio::time::sleep(secs(2)).await;
        ok("hello")
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    client.send(GET.repeat(3)).await;
    for _ in 0..3 {
        client.until("hello").await;
    }
    let summary = served.await.unwrap();
    assert_eq!((summary.exchanges, summary.whole, reason(&summary)), (3, true, "idle-timeout"));
    assert_eq!(summary.first_octet.unwrap().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn long_content_that_is_at_hand_goes_behind_what_has_not_left() {
    let service = service_fn(async |request: Request<Body>| {
        if request.method() == "GET" {
            return ok(octets(1 << 20));
        }
        let (feed, content) = frames();
        feed.data(octets(100_000));
        feed.data("end");
        let own = request.headers().get("own").is_some();
        let mut response = Response::new(content);
        if own {
            response.headers_mut().insert("content-length", 8195.into());
            let (feed, content) = frames();
            feed.data(octets(8192));
            feed.data("end");
            *response.body_mut() = content;
        }
        Ok(response)
    });
    let (mut client, served) = serve_in(4096, &builder(Config::DEFAULT), service);
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let own = "POST / HTTP/1.1\r\nHost: a\r\nOwn: 1\r\nContent-Length: 0\r\n\r\n";
    client.send([GET, post, GET, own].concat()).await;
    for is_post in [true, false] {
        client.until("\r\n\r\n").await;
        assert!(client.octets(1 << 20).await == octets(1 << 20));
        let head = client.until("\r\n\r\n").await;
        if is_post {
            let mut content = octets(100_000);
            content.extend_from_slice(b"end");
            assert!(client.chunks().await == content);
            client.expect("\r\n").await;
        } else {
            assert_eq!(head, "HTTP/1.1 200 OK\r\ncontent-length: 8195\r\n\r\n".replace("content-l", "Content-L"));
            assert!(client.octets(8192).await == octets(8192));
            client.expect("end").await;
        }
    }
    drop(client);
    assert_eq!(served.await.unwrap().exchanges, 4);
}

#[tokio::test(start_paused = true)]
async fn timeouts_that_are_asked_for_right_before_the_answer_hold() {
    let service = service_fn(async |request: Request<Body>| {
        let own = timeouts(Timeouts::DEFAULT.with_exchange(Some(secs(9))));
        request.extensions().get::<ExchangeTimeouts>().unwrap().set(Arc::new(own));
        let (feed, content) = frames();
        feed.data("one");
        std::mem::forget(feed);
        Ok::<_, BoxError>(Response::new(content))
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT).with_extensions(true), service);
    client.send(GET).await;
    takes(secs(9), client.rest()).await;
    drop(client);
    assert_eq!(reason(&served.await.unwrap()), "exchange-timeout");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_upgrade_is_told_at_once_that_there_is_none() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let service = service_fn(move |mut request: Request<Body>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
        let tell = tell.clone();
        tokio::spawn(async move { tell.send(upgrade.await.is_err()) });
        async { ok("") }
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await;
    client.expect(OK_0).await;
    assert!(takes(secs(0), told.recv()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_leaves_a_transport_that_holds_octets_back() {
    let (client, server) = tokio::io::duplex(1 << 16);
    let service = service_fn(async |mut request: Request<Body>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
        // the other protocol begins with the client
        tokio::spawn(async move {
            let upgraded = upgrade.await.unwrap();
            tokio::time::sleep(secs(1000)).await;
            drop(upgraded);
        });
        Ok::<_, BoxError>(Response::builder().status(101).header("upgrade", "x").body(full(""))?)
    });
    let _served = tokio::spawn(builder(Config::DEFAULT).serve(tokio::io::BufWriter::new(server), service));
    let mut client = Client { io: client, got: Vec::new() };
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await;
    let head = takes(secs(0), client.until("\r\n\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_holds_octets_back_is_flushed() {
    let (client, server) = tokio::io::duplex(100);
    let service = service_fn(async |request: Request<Body>| {
        let content = request.into_body().collect().await?.to_bytes();
        ok([content, octets(10_000).into()].concat())
    });
    let _served = tokio::spawn(builder(Config::DEFAULT).serve(tokio::io::BufWriter::new(server), service));
    let mut client = Client { io: client, got: Vec::new() };
    for _ in 0..2 {
        client.send(GET).await;
        client.until("\r\n\r\n").await;
        assert!(client.octets(10_000).await == octets(10_000));
    }
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    assert!(client.octets(10_000).await == octets(10_000));
    assert_eq!(client.rest().await, "");
}
