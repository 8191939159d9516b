//! `deadlines`: every deadline of a server's connection on real sockets, of `http-keepalive-axum` and of hyper with the machine beside it:
//! when it was to pass, when it did, what the client got, and the reason. `--check` fails where one is more than 20 ms late, or early.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use clap::Parser;
use http_keepalive::{Config, ConfigError, DeadlineKind, Limits, Policy, Server, Timeouts, Use};
use http_keepalive_tokio::server::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

#[derive(Parser)]
#[command(about = "Every deadline of a server's connection, on real sockets: when, what and why")]
struct Options {
    /// How often each deadline is tried.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Fails where a deadline is more than 20 ms late, or early, or of another kind.
    #[arg(long)]
    check: bool,
}

const fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

fn config(age: Option<Duration>) -> Result<Config<Server>, ConfigError> {
    let timeouts = Timeouts::DEFAULT
        .with_first_octet(ms(500))
        .with_head(ms(600))
        // octets that come put it off
        .with_head_rate(None)
        .with_content_gap(ms(700))
        .with_write_stall(ms(800))
        .with_application(ms(900))
        .with_idle(if age.is_some() { ms(5000) } else { ms(1000) })
        .with_idle_advertised(None)
        .with_age(age);
    Config::new(
        Limits::DEFAULT.with_content(None),
        timeouts,
        Policy::DEFAULT.with_application_timeout_response(Use::On),
    )
}

/// What a client does, and what is to come of it.
struct Story {
    name: &'static str,
    deadline: DeadlineKind,
    /// Pieces that are sent; those before the last are each answered.
    sends: &'static [&'static str],
    /// From the last of them, or from the beginning.
    after: u64,
    /// What the answer to the last begins with.
    gets: &'static str,
    /// The client does not read.
    stalls: bool,
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const STORIES: &[Story] = &[
    Story {
        name: "nothing comes",
        deadline: DeadlineKind::FirstOctet,
        sends: &[],
        after: 500,
        gets: "",
        stalls: false,
    },
    Story { name: "idle", deadline: DeadlineKind::Idle, sends: &[GET, ""], after: 1000, gets: "", stalls: false },
    Story {
        name: "half a head",
        deadline: DeadlineKind::Head,
        sends: &["GET / HT"],
        after: 600,
        gets: "HTTP/1.1 408 ",
        stalls: false,
    },
    Story {
        name: "half a head, the second",
        deadline: DeadlineKind::Head,
        sends: &[GET, "GET / HT"],
        after: 600,
        gets: "HTTP/1.1 408 ",
        stalls: false,
    },
    Story {
        name: "half of the content",
        deadline: DeadlineKind::ContentGap,
        sends: &[GET, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"],
        after: 700,
        gets: "HTTP/1.1 408 ",
        stalls: false,
    },
    Story {
        name: "half of a chunk",
        deadline: DeadlineKind::ContentGap,
        sends: &["POST /collect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"],
        after: 700,
        gets: "HTTP/1.1 408 ",
        stalls: false,
    },
    Story {
        name: "nobody reads the answer",
        deadline: DeadlineKind::WriteStall,
        sends: &["GET /download HTTP/1.1\r\nHost: a\r\n\r\n"],
        after: 800,
        gets: "",
        stalls: true,
    },
    Story {
        name: "the application is silent",
        deadline: DeadlineKind::Application,
        sends: &["GET /never HTTP/1.1\r\nHost: a\r\n\r\n"],
        after: 900,
        gets: "HTTP/1.1 5",
        stalls: false,
    },
    Story {
        name: "age, while idle",
        deadline: DeadlineKind::Age,
        sends: &[GET, ""],
        after: 2000,
        gets: "",
        stalls: false,
    },
];

/// More than two sockets hold.
static CONTENT: LazyLock<Bytes> = LazyLock::new(|| vec![b'x'; 64 << 20].into());

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "Hello" }))
        .route("/collect", post(|body: Bytes| async move { body }))
        .route("/download", get(|| async { Body::from(CONTENT.clone()) }))
        .route("/never", get(|| async { std::future::pending::<&str>().await }))
}

