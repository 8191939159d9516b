//! One event for each decision, with its reason and its clause.
#![cfg(feature = "tracing")]

mod client_support;

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use client_support::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps events of the client as lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "http_keepalive"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn each_decision_is_one_event_with_its_reason_and_clause() {
    let lines = Lines::default();
    tracing::dispatcher::set_global_default(tracing::Dispatch::new(lines.clone())).expect("it is the first");
    let (client, mut peers) = client();
    let peer = async {
        let mut first = peers.recv().await.expect("a connection");
        first.answer("").await;
        first.head().await;
        drop(first);
        let mut second = peers.recv().await.expect("a connection");
        second.answer("").await;
        second
    };
    let requests = async {
        for _ in 0..2 {
            client.request(get(URI)).await.expect("a response");
        }
    };
    let (_peer, ()) = tokio::join!(peer, requests);
    let lines = lines.0.lock().unwrap().join("\n");
    let expected = [
        "opens a connection to=\"example.org\"",
        "sent to=\"example.org\" reused=false exchange=1",
        "given back reason=\"http11\" clause=\"RFC 9112 9.3\"",
        "sent to=\"example.org\" reused=true exchange=2",
        "shut reason=\"peer-closed\" clause=\"RFC 9112 9.6\"",
        "closed without a response reason=\"peer-closed\" clause=\"RFC 9112 9.6\"",
        "verdict of a retry advice=\"retry\" reason=\"idempotent\" clause=\"RFC 9110 9.2.2\"",
        "opens a connection to=\"example.org\"",
        "sent to=\"example.org\" reused=false exchange=1",
        "given back reason=\"http11\" clause=\"RFC 9112 9.3\"",
    ];
    assert_eq!(lines, expected.join("\n"));
}
