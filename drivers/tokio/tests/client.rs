//! A client's exchanges, as its peer sees them.

mod client_support;

use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use client_support::*;
use http::{HeaderMap, Request};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use http_keepalive_tokio::client::{Client, ConnectionInfo, ErrorKind, OnInterim, Proxy, Upgrade};
use http_keepalive_tokio::http_keepalive::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test(start_paused = true)]
async fn two_requests_go_on_one_connection() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        assert_eq!(peer.uri, URI);
        assert_eq!(peer.answer("one").await, "GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n");
        assert_eq!(peer.answer("two").await, "GET /b?c HTTP/1.1\r\nHost: example.org\r\n\r\n");
        peer
    };
    let requests = async {
        let first = client.request(get("http://example.org/a")).await.expect("a response");
        let information = first.extensions().get::<ConnectionInfo>().copied().expect("information");
        assert_eq!((information.is_reused, information.exchange, information.tries), (false, 1, 1));
        assert_eq!(text(first).await.expect("content"), "one");
        let second = client.request(get("http://example.org/b?c")).await.expect("a response");
        let information = second.extensions().get::<ConnectionInfo>().copied().expect("information");
        assert_eq!((information.is_reused, information.exchange, information.tries), (true, 2, 1));
        assert_eq!(text(second).await.expect("content"), "two");
    };
    let (mut peer, ()) = tokio::join!(peer, requests);
    let figures = client.figures();
    assert_eq!((figures.idle, figures.held, figures.pool.opened, figures.pool.reused), (1, 1, 1, 1));
    drop(client);
    assert_eq!(peer.rest().await, b"");
}

#[tokio::test(start_paused = true)]
async fn content_that_streams_is_chunked_and_has_trailers_both_ways() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        let head = peer.head().await;
        assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
        let content = "5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n";
        assert_eq!(peer.content(content.len()).await, content.as_bytes());
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        peer.say("2\r\nde\r\n0\r\nX-Other: 2\r\n\r\n").await;
        peer
    };
    let trailers: HeaderMap = [("x-sum".parse().unwrap(), "1".parse().unwrap())].into_iter().collect();
    let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from("hello"))), Ok(Frame::trailers(trailers))];
    let body = Frames(frames.into_iter().collect());
    let request = async {
        let response = client.request(Request::post(URI).body(body).unwrap()).await.expect("a response");
        let collected = response.into_body().collect().await.expect("content");
        assert_eq!(collected.trailers().and_then(|trailers| trailers.get("x-other")).unwrap(), "2");
        assert_eq!(collected.to_bytes(), "abcde");
    };
    let (_peer, ()) = tokio::join!(peer, request);
    assert_eq!(client.figures().idle, 1);
}

