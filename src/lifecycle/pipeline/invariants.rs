//! What always holds of the queue.

use crate::config::Client;
use crate::lifecycle::pipeline::{Outstanding, Progress};
use crate::lifecycle::state::{ConnectionState, Sending};

impl<const DEPTH: usize> Outstanding<DEPTH> {
    pub(crate) fn check(&self, state: &ConnectionState<Client<DEPTH>>) {
        assert!(self.requests.len() <= self.asked, "more requests wait than were asked");
        self.check_octets();
        self.check_order();
        self.check_progress();
        if state.lifetime.is_open() {
            let sends = state.send.half() == Sending::Content;
            assert!(!sends || !self.is_empty(), "content is sent of no request");
            assert!(self.is_empty() == (state.send.half() == Sending::Idle), "a request waits, or none was sent");
            assert!(
                self.peer.waiting.is_none() || !self.is_empty(),
                "a response is waited for, and no request is there"
            );
        }
    }

    fn check_octets(&self) {
        let mut from = 0;
        for request in self.requests.iter() {
            assert!(
                from <= request.from && request.from <= self.written,
                "requests stand in the order of their octets"
            );
            let whole = request.progress != Progress::Begun;
            assert!(!whole || (request.from <= request.to && request.to <= self.written), "a whole request has an end");
            from = if whole { request.to } else { request.from };
        }
    }

    fn check_order(&self) {
        let pairs = || self.requests.iter().zip(self.requests.iter().skip(1));
        assert!(pairs().all(|(one, next)| one.began <= next.began), "requests stand in the order in which they began");
        let may_be_followed = pairs().all(|(one, _)| one.marks.idempotent && !one.marks.last);
        assert!(may_be_followed, "nothing follows what may not be repeated, or may end HTTP here");
        assert!(self.own <= self.requests.len(), "an exchange with timeouts of its own is outstanding");
    }

    fn check_progress(&self) {
        let left = self.requests.iter().take_while(|request| request.progress == Progress::Left).count();
        assert_eq!(self.left as usize, left, "the number of those that have left before the first that has not");
        let waits = |&(place, progress): &(u32, Progress)| match progress {
            Progress::Begun => place + 1 == self.requests.len(),
            Progress::Whole => true,
            Progress::Left => false,
        };
        let mut all = (0..).zip(self.requests.iter().map(|request| request.progress));
        let settled = all.find(waits).map_or(self.requests.len(), |(place, _)| place);
        assert_eq!(self.settled, settled, "octets that leave change nothing of what is settled");
        assert!(all.all(|(_, progress)| progress != Progress::Left), "requests leave in their order");
    }
}
