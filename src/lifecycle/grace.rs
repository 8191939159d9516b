//! The grace that totals are given where a look at the transport came late ([`looks`](crate::lifecycle::looks)).
//!
//! It is as long as the look came late, and at most the setting of the total: all that is granted to one head, to the content of one message,
//! to one linger, to what is sent of one message. It is counted in parts of the setting, rounded up, and each look costs one part at least:
//! so a peer that drips gains one term at most, and has no more than 254 looks for it.

use crate::config::nanos::Span;
use crate::time::Instant;

/// What looks at the transport have granted to what is being received and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grace {
    /// Until when what is being received as a whole has time after all: in eighths of a millisecond after it began.
    again: u32,
    pub(super) received: Granted,
    pub(super) sent: Granted,
}

/// How much of one setting has been granted, in parts of it. Rounded up, so it is never more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Granted(u8);

/// Nanoseconds of an eighth of a millisecond.
const EIGHTH: u64 = 125_000;

impl Granted {
    const NOTHING: Self = Self(0);
    /// The whole setting.
    const ALL: u8 = 254;
    /// And the look after it did not complete anything.
    pub(super) const SPENT: Self = Self(255);

    /// The grace after a look that came `late`: nanoseconds; `None`: no more is granted.
    pub(super) fn grant(&mut self, late: u64, setting: Span) -> Option<u64> {
        let parts = u64::from(Self::ALL.checked_sub(self.0).filter(|&parts| parts > 0)?);
        let setting = setting.as_nanos();
        // 254 parts of up to 2^64 nanoseconds: in the wider type there is no overflow
        let share = |parts: u64| (u128::from(setting) * u128::from(parts) / u128::from(Self::ALL)) as u64;
        let grace = late.min(share(parts));
        let spent = (1..=parts).find(|&spent| grace <= share(spent)).unwrap_or(parts);
        self.0 += spent as u8;
        Some(grace)
    }
}

impl Grace {
    pub(crate) const NONE: Self = Self { again: 0, received: Granted::NOTHING, sent: Granted::NOTHING };

    /// A head, content or a linger begins to be received.
    #[inline(always)]
    pub(super) const fn begin_receiving(&mut self) {
        self.again = 0;
        self.received = Granted::NOTHING;
    }

    /// A message begins to be sent.
    #[inline(always)]
    pub(super) const fn begin_sending(&mut self) {
        self.sent = Granted::NOTHING;
    }

    /// The same value where the same follows; `receives`: something is counted as a whole, `sends`: octets of a message wait, or will.
    pub(super) const fn keep(&mut self, receives: bool, sends: bool) {
        if !receives {
            self.begin_receiving();
        }
        if !sends {
            self.begin_sending();
        }
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
