//! A client of several threads over one pool of connections. It teaches the life of a request: a connection is checked out, looked at before it is
//! used again, and checked in with what its machine says; a request that was lost is repeated if, and only if, the verdict allows it.
//! `cargo run --release --example client -- 127.0.0.1:8080 / 1000 8`: HOST:PORT, target, requests, threads.
#![forbid(unsafe_code)]

use http_keepalive::pool::{Demand, Ended, Granted, Handout, Look, PoolConfig, Returned, SharedPool, Source};
use http_keepalive::{drive::*, retry::Advice, *};
use std::{env, error::Error, net::Shutdown, net::TcpStream, sync::LazyLock, thread, time};

type Failure = Box<dyn Error + Send + Sync>;
type Wire = (TcpStream, Drive<Client, Vec<u8>>);
static EPOCH: LazyLock<time::Instant> = LazyLock::new(time::Instant::now);
const TICK: time::Duration = time::Duration::from_millis(50); // so often who waits for a socket looks at deadlines
fn now() -> Instant {
    Instant::since(*EPOCH, time::Instant::now())
}

fn main() -> Result<(), Failure> {
    let argument = |n, default: &str| env::args().nth(n).unwrap_or(default.into());
    let (host, target) = (&argument(1, "127.0.0.1:8080"), &argument(2, "/").into_bytes());
    let (requests, threads): (usize, usize) = (argument(3, "1000").parse()?, argument(4, "8").parse()?);
    let pool = &SharedPool::new(now(), &PoolConfig::DEFAULT);
    let work = move |first| (first..requests).step_by(threads).try_for_each(|_| fetch(pool, host, target).map(drop));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|first| scope.spawn(move || work(first))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })?;
    println!("{requests} requests, {} connections", pool.counters().opened);
    Ok(())
}

/// The status and content that answer a GET.
fn fetch(pool: &SharedPool<String, Wire>, host: &str, target: &[u8]) -> Result<(StatusCode, Vec<u8>), Failure> {
    let (mut demand, mut tries, mut tries_on_reused) = (Demand::DEFAULT, 0, 0);
    loop {
        while pool.expire(now()).is_some() {} // a connection whose time is over closes where it is dropped
        let granted = match pool.checkout(now(), host, demand) {
            Handout::Use(wire) => Granted::Use(wire),
            Handout::Open(place) => Granted::Open(place),
            Handout::Wait(mut waiting) => waiting.block(now, Instant::MAX).unwrap().map_err(|why| why.as_str())?,
            Handout::Refuse(why) => return Err(why.as_str().into()),
        };
        let mut wire = match granted {
            Granted::Use(wire) => wire,
            Granted::Open(place) => {
                let stream = TcpStream::connect(host)?; // if it fails, the place is dropped, and so given back
                stream.set_read_timeout(Some(TICK)).and(stream.set_write_timeout(Some(TICK)))?;
                let drive = Drive::new(now(), &Config::DEFAULT, Vec::new(), Vec::new());
                place.opened(now(), (stream, drive)).map_err(|late| late.why.as_str())?
            }
        };
        // what is there before a request is not its answer; and a connection that the peer has closed is found before anything is sent
        let is_alive = wire.look() == Look::Skip || exchange(&mut wire, true).is_some();
        if is_alive && matches!(wire.1.reusable(now()), Reusable::Now { .. }) {
            wire.1.request(now(), &Request::new(Method::new(b"GET"), target), [("Host", host)], Content::Empty)?;
            if let Some(response) = exchange(&mut wire, false) {
                let returned = Returned::of_machine(wire.1.connection().persistence(), wire.1.reusable(now()));
                let _ = wire.checkin(now(), &returned); // what the pool does not keep is dropped
                return Ok(response);
            }
        }
        let (lost, reused) = (wire.1.connection().unanswered().next(), wire.is_reused());
        let unanswered = reused && lost.is_none_or(|lost| !lost.evidence.response_begun);
        let ended = Ended::of_machine(wire.1.connection().ended_by(), unanswered);
        drop(wire.closed(now(), ended));
        let Some(lost) = lost else { continue }; // it was found dead: nothing was sent, and no try is counted
        let verdict = lost.evidence.after(tries).after_reused(tries_on_reused).verdict();
        let Advice::Retry = verdict.advice else { return Err(verdict.reason.as_str().into()) };
        (tries, tries_on_reused, demand) =
            (tries + 1, tries_on_reused + reused as u32, demand.with_source(Source::New));
    }
}

/// Until the response is whole; or only a look at what is there, without waiting. `None`: the connection has ended.
fn exchange((stream, drive): &mut Wire, only_looks: bool) -> Option<(StatusCode, Vec<u8>)> {
    let (mut status, mut content, mut has_looked) = (StatusCode::OK, Vec::new(), false);
    stream.set_nonblocking(only_looks).ok()?;
    loop {
        match drive.poll(now()) {
            Step::Event(Event::Response(head)) => status = head.status,
            Step::Event(Event::Content(piece)) => content.extend_from_slice(piece),
            Step::Event(Event::End { .. }) => return Some((status, content)),
            Step::Transport(_) if has_looked => return Some((status, content)),
            Step::Transport(asked) => (has_looked, _) = (only_looks, drive.transfer(now, asked, stream)),
            Step::Shut(_) => drive.shut_result(now(), stream.shutdown(Shutdown::Write)), // the rest where it is dropped
            Step::HandOver(_) | Step::Closed => return None,
            _ => {}
        }
    }
}
