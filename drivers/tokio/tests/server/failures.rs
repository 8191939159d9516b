//! Applications that fail, and what the client sees.

use http::{Request, Response};
use http_body_util::BodyExt;
use http_keepalive_tokio::BoxError;
use http_keepalive_tokio::http_keepalive::Config;
use http_keepalive_tokio::server::Body;
use tower::service_fn;

use super::support::*;

const POST_MIB: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_is_answered_500_and_the_next_request_works() {
    let service = service_fn(async |request: Request<Body>| match request.uri().path() {
        "/fails" => Err::<Response<Content>, BoxError>("it failed".into()),
        _ => ok(""),
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    client.send("GET /fails HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 500 ") && !head.contains("close"), "{head}");
    client.send(GET).await;
    client.expect(OK_0).await;
    drop(client);
    assert_eq!(served.await.unwrap().exchanges, 2);
}

#[tokio::test(start_paused = true)]
async fn content_that_fails_after_its_begin_is_cut_and_never_looks_whole() {
    for length in [None, Some("10")] {
        let service = service_fn(move |_| async move {
            let (feed, content) = frames();
            let mut response = Response::new(content);
            if let Some(length) = length {
                response.headers_mut().insert("content-length", length.parse()?);
            }
            tokio::spawn(async move {
                feed.data("hello");
                tokio::time::sleep(secs(1)).await;
                feed.fail();
            });
            Ok::<_, BoxError>(response)
        });
        let (mut client, served) = serve(&builder(Config::DEFAULT), service);
        client.send(GET).await;
        client.until("\r\n\r\n").await;
        let rest = client.rest().await;
        assert_eq!(rest, if length.is_some() { "hello" } else { "5\r\nhello\r\n" });
        drop(client);
        let summary = served.await.unwrap();
        assert_eq!((reason(&summary), summary.whole), ("application-gone", false));
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_fails_at_once_where_it_is_short_is_a_500() {
    let service = service_fn(async |_| {
        let (feed, content) = frames();
        feed.fail();
        Ok::<_, BoxError>(Response::builder().header("content-length", "3").body(content)?)
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send(GET).await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 500 "));
}

#[tokio::test(start_paused = true)]
async fn a_length_that_is_not_that_of_the_content_is_a_500() {
    for length in ["4", "6", "x", "-1", "5, 6"] {
        let service = service_fn(move |request: Request<Body>| async move {
            match request.uri().path() {
                "/bad" => Ok(Response::builder().header("content-length", length).body(full("hello"))?),
                _ => ok(""),
            }
        });
        let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
        client.send("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 500 "), "{length}: {head}");
        client.send(GET).await;
        client.until(OK_0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn content_longer_or_shorter_than_said_is_cut() {
    for (length, pieces) in [(7, 2), (13, 2), (100_000, 2), (20_000, 3999)] {
        let service = service_fn(move |_| async move {
            let (feed, content) = frames();
            (0..pieces).for_each(|_| feed.data("hello"));
            Ok::<_, BoxError>(Response::builder().header("content-length", length).body(content)?)
        });
        let (mut client, served) = serve(&builder(Config::DEFAULT), service);
        client.send(GET).await;
        // what had not left is lost with it
        let rest = client.rest().await;
        let content = rest.split_once("\r\n\r\n").map_or(0, |(_, content)| content.len());
        assert!(content < length, "{length}: {content}");
        drop(client);
        let summary = served.await.unwrap();
        assert!(!summary.reasons.iter().any(|reason| reason.as_str() == "peer-closed"), "{summary}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_long_pieces_those_that_fit_go_and_the_response_is_whole_only_at_its_length() {
    // length, pieces of 5,000 octets
    for (length, pieces) in [(10_000, 2), (10_000, 3), (12_000, 3), (200_000, 39)] {
        for buffer in [1000, 1 << 20] {
            let service = service_fn(move |_| async move {
                let (feed, content) = frames();
                (0..pieces).for_each(|_| feed.data("x".repeat(5000)));
                Ok::<_, BoxError>(Response::builder().header("content-length", length).body(content)?)
            });
            let (mut client, _served) = serve_in(buffer, &builder(Config::DEFAULT), service);
            client.send(GET).await;
            client.until("\r\n\r\n").await;
            if length == 10_000 {
                assert!(client.octets(10_000).await == "x".repeat(10_000).as_bytes());
                client.silence(secs(1)).await;
            } else {
                let came = client.rest().await.len();
                assert!((10_000..length).contains(&came), "{length} {pieces}: {came}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn long_pieces_before_a_failure_go_and_trailers_after_them() {
    for fails in [true, false] {
        let service = service_fn(move |_| async move {
            let (feed, content) = frames();
            (0..20).for_each(|_| feed.data("x".repeat(5000)));
            if fails {
                feed.fail();
            } else {
                feed.trailers("x-sum", "8");
            }
            Ok::<_, BoxError>(Response::new(content))
        });
        let (mut client, _served) = serve_in(3000, &builder(Config::DEFAULT), service);
        client.send(GET).await;
        client.until("\r\n\r\n").await;
        if fails {
            let rest = client.rest().await;
            assert!(rest.len() > 100_000 && !rest.ends_with("0\r\n\r\n"), "{}", rest.len());
        } else {
            assert!(client.chunks().await == "x".repeat(100_000).as_bytes());
            client.expect("x-sum: 8\r\n\r\n").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_services_own_intents_are_obeyed() {
    let service = service_fn(async |_| {
        Ok::<_, BoxError>(
            Response::builder().header("connection", "close").header("content-length", 5).body(full("hello"))?,
        )
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    client.send(GET.repeat(2)).await;
    let rest = client.rest().await;
    assert_eq!(rest.to_lowercase().matches("connection: close").count(), 1, "{rest}");
    assert_eq!(rest.to_lowercase().matches("content-length: 5").count(), 1, "{rest}");
    assert!(rest.ends_with("\r\n\r\nhello"));
    drop(client);
    assert_eq!(reason(&served.await.unwrap()), "close-sent");
}

#[tokio::test(start_paused = true)]
async fn who_never_reads_a_mebibyte_answers_and_the_connection_ends() {
    let (client, served) = serve_in(10_000, &builder(Config::DEFAULT), service_fn(async |_| ok("no")));
    let (reading, writing) = tokio::io::split(client.io);
    tokio::spawn(async move {
        let mut client = Client { io: tokio::io::join(tokio::io::empty(), writing), got: Vec::new() };
        client.send(POST_MIB).await;
        client.send(octets(1 << 20)).await;
    });
    let mut client = Client { io: tokio::io::join(reading, tokio::io::sink()), got: Vec::new() };
    let rest = client.rest().await;
    assert!(rest.starts_with("HTTP/1.1 200 ") && rest.contains("Connection: close") && rest.ends_with("no"), "{rest}");
    drop(client);
    assert_eq!(reason(&served.await.unwrap()), "unread-content");
}

#[tokio::test(start_paused = true)]
async fn a_little_that_nobody_reads_is_dropped_and_the_connection_kept() {
    for chunked in [false, true] {
        let service = service_fn(async |request: Request<Body>| {
            drop(request);
            tokio::time::sleep(secs(1)).await;
            ok("")
        });
        let (mut client, served) = serve(&builder(Config::DEFAULT), service);
        for _ in 0..2 {
            match chunked {
                false => client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await,
                true => {
                    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
                    client.send(format!("{head}5\r\nhello\r\n0\r\n\r\n")).await;
                }
            }
            client.expect(OK_0).await;
        }
        drop(client);
        let summary = served.await.unwrap();
        assert_eq!((summary.exchanges, reason(&summary)), (2, "peer-closed"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_breaks_off_is_an_error_to_its_reader() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let service = service_fn(move |request: Request<Body>| {
        let tell = tell.clone();
        tokio::spawn(async move { tell.send(request.into_body().collect().await.map_err(|error| error.reason)) });
        std::future::pending::<Answer>()
    });
    for head in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let (mut client, served) = serve(&builder(Config::DEFAULT), service.clone());
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n5\r\nhe")).await;
        drop(client);
        served.await.unwrap();
        assert!(told.recv().await.unwrap().is_err());
    }
    // a chunk that is none
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n").await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    assert!(told.recv().await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_drops_the_application() {
    let (dropped, mut gone) = tokio::sync::mpsc::unbounded_channel::<()>();
    let service = service_fn(move |_| {
        let held = dropped.clone();
        async move {
            std::future::pending::<()>().await;
            drop(held);
            ok("")
        }
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    tokio::time::sleep(secs(1)).await;
    served.abort();
    let _ = served.await;
    assert_eq!(gone.recv().await, None);
    assert_eq!(client.rest().await, "");
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_answered_400() {
    let (mut client, served) = serve(&builder(Config::DEFAULT), service_fn(async |_| ok("")));
    client.send("nonsense\r\n\r\n").await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    client.rest().await;
    drop(client);
    assert_eq!(reason(&served.await.unwrap()), "protocol-error");
}
