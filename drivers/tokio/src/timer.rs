//! The one sleep of a connection.
//!
//! Deadlines move with nearly every octet, and mostly to later. So a sleep that wakes too early is left as it is: it wakes, finds that
//! nothing is due, and is set to the deadline of then. It is set anew only where a deadline comes before it. An exchange on a connection
//! that is kept costs no timer operation.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use http_keepalive::Instant;
use tokio::task::unconstrained;
use tokio::time::Sleep;

use crate::Clock;
use crate::task::Task;

/// Wakes a task at an instant, or before it. To be kept beside a connection.
#[derive(Debug, Default)]
pub struct Timer {
    armed: Option<Armed>,
}

#[derive(Debug)]
struct Armed {
    at: Instant,
    sleep: Pin<Box<Sleep>>,
    /// The task that it wakes: it keeps its waker.
    task: Task,
}

impl Timer {
    /// One that is not armed.
    pub const fn new() -> Self {
        Self { armed: None }
    }

    /// `Ready`: the instant `at` has come. Otherwise the task is woken when it has, and the timer is to be asked again then; it may also be
    /// woken before. `now`: what the clock said last. tokio counts in milliseconds, and is never early.
    pub fn poll_until(&mut self, clock: &Clock, now: Instant, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker();
        let armed = match &mut self.armed {
            // it wakes this task, and in time
            Some(armed) if now < armed.at && armed.at <= at && armed.task.is_that_of(waker) => return Poll::Pending,
            Some(armed) => {
                if at < armed.at {
                    armed.set(clock, at);
                }
                armed.task = Task::of(waker);
                armed
            }
            None => {
                let sleep = Box::pin(tokio::time::sleep_until(clock.of_tokio(at)));
                self.armed.insert(Armed { at, sleep, task: Task::of(waker) })
            }
        };
        // a task that has used up its budget is refused without having been registered, and would not be woken when the time has come
        while pin!(unconstrained(armed.sleep.as_mut())).poll(context).is_ready() {
            if at <= armed.at {
                return Poll::Ready(());
            }
            armed.set(clock, at);
        }
        Poll::Pending
    }
}

impl Armed {
    fn set(&mut self, clock: &Clock, at: Instant) {
        self.at = at;
        self.sleep.as_mut().reset(clock.of_tokio(at));
    }
}
