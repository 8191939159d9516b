//! Messages pass through unchanged, and say what they must.

use http_keepalive::{KeepAliveField, Limits, Policy, Timeouts};
use tokio::io::AsyncReadExt;

use crate::common::{GET, config, config_of, secs, serve};

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    let mut served = serve(config(Timeouts::DEFAULT));
    let chunks = "GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n";
    served.send(&format!("{GET}POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc{chunks}{GET}")).await;
    served.receive_to("hello").await;
    served.receive_to("\r\n\r\n3").await;
    served.receive_to("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n").await;
    served.receive_to("hello").await;
    served.took(secs(0));
}

#[tokio::test(start_paused = true)]
async fn the_hint_is_what_the_machine_advertises() {
    let policy = Policy::DEFAULT.with_keep_alive_field(KeepAliveField::OnOption);
    let limits = Limits::DEFAULT.with_max_exchanges(Some(5));
    let mut served = serve(config_of(limits, Timeouts::DEFAULT, policy));
    served.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").await;
    let answer = served.receive_to("hello").await;
    assert!(answer.contains("\r\nconnection: keep-alive\r\n"), "{answer}");
    assert!(answer.contains("\r\nkeep-alive: timeout=60, max=4\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn an_http10_client_is_told_whether_the_connection_stays() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    let answer = served.receive_to("hello").await;
    assert_eq!(answer.matches("keep-alive\r\n").count(), 1, "{answer}");
    served.send("GET / HTTP/1.0\r\n\r\n").await;
    let answer = served.receive_end(secs(0)).await;
    assert!(!answer.contains("keep-alive"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_last_response_to_http10_does_not_say_keep_alive_beside_close() {
    let limits = Limits::DEFAULT.with_max_exchanges(Some(1));
    let mut served = serve(config_of(limits, Timeouts::DEFAULT, Policy::DEFAULT));
    served.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    let answer = served.receive_end(secs(0)).await;
    assert!(!answer.contains("keep-alive") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_response_to_head_has_no_content_and_keeps_the_connection() {
    let mut served = serve(config(Timeouts::DEFAULT));
    for path in ["/", "/chunks", "/large"] {
        served.send(&format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let answer = served.receive_to("\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && !answer.contains("close"), "{answer}");
    }
    served.send(GET).await;
    served.receive_to("hello").await;
}

#[tokio::test(start_paused = true)]
async fn large_content_goes_whole() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    served.receive_to("\r\n\r\n").await;
    let mut content = vec![0; 1 << 20];
    served.peer.read_exact(&mut content).await.expect("all of it");
    assert!(content.iter().all(|&octet| octet == b'x'));
    served.send(GET).await;
    assert!(served.receive_to("hello").await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_none_for_a_response_is_500_with_close() {
    let mut served = serve(config(Timeouts::DEFAULT));
    served.send("GET /interim HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = served.receive_end(secs(0)).await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
}
