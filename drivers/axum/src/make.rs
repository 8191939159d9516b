//! What makes a service for each connection: all that [`axum::serve()`] takes.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::extract::connect_info::{Connected, IntoMakeServiceWithConnectInfo};
use axum::handler::{Handler, HandlerService};
use axum::response::Response;
use axum::routing::{IntoMakeService, MethodRouter};
use axum::serve::{Listener, TapIo};
use tokio::net::TcpListener;
use tower::make::Shared;
use tower_service::Service;

/// A connection that was accepted: what [`Connected`] tells of it. As [`axum::serve::IncomingStream`], which axum alone can make.
#[derive(Debug)]
pub struct IncomingStream<'a, L: Listener> {
    io: &'a L::Io,
    remote_addr: L::Addr,
}

impl<'a, L: Listener> IncomingStream<'a, L> {
    pub(crate) const fn new(io: &'a L::Io, remote_addr: L::Addr) -> Self {
        Self { io, remote_addr }
    }

    /// The transport.
    pub const fn io(&self) -> &L::Io {
        self.io
    }

    /// The address of the peer.
    pub const fn remote_addr(&self) -> &L::Addr {
        &self.remote_addr
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for SocketAddr {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        stream.remote_addr
    }
}

impl<F: FnMut(&mut tokio::net::TcpStream) + Send + 'static> Connected<IncomingStream<'_, TapIo<TcpListener, F>>>
    for SocketAddr
{
    fn connect_info(stream: IncomingStream<'_, TapIo<TcpListener, F>>) -> Self {
        stream.remote_addr
    }
}

/// Makes the service of each connection of a listener `L`: a router, a method router, a handler, and what their `into_make_service` and
/// `into_make_service_with_connect_info` return; [`tower::make::Shared`] of any other service.
pub trait MakeConnectionService<L: Listener>: Send + 'static {
    /// The service.
    type Service: Service<Request, Response = Response, Error = Infallible, Future: Send> + Send + 'static;

    /// Makes one.
    fn make(&mut self, stream: IncomingStream<'_, L>) -> impl Future<Output = Self::Service> + Send;
}

/// axum's makers are always ready, and never fail.
async fn made<S>(making: impl Future<Output = Result<S, Infallible>>) -> S {
    let Ok(service) = making.await;
    service
}

impl<L: Listener> MakeConnectionService<L> for Router {
    type Service = Self;

    fn make(&mut self, _: IncomingStream<'_, L>) -> impl Future<Output = Self> + Send {
        ready(self.clone())
    }
}

impl<L: Listener> MakeConnectionService<L> for MethodRouter {
    type Service = Self;

    fn make(&mut self, _: IncomingStream<'_, L>) -> impl Future<Output = Self> + Send {
        ready(self.clone())
    }
}

impl<L, H, T, S> MakeConnectionService<L> for HandlerService<H, T, S>
where
    L: Listener,
    H: Handler<T, S>,
    T: Send + 'static,
    S: Clone + Send + Sync + 'static,
    Self: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send,
{
    type Service = Self;

    fn make(&mut self, _: IncomingStream<'_, L>) -> impl Future<Output = Self> + Send {
        ready(self.clone())
    }
}

impl<L, S> MakeConnectionService<L> for IntoMakeService<S>
where
    L: Listener,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Service = S;

    fn make(&mut self, _: IncomingStream<'_, L>) -> impl Future<Output = S> + Send {
        made(Service::<()>::call(self, ()))
    }
}

impl<L, S> MakeConnectionService<L> for Shared<S>
where
    L: Listener,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Service = S;

    fn make(&mut self, _: IncomingStream<'_, L>) -> impl Future<Output = S> + Send {
        made(Service::<()>::call(self, ()))
    }
}

impl<L, S, C> MakeConnectionService<L> for IntoMakeServiceWithConnectInfo<S, C>
where
    L: Listener,
    S: Clone + Send + 'static,
    C: for<'a> Connected<IncomingStream<'a, L>>,
    axum::middleware::AddExtension<S, axum::extract::ConnectInfo<C>>:
        Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Service = axum::middleware::AddExtension<S, axum::extract::ConnectInfo<C>>;

    fn make(&mut self, stream: IncomingStream<'_, L>) -> impl Future<Output = Self::Service> + Send {
        // what the stream tells is asked at once, and need not be kept
        made(Service::<IncomingStream<'_, L>>::call(self, stream))
    }
}
