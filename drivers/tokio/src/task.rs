//! Which task a waker is of.

use std::task::Waker;

/// The task that a waker wakes, without the waker: to be kept where somebody else keeps a clone of it, so that there is no other task of the
/// same address meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task(usize);

impl Task {
    /// No task's.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn of(waker: &Waker) -> Self {
        // two numbers that tell it, in the room of one; an odd one, so that it is not that of none
        let vtable: *const _ = waker.vtable();
        Self((waker.data() as usize).rotate_left(32) ^ (vtable as usize) | 1)
    }

    #[inline]
    pub(crate) fn is_that_of(self, waker: &Waker) -> bool {
        self == Self::of(waker)
    }
}
