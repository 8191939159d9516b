//! The grace that totals are given where a look at the transport came late ([`looks`](crate::lifecycle::looks)).
//!
//! It is as long as the look came late, and at most the setting of the total: all that is granted to one head, to the content of one message,
//! to one linger, to what is sent of one message. It is counted in parts of the setting, rounded up, and each look costs one part at least:
//! so a peer that drips gains one term at most, and has no more than 254 looks for it.

use crate::config::nanos::Span;
use crate::time::Instant;

/// What looks at the transport have granted to what is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grace {
    /// Until when it has time after all: in eighths of a millisecond after it began.
    again: u32,
    pub(super) granted: Granted<u16>,
    /// How often the look that is waited for was asked for before, and nobody answered.
    pub(super) unanswered: u16,
}

/// How much of one setting has been granted, in parts of it. Rounded up, so it is never more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Granted<N>(N);

/// Nanoseconds of an eighth of a millisecond.
const EIGHTH: u64 = 125_000;
/// The parts of a whole setting.
const ALL: u8 = 254;
/// It has been granted, and the look after it completed nothing.
const SPENT: u8 = 255;

impl<N: Copy + From<u8> + Into<u32>> Granted<N> {
    /// The grace after a look that came `late`: nanoseconds; `None`: no more is granted.
    pub(super) fn grant(&mut self, late: u64, setting: Span) -> Option<u64> {
        let used = self.0.into() as u8;
        let parts = ALL.saturating_sub(used);
        if parts == 0 {
            self.0 = SPENT.into();
            return None;
        }
        let setting = u128::from(setting.as_nanos());
        // 254 parts of up to 2^64 nanoseconds: in the wider type there is no overflow
        let share = |parts: u8| (setting * u128::from(parts) / u128::from(ALL)) as u64;
        let grace = late.min(share(parts));
        let spent = (1..=parts).find(|&spent| grace <= share(spent)).unwrap_or(parts);
        self.0 = (used + spent).into();
        Some(grace)
    }

    /// What comes next is looked at before it takes effect, though nothing more is granted.
    pub(super) fn look_again(&mut self) {
        if self.is_spent() {
            self.0 = ALL.into();
        }
    }

    /// What is due takes effect without another look.
    pub(super) fn is_spent(self) -> bool {
        self.0.into() == u32::from(SPENT)
    }
}

impl Granted<u8> {
    pub(super) const NOTHING: Self = Self(0);
}

impl Grace {
    pub(crate) const NONE: Self = Self { again: 0, granted: Granted(0), unanswered: 0 };

    /// Nothing has been granted.
    pub(super) fn forget(&mut self) {
        *self = Self { unanswered: self.unanswered, ..Self::NONE };
    }

    /// What began at `began` has time until `at` after all, or an eighth of a millisecond less.
    pub(super) fn set_again(&mut self, began: Instant, at: Instant) {
        let after = at.as_nanos().saturating_sub(began.as_nanos());
        self.again = u32::try_from(after / EIGHTH).unwrap_or(u32::MAX);
    }

    /// Until when what began then has time after all.
    #[inline(always)]
    pub(super) const fn again_at(&self, began: Instant) -> Instant {
        Instant::from_nanos(began.as_nanos().saturating_add(self.again as u64 * EIGHTH))
    }
}
