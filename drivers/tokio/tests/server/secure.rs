//! Transports around a socket, and sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use http_keepalive_tokio::http_keepalive::{Config, Timeouts};
use http_keepalive_tokio::server::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use tower::service_fn;

use super::support::*;

async fn tls() -> (client::TlsStream<DuplexStream>, server::TlsStream<DuplexStream>) {
    let own = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()).into();
    let accepts =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let connects = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let (client, server) = tokio::io::duplex(4096);
    let client = TlsConnector::from(Arc::new(connects)).connect("a".try_into().unwrap(), client);
    let (client, server) = tokio::join!(client, TlsAcceptor::from(Arc::new(accepts)).accept(server));
    (client.unwrap(), server.unwrap())
}

#[tokio::test]
async fn requests_are_answered_over_tls_and_its_end_is_told() {
    let (client, server) = tls().await;
    let service = service_fn(async |request: Request<Body>| match request.uri().path() {
        "/long" => ok(octets(100_000)),
        _ => ok("hello"),
    });
    let served = tokio::spawn(builder(Config::DEFAULT).serve(server, service));
    let mut client = Client { io: client, got: Vec::new() };
    client.send(GET).await;
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await;
    client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    assert!(client.octets(100_000).await == octets(100_000));
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    client.until("hello").await;
    // with its alert: else rustls says that the end is unexpected
    assert_eq!(client.rest().await, "");
    drop(client);
    assert_eq!(served.await.unwrap().exchanges, 3);
}

#[tokio::test]
async fn tls_that_ends_without_its_alert_makes_no_content_whole() {
    let (client, server) = tls().await;
    let service = service_fn(async |request: Request<Body>| {
        let read = http_body_util::BodyExt::collect(request.into_body()).await;
        assert!(read.is_err());
        ok("")
    });
    let served = tokio::spawn(builder(Config::DEFAULT).serve(server, service));
    let mut client = Client { io: client, got: Vec::new() };
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello").await;
    drop(client.io.into_inner().0);
    let summary = served.await.unwrap();
    assert!(!summary.whole, "{summary}");
}

static RESETS: AtomicUsize = AtomicUsize::new(0);

#[tokio::test(start_paused = true)]
async fn the_function_that_resets_is_called_where_the_machine_says_so() {
    let (mut client, server) = tokio::io::duplex(100);
    let reset = |_: &mut DuplexStream| _ = RESETS.fetch_add(1, Ordering::Relaxed);
    let connection = builder(Config::DEFAULT).serve(server, service_fn(async |_| ok(octets(1000)))).with_reset(reset);
    let served = tokio::spawn(connection);
    client.write_all(GET.as_bytes()).await.unwrap();
    assert_eq!(reason(&served.await.unwrap()), "write-stall");
    assert_eq!(RESETS.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_reset() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let config = timeouts(Timeouts::DEFAULT.with_write_stall(Some(Duration::from_millis(100))));
    let (stream, _) = listener.accept().await.unwrap();
    let served = tokio::spawn(builder(config).serve(stream, service_fn(async |_| ok(vec![0; 64 << 20]))));
    client.write_all(GET.as_bytes()).await.unwrap();
    assert_eq!(reason(&served.await.unwrap()), "write-stall");
    let mut came = Vec::new();
    let end = client.read_to_end(&mut came).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}
