//! The layer, around what connects.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_keepalive::{Client, Config};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::reuse::Reuse;

/// Makes what a connector gives a [`Reuse`].
#[derive(Clone, Debug)]
pub struct ReuseLayer {
    config: Arc<Config<Client>>,
}

impl ReuseLayer {
    /// A layer whose connections keep to this configuration. What counts here is `idle`, `age`, `hint_margin`, `max_exchanges`, and the
    /// policies of persistence.
    pub fn new(config: impl Into<Arc<Config<Client>>>) -> Self {
        Self { config: config.into() }
    }
}

impl<M> Layer<M> for ReuseLayer {
    type Service = ReuseConnector<M>;

    fn layer(&self, connector: M) -> ReuseConnector<M> {
        ReuseConnector { connector, config: Arc::clone(&self.config) }
    }
}

/// A connector whose connections are [`Reuse`].
#[derive(Clone, Debug)]
pub struct ReuseConnector<M> {
    connector: M,
    config: Arc<Config<Client>>,
}

impl<M: Service<Target>, Target> Service<Target> for ReuseConnector<M> {
    type Response = Reuse<M::Response>;
    type Error = M::Error;
    type Future = Connect<M::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        Connect { connect: self.connector.call(target), config: Arc::clone(&self.config) }
    }
}

pin_project! {
    /// A connection being opened.
    #[derive(Debug)]
    pub struct Connect<F> {
        #[pin]
        connect: F,
        config: Arc<Config<Client>>,
    }
}

impl<F: Future<Output = Result<S, E>>, S, E> Future for Connect<F> {
    type Output = Result<Reuse<S>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let service = ready!(this.connect.poll(context))?;
        Poll::Ready(Ok(Reuse::new(service, Arc::clone(this.config))))
    }
}
