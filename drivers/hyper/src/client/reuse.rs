//! A connection that knows whether it may be used again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use http_keepalive::{Client, CloseReason, Config, KeepAlive, Reusable};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use super::error::ReuseError;
use super::known::Shared;
use super::received::Received;

/// A connection that knows whether it may be used again: what sends requests on it, and its machine.
#[derive(Debug)]
pub struct Reuse<S> {
    service: S,
    shared: Shared,
}

impl<S> Reuse<S> {
    /// A connection that opened now.
    pub fn new(service: S, config: impl Into<Arc<Config<Client>>>) -> Self {
        Self { service, shared: Shared::new(config.into()) }
    }

    /// A request may go now, or may when what is under way is complete: what a cache is to [retain](hyper_util::client::pool::cache).
    pub fn is_reusable(&mut self) -> bool {
        self.shared.lock().over().is_none()
    }

    /// Why it is not to be used again. `None`: it is.
    pub fn over(&mut self) -> Option<CloseReason> {
        self.shared.lock().over()
    }

    /// Until when it may be used if nothing happens. `None`: without end, or not now.
    pub fn until(&mut self) -> Option<Instant> {
        let mut known = self.shared.lock();
        match known.reusable() {
            Reusable::Now { until } => until.map(|at| known.of_tokio(at)),
            Reusable::Wait(_) | Reusable::No(_) => None,
        }
    }

    /// What the server's `Keep-Alive` says, as far as it holds.
    pub fn hint(&self) -> KeepAlive {
        self.shared.lock().hint()
    }

    /// What sends requests on it.
    pub const fn service(&self) -> &S {
        &self.service
    }
}

impl<S, B, R> Service<Request<B>> for Reuse<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: Body,
    R: Body,
{
    type Response = Response<Received<R>>;
    type Error = ReuseError<S::Error>;
    type Future = Exchange<S::Future>;

    /// Fails where the connection is not to be used again, by which a cache drops it.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if let Some(reason) = self.shared.lock().over() {
            return Poll::Ready(Err(ReuseError::Over(reason)));
        }
        let ready = ready!(self.service.poll_ready(context));
        if ready.is_err() {
            self.shared.lock().failed();
        }
        Poll::Ready(ready.map_err(ReuseError::Service))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.shared.lock().request(&request);
        Exchange { future: self.service.call(request), told: Some(self.shared.clone()) }
    }
}

pin_project! {
    /// A request whose response has not come. One that is dropped costs the connection.
    #[derive(Debug)]
    pub struct Exchange<F> {
        #[pin]
        future: F,
        told: Option<Shared>,
    }

    impl<F> PinnedDrop for Exchange<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(shared) = this.project().told.take() {
                shared.lock().broke_off();
            }
        }
    }
}

impl<F, R, E> Future for Exchange<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<Received<R>>, ReuseError<E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = ready!(this.future.poll(context));
        let shared = this.told.take();
        match answered {
            Ok(response) => {
                let follows = shared.filter(|shared| shared.lock().response(&response));
                Poll::Ready(Ok(response.map(|body| Received::new(body, follows))))
            }
            Err(error) => {
                if let Some(shared) = shared {
                    shared.lock().failed();
                }
                Poll::Ready(Err(ReuseError::Service(error)))
            }
        }
    }
}