#[tokio::test(start_paused = true)]
async fn content_of_known_length_is_sent_as_it_is_however_long() {
    for octets in [0, 1, 4095, 4096, 100_000, 3_000_000] {
        let (client, mut peers) = client();
        let content: Bytes = (0..octets).map(|at| (at % 251) as u8).collect();
        let peer = async {
            let mut peer = peers.recv().await.expect("a connection");
            let head = peer.head().await;
            assert!(head.contains(&format!("\r\nContent-Length: {octets}\r\n")), "{head}");
            let received = peer.content(octets).await;
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {octets}\r\n\r\n")).await;
            peer.say(&received).await;
            peer
        };
        let request = async {
            let response = client.request(post(URI, content.clone())).await.expect("a response");
            assert_eq!(response.body().size_hint().exact(), Some(octets as u64));
            assert_eq!(response.into_body().collect().await.expect("content").to_bytes(), content);
        };
        let (_peer, ()) = tokio::join!(peer, request);
        assert_eq!(client.figures().idle, 1, "{octets}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_without_content_is_over_at_once() {
    for (method, status) in [
        ("HEAD", "200 OK\r\nContent-Length: 9"),
        ("GET", "204 No Content"),
        ("GET", "304 Not Modified\r\nContent-Length: 9"),
    ] {
        let (client, mut peers) = client();
        let peer = async {
            let mut peer = peers.recv().await.expect("a connection");
            peer.head().await;
            peer.say(format!("HTTP/1.1 {status}\r\n\r\n")).await;
            peer
        };
        let request = Request::builder().method(method).uri(URI).body(Empty::<Bytes>::new()).unwrap();
        let (_peer, response) = tokio::join!(peer, client.request(request));
        assert!(response.expect("a response").body().is_end_stream(), "{method} {status}");
        assert_eq!(client.figures().idle, 1, "{method} {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn content_until_close_is_whole_and_its_connection_is_not_kept() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    };
    let request = async { text(client.request(get(URI)).await.expect("a response")).await.expect("content") };
    let ((), content) = tokio::join!(peer, request);
    assert_eq!(content, "all of it");
    assert_eq!(client.figures().held, 0);
}

#[tokio::test(start_paused = true)]
async fn content_that_is_cut_is_an_error_that_says_so() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome").await;
    };
    let request = async { text(client.request(get(URI)).await.expect("a response")).await };
    let ((), content) = tokio::join!(peer, request);
    let error = content.expect_err("it is cut");
    assert_eq!(error.kind(), ErrorKind::Incomplete);
    assert_eq!(error.close_reason(), Some(CloseReason::Incomplete));
    assert_eq!(client.figures().held, 0);
}

#[tokio::test(start_paused = true)]
async fn the_users_connection_close_ends_the_connection() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        let head = peer.answer("x").await;
        assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        assert_eq!(peer.rest().await, b"");
    };
    let mut request = get(URI);
    request.headers_mut().insert("connection", "close".parse().unwrap());
    let exchange = async { text(client.request(request).await.expect("a response")).await.expect("content") };
    let ((), content) = tokio::join!(peer, exchange);
    assert_eq!((content.as_str(), client.figures().held), ("x", 0));
}

#[tokio::test(start_paused = true)]
async fn content_waits_for_the_continue_that_was_asked_for() {
    let (client, mut peers) = client();
    let interims = Arc::new(Mutex::new(Vec::new()));
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        assert!(peer.head().await.contains("\r\nexpect: 100-continue\r\n"));
        assert!(tokio::time::timeout(Duration::from_millis(100), peer.read()).await.is_err(), "it waits");
        peer.say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(peer.content(5).await, b"hello");
        peer.say("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
        peer
    };
    let mut request = post(URI, "hello");
    request.headers_mut().insert("expect", "100-continue".parse().unwrap());
    let told = Arc::clone(&interims);
    request
        .extensions_mut()
        .insert(OnInterim::new(move |response| told.lock().unwrap().push(response.status().as_u16())));
    let (_peer, response) = tokio::join!(peer, client.request(request));
    assert_eq!(response.expect("a response").status(), 201);
    assert_eq!(*interims.lock().unwrap(), [103, 100]);
    assert_eq!(client.figures().idle, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_spares_the_content_that_waits() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(peer.rest().await, b"");
    };
    let mut request = post(URI, "hello");
    request.headers_mut().insert("expect", "100-continue".parse().unwrap());
    let ((), response) = tokio::join!(peer, client.request(request));
    assert_eq!(response.expect("a response").status(), 413);
}

#[tokio::test(start_paused = true)]
async fn an_expectation_that_failed_is_dropped_and_the_request_sent_again() {
    let (client, mut peers) = client();
    let peer = async {
        let mut first = peers.recv().await.expect("a connection");
        first.head().await;
        first.say("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n").await;
        let mut second = peers.recv().await.expect("another connection");
        assert!(!second.head().await.contains("expect"));
        assert_eq!(second.content(5).await, b"hello");
        second.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        second
    };
    let mut request = post(URI, "hello");
    request.headers_mut().insert("expect", "100-continue".parse().unwrap());
    let (_peer, response) = tokio::join!(peer, client.request(request));
    assert_eq!(response.expect("a response").status(), 200);
    assert_eq!(client.figures().retries, 1);
}

