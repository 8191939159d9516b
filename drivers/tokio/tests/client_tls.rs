//! A client over TLS, with a connector of the user's.

mod client_support;

use std::io;
use std::sync::Arc;

use client_support::*;
use http::Uri;
use http_body_util::BodyExt;
use http_keepalive_tokio::client::{Client, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Both sides of TLS for `localhost`.
fn tls() -> (TlsAcceptor, TlsConnector) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let server =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)))
}

#[tokio::test]
async fn requests_go_over_tls_and_an_end_that_was_not_said_is_seen() {
    let (acceptor, connector) = tls();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = Client::builder().build(tower::service_fn(move |uri: Uri| {
        let connector = connector.clone();
        async move {
            assert_eq!(uri.scheme_str(), Some("https"));
            let stream = TcpStream::connect(address).await?;
            connector.connect(ServerName::try_from("localhost").map_err(io::Error::other)?, stream).await
        }
    }));
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut tls = acceptor.accept(stream).await.unwrap();
        let mut received = Vec::new();
        for _ in 0..2 {
            while !received.ends_with(b"hello") {
                assert!(tls.read_buf(&mut received).await.unwrap() > 0);
            }
            received.clear();
            let content = vec![b'x'; 200_000];
            tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n").await.unwrap();
            tls.write_all(&content).await.unwrap();
            tls.flush().await.unwrap();
        }
        while !received.ends_with(b"\r\n\r\n") {
            assert!(tls.read_buf(&mut received).await.unwrap() > 0);
        }
        tls.write_all(b"HTTP/1.1 200 OK\r\n\r\nis it whole?").await.unwrap();
        tls.flush().await.unwrap();
        // without a closure alert (RFC 9112 9.8)
        drop(tls.into_inner().0);
    };
    let requests = async {
        for _ in 0..2 {
            let response = client.request(post("https://localhost/", "hello")).await.expect("a response");
            assert_eq!(response.into_body().collect().await.expect("content").to_bytes().len(), 200_000);
        }
        let response = client.request(get("https://localhost/")).await.expect("a response");
        assert_eq!(text(response).await.expect_err("nobody said its end").kind(), ErrorKind::Incomplete);
    };
    tokio::join!(server, requests);
    let figures = client.figures();
    assert_eq!((figures.pool.opened, figures.pool.reused, figures.held), (1, 2, 0));
}

#[tokio::test]
async fn a_client_that_ends_says_so_by_tls() {
    let (acceptor, connector) = tls();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let ours = Arc::new(std::sync::Mutex::new(Some(ours)));
    let client = Client::builder().build(tower::service_fn(move |_| {
        let (connector, stream) = (connector.clone(), ours.lock().unwrap().take().unwrap());
        async move { connector.connect(ServerName::try_from("localhost").map_err(io::Error::other)?, stream).await }
    }));
    let server = tokio::spawn(async move {
        let mut tls = acceptor.accept(theirs).await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            assert!(tls.read_buf(&mut received).await.unwrap() > 0);
        }
        tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        tls.flush().await.unwrap();
        // an error, had it not said so
        tls.read_buf(&mut received).await.unwrap()
    });
    client.request(get("https://localhost/")).await.expect("a response");
    drop(client);
    assert_eq!(server.await.unwrap(), 0);
}
