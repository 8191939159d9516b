//! Content that streams, both ways.

use http::Request;
use http_body_util::BodyExt;
use http_keepalive_tokio::http_keepalive::Config;
use http_keepalive_tokio::server::Body;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tower::service_fn;

use super::support::*;

const MIB: usize = 1 << 20;

/// Sends content in pieces of these lengths, over and over, and gets it back.
async fn is_echoed(size: usize, splits: Vec<usize>, chunked: bool, buffer: usize) {
    let (client, served) = serve_in(buffer, &builder(Config::DEFAULT), service_fn(async |request| echo(request)));
    let content = octets(size);
    let (reading, mut writing) = tokio::io::split(client.io);
    let sent = content.clone();
    let writer = tokio::spawn(async move {
        let framing = match chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {size}"),
        };
        writing.write_all(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n").as_bytes()).await.unwrap();
        let (mut rest, mut splits) = (&sent[..], splits.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*splits.next().unwrap()));
            if chunked {
                writing.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
            }
            writing.write_all(piece).await.unwrap();
            if chunked {
                writing.write_all(b"\r\n").await.unwrap();
            }
            tokio::task::yield_now().await;
            rest = after;
        }
        if chunked {
            writing.write_all(b"0\r\n\r\n").await.unwrap();
        }
        writing
    });
    let mut client = Client { io: tokio::io::join(reading, tokio::io::sink()), got: Vec::new() };
    let head = client.until("\r\n\r\n").await;
    let came = if chunked {
        assert_eq!(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let content = client.chunks().await;
        client.expect("\r\n").await;
        content
    } else {
        assert_eq!(head, format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n"));
        client.octets(size).await
    };
    assert!(came == content, "the content is another one");
    let mut writing = writer.await.unwrap();
    writing.write_all(GET.as_bytes()).await.unwrap();
    client.expect(OK_0).await;
    writing.shutdown().await.unwrap();
    drop(client);
    drop(writing);
    let summary = served.await.unwrap();
    assert_eq!((summary.exchanges, summary.whole), (2, true));
}

#[tokio::test(start_paused = true)]
async fn a_mebibyte_comes_back() {
    for chunked in [false, true] {
        for buffer in [1000, 1 << 16, 1 << 21] {
            is_echoed(MIB, vec![100_000, 1, 16_384], chunked, buffer).await;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn content_comes_back_however_it_is_split(
        size in prop_oneof![1..100_usize, 4000..5000_usize, 16_000..17_000_usize, 60_000..200_000_usize],
        splits in prop::collection::vec(prop_oneof![1..10_usize, 1..5000_usize, 1..100_000_usize], 1..8),
        chunked: bool,
        buffer in prop_oneof![Just(64_usize), Just(5000), Just(1 << 17)],
    ) {
        // no more than a few thousand pieces
        let splits: Vec<_> = splits.into_iter().map(|split| split.max(size / 500 + 1)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(is_echoed(size, splits, chunked, buffer));
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_go_both_ways() {
    let service = service_fn(async |request: Request<Body>| {
        let came = request.into_body().collect().await?;
        let trailers = came.trailers().cloned().unwrap();
        assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &"7".parse()?));
        assert_eq!(came.to_bytes(), "hello");
        let (feed, content) = frames();
        feed.data("bye");
        feed.trailers("x-sum", "8");
        Ok::<_, http_keepalive_tokio::BoxError>(http::Response::new(content))
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        client.send("5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n").await;
        client.until("\r\n\r\n").await;
        let tail = client.until("\r\n\r\n").await.to_lowercase();
        assert_eq!(tail, "3\r\nbye\r\n0\r\nx-sum: 8\r\n\r\n");
    }
}

#[tokio::test(start_paused = true)]
async fn an_echo_has_the_trailers_too() {
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service_fn(async |request| echo(request)));
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    client.until("hello\r\n").await;
    client.send("0\r\nA: 1\r\n\r\n").await;
    assert_eq!(client.until("\r\n\r\n").await.to_lowercase(), "0\r\na: 1\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn trailers_that_may_not_be_are_left_out_and_the_content_is_whole() {
    let service = service_fn(async |_| {
        let (feed, content) = frames();
        feed.data("bye");
        feed.trailers("content-length", "8");
        Ok::<_, http_keepalive_tokio::BoxError>(http::Response::new(content))
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send(GET).await;
    client.until("\r\n\r\n").await;
    client.expect("3\r\nbye\r\n0\r\n\r\n").await;
    client.send(GET).await;
    client.until("\r\n\r\n").await;
}

const EXPECTS: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn continue_is_said_when_the_application_reads_and_not_before() {
    let service = service_fn(async |request: Request<Body>| {
        tokio::time::sleep(secs(5)).await;
        ok(request.into_body().collect().await?.to_bytes())
    });
    let (mut client, served) = serve(&builder(Config::DEFAULT), service);
    client.send(EXPECTS).await;
    takes(secs(5), client.expect(CONTINUE)).await;
    client.send("hello").await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
    drop(client);
    assert!(served.await.unwrap().whole);
}

#[tokio::test(start_paused = true)]
async fn continue_is_not_said_where_the_answer_comes_without_a_read() {
    let (mut client, served) = serve(&builder(Config::DEFAULT), service_fn(async |_| ok("no")));
    client.send(EXPECTS).await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Connection: close"), "{head}");
    client.expect("no").await;
    assert_eq!(client.rest().await, "");
    drop(client);
    assert_eq!(reason(&served.await.unwrap()), "content-unwanted");
}

#[tokio::test(start_paused = true)]
async fn an_echo_that_streams_says_continue_before_its_head_and_keeps_the_connection() {
    let (mut client, served) = serve(&builder(Config::DEFAULT), service_fn(async |request| echo(request)));
    for framing in ["Content-Length: 5", "Content-Length: 500000", "Transfer-Encoding: chunked"] {
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\nExpect: 100-continue\r\n\r\n")).await;
        client.expect(CONTINUE).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("close"), "{head}");
        match framing {
            "Content-Length: 5" => client.send("hello").await,
            "Content-Length: 500000" => {
                for piece in octets(500_000).chunks(50_000) {
                    client.send(piece).await;
                    assert!(client.octets(50_000).await == piece);
                }
                continue;
            }
            _ => client.send("5\r\nhello\r\n0\r\n\r\n").await,
        }
        client.until("hello").await;
        if framing.starts_with('T') {
            client.expect("\r\n0\r\n\r\n").await;
        }
    }
    drop(client);
    let summary = served.await.unwrap();
    assert_eq!((summary.exchanges, summary.whole), (3, true));
}