#[tokio::test(start_paused = true)]
async fn an_early_response_is_given_while_the_content_goes_on() {
    let (client, mut peers) = client();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Frame<Bytes>, Infallible>>(1);
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").await;
        assert_eq!(peer.content(10).await, b"5\r\nfirst\r\n");
        peer.say("done").await;
        assert_eq!(peer.content(16).await, b"6\r\nsecond\r\n0\r\n\r\n");
        peer
    };
    let exchange = async {
        let request = Request::post(URI).body(Channel(receiver)).unwrap();
        let response = client.request(request).await.expect("a response");
        sender.send(Ok(Frame::data(Bytes::from("first")))).await.unwrap();
        assert_eq!(text(response).await.expect("content"), "done");
        assert_eq!((client.figures().idle, client.figures().held), (0, 1));
        // nobody polls the response any more
        sender.send(Ok(Frame::data(Bytes::from("second")))).await.unwrap();
        drop(sender);
    };
    let (_peer, ()) = tokio::join!(peer, exchange);
    tokio::task::yield_now().await;
    assert_eq!((client.figures().idle, client.figures().held), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_switch_of_protocols_hands_over_the_transport_with_what_came() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        assert!(peer.head().await.contains("\r\nConnection: upgrade\r\n"));
        peer.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nhel").await;
        peer.say("lo").await;
        assert_eq!(peer.rest().await, b"hello");
    };
    let mut request = get(URI);
    request.headers_mut().insert("upgrade", "echo".parse().unwrap());
    let exchange = async {
        let response = client.request(request).await.expect("a response");
        assert_eq!(response.status(), 101);
        let upgrade = response.extensions().get::<Upgrade>().expect("another protocol");
        let mut connection = upgrade.take().expect("it is taken once");
        assert!(upgrade.take().is_none());
        let mut octets = [0; 5];
        connection.read_exact(&mut octets).await.expect("octets");
        connection.write_all(&octets).await.expect("room");
    };
    tokio::join!(peer, exchange);
    assert_eq!(client.figures().held, 0);
}

#[tokio::test(start_paused = true)]
async fn connect_through_a_proxy_makes_a_tunnel() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        assert_eq!(peer.uri, "http://proxy:3128/");
        assert_eq!(peer.head().await, "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n");
        peer.say("HTTP/1.1 200 OK\r\n\r\nhello").await;
        peer
    };
    let mut request = Request::connect("example.org:443").body(Empty::<Bytes>::new()).unwrap();
    request.extensions_mut().insert(Proxy("http://proxy:3128".parse().unwrap()));
    let (_peer, response) = tokio::join!(peer, client.request(request));
    let upgrade = response.expect("a response").extensions().get::<Upgrade>().cloned().expect("a tunnel");
    assert_eq!(upgrade.take().expect("a connection").into_parts().1, "hello");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_is_given_the_whole_target_and_its_connection_is_shared() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        assert_eq!(peer.answer("1").await, "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n");
        assert_eq!(peer.answer("2").await, "GET http://b.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n");
        peer
    };
    let requests = async {
        for uri in ["http://a.example/x", "http://b.example"] {
            let mut request = get(uri);
            request.extensions_mut().insert(Proxy("http://proxy".parse().unwrap()));
            text(client.request(request).await.expect("a response")).await.expect("content");
        }
    };
    let (_peer, ()) = tokio::join!(peer, requests);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_sent_is_said_and_costs_nothing() {
    let (client, mut peers) = client();
    for (uri, word) in [("/only-a-path", "no authority"), ("example.org", "no scheme")] {
        let error = client.request(get(uri)).await.expect_err("it can not be sent");
        assert_eq!(error.kind(), ErrorKind::Request);
        assert!(error.to_string().contains(word), "{error}");
    }
    let mut request = post(URI, "hello");
    request.headers_mut().insert("content-length", "4".parse().unwrap());
    let error = client.request(request).await.expect_err("its length is wrong");
    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.source().is_some());
    let mut request = get(URI);
    *request.version_mut() = http::Version::HTTP_2;
    assert_eq!(client.request(request).await.expect_err("not here").kind(), ErrorKind::Request);
    // the connection that had been opened for it is there for the next one
    assert_eq!((client.figures().idle, client.figures().pool.opened), (1, 1));
    drop(peers.recv().await);
}

