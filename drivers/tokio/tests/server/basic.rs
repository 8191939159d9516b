//! Exchanges as they are meant.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_keepalive_tokio::http_keepalive::Config;
use http_keepalive_tokio::server::{Body, Builder, ConnectionInfo};
use tower::{Service, service_fn};

use super::support::*;

#[tokio::test(start_paused = true)]
async fn a_get_is_answered_and_the_connection_kept() {
    let (mut client, served) = serve(&builder(Config::DEFAULT), service_fn(async |_| ok("hello")));
    for _ in 0..2 {
        client.send(GET).await;
        client.expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
    }
    drop(client);
    let summary = served.await.unwrap();
    assert_eq!((summary.exchanges, summary.whole), (2, true));
    assert_eq!((summary.received, summary.sent), (2 * GET.len() as u64, 2 * 43));
    assert_eq!(reason(&summary), "peer-closed");
}

#[tokio::test(start_paused = true)]
async fn the_request_is_what_was_sent() {
    let service = service_fn(async |request: Request<Body>| {
        assert_eq!(request.method(), "PATCH");
        assert_eq!(request.uri(), "/a?b=c");
        assert_eq!(request.version(), http::Version::HTTP_11);
        assert_eq!(request.headers()["x"], "1");
        assert_eq!(request.headers().get_all("y").iter().collect::<Vec<_>>(), ["2", "3"]);
        assert!(request.body().is_empty());
        assert!(request.extensions().get::<ConnectionInfo>().is_none());
        ok("")
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send("PATCH /a?b=c HTTP/1.1\r\nHost: a\r\nx: 1\r\ny: 2\r\nY: 3\r\n\r\n").await;
    client.expect(OK_0).await;
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order_also_where_the_first_takes_longer() {
    let service = service_fn(async |request: Request<Body>| {
        if request.uri() == "/1" {
            tokio::time::sleep(secs(3)).await;
        }
        ok(request.uri().to_string())
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    let requests: Vec<_> = (1..=5).map(|at| format!("GET /{at} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(requests.concat()).await;
    for at in 1..=5 {
        client.expect(&format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/{at}")).await;
    }
    drop(client);
    assert_eq!(served.await.unwrap().exchanges, 5);
}

#[tokio::test(start_paused = true)]
async fn a_date_is_sent_unless_the_service_gives_one_or_there_is_none_to_be() {
    let service = service_fn(async |request: Request<Body>| {
        let mut response = Response::new(full(""));
        if request.uri() == "/own" {
            response.headers_mut().insert("date", "Thu, 01 Jan 1970 00:00:00 GMT".parse()?);
        }
        Ok::<_, http_keepalive_tokio::BoxError>(response)
    });
    let (mut client, _served) = serve(&Builder::new(Config::DEFAULT), service);
    client.send(GET).await;
    let head = client.until("\r\n\r\n").await;
    assert_eq!(head.to_lowercase().matches("\r\ndate: ").count(), 1, "{head}");
    client.send("GET /own HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await.to_lowercase();
    assert_eq!(head.matches("\r\ndate: ").count(), 1, "{head}");
    assert!(head.contains("1970"));
}

#[tokio::test(start_paused = true)]
async fn to_head_and_in_204_and_304_no_content_goes() {
    let service = service_fn(async |request: Request<Body>| {
        let status: u16 = request.uri().path()[1..].parse()?;
        Ok::<_, http_keepalive_tokio::BoxError>(Response::builder().status(status).body(full("hello"))?)
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    for (request, text) in [
        ("HEAD /200", "HTTP/1.1 200 OK\r\n\r\n"),
        ("GET /304", "HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("GET /200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ] {
        client.send(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        client.expect(text).await;
    }
    // content in a 204 is a mistake of the service
    client.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 500 ") || head == "HTTP/1.1 204 No Content\r\n\r\n", "{head}");
    drop(client);
    assert_eq!(served.await.unwrap().exchanges, 4);
}

#[tokio::test(start_paused = true)]
async fn a_204_without_content_has_no_length() {
    let service =
        service_fn(async |_| Ok::<_, http_keepalive_tokio::BoxError>(Response::builder().status(204).body(full(""))?));
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send(GET).await;
    client.expect("HTTP/1.1 204 No Content\r\n\r\n").await;
    client.send(GET).await;
    client.expect("HTTP/1.1 204 No Content\r\n\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn to_head_a_length_of_the_services_own_goes_and_streams_are_not_read() {
    let service = service_fn(async |request: Request<Body>| {
        let (feed, content) = frames();
        std::mem::forget(feed);
        let response = match request.uri().path() {
            "/length" => Response::builder().header("content-length", "77").body(full(""))?,
            _ => Response::new(content),
        };
        Ok::<_, http_keepalive_tokio::BoxError>(response)
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send("HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n").await;
    client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.expect("HTTP/1.1 200 OK\r\n\r\n").await;
    client.send("HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n").await;
}

/// Ready after a while.
struct Later(std::pin::Pin<Box<tokio::time::Sleep>>);

impl Service<Request<Body>> for Later {
    type Response = Response<Content>;
    type Error = http_keepalive_tokio::BoxError;
    type Future = std::future::Ready<Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.as_mut().poll(context).map(Ok)
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(ok("ready"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_at_first_is_waited_for() {
    let later = Later(Box::pin(tokio::time::sleep(secs(7))));
    let (mut client, _served) = serve(&builder(Config::DEFAULT), later);
    client.send(GET.repeat(2)).await;
    takes(secs(7), client.expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready")).await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready").await;
}

#[tokio::test(start_paused = true)]
async fn requests_are_numbered_where_extensions_are_asked_for() {
    let opened = tokio::time::Instant::now();
    let service = service_fn(move |request: Request<Body>| {
        let info = *request.extensions().get::<ConnectionInfo>().unwrap();
        assert_eq!((info.opened, info.draining), (opened, false));
        async move { ok(info.exchange.to_string()) }
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT).with_extensions(true), service);
    for at in 1..=3 {
        tokio::time::sleep(secs(1)).await;
        client.send(GET).await;
        client.expect(&format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{at}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_http_does_not_take_is_answered_400() {
    let (mut client, served) = serve(&builder(Config::DEFAULT), service_fn(async |_| ok("")));
    client.send("GET /<a> HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    drop(client);
    served.await.unwrap();
}
