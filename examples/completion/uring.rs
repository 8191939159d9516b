//! `io_uring`: the only code here that is not checked to be safe.

#![expect(unsafe_code, reason = "the kernel uses memory and descriptors that no borrow knows of")]

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem::ManuallyDrop;
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use http_keepalive::drive::Side;
use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode, squeue};

use crate::{Completed, Queue};

pub struct Uring {
    ring: IoUring,
    /// What is under way, by its number: the kernel uses what is in here. It is never freed where the ring ends before.
    held: ManuallyDrop<HashMap<u64, Held>>,
    /// What the ring had no place for.
    waiting: VecDeque<squeue::Entry>,
    next: u64,
}

/// What the kernel uses until a completion.
enum Held {
    Accept { _listener: Arc<TcpListener> },
    Transfer { id: usize, side: Side, _stream: Arc<TcpStream>, memory: Vec<u8> },
}

impl Uring {
    /// An error: the kernel has none, or does not let this process have one, or it can not wait with a timeout.
    pub fn new() -> io::Result<Self> {
        let ring = IoUring::new(256)?;
        if !ring.params().is_feature_ext_arg() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(Self { ring, held: ManuallyDrop::default(), waiting: VecDeque::new(), next: 0 })
    }

    /// Begins what an entry says, with what it points to.
    fn begin(&mut self, held: Held, entry: impl FnOnce(&mut Held) -> squeue::Entry) {
        let number = self.next;
        self.next += 1;
        // it points to where the memory is now, which is on the heap and does not move with its `Vec`
        let entry = entry(self.held.entry(number).insert_entry(held).get_mut()).user_data(number);
        self.waiting.push_back(entry);
        self.push();
    }

    /// Puts what waits into the ring, as much as there is room for.
    fn push(&mut self) {
        let mut submission = self.ring.submission();
        while let Some(entry) = self.waiting.front() {
            // SAFETY: descriptors and memory that the entry names are in `held` until its completion was taken, or for ever, and nobody
            // uses them meanwhile; `begin` is the only one that makes entries.
            if unsafe { submission.push(entry) }.is_err() {
                return;
            }
            self.waiting.pop_front();
        }
    }

    fn complete(&mut self, number: u64, result: i32) -> Option<Completed> {
        let result = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
        Some(match self.held.remove(&number)? {
            Held::Accept { .. } => Completed::Accept(result.map(|descriptor| {
                // SAFETY: the kernel has just opened it for this completion: nobody else has it.
                unsafe { TcpStream::from_raw_fd(descriptor as i32) }
            })),
            Held::Transfer { id, side, memory, .. } => Completed::Transfer { id, side, memory, result },
        })
    }
}

impl Queue for Uring {
    fn accept(&mut self, listener: &Arc<TcpListener>) {
        let descriptor = Fd(listener.as_raw_fd());
        self.begin(Held::Accept { _listener: Arc::clone(listener) }, |_| {
            opcode::Accept::new(descriptor, ptr::null_mut(), ptr::null_mut()).build()
        });
    }

    fn transfer(&mut self, id: usize, side: Side, stream: &Arc<TcpStream>, memory: Vec<u8>, part: Range<usize>) {
        let descriptor = Fd(stream.as_raw_fd());
        self.begin(Held::Transfer { id, side, _stream: Arc::clone(stream), memory }, |held| {
            let part = match held {
                Held::Transfer { memory, .. } => &mut memory[part],
                Held::Accept { .. } => &mut [],
            };
            let (memory, octets) = (part.as_mut_ptr(), u32::try_from(part.len()).unwrap_or(u32::MAX));
            match side {
                Side::Read => opcode::Recv::new(descriptor, memory, octets).build(),
                Side::Write => opcode::Send::new(descriptor, memory, octets).build(),
            }
        });
    }

    fn wait(&mut self, longest: Duration, completed: &mut Vec<Completed>) -> io::Result<()> {
        self.push();
        let timeout = Timespec::from(longest.min(Duration::from_secs(3600)));
        match self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&timeout)) {
            Ok(_) => {}
            // time is over, a signal came, or completions are to be taken first
            Err(error) if matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY)) => {}
            Err(error) => return Err(error),
        }
        let taken: Vec<_> = self.ring.completion().map(|entry| (entry.user_data(), entry.result())).collect();
        for (number, result) in taken {
            completed.extend(self.complete(number, result));
        }
        Ok(())
    }
}
