//! Requests: to be made, being made on a connection, answered.

use std::collections::VecDeque;

use http_keepalive::StatusCode;
use http_keepalive::pool::Lease;
use http_keepalive::retry::{Evidence, RetryVerdict};
use indicatif::ProgressBar;

use crate::Options;
use crate::target::Target;
use crate::upload::Upload;
use crate::wire::Wire;

/// A request to be made, or being made.
pub struct Task {
    pub target: Target,
    pub tries: Tries,
    /// How many connections had been opened when it failed last: only a later one is tried.
    pub after: u64,
    /// Without `Expect`, which was refused before.
    pub unexpecting: bool,
    /// What is sent, while it is being made.
    pub upload: Option<Upload>,
}

/// How often a request was tried without success.
#[derive(Clone, Copy, Default)]
pub struct Tries {
    all: u32,
    /// Of these, so many were lost on connections that had been used before.
    reused: u32,
}

impl Tries {
    /// The verdict of a try after these, and it counts from now on.
    pub fn judge(&mut self, options: &Options, evidence: Evidence) -> RetryVerdict {
        let verdict = evidence.after(self.all).after_reused(self.reused).with_budget(options.tries).verdict();
        self.all += 1;
        self.reused += u32::from(evidence.reused);
        verdict
    }
}

/// A request whose answer is complete.
pub struct Answered {
    pub task: Task,
    pub status: StatusCode,
    /// Where the answer says that something else is to be found.
    pub location: Option<String>,
}

impl Answered {
    /// Nothing more of it will leave.
    pub fn is_over(&self, wire: &Wire) -> bool {
        self.task.upload.as_ref().is_none_or(|upload| upload.is_over(wire))
    }
}

/// A connection, and the requests on it.
pub struct Line {
    pub wire: Wire,
    pub lease: Lease,
    /// It had been idle.
    pub reused: bool,
    pub tasks: VecDeque<Task>,
    /// Answered while their content was still on its way.
    pub sending: VecDeque<Answered>,
    pub status: Option<StatusCode>,
    /// Of the answer that is being read, as its status.
    pub location: Option<String>,
    pub bar: Option<ProgressBar>,
    pub answered: u32,
}

impl Line {
    pub const fn new(wire: Wire, lease: Lease, reused: bool) -> Self {
        Self {
            wire,
            lease,
            reused,
            tasks: VecDeque::new(),
            sending: VecDeque::new(),
            status: None,
            location: None,
            bar: None,
            answered: 0,
        }
    }

    /// Nothing is to be done on it.
    pub fn is_over(&self) -> bool {
        self.wire.is_closed() || self.tasks.is_empty() && self.sending.is_empty()
    }
}
