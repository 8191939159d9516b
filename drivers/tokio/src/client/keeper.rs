//! The task that closes what is idle for too long, and all that is idle once no client is left.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use http_keepalive::pool::SharedPool;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::exchange::close;
use super::key::Key;
use super::wire::Wire;
use crate::{Clock, Timer};

/// Keeps the pool until `gone` ends.
pub(super) async fn keep<T>(pool: SharedPool<Key, Box<Wire<T>>>, clock: Clock, gone: oneshot::Receiver<()>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut timer, mut gone) = (Timer::new(), pin!(gone));
    poll_fn(|context| {
        let mut now = clock.now();
        if gone.as_mut().poll(context).is_ready() {
            pool.drain(now);
            while let Some(closing) = pool.expire(now) {
                close(closing, now);
            }
            return Poll::Ready(());
        }
        loop {
            while let Poll::Ready(closing) = pool.poll_expire(now, context) {
                close(closing, now);
            }
            let Some(at) = pool.next_deadline() else { return Poll::Pending };
            if timer.poll_until(&clock, now, at, context).is_pending() {
                return Poll::Pending;
            }
            now = clock.now();
        }
    })
    .await;
}
