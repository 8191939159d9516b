//! A connection in memory, its service, and the time things take.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use http_keepalive::{Config, Limits, Policy, Server, Timeouts};
use http_keepalive_hyper::BoxError;
use http_keepalive_hyper::server::{Content, Error, Summary, serve_connection};
use http_keepalive_hyper::tokio::Drain;
use hyper::body::Frame;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn config(timeouts: Timeouts) -> Config<Server> {
    config_of(Limits::DEFAULT, timeouts, Policy::DEFAULT)
}

pub(crate) fn config_of(limits: Limits, timeouts: Timeouts, policy: Policy) -> Config<Server> {
    Config::new(limits, timeouts, policy).expect("a configuration within its bounds")
}

/// A connection that is served, and the peer's end of it.
pub(crate) struct Served {
    pub(crate) peer: DuplexStream,
    pub(crate) connection: JoinHandle<Result<Summary, Error>>,
    pub(crate) drain: Drain,
    pub(crate) began: Instant,
}

pub(crate) fn serve(config: Config<Server>) -> Served {
    serve_over(config, 64 * 1024)
}

/// With so many octets on their way at most.
pub(crate) fn serve_over(config: Config<Server>, room: usize) -> Served {
    let (peer, io) = tokio::io::duplex(room);
    let drain = Drain::new();
    let connection = serve_connection(&Builder::new(), io, service_fn(answer), config).with_drain(&drain);
    Served { peer, connection: tokio::spawn(connection), drain, began: Instant::now() }
}

pub(crate) type Body = BoxBody<Bytes, BoxError>;

pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

/// The service: what it does the path says.
pub(crate) async fn answer(request: Request<Content>) -> Result<Response<Body>, Infallible> {
    let (parts, content) = request.into_parts();
    let response = match parts.uri.path() {
        // takes the content, and says how much it was
        "/count" => match content.collect().await {
            Ok(all) => Response::new(full(format!("{}", all.to_bytes().len()))),
            // the machine answers
            Err(_) => std::future::pending().await,
        },
        // begins to take it only after a while
        "/late" => {
            sleep(secs(60)).await;
            let all = content.collect().await.expect("the content");
            Response::new(full(format!("{}", all.to_bytes().len())))
        }
        "/slow" => {
            sleep(secs(60)).await;
            Response::new(full("slow"))
        }
        "/echo" => Response::new(content.boxed()),
        "/large" => Response::new(full(vec![b'x'; 1 << 20])),
        "/chunks" => {
            let pieces = ["one", "two"].map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
            Response::new(StreamBody::new(Stream(pieces.into_iter())).boxed())
        }
        "/broken" => {
            let pieces = [Ok(Frame::data(Bytes::from_static(b"one"))), Err("broken".into())];
            Response::new(StreamBody::new(Stream(pieces.into_iter())).boxed())
        }
        "/close" => {
            let mut response = Response::new(full("close"));
            response.headers_mut().insert("connection", "close".parse().expect("a value"));
            response
        }
        // takes the content in a task of its own, begins late, and answers after it
        "/task" => {
            let task = tokio::spawn(async move {
                sleep(secs(10)).await;
                content.collect().await
            });
            let taken = task.await.expect("no panic");
            match taken {
                Ok(all) => Response::new(full(format!("{}", all.to_bytes().len()))),
                Err(_) => std::future::pending().await,
            }
        }
        // takes the content in a task of its own, and answers before
        "/aside" => {
            tokio::spawn(async move { content.collect().await.map(|_| ()).expect("the content") });
            Response::new(full("aside"))
        }
        // the same, and takes it late, while the response takes a while
        "/aside-late" => {
            tokio::spawn(async move {
                sleep(secs(20)).await;
                content.collect().await.map(|_| ()).expect("the content")
            });
            Response::new(Late(Box::pin(sleep(secs(5))), Some("aside")).boxed())
        }
        "/interim" => {
            let mut response = Response::new(full("wrong"));
            *response.status_mut() = hyper::StatusCode::PROCESSING;
            response
        }
        _ => Response::new(full("hello")),
    };
    Ok(response)
}

/// Content that comes after a while.
struct Late(std::pin::Pin<Box<tokio::time::Sleep>>, Option<&'static str>);

impl hyper::body::Body for Late {
    type Data = Bytes;
    type Error = BoxError;
    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.1.is_some() {
            std::task::ready!(self.0.as_mut().poll(context));
        }
        std::task::Poll::Ready(self.1.take().map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
    }
}

struct Stream<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Stream<I> {
    type Item = I::Item;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

impl Served {
    pub(crate) async fn send(&mut self, octets: &str) {
        self.peer.write_all(octets.as_bytes()).await.expect("it is open");
    }

    /// Reads until what came ends so.
    pub(crate) async fn receive_to(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let octet = timeout(secs(10_000), self.peer.read_u8()).await;
            let octet = octet.unwrap_or_else(|_| panic!("nothing comes after {:?}", String::from_utf8_lossy(&text)));
            text.push(octet.unwrap_or_else(|_| panic!("the end after {:?}", String::from_utf8_lossy(&text))));
        }
        String::from_utf8(text).expect("text")
    }

    /// Reads to the end, which comes `after` the begin.
    pub(crate) async fn receive_end(&mut self, after: Duration) -> String {
        let mut text = String::new();
        timeout(secs(10_000), self.peer.read_to_string(&mut text)).await.expect("an end").expect("an end");
        self.took(after);
        text
    }

    /// So long after the begin it is.
    pub(crate) fn took(&self, expected: Duration) {
        within(self.began.elapsed(), expected);
    }

    /// What it came to, `after` the begin.
    pub(crate) async fn summary(&mut self, after: Duration) -> Summary {
        let ended = timeout(secs(10_000), &mut self.connection).await.expect("an end").expect("no panic");
        self.took(after);
        ended.unwrap_or_else(|error| error.summary)
    }
}

/// Within 20 ms, and never before.
#[track_caller]
pub(crate) fn within(took: Duration, expected: Duration) {
    assert!(took >= expected && took <= expected + millis(20), "{took:?} and not {expected:?}");
}

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
