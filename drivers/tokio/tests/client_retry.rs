//! What a client sends again, and what not.

mod client_support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use client_support::*;
use http::Request;
use http_body::Frame;
use http_keepalive_tokio::client::{Client, ErrorKind, Idempotent};
use http_keepalive_tokio::http_keepalive::pool::EndReason;
use http_keepalive_tokio::http_keepalive::retry::{Advice, RetryReason};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::{Duration, timeout};

#[tokio::test(start_paused = true)]
async fn a_connection_that_its_peer_closed_is_seen_before_anything_is_sent() {
    let (client, mut peers) = client();
    drop(warm(&client, &mut peers).await);
    let peer = async {
        let mut peer = peers.recv().await.expect("a new connection");
        assert!(peer.head().await.starts_with("POST / "));
        assert_eq!(peer.content(2).await, b"hi");
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        peer
    };
    // not even a POST is lost
    let (_peer, response) = tokio::join!(peer, client.request(post(URI, "hi")));
    assert_eq!(response.expect("a response").status(), 200);
    let figures = client.figures();
    assert_eq!((figures.retries, figures.pool.ended(EndReason::DeadAtReuse)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn octets_that_nobody_asked_for_are_no_answer() {
    let (client, mut peers) = client();
    let mut first = warm(&client, &mut peers).await;
    first.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n").await;
    let peer = async {
        let mut peer = peers.recv().await.expect("a new connection");
        peer.answer("right").await;
        peer
    };
    let (_peer, response) = tokio::join!(peer, client.request(get(URI)));
    assert_eq!(text(response.expect("a response")).await.unwrap(), "right");
    assert_eq!(client.figures().pool.ended(EndReason::UnsolicitedOctets), 1);
}

#[tokio::test(start_paused = true)]
async fn a_get_that_was_lost_is_sent_again_on_a_new_connection_and_a_post_is_not() {
    let (client, mut peers) = client();
    let mut first = warm(&client, &mut peers).await;
    let peer = async {
        first.head().await;
        drop(first);
        let mut peer = peers.recv().await.expect("a new connection");
        peer.answer("again").await;
        peer
    };
    let (mut second, response) = tokio::join!(peer, client.request(get(URI)));
    assert_eq!(text(response.expect("a response")).await.unwrap(), "again");
    assert_eq!(client.figures().retries, 1);
    let peer = async {
        second.head().await;
        drop(second);
    };
    let ((), response) = tokio::join!(peer, client.request(post(URI, "pay")));
    let error = response.expect_err("it is not known whether it was applied");
    assert_eq!(error.kind(), ErrorKind::Unanswered);
    assert_eq!(
        error.verdict().map(|verdict| (verdict.advice, verdict.reason)),
        Some((Advice::Ask, RetryReason::NotIdempotent))
    );
    assert!(error.to_string().ends_with("sending it again: ask, not-idempotent (RFC 9110 9.2.2)"), "{error}");
    assert_eq!((client.figures().retries, client.figures().held), (1, 0));
    let figures =
        "connections held 0, idle 0, opened 2, reused 2; requests waiting 0, sent again 1; ended: dead-at-reuse 2";
    assert_eq!(client.figures().to_string(), figures);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_may_be_repeated_is_with_all_of_its_content() {
    let (client, mut peers) = client();
    let content = Bytes::from(vec![b'x'; 60_000]);
    let peer = async {
        let mut first = peers.recv().await.expect("a connection");
        first.head().await;
        first.content(30_000).await;
        drop(first);
        let mut second = peers.recv().await.expect("a new connection");
        second.head().await;
        assert_eq!(second.content(60_000).await, content);
        second.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        second
    };
    let mut request = post(URI, content.clone());
    request.extensions_mut().insert(Idempotent);
    let (_peer, response) = tokio::join!(peer, client.request(request));
    assert_eq!(response.expect("a response").status(), 200);
}

#[tokio::test(start_paused = true)]
async fn content_beyond_the_limit_is_not_sent_again() {
    let (connector, mut peers) = scripted();
    let client = Client::builder().with_replay_limit(10).build(connector);
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer.content(11).await;
    };
    let request = Request::put(URI).body(http_body_util::Full::new(Bytes::from("elevenoctet"))).unwrap();
    let ((), response) = tokio::join!(peer, client.request(request));
    let error = response.expect_err("it can not be sent again");
    assert_eq!(error.verdict().map(|verdict| verdict.reason), Some(RetryReason::NotReplayable));
}

#[tokio::test(start_paused = true)]
async fn a_get_is_not_sent_for_ever() {
    let (client, mut peers) = client();
    let peers = async {
        let mut seen = 0;
        while let Ok(Some(mut peer)) = timeout(Duration::from_secs(1), peers.recv()).await {
            peer.head().await;
            seen += 1;
        }
        seen
    };
    let (seen, response) = tokio::join!(peers, client.request(get(URI)));
    assert_eq!(
        response.expect_err("nobody answers").verdict().map(|verdict| verdict.reason),
        Some(RetryReason::RetriedBefore)
    );
    assert_eq!(seen, 2);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_request_that_is_asked_for_again_never_passes_for_all_of_it() {
    let (client, mut peers) = client();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, io::Error>>(2);
    sender.send(Ok(Frame::data(Bytes::from("ab")))).await.unwrap();
    let peer = async {
        let mut first = peers.recv().await.expect("a connection");
        first.head().await;
        assert_eq!(first.content(7).await, b"2\r\nab\r\n");
        first.say("HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(first.rest().await, b"", "it is broken off");
        sender.send(Ok(Frame::data(Bytes::from("c")))).await.unwrap();
        drop(sender);
        let mut second = peers.recv().await.expect("another connection");
        second.head().await;
        assert_eq!(second.content(18).await, b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"[..18]);
        second.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        second
    };
    let request = Request::post(URI).body(Channel(receiver)).unwrap();
    let (_peer, response) = tokio::join!(peer, client.request(request));
    assert_eq!(response.expect("a response").status(), 200);
    assert_eq!(client.figures().retries, 1);
}

/// A transport that is over before anything is written, or one that is as it should be.
struct Fails(Option<DuplexStream>);

impl AsyncRead for Fails {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().map_or(Poll::Ready(Ok(())), |io| Pin::new(io).poll_read(context, room))
    }
}

impl AsyncWrite for Fails {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let broken = || Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        self.0.as_mut().map_or_else(broken, |io| Pin::new(io).poll_write(context, octets))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_of_which_nothing_left_is_sent_again() {
    let (scripted, mut peers) = scripted();
    let opened = Arc::new(AtomicU64::new(0));
    let client = Client::builder().build(tower::service_fn(move |uri| {
        let (mut scripted, number) = (scripted.clone(), opened.fetch_add(1, Ordering::Relaxed));
        async move {
            match number {
                0 => Ok(Fails(None)),
                _ => tower::Service::call(&mut scripted, uri).await.map(|io| Fails(Some(io))),
            }
        }
    }));
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        assert_eq!(peer.content(2).await, b"hi");
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        peer
    };
    let (_peer, response) = tokio::join!(peer, client.request(post(URI, "hi")));
    assert_eq!(response.expect("a response").status(), 200);
    assert_eq!(client.figures().retries, 1);
}