#[tokio::test(start_paused = true)]
async fn content_that_fails_breaks_the_request_off() {
    let (client, mut peers) = client();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        sender.send(Ok(Frame::data(Bytes::from("ab")))).await.unwrap();
        assert_eq!(peer.content(7).await, b"2\r\nab\r\n");
        sender.send(Err(std::io::Error::other("the disk is gone"))).await.unwrap();
        assert_eq!(peer.rest().await, b"");
    };
    let request = Request::post(URI).body(Channel(receiver)).unwrap();
    let ((), response) = tokio::join!(peer, client.request(request));
    let error = response.expect_err("it failed");
    assert_eq!(error.kind(), ErrorKind::Upload);
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    assert_eq!((client.figures().held, client.figures().retries), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_where_the_transport_takes_little_at_once() {
    for (at_once, is_chunked) in [(1, false), (1, true), (7, true), (100, false), (5000, true)] {
        let (mut connector, mut peers) = scripted();
        connector.octets = at_once;
        let client = Client::builder().build(connector);
        let content: Bytes = (0..20_000_u32).map(|at| (at % 251) as u8).collect();
        let peer = async {
            let mut peer = peers.recv().await.expect("a connection");
            peer.head().await;
            let received = match is_chunked {
                // 1388, CRLF, 5,000 octets, CRLF, four times; and the last chunk
                true => peer.content(4 * (4 + 2 + 5000 + 2) + 5).await,
                false => peer.content(20_000).await,
            };
            match is_chunked {
                true => peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await,
                false => peer.say("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n").await,
            }
            peer.say(received).await;
            peer
        };
        let request = async {
            let pieces = (0..4).map(|at| Ok::<_, Infallible>(Frame::data(content.slice(at * 5000..(at + 1) * 5000))));
            let mut request = Request::post(URI).body(Frames(pieces.collect())).unwrap();
            if !is_chunked {
                request.headers_mut().insert("content-length", "20000".parse().unwrap());
            }
            let response = client.request(request).await.expect("a response");
            assert_eq!(response.into_body().collect().await.expect("content").to_bytes(), content);
        };
        let (_peer, ()) = tokio::join!(peer, request);
        assert_eq!(client.figures().idle, 1, "{at_once}, {is_chunked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_a_response_come_to_its_end() {
    let (client, mut peers) = client();
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        peer.say("cde").await;
        assert_eq!(peer.rest().await, b"");
    };
    let request = async {
        let response = client.request(get(URI)).await.expect("a response");
        client.drain();
        text(response).await.expect("content")
    };
    let ((), content) = tokio::join!(peer, request);
    assert_eq!((content.as_str(), client.figures().held), ("abcde", 0));
}

#[test]
fn a_client_goes_on_in_another_runtime_when_the_first_has_ended() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let mut room = [0; 1000];
            assert!(stream.read(&mut room).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            std::mem::forget(stream);
        }
    });
    let client = Client::new();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let content =
            runtime.block_on(async { text(client.request(post(&uri, "x")).await.expect("a response")).await });
        assert_eq!(content.expect("content"), "ok");
    }
    server.join().unwrap();
    assert_eq!(client.figures().pool.opened, 2);
}
