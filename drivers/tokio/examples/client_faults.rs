//! A client against a server that closes, loses and cuts, and requests that are dropped at random. `client_faults [SEED] [REQUESTS]`; exits
//! with 1 where a POST came twice, a GET was lost that need not be, or a place of the pool leaked.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use http_keepalive_tokio::client::{Client, ErrorKind, TcpConnector};
use http_keepalive_tokio::http_keepalive::pool::{PoolConfig, PoolLimits, PoolPolicy, PoolTimeouts};
use http_keepalive_tokio::http_keepalive::retry::RetryReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>().expect("a number"));
    let (seed, requests) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(20_000) as usize);
    let both = async { (flaky(seed, requests, 32).await, dropped(seed, requests, 64).await) };
    let Ok((flaky, dropped)) = tokio::time::timeout(Duration::from_secs(300), both).await else {
        eprintln!("it takes too long");
        return ExitCode::FAILURE;
    };
    for result in [&flaky, &dropped] {
        match result {
            Ok(figures) => println!("{figures}"),
            Err(violation) => eprintln!("violation: {violation}"),
        }
    }
    if flaky.is_ok() && dropped.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Numbers at random, the same for the same seed.
struct Random(u64);

impl Random {
    fn of(seed: u64, number: u64) -> Self {
        Self((seed << 32 | number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % end
    }
}

/// What the server saw of each request, and did to it.
#[derive(Default)]
struct Seen {
    times: AtomicU32,
    lost: AtomicU32,
    cut: AtomicU32,
}

/// Serves, and closes idle connections after few milliseconds. A new one has longer. Of 100 answers `losses` are lost, and `cuts` cut.
async fn serve(listener: TcpListener, seed: u64, (losses, cuts): (u64, u64), seen: Arc<Vec<Seen>>) {
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let _ = stream.set_nodelay(true);
        let (random, seen) = (Random::of(seed + 1, number), Arc::clone(&seen));
        tokio::spawn(async move { serve_one(stream, random, (losses, cuts), &seen).await });
    }
}

async fn serve_one(mut stream: TcpStream, mut random: Random, (losses, cuts): (u64, u64), seen: &[Seen]) -> Option<()> {
    let (mut received, mut idle) = (Vec::new(), Duration::from_secs(10));
    loop {
        let ends = loop {
            if let Some(at) = received.windows(4).position(|octets: &[u8]| octets == b"\r\n\r\n") {
                break at + 4;
            }
            let read = tokio::time::timeout(idle, stream.read_buf(&mut received)).await;
            if read.ok()?.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(received.drain(..ends).collect()).ok()?;
        let octets = head
            .to_ascii_lowercase()
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        while received.len() < octets.unwrap_or(0) {
            if stream.read_buf(&mut received).await.ok()? == 0 {
                return None;
            }
        }
        received.drain(..octets.unwrap_or(0));
        let id: usize = head.split_once(" /")?.1.split(' ').next()?.parse().ok()?;
        let fate = random.below(100);
        seen[id].times.fetch_add(1, Relaxed);
        if fate < losses {
            seen[id].lost.fetch_add(1, Relaxed);
            return None;
        }
        let content = content(id);
        let mut answer = match id % 3 {
            0 => format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{content}\r\n0\r\n\r\n",
                content.len()
            ),
            _ => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len()),
        };
        if fate < losses + cuts {
            seen[id].cut.fetch_add(1, Relaxed);
            answer.truncate(answer.len() - 1 - random.below(content.len() as u64) as usize);
            let _ = stream.write_all(answer.as_bytes()).await;
            return None;
        }
        stream.write_all(answer.as_bytes()).await.ok()?;
        idle = Duration::from_millis([2, 5, 10, 20][random.below(4) as usize]);
    }
}

fn content(id: usize) -> String {
    format!("{id};").repeat(if id % 10 == 0 { 5000 } else { 1 })
}

fn client_of(connections: u32) -> Client<TcpConnector> {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(connections)).with_waiters(100_000);
    let timeouts = PoolTimeouts::DEFAULT.with_wait(Some(Duration::from_secs(240)));
    let pool = PoolConfig::new(limits, timeouts, PoolPolicy::DEFAULT).expect("settings");
    Client::builder().with_pool(pool).build(TcpConnector::new())
}

fn request(origin: &str, id: usize, method: Method) -> Request<Full<Bytes>> {
    let content = if method == Method::POST { Bytes::from("pay") } else { Bytes::new() };
    Request::builder().method(method).uri(format!("{origin}/{id}")).body(Full::new(content)).expect("a request")
}

