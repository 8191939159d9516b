//! A peer that does not read.

use std::sync::atomic::{AtomicU32, Ordering};

use http_keepalive::{CloseReason, DeadlineKind, Timeouts};
use http_keepalive_hyper::server::serve_connection;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::common::{answer, config, millis, secs, serve_over, within};

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_reset_at_write_stall() {
    static RESETS: AtomicU32 = AtomicU32::new(0);
    fn reset(_: &mut DuplexStream) {
        RESETS.fetch_add(1, Ordering::Relaxed);
    }
    let (mut peer, io) = tokio::io::duplex(1024);
    let (config, began) = (config(Timeouts::DEFAULT.with_write_stall(Some(secs(3)))), Instant::now());
    let connection = serve_connection(&Builder::new(), io, service_fn(answer), config).with_reset(reset);
    let connection = tokio::spawn(connection);
    peer.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is open");
    let summary = connection.await.expect("no panic").expect("hyper was let go");
    within(began.elapsed(), secs(3));
    assert_eq!((summary.reason, summary.deadline), (Some(CloseReason::WriteStall), Some(DeadlineKind::WriteStall)));
    assert_eq!((RESETS.load(Ordering::Relaxed), summary.sent), (1, 1024));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_on_puts_the_stall_off() {
    let mut served = serve_over(config(Timeouts::DEFAULT.with_write_stall(Some(secs(3)))), 1024);
    served.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    for _ in 0..5 {
        tokio::time::sleep(secs(2)).await;
        served.peer.read_exact(&mut [0; 1024]).await.expect("it is open");
    }
    assert_eq!(served.summary(secs(13)).await.reason, Some(CloseReason::WriteStall));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_too_slowly_is_reset_at_its_send_rate() {
    let timeouts = Timeouts::DEFAULT.with_write_stall(Some(secs(3))).with_send_rate(Some(1024));
    let mut served = serve_over(config(timeouts), 1024);
    served.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // half of what it must be: 3 s in advance are used up after 6 s, and 1 s more is what was in the transport
    let (mut reading, mut octets) = (tokio::time::interval(millis(500)), 0);
    let ended = loop {
        reading.tick().await;
        match served.peer.read(&mut [0; 256]).await {
            Ok(0) | Err(_) => break served.began.elapsed(),
            Ok(read) => octets += read,
        }
    };
    let summary = served.summary(ended).await;
    assert_eq!((summary.reason, summary.deadline), (Some(CloseReason::SendRate), Some(DeadlineKind::SendRate)));
    assert!(octets > 3000, "{octets}");
}
