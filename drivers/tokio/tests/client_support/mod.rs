//! Peers whose words a test gives, and what tests of the client have in common.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full};
use http_keepalive_tokio::client::{Body, Client, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower_service::Service;

/// Opens connections to a test.
#[derive(Clone)]
pub struct Scripted {
    peers: UnboundedSender<Peer>,
    /// Octets that are on their way at once.
    pub octets: usize,
}

/// The other side of a connection.
pub struct Peer {
    pub io: DuplexStream,
    pub uri: Uri,
    pub received: Vec<u8>,
}

pub fn scripted() -> (Scripted, UnboundedReceiver<Peer>) {
    let (peers, receiver) = unbounded_channel();
    (Scripted { peers, octets: 64 * 1024 }, receiver)
}

/// A client of common settings, and its peers.
pub fn client() -> (Client<Scripted>, UnboundedReceiver<Peer>) {
    let (connector, peers) = scripted();
    (Client::builder().build(connector), peers)
}

impl Service<Uri> for Scripted {
    type Response = DuplexStream;
    type Error = io::Error;
    type Future = Ready<io::Result<DuplexStream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (ours, theirs) = tokio::io::duplex(self.octets);
        let peer = Peer { io: theirs, uri, received: Vec::new() };
        ready(self.peers.send(peer).map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()))
    }
}

impl Peer {
    /// The head of the next request.
    pub async fn head(&mut self) -> String {
        loop {
            if let Some(at) = self.received.windows(4).position(|octets| octets == b"\r\n\r\n") {
                let head = self.received.drain(..at + 4).collect();
                return String::from_utf8(head).expect("heads are text");
            }
            assert!(self.read().await > 0, "the client closed inside a head: {:?}", self.received);
        }
    }

    pub async fn content(&mut self, octets: usize) -> Vec<u8> {
        while self.received.len() < octets {
            assert!(self.read().await > 0, "the client closed inside the content");
        }
        self.received.drain(..octets).collect()
    }

    pub async fn read(&mut self) -> usize {
        self.io.read_buf(&mut self.received).await.unwrap_or(0)
    }

    pub async fn say(&mut self, text: impl AsRef<[u8]>) {
        self.io.write_all(text.as_ref()).await.expect("the client reads");
    }

    /// What the client sends until it closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.read().await > 0 {}
        std::mem::take(&mut self.received)
    }

    /// Answers one request with this content.
    pub async fn answer(&mut self, content: &str) -> String {
        let head = self.head().await;
        self.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len())).await;
        head
    }
}

/// Makes one exchange, after which a connection is idle.
pub async fn warm(client: &Client<Scripted>, peers: &mut UnboundedReceiver<Peer>) -> Peer {
    let peer = async {
        let mut peer = peers.recv().await.expect("a connection");
        peer.answer("").await;
        peer
    };
    let (peer, response) = tokio::join!(peer, client.request(get(URI)));
    text(response.expect("a response")).await.expect("content");
    peer
}

pub fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).expect("a request")
}

pub fn post(uri: &str, content: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(uri).body(Full::new(content.into())).expect("a request")
}

/// The whole content, as text.
pub async fn text(response: Response<Body>) -> Result<String, Error> {
    let octets = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(octets.to_vec()).expect("text"))
}

/// These frames, one after the other.
pub struct Frames<E>(pub VecDeque<Result<Frame<Bytes>, E>>);

impl<E: Unpin> http_body::Body for Frames<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        Poll::Ready(self.0.pop_front())
    }
}

/// What is sent to it.
pub struct Channel<E>(pub Receiver<Result<Frame<Bytes>, E>>);

impl<E: Unpin> http_body::Body for Channel<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        self.0.poll_recv(context)
    }
}

pub const URI: &str = "http://example.org/";
