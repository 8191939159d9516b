//! The scripted client, and short names.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use http_keepalive_tokio::BoxError;
use http_keepalive_tokio::http_keepalive::{Config, ConnectionSummary, Limits, Policy, Server, Timeouts};
use http_keepalive_tokio::server::{Body, Builder};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tower::Service;

pub(crate) type Content = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type Answer = Result<Response<Content>, BoxError>;

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
pub(crate) const OK_0: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn limits(limits: Limits) -> Config<Server> {
    Config::new(limits, Timeouts::DEFAULT, Policy::DEFAULT).unwrap()
}

pub(crate) fn timeouts(timeouts: Timeouts) -> Config<Server> {
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap()
}

pub(crate) fn policy(policy: Policy) -> Config<Server> {
    Config::new(Limits::DEFAULT, Timeouts::DEFAULT, policy).unwrap()
}

/// Responses without a date, so that they can be compared.
pub(crate) fn builder(config: Config<Server>) -> Builder {
    Builder::new(config).with_date(false)
}

pub(crate) fn full(content: impl Into<Bytes>) -> Content {
    Full::new(content.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

pub(crate) fn ok(content: impl Into<Bytes>) -> Answer {
    Ok(Response::new(full(content)))
}

/// The content of a request, as that of a response.
pub(crate) fn echo(request: Request<Body>) -> Answer {
    Ok(Response::new(request.into_body().map_err(Into::into).boxed_unsync()))
}

/// Frames that come one by one; the content ends when the sender is dropped.
struct Frames(mpsc::UnboundedReceiver<Result<Frame<Bytes>, BoxError>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(context)
    }
}

pub(crate) struct Feed(mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>);

impl Feed {
    pub(crate) fn data(&self, data: impl Into<Bytes>) {
        let _ = self.0.send(Ok(Frame::data(data.into())));
    }

    pub(crate) fn trailers(&self, name: &'static str, value: &'static str) {
        let mut trailers = HeaderMap::new();
        trailers.insert(name, value.parse().unwrap());
        let _ = self.0.send(Ok(Frame::trailers(trailers)));
    }

    pub(crate) fn fail(&self) {
        let _ = self.0.send(Err("the content failed".into()));
    }
}

pub(crate) fn frames() -> (Feed, Content) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Feed(sender), Frames(receiver).boxed_unsync())
}

pub(crate) type Served = JoinHandle<ConnectionSummary>;

/// Serves one connection in a task.
pub(crate) fn serve<S>(builder: &Builder, service: S) -> (Client, Served)
where
    S: Service<Request<Body>, Response = Response<Content>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    serve_in(1 << 16, builder, service)
}

pub(crate) fn serve_in<S>(buffer: usize, builder: &Builder, service: S) -> (Client, Served)
where
    S: Service<Request<Body>, Response = Response<Content>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    let (client, server) = tokio::io::duplex(buffer);
    let served = tokio::spawn(builder.serve(server, service));
    (Client { io: client, got: Vec::new() }, served)
}

pub(crate) struct Client<T = DuplexStream> {
    pub(crate) io: T,
    pub(crate) got: Vec<u8>,
}

impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<T> {
    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.io.write_all(octets.as_ref()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// What comes up to this text, and with it.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let found = self.got.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                let rest = self.got.split_off(at + text.len());
                return String::from_utf8(std::mem::replace(&mut self.got, rest)).unwrap();
            }
            let read = self.io.read_buf(&mut self.got).await.unwrap();
            assert_ne!(read, 0, "the end, after {:?}", String::from_utf8_lossy(&self.got));
        }
    }

    /// Exactly what comes next.
    pub(crate) async fn expect(&mut self, text: &str) {
        while self.got.len() < text.len() && text.as_bytes().starts_with(&self.got) {
            let read = self.io.read_buf(&mut self.got).await.unwrap();
            assert_ne!(read, 0, "the end, after {:?}", String::from_utf8_lossy(&self.got));
        }
        let rest = self.got.split_off(text.len().min(self.got.len()));
        assert_eq!(String::from_utf8_lossy(&std::mem::replace(&mut self.got, rest)), text);
    }

    pub(crate) async fn octets(&mut self, count: usize) -> Vec<u8> {
        while self.got.len() < count {
            let read = self.io.read_buf(&mut self.got).await.unwrap();
            assert_ne!(read, 0, "the end, after {} octets", self.got.len());
        }
        let rest = self.got.split_off(count);
        std::mem::replace(&mut self.got, rest)
    }

    /// Chunked content, decoded, up to its last chunk; the trailers are left.
    pub(crate) async fn chunks(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let line = self.until("\r\n").await;
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
            if size == 0 {
                return content;
            }
            content.append(&mut self.octets(size).await);
            self.expect("\r\n").await;
        }
    }

    /// All that comes until the end.
    pub(crate) async fn rest(&mut self) -> String {
        self.io.read_to_end(&mut self.got).await.unwrap();
        String::from_utf8(std::mem::take(&mut self.got)).unwrap()
    }

    /// Nothing comes for so long.
    pub(crate) async fn silence(&mut self, time: Duration) {
        assert!(self.got.is_empty(), "{:?}", String::from_utf8_lossy(&self.got));
        let read = timeout(time, self.io.read_buf(&mut self.got)).await;
        assert!(read.is_err(), "{read:?}: {:?}", String::from_utf8_lossy(&self.got));
    }
}

/// How long this takes, within what a look and a rate of octets add.
pub(crate) async fn takes<R>(time: Duration, future: impl Future<Output = R>) -> R {
    let began = Instant::now();
    let value = future.await;
    let took = began.elapsed();
    assert!(took >= time && took <= time + Duration::from_millis(50), "{took:?} and not {time:?}");
    value
}

/// The reason that came first.
pub(crate) fn reason(summary: &ConnectionSummary) -> &'static str {
    summary.reasons.iter().next().map_or("none", |reason| reason.as_str())
}

/// Some octets that do not repeat soon.
pub(crate) fn octets(count: usize) -> Vec<u8> {
    (0..count as u32).map(|at| (at.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect()
}
