//! `hyper::upgrade::OnUpgrade`, which axum's WebSockets ask for, and only a connection of hyper's can make.
//!
//! So one is made for each request that offers an upgrade: a connection of hyper's is led through an upgrade that is written down here,
//! over a transport that becomes the real one afterwards. Nothing of it reaches the client: what hyper reads is the script, and what it
//! writes up to the end of its head is dropped.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http_body_util::Empty;
use http_keepalive_tokio::server::{OnUpgrade, Upgraded};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";

/// The same as hyper's type. `None`: hyper did not make one.
pub(crate) fn as_hyper(ours: OnUpgrade) -> Option<hyper::upgrade::OnUpgrade> {
    let late = Late(Arc::new(Mutex::new(State { to_read: REQUEST, matched: 0, real: None })));
    let made = Arc::new(Mutex::new(None));
    let (go, wait) = oneshot::channel::<()>();
    let wait = Mutex::new(Some(wait));
    let service = service_fn({
        let made = Arc::clone(&made);
        move |mut request: http::Request<hyper::body::Incoming>| {
            *lock(&made) = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>();
            let wait = lock(&wait).take();
            async move {
                if let Some(wait) = wait {
                    // where nobody goes on, this connection is dropped
                    let _ = wait.await;
                }
                let mut response = http::Response::new(Empty::<Bytes>::new());
                *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
                response.headers_mut().insert(CONNECTION, http::HeaderValue::from_static("upgrade"));
                response.headers_mut().insert(UPGRADE, http::HeaderValue::from_static("a"));
                Ok::<_, Infallible>(response)
            }
        }
    });
    let io = TokioIo::new(late.clone());
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service).with_upgrades();
    let mut connection = Box::pin(connection);
    // hyper reads the script, and calls the service
    let _ = connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let theirs = lock(&made).take()?;
    tokio::spawn(async move {
        if let Ok(upgraded) = ours.await {
            lock(&late.0).real = Some(upgraded);
            // it waits for this
            let _ = go.send(());
            let _ = connection.await;
        }
    });
    Some(theirs)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct State {
    /// What is left of the script.
    to_read: &'static [u8],
    /// How much of the end of a head was written last; all of it: the head is over.
    matched: usize,
    real: Option<Upgraded>,
}

/// A transport that becomes a real one.
#[derive(Clone)]
struct Late(Arc<Mutex<State>>);

impl State {
    const fn is_real(&self) -> bool {
        self.matched == HEAD_END.len()
    }

    fn io(&mut self) -> Option<Pin<&mut Upgraded>> {
        if self.is_real() { self.real.as_mut().map(Pin::new) } else { None }
    }
}

impl AsyncRead for Late {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if !state.to_read.is_empty() {
            let (now, rest) = state.to_read.split_at(state.to_read.len().min(room.remaining()));
            room.put_slice(now);
            state.to_read = rest;
            return Poll::Ready(Ok(()));
        }
        match state.io() {
            Some(io) => io.poll_read(context, room),
            // hyper is polled again when there is a real one
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Late {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.0);
        if state.is_real() {
            return match state.io() {
                Some(io) => io.poll_write(context, octets),
                None => Poll::Pending,
            };
        }
        for (at, octet) in octets.iter().enumerate() {
            state.matched =
                if *octet == HEAD_END[state.matched] { state.matched + 1 } else { usize::from(*octet == b'\r') };
            if state.is_real() {
                return Poll::Ready(Ok(at + 1));
            }
        }
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).io().map_or(Poll::Ready(Ok(())), |io| io.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).io().map_or(Poll::Ready(Ok(())), |io| io.poll_shutdown(context))
    }
}
