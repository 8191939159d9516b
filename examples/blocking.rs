//! A POST gets its content back; a thread for each connection. `blocking HOST:PORT '{"timeouts": {"idle": "15s"}}'`; drains on SIGTERM, SIGINT.
#![forbid(unsafe_code)]

use http_keepalive::{drive::*, *};
use signal_hook::{consts::*, iterator::Signals};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{env, error::Error, thread, time};

static DRAINS: AtomicBool = AtomicBool::new(false);
const TICK: time::Duration = time::Duration::from_millis(50); // so often who waits looks at `DRAINS`, at deadlines, and at what has left

fn main() -> Result<(), Box<dyn Error>> {
    let settings = env::args().nth(2).unwrap_or(r#"{"limits": {"content": 16777216}}"#.into());
    let config: &Config<Server> = &serde_json::from_str(&settings)?;
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:8080".into()))?;
    let (address, mut signals) = (listener.local_addr()?, Signals::new([SIGINT, SIGTERM])?);
    println!("listening on http://{address}/");
    thread::spawn(move || {
        DRAINS.store(signals.forever().next().is_some(), Relaxed);
        TcpStream::connect(address) // so that `accept` returns
    });
    thread::scope(move |scope| {
        for stream in listener.incoming().take_while(|_| !DRAINS.load(Relaxed)) {
            let serve = |stream| thread::Builder::new().spawn_scoped(scope, || serve(stream, config).unwrap());
            stream.and_then(serve).map_or_else(|_| thread::sleep(TICK), drop); // no descriptors or threads for a while
        }
    });
    Ok(())
}

/// Until the connection ends. An error is a mistake in this function.
fn serve(mut stream: TcpStream, config: &Config<Server>) -> Result<(), SendError> {
    // if it fails, so will reading
    let _ = stream.set_read_timeout(Some(TICK)).and(stream.set_write_timeout(Some(TICK))).and(stream.set_nodelay(true));
    let opened = time::Instant::now();
    let now = || Instant::since(opened, time::Instant::now());
    let mut drive = Drive::<Server, Vec<u8>, _>::new(now(), config, Vec::new(), Vec::new());
    let (mut method, mut answer, mut sent) = (MethodKind::Other, Vec::new(), 0);
    loop {
        DRAINS.load(Relaxed).then(|| drive.close_after_exchange(now()));
        match drive.poll(now()) {
            Step::Event(Event::Request(head)) => (method, answer) = (head.method.kind(), Vec::new()),
            Step::Event(Event::Content(piece)) => answer.extend_from_slice(piece),
            Step::Event(Event::End { .. }) if method != MethodKind::Post => answer = b"Hello\n".to_vec(),
            Step::Respond => sent = drive.respond_with(now(), StatusCode::OK, NO_FIELDS, &answer)?,
            Step::Content => sent += drive.send_content(now(), &answer[sent..])?,
            Step::Transport(transport) => drive.transfer(now, transport, &mut stream),
            Step::Shut(_) => drive.shut_result(now(), stream.shutdown(Shutdown::Write)), // the rest where it is dropped
            Step::HandOver(_) | Step::Closed => return Ok(()),
            _ => {}
        }
    }
}
