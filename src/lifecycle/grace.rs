//! The grace that totals are given where a look at the transport came late ([`looks`](crate::lifecycle::looks)).
//!
//! It is as long as the look came late, and at most the setting of the total: all that is granted to one head, to the content of one message,
//! to one linger, to what is sent of one message. It is counted in parts of the setting, rounded up, and each look costs a 254th of it at
//! least: so a peer that drips gains one term at most, and has no more than 255 looks for it.
//!
//! Where all of it has been granted, a look that completes nothing is the last one, and the total takes effect after it. If what came since
//! has put it off (a head or content that keeps its rate), that look was not the last: another one comes before it takes effect.

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
/// As many looks there are to grant a whole setting, at least.
const LOOKS: u64 = 254;

impl<N: Copy + TryFrom<u64> + Into<u64>> Granted<N> {
    /// It has been granted, and the look after it completed nothing.
    const SPENT: u64 = u64::MAX >> (64 - 8 * size_of::<N>());
    /// The parts of a whole setting.
    const ALL: u64 = Self::SPENT - 1;

    /// The grace after a look that came `late`: nanoseconds; `None`: no more is granted.
    pub(super) fn grant(&mut self, late: u64, setting: Span) -> Option<u64> {
        let parts = Self::ALL.saturating_sub(self.0.into());
        if parts == 0 {
            self.set(Self::SPENT);
            return None;
        }
        // in the wider type there is no overflow
        let (all, setting) = (u128::from(Self::ALL), u128::from(setting.as_nanos()));
        let grace = u128::from(late).min(setting * u128::from(parts) / all);
        let spent = (grace * all).div_ceil(setting.max(1)) as u64;
        self.set(Self::ALL - parts + spent.clamp((Self::ALL / LOOKS).min(parts), parts));
        Some(grace as u64)
    }

    fn set(&mut self, parts: u64) {
        if let Ok(parts) = N::try_from(parts) {
            self.0 = parts;
        }
    }

    /// What comes next is looked at before it takes effect, though nothing more is granted.
    pub(super) fn look_again(&mut self) {
        if self.is_spent() {
            self.set(Self::ALL);
        }
    }

    /// What is due takes effect without another look.
    pub(super) fn is_spent(self) -> bool {
        self.0.into() == Self::SPENT
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
