//! A POST gets its content back; a task for each connection. `tokio HOST:PORT '{"timeouts": {"idle": "15s"}}'`; drains on SIGTERM, SIGINT.
#![forbid(unsafe_code)]

use http_keepalive::{drive::*, *};
use std::{env, error::Error, time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::{net::*, signal::unix::*, sync::watch::*, time::sleep};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = env::args().nth(2).unwrap_or(r#"{"limits": {"content": 16777216}}"#.into());
    let config: &Config<Server> = Box::leak(serde_json::from_str(&settings)?);
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:8080".into())).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    let (mut terminate, (drain, drains)) = (signal(SignalKind::terminate())?, channel(()));
    let accepts = async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream, config, drains.clone()))),
                Err(_) => sleep(time::Duration::from_millis(50)).await, // no descriptors for a while
            }
        }
    };
    tokio::select! { () = accepts => {}, _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
    drain.send_replace(());
    drain.closed().await; // who serves has a receiver
    Ok(())
}

async fn serve(mut stream: TcpStream, config: &'static Config<Server>, mut end: Receiver<()>) -> Result<(), SendError> {
    let _ = stream.set_nodelay(true); // if it fails, so will reading
    let (opened, mut method, mut answer, mut sent) = (time::Instant::now(), MethodKind::Other, Vec::new(), 0);
    let now = || Instant::since(opened, time::Instant::now());
    let mut drive = Drive::<Server, Vec<u8>>::new(now(), config, Vec::new(), Vec::new());
    loop {
        match drive.poll(now()) {
            Step::Event(Event::Request(head)) => (method, answer) = (head.method.kind(), Vec::new()),
            Step::Event(Event::Content(piece)) => answer.extend_from_slice(piece),
            Step::Event(Event::End { .. }) if method != MethodKind::Post => answer = b"Hello\n".to_vec(),
            Step::Respond => sent = drive.respond_with(now(), StatusCode::OK, NO_FIELDS, &answer)?,
            Step::Content => sent += drive.send_content(now(), &answer[sent..])?,
            Step::Transport(transport) => {
                let (wait, (mut reader, mut writer)) = (drive.wait(now()), stream.split());
                let (room, unsent) = drive.room_and_unsent();
                tokio::select! {
                    biased;
                    wrote = writer.write(unsent), if transport.write != Attempt::No => drive.write_result(now(), wrote),
                    read = reader.read(room), if transport.read != Attempt::No => drive.read_result(now(), read),
                    _ = end.changed() => drive.close_after_exchange(now()),
                    () = sleep(wait.unwrap_or(time::Duration::MAX)) => drive.timeout(now()),
                }
            }
            Step::Shut(Shut::Reset(_)) => drive.shut_result(now(), stream.set_zero_linger()), // where it is dropped
            Step::Shut(_) => drive.shut_result(now(), stream.shutdown().await),
            Step::HandOver(_) | Step::Closed => return Ok(()),
            _ => {}
        }
    }
}