/// So many requests, from so many tasks, to the flaky server: a line of figures, or what must not be.
pub async fn flaky(seed: u64, requests: usize, tasks: usize) -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let origin = format!("http://{}", listener.local_addr().map_err(|error| error.to_string())?);
    let seen: Arc<Vec<Seen>> = Arc::new((0..requests).map(|_| Seen::default()).collect());
    let server = tokio::spawn(serve(listener, seed, (2, 1), Arc::clone(&seen)));
    let (client, violations, began) = (client_of(16), Arc::new(Mutex::new(Vec::new())), Instant::now());
    let failed = Arc::new([const { AtomicU32::new(0) }; 4]);
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let (client, origin, seen, violations, failed) =
                (client.clone(), origin.clone(), Arc::clone(&seen), Arc::clone(&violations), Arc::clone(&failed));
            tokio::spawn(async move {
                let mut random = Random::of(seed, task as u64);
                for id in (task..requests).step_by(tasks) {
                    let method = if random.below(3) == 0 { Method::POST } else { Method::GET };
                    let answer = async {
                        let response = client.request(request(&origin, id, method.clone())).await?;
                        response.into_body().collect().await.map(http_body_util::Collected::to_bytes)
                    };
                    let (answer, seen) = (answer.await, &seen[id]);
                    let (times, lost, cut) =
                        (seen.times.load(Relaxed), seen.lost.load(Relaxed), seen.cut.load(Relaxed));
                    let violation = match &answer {
                        _ if method == Method::POST && times > 1 => Some(format!("POST {id} came {times} times")),
                        Ok(octets) => {
                            (octets != content(id).as_bytes()).then(|| format!("{method} {id} has another answer"))
                        }
                        Err(error) => {
                            let lost_again =
                                error.verdict().is_some_and(|verdict| verdict.reason == RetryReason::RetriedBefore)
                                    && lost > 0;
                            let kind = if method == Method::POST {
                                0
                            } else if cut > 0 {
                                1
                            } else {
                                2
                            };
                            failed[kind].fetch_add(1, Relaxed);
                            let is_known = matches!(error.kind(), ErrorKind::Unanswered | ErrorKind::Incomplete);
                            let may_fail = kind == 0 || cut > 0 || lost_again;
                            (!may_fail || !is_known).then(|| format!("{method} {id} was lost: {error}"))
                        }
                    };
                    violations.lock().expect("nobody panics").extend(violation);
                    if random.below(4) == 0 {
                        tokio::time::sleep(Duration::from_millis(random.below(25))).await;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| error.to_string())?;
    }
    server.abort();
    if let Some(first) = violations.lock().expect("nobody panics").first() {
        return Err(first.clone());
    }
    let figures = client.figures();
    if figures.held != figures.idle || figures.waiting != 0 {
        return Err(format!("a place leaked: {figures:?}"));
    }
    let of = |kind: usize| failed[kind].load(Relaxed);
    Ok(format!(
        "flaky: {requests} requests in {:.1?}; failed: {} POST, {} GET cut, {} GET lost twice; connections {}, reused {}, sent again {}",
        began.elapsed(),
        of(0),
        of(1),
        of(2),
        figures.pool.opened,
        figures.pool.reused,
        figures.retries
    ))
}

/// So many requests, with so many at once, of which about the half is dropped where chance has it: a line of figures, or what must not be.
pub async fn dropped(seed: u64, requests: usize, at_once: usize) -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let origin = format!("http://{}", listener.local_addr().map_err(|error| error.to_string())?);
    let seen: Arc<Vec<Seen>> = Arc::new((0..requests + 8).map(|_| Seen::default()).collect());
    let server = tokio::spawn(serve(listener, seed, (0, 0), Arc::clone(&seen)));
    let (client, began, dropped) = (client_of(8), Instant::now(), Arc::new(AtomicU32::new(0)));
    let tasks: Vec<_> = (0..at_once)
        .map(|task| {
            let (client, origin, dropped) = (client.clone(), origin.clone(), Arc::clone(&dropped));
            tokio::spawn(async move {
                let mut random = Random::of(seed, task as u64);
                for id in (task..requests).step_by(at_once) {
                    let method = if random.below(3) == 0 { Method::POST } else { Method::GET };
                    // it is dropped when it waits for the so-and-so-many-th time
                    let mut left = random.below(5);
                    let answer = async {
                        let response = client.request(request(&origin, id, method)).await?;
                        response.into_body().collect().await
                    };
                    let mut answer = Box::pin(answer);
                    let is_whole = std::future::poll_fn(|context| {
                        if left == 0 {
                            return Poll::Ready(false);
                        }
                        left -= 1;
                        answer.as_mut().poll(context).map(|_| true)
                    })
                    .await;
                    drop(answer);
                    dropped.fetch_add(u32::from(!is_whole), Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.map_err(|error| error.to_string())?;
    }
    // connections that are being opened for later requests come to their end
    let mut figures = client.figures();
    for _ in 0..100 {
        if figures.held == figures.idle {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        figures = client.figures();
    }
    if figures.held != figures.idle || figures.waiting != 0 {
        return Err(format!("a place leaked: {figures:?}"));
    }
    // all places can be used
    let mut last: Vec<_> =
        (requests..requests + 8).map(|id| tokio::spawn(client.request(request(&origin, id, Method::GET)))).collect();
    for answer in last.drain(..) {
        answer.await.map_err(|error| error.to_string())?.map_err(|error| format!("after all: {error}"))?;
    }
    client.drain();
    let held = client.figures().held;
    server.abort();
    if held != 0 {
        return Err(format!("{held} connections are held after a drain"));
    }
    Ok(format!(
        "dropped: {requests} requests in {:.1?}, {} of them dropped; connections {}, reused {}, overtaken {}; no place leaked",
        began.elapsed(),
        dropped.load(Relaxed),
        figures.pool.opened,
        figures.pool.reused,
        figures.pool.overtaken
    ))
}
