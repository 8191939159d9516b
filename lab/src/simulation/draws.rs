//! Everything random, by seeds.
//!
//! What a user does depends on the seed and the user's number alone, and not on what else happens: two worlds that differ in a setting have
//! the same users with the same pages. So a difference between them is that of the setting.

use rand_distr::{Distribution, Exp1, LogNormal, StandardNormal};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::RngCore;

use crate::settings::{Page, Spread};

/// What the draws of a user or of a machine are for: each has a sequence of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Arrivals = 1,
    Services = 2,
    User = 3,
    Page = 4,
}

/// A sequence.
#[derive(Clone, Debug)]
pub(crate) struct Draws(Pcg32);

/// The finalizer of SplitMix64.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Draws {
    /// The sequence for this purpose of this user's page.
    pub(crate) fn new(seed: u64, purpose: Purpose, user: u32, page: u32) -> Self {
        let state = mixed(seed ^ mixed(u64::from(user) << 32 | u64::from(page)));
        Self(Pcg32::new(state, purpose as u64))
    }

    /// Nanoseconds around this mean.
    pub(crate) fn time(&mut self, mean: u64, spread: Spread) -> u64 {
        match spread {
            Spread::Fixed => mean,
            Spread::Exponential => {
                let factor: f64 = Exp1.sample(&mut self.0);
                (mean as f64 * factor) as u64
            }
        }
    }

    /// A factor around 1 whose logarithm has this standard deviation.
    pub(crate) fn factor(&mut self, sigma: f64) -> f64 {
        if sigma == 0.0 {
            return 1.0;
        }
        let normal: f64 = StandardNormal.sample(&mut self.0);
        libm::exp(sigma * normal)
    }

    /// The octets of the next part of a page, and whether it is asked for with POST.
    pub(crate) fn part(&mut self, page: &Page, sizes: Option<&LogNormal<f64>>) -> (u32, bool) {
        let octets = match sizes {
            None => page.part,
            Some(sizes) => (sizes.sample(&mut self.0) as u32).clamp(1, page.part_most.max(1)),
        };
        (octets, self.0.next_u32() % 100 < page.posts.into())
    }
}

/// The sizes of parts; `None`: all are equal.
pub(crate) fn sizes(page: &Page) -> Option<LogNormal<f64>> {
    if page.part_sigma == 0.0 {
        return None;
    }
    LogNormal::new(libm::log(f64::from(page.part.max(1))), page.part_sigma).ok()
}
