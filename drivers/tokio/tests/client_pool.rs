//! What a client does with its connections: which are used again, what is sent again, what is given back.

mod client_support;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use client_support::*;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use http_keepalive_tokio::client::{Client, ErrorKind, RequestTimeouts, TcpConnector};
use http_keepalive_tokio::http_keepalive::pool::{
    EndReason, PoolConfig, PoolLimits, PoolPolicy, PoolTimeouts, RefuseReason,
};
use http_keepalive_tokio::http_keepalive::{Client as Role, CloseReason, Config, Limits, Policy, Timeouts};
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep, timeout};

/// A client that holds so many connections in all.
fn client_of(connections: u32) -> (Client<Scripted>, UnboundedReceiver<Peer>) {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(connections));
    let pool = PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).unwrap();
    let (connector, peers) = scripted();
    (Client::builder().with_pool(pool).build(connector), peers)
}

fn config(timeouts: Timeouts) -> Arc<Config<Role>> {
    Arc::new(Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap())
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

#[test]
fn futures_and_clients_go_to_any_thread() {
    fn goes<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync>(_: &T) {}
    let client = Client::new();
    is_shared(&client);
    goes(&client.request(get(URI)));
    goes(&http_keepalive_tokio::client::Body::default());
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_connection_can_not_be_opened_waits_for_another_where_there_is_one() {
    let (scripted, mut connections) = scripted();
    let opened = Arc::new(AtomicU64::new(0));
    let client = Client::builder().build(tower::service_fn(move |uri| {
        let (mut scripted, number) = (scripted.clone(), opened.fetch_add(1, Ordering::Relaxed));
        async move {
            match number {
                0 => tower::Service::call(&mut scripted, uri).await,
                _ => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        }
    }));
    let first = tokio::spawn(client.request(get(URI)));
    let mut peer = connections.recv().await.expect("a connection");
    let second = tokio::spawn(client.request(get(URI)));
    peer.answer("1").await;
    assert_eq!(text(first.await.unwrap().expect("a response")).await.unwrap(), "1");
    peer.answer("2").await;
    assert_eq!(text(second.await.unwrap().expect("a response")).await.unwrap(), "2");
    drop(peer);
    // now there is none
    let error = client.request(get(URI)).await.expect_err("nobody listens");
    assert!(error.is_connect(), "{error}");
    assert_eq!((client.figures().held, client.figures().waiting), (0, 0));
}
