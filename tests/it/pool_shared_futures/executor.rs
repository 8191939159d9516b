//! A clock that nobody waits for, and an executor that polls futures in the order in which they are woken. All of one thread, and the
//! same each time.

use std::cell::{Cell, RefCell};
use std::collections::{BinaryHeap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use http_keepalive::Instant;

/// A waker and when it is woken; equal times in the order of their coming.
struct Timer(Instant, u64, Waker);

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.0, other.1).cmp(&(self.0, self.1))
    }
}

/// The clock, and who waits for it.
pub struct Clock {
    now: Cell<Instant>,
    timers: RefCell<BinaryHeap<Timer>>,
    number: Cell<u64>,
}

impl Clock {
    pub fn new(now: Instant) -> Rc<Self> {
        Rc::new(Self { now: Cell::new(now), timers: RefCell::default(), number: Cell::new(0) })
    }

    pub fn now(&self) -> Instant {
        self.now.get()
    }

    /// Wakes this waker then.
    pub fn wake_at(&self, at: Instant, waker: &Waker) {
        let number = self.number.replace(self.number.get() + 1);
        self.timers.borrow_mut().push(Timer(at, number, waker.clone()));
    }

    /// Until then.
    pub fn sleep(&self, at: Instant) -> impl Future<Output = ()> {
        poll_fn(move |context| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            self.wake_at(at, context.waker());
            Poll::Pending
        })
    }

    /// Time goes on to the next timer. `false`: there is none.
    fn advance(&self) -> bool {
        let Some(Timer(at, _, waker)) = self.timers.borrow_mut().pop() else { return false };
        self.now.set(self.now().max(at));
        waker.wake();
        true
    }
}

/// The tasks that were woken, in their order.
type Ready = Arc<Mutex<VecDeque<usize>>>;

struct Task {
    number: usize,
    is_ready: AtomicBool,
    ready: Ready,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.is_ready.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap().push_back(self.number);
        }
    }
}

/// What happens next to a future.
pub enum Next {
    Poll,
    Drop,
}

type Running<'f> = Option<(Pin<Box<dyn Future<Output = ()> + 'f>>, Arc<Task>)>;

/// Polls futures.
pub struct Executor<'f> {
    clock: Rc<Clock>,
    tasks: Vec<Running<'f>>,
    ready: Ready,
    /// Tasks that are not over.
    pub alive: usize,
}

impl<'f> Executor<'f> {
    pub fn new(clock: Rc<Clock>) -> Self {
        Self { clock, tasks: Vec::new(), ready: Ready::default(), alive: 0 }
    }

    /// A future to be polled at once: its number.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'f) -> usize {
        let number = self.tasks.len();
        let task = Arc::new(Task { number, is_ready: AtomicBool::new(true), ready: Arc::clone(&self.ready) });
        self.tasks.push(Some((Box::pin(future), task)));
        self.ready.lock().unwrap().push_back(number);
        self.alive += 1;
        number
    }

    /// Drops a future where it is.
    pub fn drop_task(&mut self, number: usize) {
        self.alive -= usize::from(self.tasks[number].take().is_some());
    }

    /// Polls what is ready, until nothing is. `before` says of each whether it is polled or dropped; `after` whether it is dropped
    /// where it waits then.
    pub fn run_ready(&mut self, mut before: impl FnMut(usize) -> Next, mut after: impl FnMut(usize) -> Next) {
        loop {
            let Some(number) = self.ready.lock().unwrap().pop_front() else { return };
            let Some((future, task)) = &mut self.tasks[number] else { continue };
            task.is_ready.store(false, Ordering::Relaxed);
            let is_over = match before(number) {
                Next::Drop => true,
                Next::Poll => {
                    let waker = Waker::from(Arc::clone(task));
                    let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
                    poll.is_ready() || matches!(after(number), Next::Drop)
                }
            };
            if is_over {
                self.drop_task(number);
            }
        }
    }

    /// Time goes on. `false`: nobody waits for it.
    pub fn advance(&self) -> bool {
        self.clock.advance()
    }
}
