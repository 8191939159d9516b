//! What a client does with its connections: which are used again, what is sent again, what is given back.

mod client_support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use client_support::*;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use http_keepalive_tokio::client::{Client, ErrorKind, Idempotent, RequestTimeouts, TcpConnector};
use http_keepalive_tokio::http_keepalive::pool::{
    EndReason, PoolConfig, PoolLimits, PoolPolicy, PoolTimeouts, RefuseReason,
};
use http_keepalive_tokio::http_keepalive::retry::{Advice, RetryReason};
use http_keepalive_tokio::http_keepalive::{Client as Role, CloseReason, Config, Limits, Policy, Timeouts};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep, timeout};

/// A client that holds so many connections in all.
fn client_of(connections: u32) -> (Client<Scripted>, UnboundedReceiver<Peer>) {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(connections));
    let pool = PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).unwrap();
    let (connector, peers) = scripted();
    (Client::builder().with_pool(pool).build(connector), peers)
}

/// Makes one exchange, after which a connection is idle.
async fn warm(client: &Client<Scripted>, peers: &mut UnboundedReceiver<Peer>) -> Peer {
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.answer("").await;
        peer
    };
    let (peer, response) = tokio::join!(peer, client.request(get(URI)));
    text(response.expect("a response")).await.expect("content");
    peer
}

