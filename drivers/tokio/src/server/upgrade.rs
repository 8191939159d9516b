//! The transport of a connection that is another protocol's from now on (RFC 9110 7.8, 9.3.6).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::Upgraded;

/// Waits for the transport, after the application has answered by `101 (Switching Protocols)`, or has accepted a CONNECT. Among the
/// extensions of a request that offers an upgrade, and of a CONNECT where tunnels are allowed. Whichever clone is awaited first gets it.
#[derive(Clone, Debug)]
pub struct OnUpgrade {
    wait: Arc<Mutex<Option<oneshot::Receiver<Upgraded>>>>,
}

/// The connection's end of it.
pub(super) type Fulfil = oneshot::Sender<Upgraded>;

/// The connection did not become another protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotUpgraded;

impl fmt::Display for NotUpgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the connection was not handed over: the response did not switch protocols, or the connection has ended",
        )
    }
}

impl std::error::Error for NotUpgraded {}

pub(super) fn pair() -> (Fulfil, OnUpgrade) {
    let (fulfil, wait) = oneshot::channel();
    (fulfil, OnUpgrade { wait: Arc::new(Mutex::new(Some(wait))) })
}

impl Future for OnUpgrade {
    type Output = Result<Upgraded, NotUpgraded>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut wait = self.wait.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(receiver) = &mut *wait else { return Poll::Ready(Err(NotUpgraded)) };
        let polled = Pin::new(receiver).poll(context);
        if polled.is_ready() {
            *wait = None;
        }
        polled.map(|got| got.map_err(|_| NotUpgraded))
    }
}
