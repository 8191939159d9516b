//! A client's exchanges, as its peer sees them.

mod client_support;

use client_support::*;
use http_keepalive_tokio::client::ConnectionInformation;

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
        let information = first.extensions().get::<ConnectionInformation>().copied().expect("information");
        assert_eq!((information.is_reused, information.exchange, information.tries), (false, 1, 1));
        assert_eq!(text(first).await.expect("content"), "one");
        let second = client.request(get("http://example.org/b?c")).await.expect("a response");
        let information = second.extensions().get::<ConnectionInformation>().copied().expect("information");
        assert_eq!((information.is_reused, information.exchange, information.tries), (true, 2, 1));
        assert_eq!(text(second).await.expect("content"), "two");
    };
    let (mut peer, ()) = tokio::join!(peer, requests);
    let figures = client.figures();
    assert_eq!((figures.idle, figures.held, figures.pool.opened, figures.pool.reused), (1, 1, 1, 1));
    drop(client);
    assert_eq!(peer.rest().await, b"");
}
