//! axum's requests and responses on a connection.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http_keepalive_tokio::server::{self, Builder, Connection};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

/// A service of axum's as one of a [`Connection`].
#[derive(Clone, Copy, Debug)]
pub struct AxumService<S> {
    inner: S,
}

impl<S> AxumService<S> {
    /// Of this service.
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<http::Request<server::Body>> for AxumService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<server::Body>) -> S::Future {
        // what is empty is not boxed
        let mut request = request.map(|body| if body.is_empty() { Body::empty() } else { Body::new(body) });
        upgradable(&mut request);
        self.inner.call(request)
    }
}

#[cfg(feature = "upgrade")]
fn upgradable(request: &mut Request) {
    if let Some(on_upgrade) = request.extensions_mut().remove::<server::OnUpgrade>() {
        crate::upgrade::as_hyper(on_upgrade.clone()).map(|theirs| request.extensions_mut().insert(theirs));
        request.extensions_mut().insert(on_upgrade);
    }
}

#[cfg(not(feature = "upgrade"))]
const fn upgradable(_: &mut Request) {}

/// Serves one connection that was accepted elsewhere: a future, whose output says what the connection came to, and why it ended.
pub fn serve_connection<T, S>(builder: &Builder, transport: T, service: S) -> Connection<T, AxumService<S>, Body>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request, Response = Response, Error = Infallible>,
{
    builder.serve(transport, AxumService::new(service))
}
