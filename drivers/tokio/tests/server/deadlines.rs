//! Each deadline at its time, with its reason.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use http_keepalive_tokio::BoxError;
use http_keepalive_tokio::http_keepalive::{Config, Limits, Policy, Timeouts, Use};
use http_keepalive_tokio::server::{Body, ExchangeTimeouts};
use tokio::io::AsyncReadExt;
use tower::service_fn;

use super::support::*;

const DEFAULT: Timeouts = Timeouts::DEFAULT;

#[tokio::test(start_paused = true)]
async fn a_fresh_connection_without_an_octet_is_closed_in_silence() {
    let (mut client, served) = serve(&builder(Config::DEFAULT), service_fn(async |_| ok("")));
    assert_eq!(takes(secs(30), client.rest()).await, "");
    let summary = served.await.unwrap();
    assert_eq!((reason(&summary), summary.exchanges), ("first-octet-timeout", 0));
    assert_eq!(summary.deadline.unwrap().as_str(), "first_octet");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_in_silence() {
    let (mut client, served) = serve(&builder(Config::DEFAULT), service_fn(async |_| ok("")));
    for wait in [64, 0] {
        client.send(GET).await;
        client.expect(OK_0).await;
        tokio::time::sleep(secs(wait)).await;
    }
    assert_eq!(takes(secs(65), client.rest()).await, "");
    let summary = served.await.unwrap();
    assert_eq!((reason(&summary), summary.exchanges, summary.whole), ("idle-timeout", 2, true));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_takes_too_long_is_answered_408_also_the_second() {
    for before in [0, 2] {
        let (mut client, served) = serve(&builder(Config::DEFAULT), service_fn(async |_| ok("")));
        for _ in 0..before {
            client.send(GET).await;
            client.expect(OK_0).await;
            tokio::time::sleep(secs(50)).await;
        }
        client.send("GET / HT").await;
        let answer = takes(secs(20), client.until("\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("Connection: close"), "{answer}");
        client.rest().await;
        drop(client);
        let summary = served.await.unwrap();
        assert_eq!((reason(&summary), summary.deadline.map(|kind| kind.as_str())), ("head-timeout", Some("head")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_octet_by_octet_does_not_put_the_deadline_off_for_ever() {
    let (client, _served) = serve(&builder(Config::DEFAULT), service_fn(async |_| ok("")));
    let (reading, writing) = tokio::io::split(client.io);
    tokio::spawn(async move {
        let mut client = Client { io: tokio::io::join(tokio::io::empty(), writing), got: Vec::new() };
        loop {
            client.send("G").await;
            tokio::time::sleep(secs(1)).await;
        }
    });
    let mut client = Client { io: tokio::io::join(reading, tokio::io::sink()), got: Vec::new() };
    assert!(takes(secs(20), client.until("\r\n\r\n")).await.contains(" 408 "));
}

#[tokio::test(start_paused = true)]
async fn content_that_stops_is_answered_408_and_the_reader_is_told() {
    for (head, piece) in [("Content-Length: 10", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n")] {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let service = service_fn(move |request: Request<Body>| {
            let tell = tell.clone();
            async move {
                let read = tokio::spawn(async move {
                    let mut body = request.into_body();
                    let mut count = 0;
                    loop {
                        match body.frame().await {
                            Some(Ok(frame)) => count += frame.into_data().unwrap().len(),
                            Some(Err(error)) => break tell.send(Some((count, error.reason))).unwrap(),
                            None => break tell.send(None).unwrap(),
                        }
                    }
                });
                read.await?;
                ok("")
            }
        });
        let config = timeouts(DEFAULT.with_content_rate(None));
        let (mut client, served) = serve(&builder(config), service);
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n")).await;
        tokio::time::sleep(secs(15)).await;
        client.send(piece).await;
        let answer = takes(secs(20), client.until("\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(told.recv().await.unwrap(), Some((5, "content-timeout")));
        drop(client);
        let summary = served.await.unwrap();
        assert_eq!(
            (reason(&summary), summary.deadline.map(|kind| kind.as_str())),
            ("content-timeout", Some("content_gap"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_application_that_reads_late_is_not_the_clients_fault() {
    let service = service_fn(async |request: Request<Body>| {
        tokio::time::sleep(secs(100)).await;
        let mut body = request.into_body();
        let mut count = 0;
        while let Some(frame) = body.frame().await {
            count += frame?.into_data().map_or(0, |data| data.len());
            if count < 5000 {
                tokio::time::sleep(secs(25)).await;
            }
        }
        ok(count.to_string())
    });
    for framing in ["Content-Length: 300000", "Transfer-Encoding: chunked"] {
        let (client, _served) = serve_in(1000, &builder(Config::DEFAULT), service);
        let (reading, writing) = tokio::io::split(client.io);
        let writer = tokio::spawn(async move {
            let mut client = Client { io: tokio::io::join(tokio::io::empty(), writing), got: Vec::new() };
            client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")).await;
            match framing.starts_with('C') {
                true => client.send(vec![b'a'; 300_000]).await,
                false => client.send(format!("493e0\r\n{}\r\n0\r\n\r\n", "a".repeat(300_000))).await,
            }
            client
        });
        let mut client = Client { io: tokio::io::join(reading, tokio::io::sink()), got: Vec::new() };
        client.expect("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n300000").await;
        drop(writer.await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off() {
    let (mut client, served) = serve_in(1000, &builder(Config::DEFAULT), service_fn(async |_| ok(octets(100_000))));
    client.send(GET).await;
    let summary = takes(secs(60), served).await.unwrap();
    assert_eq!((reason(&summary), summary.deadline.unwrap().as_str()), ("write-stall", "write_stall"));
    client.io.read_to_end(&mut client.got).await.unwrap();
    assert!(client.got.len() < 100_000);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_takes_too_long_is_answered_for() {
    let policy = Policy::DEFAULT.with_application_timeout_response(Use::On);
    let config = Config::new(Limits::DEFAULT, DEFAULT.with_application(Some(secs(5))), policy).unwrap();
    let service = service_fn(async |_| {
        tokio::time::sleep(secs(50)).await;
        ok("")
    });
    let (mut client, served) = serve(&builder(config), service);
    client.send(GET).await;
    let answer = takes(secs(5), client.until("\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Connection: close"), "{answer}");
    client.rest().await;
    drop(client);
    assert_eq!(reason(&served.await.unwrap()), "application-timeout");
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_ends() {
    let (mut client, served) =
        serve(&builder(timeouts(DEFAULT.with_age(Some(secs(50))))), service_fn(async |_| ok("")));
    client.send(GET).await;
    client.expect(OK_0).await;
    assert_eq!(takes(secs(50), client.rest()).await, "");
    assert_eq!(reason(&served.await.unwrap()), "age");
}

#[tokio::test(start_paused = true)]
async fn the_last_exchange_of_a_connection_says_close() {
    let (mut client, served) =
        serve(&builder(limits(Limits::DEFAULT.with_max_exchanges(Some(2)))), service_fn(async |_| ok("")));
    client.send(GET.repeat(3)).await;
    client.expect(OK_0).await;
    let rest = client.rest().await;
    assert_eq!((rest.matches("200 OK").count(), rest.contains("Connection: close")), (1, true), "{rest}");
    drop(client);
    let summary = served.await.unwrap();
    assert_eq!((reason(&summary), summary.exchanges), ("max-exchanges", 2));
}

#[tokio::test(start_paused = true)]
async fn one_exchange_may_have_a_longer_gap() {
    let service = service_fn(async |request: Request<Body>| {
        if request.uri() == "/long" {
            let own = timeouts(DEFAULT.with_content_gap(Some(secs(600))).with_content_rate(None));
            request.extensions().get::<ExchangeTimeouts>().unwrap().set(Arc::new(own));
        }
        ok(request.into_body().collect().await?.to_bytes())
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT).with_extensions(true), service);
    client.send("POST /long HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n").await;
    client.silence(secs(500)).await;
    client.send("o").await;
    client.silence(secs(599)).await;
    client.send("k").await;
    client.until("\r\n\r\nok").await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n").await;
    assert!(takes(secs(20), client.until("\r\n\r\n")).await.contains(" 408 "));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_moves_earlier_is_not_missed() {
    // the sleep is set to an hour first, then a deadline of seconds comes
    let config = timeouts(DEFAULT.with_first_octet(Some(secs(3000))).with_head(Some(secs(2))).with_head_cap(None));
    let (mut client, _served) = serve(&builder(config), service_fn(async |_| ok("")));
    tokio::time::sleep(secs(10)).await;
    client.send("G").await;
    assert!(takes(secs(2), client.until("\r\n\r\n")).await.contains(" 408 "));
}

#[tokio::test(start_paused = true)]
async fn events_that_come_rarely_are_no_stall_and_no_idleness() {
    let service = service_fn(async |_| {
        let (feed, content) = frames();
        tokio::spawn(async move {
            for _ in 0..3 {
                tokio::time::sleep(secs(200)).await;
                feed.data("event");
            }
        });
        Ok::<_, BoxError>(Response::new(content))
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    client.send(GET).await;
    client.until("\r\n\r\n").await;
    for _ in 0..3 {
        takes(secs(200), client.expect("5\r\nevent\r\n")).await;
    }
    client.expect("0\r\n\r\n").await;
    drop(client);
    assert!(served.await.unwrap().whole);
}
