//! Drains, and the loop that accepts.

use http::Request;
use http_keepalive_tokio::http_keepalive::{Config, DrainMode, Policy, Server, Timeouts};
use http_keepalive_tokio::server::{Body, Builder};
use http_keepalive_tokio::{Drain, Listener, Stop};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tower::service_fn;

use super::support::*;

fn drained(drain: &Drain, config: Config<Server>) -> Builder {
    builder(config).with_drain(drain)
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_at_once_and_a_fresh_one() {
    let drain = Drain::new();
    let (mut client, served) = serve(&drained(&drain, Config::DEFAULT), service_fn(async |_| ok("")));
    let (mut fresh, also) = serve(&drained(&drain, Config::DEFAULT), service_fn(async |_| ok("")));
    client.send(GET).await;
    client.expect(OK_0).await;
    tokio::time::sleep(secs(2)).await;
    assert_eq!((drain.connections(), drain.has_begun()), (2, false));
    drain.begin();
    takes(secs(0), async {
        assert_eq!((client.rest().await, fresh.rest().await), (String::new(), String::new()));
        drop((client, fresh));
        drain.ended().await;
    })
    .await;
    assert_eq!((reason(&served.await.unwrap()), reason(&also.await.unwrap())), ("drain", "drain"));
    assert_eq!(drain.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_answered_with_close() {
    let drain = Drain::new();
    let service = service_fn(async |_| {
        tokio::time::sleep(secs(10)).await;
        ok("")
    });
    let (mut client, served) = serve(&drained(&drain, Config::DEFAULT), service);
    client.send(GET).await;
    tokio::time::sleep(secs(1)).await;
    drain.begin();
    let rest = takes(secs(9), client.rest()).await;
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.contains("Connection: close"), "{rest}");
    drop(client);
    drain.ended().await;
    let summary = served.await.unwrap();
    assert_eq!((reason(&summary), summary.exchanges, summary.whole), ("drain", 1, true));
}

#[tokio::test(start_paused = true)]
async fn idle_connections_do_not_end_together_where_policy_spreads_them() {
    let drain = Drain::new();
    let spread = timeouts(Timeouts::DEFAULT.with_drain_spread(Some(secs(10))));
    let mut clients = Vec::new();
    for _ in 0..20 {
        let (mut client, _served) = serve(&drained(&drain, spread.clone()), service_fn(async |_| ok("")));
        client.send(GET).await;
        client.until(OK_0).await;
        clients.push(client);
    }
    tokio::time::sleep(secs(2)).await;
    drain.begin();
    let began = tokio::time::Instant::now();
    let ends = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            client.rest().await;
            began.elapsed()
        })
    });
    let ends: Vec<_> = ends.collect();
    let mut at = std::collections::BTreeSet::new();
    for end in ends {
        at.insert(end.await.unwrap());
    }
    assert!(at.len() > 15 && at.iter().all(|at| *at <= secs(10)), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_hard() {
    let drain = Drain::new();
    let (mut client, served) =
        serve(&drained(&drain, Config::DEFAULT), service_fn(async |_| std::future::pending::<Answer>().await));
    client.send(GET).await;
    tokio::time::sleep(secs(1)).await;
    drain.begin();
    takes(secs(30), drain.ended()).await;
    assert!(served.await.unwrap().reasons.iter().any(|reason| reason.as_str() == "drain-timeout"));
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_in_the_window_is_answered_with_close() {
    let drain = Drain::new();
    let config = timeouts(Timeouts::DEFAULT.with_drain_window(Some(secs(5))));
    let (mut client, _served) = serve(&drained(&drain, config.clone()), service_fn(async |_| ok("")));
    let (mut idle, _also) = serve(&drained(&drain, config), service_fn(async |_| ok("")));
    for client in [&mut client, &mut idle] {
        client.send(GET).await;
        client.expect(OK_0).await;
    }
    tokio::time::sleep(secs(2)).await;
    drain.begin();
    tokio::time::sleep(secs(3)).await;
    client.send(GET).await;
    assert!(client.rest().await.contains("Connection: close"));
    assert_eq!(takes(secs(2), idle.rest()).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_lame_duck_serves_on_and_says_close() {
    let drain = Drain::new();
    let config = policy(Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck));
    let (mut client, _served) = serve(&drained(&drain, config.clone()), service_fn(async |_| ok("")));
    client.send(GET).await;
    client.expect(OK_0).await;
    drain.begin();
    client.silence(secs(20)).await;
    client.send(GET).await;
    assert!(client.rest().await.contains("Connection: close"));
    let (mut late, _late) = serve(&drained(&drain, config), service_fn(async |_| ok("")));
    late.send(GET).await;
    assert!(late.rest().await.contains("Connection: close"));
    drop((client, late));
    drain.ended().await;
}

/// Connections that the test makes.
struct Scripted(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Scripted {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(io) => (io, ()),
            None => std::future::pending().await,
        }
    }
}

struct Running {
    connections: mpsc::UnboundedSender<DuplexStream>,
    stop: tokio::sync::oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

fn server(stop: Stop) -> Running {
    let (connections, scripted) = mpsc::unbounded_channel();
    let (signal, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = service_fn(async |request: Request<Body>| ok(request.uri().to_string()));
    let signalled = async { stopped.await.unwrap_or_default() };
    let ended = builder(Config::DEFAULT).serve_until(Scripted(scripted), move |()| service, stop, signalled);
    Running { connections, stop: signal, ended: tokio::spawn(ended) }
}

impl Running {
    fn connect(&self) -> Option<Client> {
        let (client, server) = tokio::io::duplex(1 << 16);
        self.connections.send(server).ok()?;
        Some(Client { io: client, got: Vec::new() })
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_ends_when_its_connections_have() {
    let server = server(Stop::Close);
    let mut client = server.connect().unwrap();
    client.send(GET).await;
    client.until("\r\n\r\n/").await;
    tokio::time::sleep(secs(2)).await;
    server.stop.send(()).unwrap();
    takes(secs(0), async {
        assert_eq!(client.rest().await, "");
        drop(client);
        server.ended.await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lame_duck_accepts_on_for_its_time_and_lets_idle_ones_go_then() {
    let server = server(Stop::LameDuck(secs(10)));
    let mut idle = server.connect().unwrap();
    idle.send(GET).await;
    idle.until("\r\n\r\n/").await;
    tokio::time::sleep(secs(2)).await;
    let Running { connections, stop, ended } = server;
    stop.send(()).unwrap();
    tokio::time::sleep(secs(5)).await;
    let (io, late) = tokio::io::duplex(1 << 16);
    connections.send(late).unwrap();
    let mut late = Client { io, got: Vec::new() };
    late.send(GET).await;
    assert!(late.rest().await.contains("Connection: close"));
    drop(late);
    takes(secs(5), ended).await.unwrap();
    assert_eq!(idle.rest().await, "");
    assert!(connections.send(tokio::io::duplex(1).0).is_err());
}