fn config(timeouts: Timeouts) -> Arc<Config<Role>> {
    Arc::new(Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap())
}

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
async fn a_request_waits_for_the_connection_that_comes_back() {
    let (client, mut peers) = client_of(1);
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        for content in ["1", "2", "3"] {
            peer.head().await;
            sleep(Duration::from_secs(1)).await;
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{content}")).await;
        }
        peer
    };
    let one = async { text(client.request(get(URI)).await.expect("a response")).await.unwrap() };
    let two = async { text(client.request(get(URI)).await.expect("a response")).await.unwrap() };
    let three = async { text(client.request(get(URI)).await.expect("a response")).await.unwrap() };
    let began = Instant::now();
    let (_peer, one, two, three) = tokio::join!(peer, one, two, three);
    assert_eq!((one + &two + &three, began.elapsed().as_secs()), ("123".to_owned(), 3));
    assert_eq!(client.figures().pool.opened, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_too_long_fails_as_a_timeout_of_the_pool() {
    let (client, mut peers) = client_of(1);
    let first = client.request(get(URI));
    let waits = async {
        tokio::task::yield_now().await;
        let began = Instant::now();
        let error = client.request(get(URI)).await.expect_err("there is no place");
        assert_eq!((error.kind(), error.refused()), (ErrorKind::Pool, Some(RefuseReason::WaitTimeout)));
        assert!(error.is_timeout() && !error.is_connect());
        assert_eq!(began.elapsed().as_secs(), 30);
    };
    tokio::select! {
        _ = first => panic!("nobody answers it"),
        () = waits => {}
    }
    drop(peers.recv().await);
    assert_eq!((client.figures().held, client.figures().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_gives_back_what_it_has_wherever_it_is() {
    let (client, mut peers) = client_of(1);
    // before it is polled, while it is answered, while it waits
    drop(client.request(get(URI)));
    assert_eq!(client.figures().held, 0);
    assert!(timeout(Duration::from_secs(1), client.request(get(URI))).await.is_err());
    let mut first = peers.recv().await.expect("a connection");
    first.head().await;
    assert_eq!(first.rest().await, b"");
    assert_eq!((client.figures().held, client.figures().pool.ended(EndReason::Caller)), (0, 1));
    let held = tokio::spawn(client.request(get(URI)));
    let mut second = peers.recv().await.expect("a connection");
    assert!(timeout(Duration::from_secs(1), client.request(get(URI))).await.is_err());
    assert_eq!((client.figures().held, client.figures().waiting), (1, 0));
    second.answer("x").await;
    held.await.unwrap().expect("a response");
    assert_eq!((client.figures().held, client.figures().idle), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_dropped_keeps_the_connection_where_the_rest_is_here_and_short() {
    for (here, kept) in [("abcde", 1), ("abc", 0)] {
        let (client, mut peers) = client();
        let peer = async {
            let mut peer = peers.recv().await.expect("a connection");
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
            peer
        };
        let (mut peer, response) = tokio::join!(peer, client.request(get(URI)));
        let response = response.expect("a response");
        assert_eq!((client.figures().held, client.figures().idle), (1, 0));
        peer.say(here).await;
        drop(response);
        assert_eq!((client.figures().held, client.figures().idle), (kept, kept), "{here}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_has_no_more_time_than_the_request_allows() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        assert_eq!(peer.rest().await, b"");
    };
    let mut request = post(URI, "");
    let timeouts = Timeouts::CLIENT.with_response(Some(Duration::from_secs(5)));
    request.extensions_mut().insert(RequestTimeouts(config(timeouts)));
    let began = Instant::now();
    let ((), response) = tokio::join!(peer, client.request(request));
    let error = response.expect_err("nobody answers");
    assert_eq!((error.close_reason(), error.is_timeout()), (Some(CloseReason::ResponseTimeout), true));
    // and the look after it takes a moment
    assert!((5000..5010).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(client.figures().held, 0);
}

#[tokio::test(start_paused = true)]
async fn what_has_come_counts_though_its_deadline_has_passed() {
    let (connector, mut peers) = scripted();
    let timeouts = Timeouts::CLIENT.with_response(Some(Duration::from_secs(5)));
    let client = Client::builder().with_config(config(timeouts)).build(connector);
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer
    };
    let mut request = Box::pin(client.request(get(URI)));
    let mut peer = tokio::select! {
        _ = &mut request => panic!("nobody answered"),
        peer = peer => peer,
    };
    // whoever waits was not run for a while, and meanwhile the answer came
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(request.await.expect("a response").status(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_pause_of_whoever_reads_is_not_the_peers() {
    let (connector, mut peers) = scripted();
    // of content that comes as fast as it is read, nobody is accused
    let timeouts = Timeouts::CLIENT.with_content_gap(Some(Duration::from_secs(5))).with_content_rate(Some(10_000));
    let client = Client::builder().with_config(config(timeouts)).build(connector);
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").await;
        peer.say(vec![b'x'; 100_000]).await;
        peer
    };
    let request = async {
        let mut body = client.request(get(URI)).await.expect("a response").into_body();
        let mut octets = 0;
        while let Some(frame) = body.frame().await {
            octets += frame.expect("content").into_data().expect("data").len();
            sleep(Duration::from_secs(20)).await;
        }
        octets
    };
    let (_peer, octets) = tokio::join!(peer, request);
    assert_eq!(octets, 100_000);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_in_time_by_the_hint_of_their_peer() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=15\r\n\r\n";
        peer.say(head).await;
        let began = Instant::now();
        assert_eq!(peer.rest().await, b"");
        began.elapsed()
    };
    let (stayed, response) = tokio::join!(peer, async { client.request(get(URI)).await.map(drop) });
    response.expect("a response");
    // 15 seconds less the machine's margin
    assert_eq!(stayed.as_secs(), 13);
    assert_eq!((client.figures().held, client.figures().pool.ended(EndReason::Until)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_closes_what_is_idle_and_a_drain_refuses() {
    let (client, mut peers) = client();
    let mut peer = warm(&client, &mut peers).await;
    let other = client.clone();
    drop(client);
    assert_eq!(other.figures().idle, 1);
    other.drain();
    assert_eq!(peer.rest().await, b"");
    let error = other.request(get(URI)).await.expect_err("it has ended");
    assert_eq!(error.refused(), Some(RefuseReason::Drain));
    let (client, mut peers) = client_of(2);
    let mut peer = warm(&client, &mut peers).await;
    drop(client);
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_back_first_is_used_and_the_new_one_kept_for_later() {
    // the first opens at once, the others take twenty seconds
    let (scripted, mut connections) = scripted();
    let opened = Arc::new(AtomicU64::new(0));
    let connector = tower::service_fn(move |uri| {
        let (mut scripted, number) = (scripted.clone(), opened.fetch_add(1, Ordering::Relaxed));
        async move {
            sleep(Duration::from_secs(number * 20)).await;
            tower::Service::call(&mut scripted, uri).await
        }
    });
    let client = Client::builder().build(connector);
    // one connection is in use when another request opens one, slowly
    let request = |number: u32| client.request(get(&format!("http://example.org/{number}")));
    let opening = tokio::spawn(request(1));
    let mut peer = connections.recv().await.expect("the first connection");
    let second = tokio::spawn(request(2));
    peer.answer("1").await;
    assert_eq!(text(opening.await.unwrap().expect("a response")).await.unwrap(), "1");
    // it comes back a second later than it was asked for, and before the other is open
    assert_eq!(peer.answer("2").await.lines().next(), Some("GET /2 HTTP/1.1"));
    assert_eq!(text(second.await.unwrap().expect("a response")).await.unwrap(), "2");
    let _second = connections.recv().await.expect("the other connection");
    tokio::task::yield_now().await;
    let figures = client.figures();
    assert_eq!((figures.pool.overtaken, figures.pool.opened, figures.idle), (1, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_opened_in_time_fails_as_the_pool_allows() {
    let client = Client::builder().build(tower::service_fn(|_| std::future::pending::<io::Result<DuplexStream>>()));
    let began = Instant::now();
    let error = client.request(get(URI)).await.expect_err("it hangs");
    assert!(error.is_connect() && error.is_timeout(), "{error}");
    assert_eq!((began.elapsed().as_secs(), client.figures().held), (30, 0));
}

#[tokio::test]
async fn an_address_that_refuses_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = Client::builder().build(TcpConnector::new());
    let error = client.request(get(&format!("http://{address}/"))).await.expect_err("nobody listens");
    assert!(error.is_connect() && error.to_string().contains(&address.to_string()), "{error}");
    let error = client.request(get("https://example.org/")).await.expect_err("it has no TLS");
    assert!(error.to_string().contains("give a connector that has TLS"), "{error}");
    assert_eq!(client.figures().held, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_two_sides_ends_when_both_have() {
    let (client, mut peers) = client();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, io::Error>>(1);
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        for word in ["a", "b"] {
            let piece = format!("1\r\n{word}\r\n");
            assert_eq!(peer.content(6).await, piece.as_bytes());
            peer.say(piece).await;
        }
        assert_eq!(peer.content(5).await, b"0\r\n\r\n");
        peer.say("0\r\n\r\n").await;
        peer
    };
    let request = async {
        let response = client.request(Request::post(URI).body(Channel(receiver)).unwrap()).await.expect("a response");
        let mut body = response.into_body();
        for word in ["a", "b"] {
            sender.send(Ok(Frame::data(Bytes::from(word)))).await.unwrap();
            assert_eq!(body.frame().await.expect("a frame").expect("content").into_data().unwrap(), word);
        }
        drop(sender);
        assert!(body.frame().await.is_none());
    };
    let (_peer, ()) = tokio::join!(peer, request);
    assert_eq!(client.figures().idle, 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_a_service_of_tower() {
    use tower::ServiceExt;
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.answer("x").await;
        peer
    };
    let service = client.clone().map_request(|uri: &str| Request::get(uri).body(Empty::<Bytes>::new()).unwrap());
    let (_peer, response) = tokio::join!(peer, service.oneshot(URI));
    assert_eq!(text(response.expect("a response")).await.unwrap(), "x");
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

#[test]
fn futures_and_clients_go_to_any_thread() {
    fn goes<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync>(_: &T) {}
    let client = Client::new();
    is_shared(&client);
    goes(&client.request(get(URI)));
    goes(&http_keepalive_tokio::client::Body::default());
}
