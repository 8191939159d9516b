//! A queue where the system has none: a thread for each read, write and accept, which holds the memory until it has completed.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use http_keepalive::drive::{Side, is_wait_over};

use crate::{Completed, Queue};

pub struct Simulated {
    sender: Sender<Completed>,
    receiver: Receiver<Completed>,
}

impl Simulated {
    pub fn new() -> Self {
        let (sender, receiver) = channel();
        Self { sender, receiver }
    }

    fn begin(&self, complete: impl FnOnce() -> Completed + Send + 'static) {
        let sender = self.sender.clone();
        thread::spawn(move || sender.send(complete()));
    }
}

impl Queue for Simulated {
    fn accept(&mut self, listener: &Arc<TcpListener>) {
        let listener = Arc::clone(listener);
        self.begin(move || Completed::Accept(listener.accept().map(|(stream, _)| stream)));
    }

    fn transfer(&mut self, id: usize, side: Side, stream: &Arc<TcpStream>, mut memory: Vec<u8>, part: Range<usize>) {
        let stream = Arc::clone(stream);
        self.begin(move || {
            let result = match side {
                Side::Read => (&*stream).read(&mut memory[part]),
                Side::Write => write(&stream, &memory[part]),
            };
            Completed::Transfer { id, side, memory, result }
        });
    }

    fn wait(&mut self, longest: Duration, completed: &mut Vec<Completed>) -> io::Result<()> {
        // the sender of this queue is there, so only time can end it
        completed.extend(self.receiver.recv_timeout(longest));
        completed.extend(self.receiver.try_iter());
        Ok(())
    }
}

/// As soon as some of it has left, as the system's queue does: a blocking write waits for all of it.
fn write(mut stream: &TcpStream, octets: &[u8]) -> io::Result<usize> {
    stream.set_write_timeout(Some(Duration::from_millis(10)))?;
    loop {
        match stream.write(octets) {
            Err(error) if is_wait_over(&error) => {}
            result => return result,
        }
    }
}
