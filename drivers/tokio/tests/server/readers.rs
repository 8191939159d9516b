//! Content that is read by a task of its own: whole, or an error, and never a false end.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Body as _;
use http_body_util::BodyExt;
use http_keepalive_tokio::http_keepalive::Config;
use http_keepalive_tokio::server::{Body, ContentError};
use tokio::sync::mpsc;
use tower::service_fn;

use super::support::*;

type Read = Result<Vec<u8>, ContentError>;

/// Reads all, slowly; what looks whole must be.
async fn read(mut body: Body, pause: Duration) -> Read {
    let mut content = Vec::new();
    loop {
        tokio::time::sleep(pause).await;
        if body.is_end_stream() {
            return Ok(content);
        }
        match body.frame().await {
            Some(Ok(frame)) => content.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(error)) => return Err(error),
            None => return Ok(content),
        }
    }
}

/// Sends content of this length; the answer comes after `answer`, and the reader begins after `begin`.
async fn outcome(
    size: usize,
    chunked: bool,
    begin: u64,
    answer: u64,
    pause: u64,
    end: Option<usize>,
) -> (Read, Vec<u8>) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = service_fn(move |request: Request<Body>| {
        let tell = tell.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(begin)).await;
            let _ = tell.send(read(request.into_body(), Duration::from_millis(pause)).await);
        });
        async move {
            tokio::time::sleep(Duration::from_millis(answer)).await;
            ok("")
        }
    });
    let (mut client, _served) = serve_in(8000, &builder(Config::DEFAULT), service);
    let content = octets(size);
    let mut sent = match chunked {
        false => format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n").into_bytes(),
        true => b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
    };
    for piece in content.chunks(3000) {
        if chunked {
            sent.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        }
        sent.extend_from_slice(piece);
        if chunked {
            sent.extend_from_slice(b"\r\n");
        }
    }
    if chunked {
        sent.extend_from_slice(b"0\r\n\r\n");
    }
    if let Some(end) = end {
        sent.truncate(sent.len() - end);
    }
    let writer = tokio::spawn(async move {
        // it may be cut off
        let _ = tokio::io::AsyncWriteExt::write_all(&mut client.io, &sent).await;
        if end.is_some() {
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut client.io).await;
        }
        client.rest().await
    });
    let read = told.recv().await.unwrap();
    drop(writer);
    (read, content)
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_on_after_the_response_gets_it_whole_or_an_error() {
    for size in [1, 5000, 60_000, 70_000, 300_000, 1 << 20] {
        for chunked in [false, true] {
            for (begin, answer, pause) in [(0, 0, 0), (0, 50, 0), (0, 50, 20), (50, 0, 0), (0, 0, 20), (100, 50, 1)] {
                let (read, content) = outcome(size, chunked, begin, answer, pause, None).await;
                let how = (size, chunked, begin, answer, pause);
                match read {
                    Ok(read) => assert!(read == content, "{how:?}: a false end after {}", read.len()),
                    // who had begun to read, and is not behind, is not cut off
                    Err(error) => assert!(begin > 0 || answer == 0 || pause > 0, "{how:?}: {error}"),
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_breaks_off_is_never_whole() {
    for size in [5000, 300_000] {
        for chunked in [false, true] {
            for end in [1, 100] {
                for (begin, answer, pause) in
                    [(0, 0, 0), (0, 50, 0), (0, 100_000, 0), (50, 0, 0), (0, 50, 5), (100, 5000, 1)]
                {
                    let (read, _) = outcome(size, chunked, begin, answer, pause, Some(end)).await;
                    assert!(read.is_err(), "{:?}", (size, chunked, end, begin, answer, pause));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_size_that_is_left_is_told() {
    let service = service_fn(async |request: Request<Body>| {
        let mut body = request.into_body();
        assert_eq!(body.size_hint().exact(), Some(10));
        assert_eq!(body.frame().await.unwrap()?.into_data().unwrap(), "hello");
        assert_eq!(body.size_hint().exact(), Some(5));
        body.frame().await.unwrap()?;
        assert!(body.frame().await.is_none() && body.frame().await.is_none() && body.is_end_stream());
        ok("")
    });
    let (mut client, _served) = serve(&builder(Config::DEFAULT), service);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello").await;
    tokio::time::sleep(secs(1)).await;
    client.send("hello").await;
    client.expect(OK_0).await;
}

#[tokio::test(start_paused = true)]
async fn who_keeps_a_short_piece_does_not_keep_much_more() {
    let (told, mut pieces) = mpsc::unbounded_channel();
    let service = service_fn(move |request: Request<Body>| {
        let told = told.clone();
        async move {
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                if let Ok(data) = frame?.into_data() {
                    let _ = told.send(data);
                }
            }
            ok("")
        }
    });
    let sizes = [1, 1, 100, 2000, 20_000, 1, 60_000, 300];
    let (mut client, _served) = serve_in(1 << 20, &builder(Config::DEFAULT), service);
    let length: usize = sizes.iter().sum();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")).await;
    for size in sizes {
        client.send(octets(size)).await;
        tokio::time::sleep(secs(1)).await;
    }
    client.until(OK_0).await;
    drop(client);
    let mut kept = Vec::new();
    while let Ok(piece) = pieces.try_recv() {
        kept.push(piece);
    }
    assert_eq!(kept.iter().map(Bytes::len).sum::<usize>(), length);
    for piece in kept {
        let octets = piece.len();
        // those that came together are kept together
        let memory = piece.try_into_mut().map_or(octets, |own| own.capacity());
        assert!(memory <= 4 * octets + 16, "{octets} octets hold {memory}");
    }
}