/// When a connection ended, and how it told.
type Ended = (Instant, Option<DeadlineKind>, String);

async fn listen(kind: &'static str, age: Option<Duration>) -> std::io::Result<(SocketAddr, mpsc::Receiver<Ended>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let config = Arc::new(config(age).map_err(std::io::Error::other)?);
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (sender, config, router) = (sender.clone(), Arc::clone(&config), router());
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let ended = if kind == "ours" {
                    let builder = Builder::new(config);
                    let summary = http_keepalive_axum::serve_connection(&builder, stream, router).await;
                    (Instant::now(), summary.deadline, summary.to_string())
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    let service = TowerToHyperService::new(router);
                    let served =
                        http_keepalive_hyper::server::serve_connection(&builder, stream, service, config).await;
                    let summary = served.unwrap_or_else(|error| error.summary);
                    (Instant::now(), summary.deadline, summary.to_string())
                };
                let _ = sender.send(ended).await;
            });
        }
    });
    Ok((address, receiver))
}

/// How much later than it was to be the deadline passed, in milliseconds, what kind it was, what the client got, and the summary.
async fn tell(
    story: &Story,
    address: SocketAddr,
    ended: &mut mpsc::Receiver<Ended>,
) -> std::io::Result<(f64, bool, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let opened = Instant::now();
    let mut from = opened;
    let (mut room, mut got) = ([0; 4096], Vec::new());
    for (at, piece) in story.sends.iter().enumerate() {
        stream.write_all(piece.as_bytes()).await?;
        from = if piece.is_empty() { from } else { Instant::now() };
        if at + 1 < story.sends.len() {
            let read = stream.read(&mut room).await?;
            if !room.get(..read).is_some_and(|read| read.starts_with(b"HTTP/1.1 200 ")) {
                return Err(std::io::Error::other("no answer"));
            }
            from = Instant::now();
        }
    }
    if story.deadline == DeadlineKind::Age {
        from = opened;
    }
    let mut saw = None;
    if !story.stalls {
        while let Ok(read @ 1..) = stream.read(&mut room).await {
            got.extend_from_slice(room.get(..read).unwrap_or_default());
        }
        saw = Some(Instant::now());
        // an end is answered by an end, so that nothing lingers
        drop(stream);
    }
    let Some((ended, kind, summary)) = ended.recv().await else { return Err(std::io::Error::other("no end")) };
    let late = saw.unwrap_or(ended).duration_since(from).as_secs_f64() * 1e3 - story.after as f64;
    Ok((late, kind == Some(story.deadline) && got.starts_with(story.gets.as_bytes()), summary))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    LazyLock::force(&CONTENT);
    let mut wrong = Vec::new();
    println!("| deadline | passes after, ms | server | late by, ms | summary |\n| --- | ---: | --- | ---: | --- |");
    for story in STORIES {
        for kind in ["ours", "beside"] {
            let (mut all, mut told) = (Vec::new(), String::new());
            let age = if story.deadline == DeadlineKind::Age { ms(2000) } else { None };
            for _ in 0..options.rounds {
                let (address, mut ended) = listen(kind, age).await?;
                let (late, is_right, summary) = tell(story, address, &mut ended).await?;
                if !is_right {
                    wrong.push(format!("{}, {kind}: {summary}", story.name));
                }
                all.push(late);
                told = summary;
            }
            all.sort_by(f64::total_cmp);
            // other work on the machine makes single ones late
            let late = all.get(all.len() / 2).copied().unwrap_or_default();
            if !(-1.0..=20.0).contains(&late) {
                wrong.push(format!("{}, {kind}: {late:.1} ms late", story.name));
            }
            println!("| {} | {} | {kind} | {late:.1} | {told} |", story.name, story.after);
        }
    }
    match wrong.is_empty() || !options.check {
        true => Ok(()),
        false => Err(wrong.join("; ").into()),
    }
}
