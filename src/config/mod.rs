//! What a connection keeps to: limits on what it reads, timeouts, and policies where the texts leave a choice.
//!
//! A [`Config`] is checked once, across all its fields, and is shared by any number of connections; a connection then
//! never fails to build. Everything is strict by default. A leniency is a named setting of [`Policy`], with the clause
//! that permits it.
//!
//! Built in a `const`:
//!
//! ```
//! use core::time::Duration;
//! use http_keepalive::{Config, Limits, Policy, Server, Timeouts};
//!
//! static CONFIG: Config<Server> = match Config::new(
//!     Limits::DEFAULT.with_max_exchanges(Some(100)),
//!     Timeouts::DEFAULT.with_idle(Some(Duration::from_secs(15))).with_idle_advertised(Some(Duration::from_secs(10))),
//!     Policy::DEFAULT,
//! ) {
//!     Ok(config) => config,
//!     Err(_) => panic!("out of bounds"),
//! };
//! assert_eq!(CONFIG.limits().max_exchanges, Some(100));
//! ```

/// A struct of settings with a constant default and a `const` setter for each.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$doc:meta])* $field:ident / $with:ident: $kind:ty = $default:expr; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$doc])* pub $field: $kind, )+
        }

        impl $name {
            /// The defaults, as each field explains its own.
            pub const DEFAULT: Self = Self { $($field: $default),+ };

            $(
                #[doc = concat!("With `", stringify!($field), "` set so.")]
                #[must_use]
                pub const fn $with(mut self, $field: $kind) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self::DEFAULT
            }
        }

        #[cfg(feature = "serde")]
        impl crate::config::by_name::sealed::Sealed for $name {
            const ANY: Self = Self::DEFAULT;
        }

        #[cfg(feature = "serde")]
        impl crate::config::by_name::Settings for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];

            fn set(
                &mut self,
                name: &str,
                value: &crate::config::by_name::Value,
            ) -> Result<(), crate::config::by_name::SettingError> {
                match name {
                    $(stringify!($field) => {
                        self.$field = crate::config::by_name::read(stringify!($field), value)?;
                        Ok(())
                    })+
                    _ => Err(crate::config::by_name::unknown(name, Self::NAMES)),
                }
            }

            fn value(&self, name: &str) -> Option<crate::config::by_name::Value> {
                match name {
                    $(stringify!($field) => Some(crate::config::by_name::Written::written(&self.$field)),)+
                    _ => None,
                }
            }
        }
    };
}

#[cfg(feature = "serde")]
pub(crate) mod by_name;
mod limits;
pub(crate) mod nanos;
pub(crate) mod nearest;
mod policy;
mod timeouts;

use core::marker::PhantomData;

pub use limits::Limits;
pub use policy::{
    AgeClose, DrainMode, HalfClose, HostRule, IdleClose, KeepAliveField, Policy, RequestHint, Tolerance, Use,
};
pub use timeouts::Timeouts;

use crate::config::nanos::{Span, Spans};
use crate::error::ConfigError;

/// We read requests and send responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it has no values: nobody can match it")]
pub enum Server {}

/// We send requests and read responses; up to `DEPTH` may be outstanding (RFC 9112 9.3.2), at least one.
///
/// ```
/// # use http_keepalive::*;
/// Connection::<Client<1>>::new(Instant::EPOCH, &Config::DEFAULT);
/// ```
///
/// With none no request could be sent, so it does not compile:
///
/// ```compile_fail
/// # use http_keepalive::*;
/// Connection::<Client<0>>::new(Instant::EPOCH, &Config::DEFAULT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it has no values: nobody can match it")]
pub enum Client<const DEPTH: usize = 1> {}

/// A checked set of [`Limits`], [`Timeouts`] and [`Policy`] for one role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config<R> {
    settings: Settings,
    role: PhantomData<fn() -> R>,
}

/// What a [`Config`] holds, whatever the role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) policy: Policy,
    /// The timeouts, as they are counted.
    pub(crate) spans: Spans,
    /// How long before its age a server's connection is promised to nobody any more.
    pub(crate) hint_guard: Span,
    /// A response that goes out so long before the age, or later, says `close`.
    pub(crate) age_notice: Span,
}

impl Settings {
    pub(crate) const fn new(limits: Limits, timeouts: Timeouts, policy: Policy) -> Self {
        let spans = Spans::of(&timeouts);
        let guard = match (timeouts.idle, timeouts.idle_advertised) {
            (Some(_), Some(_)) => spans.idle.less(spans.idle_advertised).at_most(MOST_GUARD),
            _ => Span::of_nanos(0),
        };
        let notice = match policy.age_close {
            // less than a second would be left
            AgeClose::Any => guard.plus(Span::of_nanos(999_999_999)),
            AgeClose::Announced => Span::of_nanos(0),
        };
        Self { limits, timeouts, policy, spans, hint_guard: guard, age_notice: notice }
    }
}

impl<R> Config<R> {
    pub(crate) const fn of(settings: Settings) -> Self {
        Self { settings, role: PhantomData }
    }

    /// Checks the settings against each other.
    ///
    /// # Errors
    ///
    /// A setting is out of its bounds, or does not fit another one: the first that is found, and what it must be.
    pub const fn new(limits: Limits, timeouts: Timeouts, policy: Policy) -> Result<Self, ConfigError> {
        const fn broken<R>(setting: &'static str, bound: &'static str) -> Result<Config<R>, ConfigError> {
            Err(ConfigError { setting, bound })
        }
        if limits.start_line < 16 {
            return broken("start_line", "at least 16 octets");
        }
        if limits.field_line < 16 {
            return broken("field_line", "at least 16 octets");
        }
        if limits.field_line > MOST_HEAD {
            return broken("field_line", "at most 16 MiB");
        }
        if limits.head <= limits.start_line {
            return broken("head", "more than `start_line`");
        }
        if limits.head > MOST_HEAD {
            return broken("head", "at most 16 MiB");
        }
        if limits.trailer_section < 2 || limits.trailer_section > MOST_HEAD {
            return broken("trailer_section", "2 octets to 16 MiB");
        }
        if matches!(limits.chunk_framing, Some(..16)) {
            return broken("chunk_framing", "at least 16 octets");
        }
        if limits.jitter > 50 {
            return broken("jitter", "at most 50 per cent");
        }
        if matches!(limits.max_exchanges, Some(0)) {
            return broken("max_exchanges", "at least 1");
        }
        if matches!(timeouts.head_rate, Some(0)) {
            return broken("head_rate", "at least 1 octet a second");
        }
        if matches!(timeouts.content_rate, Some(0)) {
            return broken("content_rate", "at least 1 octet a second");
        }
        if matches!(timeouts.send_rate, Some(0)) {
            return broken("send_rate", "at least 1 octet a second");
        }
        if let (Some(advertised), Some(idle)) = (timeouts.idle_advertised, timeouts.idle) {
            if advertised.as_nanos() > idle.as_nanos() {
                return broken("idle_advertised", "at most `idle`");
            }
        }
        if let (Some(head), Some(cap)) = (timeouts.head, timeouts.head_cap) {
            if timeouts.head_rate.is_some() && cap.as_nanos() < head.as_nanos() {
                return broken("head_cap", "at least `head`");
            }
        }
        Ok(Self { settings: Settings::new(limits, timeouts, policy), role: PhantomData })
    }

    /// The same with other limits.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub const fn with_limits(&self, limits: Limits) -> Result<Self, ConfigError> {
        Self::new(limits, *self.timeouts(), *self.policy())
    }

    /// The same with other timeouts. To change some of a preset's:
    ///
    /// ```
    /// use core::time::Duration;
    /// use http_keepalive::{Config, Server};
    ///
    /// let config = Config::<Server>::DEFAULT;
    /// let timeouts = config.timeouts().with_head(Some(Duration::from_secs(10)));
    /// let config = config.with_timeouts(timeouts)?;
    /// assert_eq!(config.timeouts().head, Some(Duration::from_secs(10)));
    /// # Ok::<(), http_keepalive::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub const fn with_timeouts(&self, timeouts: Timeouts) -> Result<Self, ConfigError> {
        Self::new(*self.limits(), timeouts, *self.policy())
    }

    /// The same with other policies.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub const fn with_policy(&self, policy: Policy) -> Result<Self, ConfigError> {
        Self::new(*self.limits(), *self.timeouts(), policy)
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// The timeouts.
    pub const fn timeouts(&self) -> &Timeouts {
        &self.settings.timeouts
    }

    /// The policies.
    pub const fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// A buffer of this many octets is never full while more are needed: what must lie in one piece is a head, a trailer
    /// section, or a line between chunks.
    pub const fn min_buffer(&self) -> usize {
        let (head, trailers) = (self.settings.limits.head, self.settings.limits.trailer_section);
        if head > trailers { head as usize } else { trailers as usize }
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The most that is kept between what is promised and the age.
const MOST_GUARD: Span = Span::of_nanos(5_000_000_000);

/// Positions in a head are counted in 32 bits.
const MOST_HEAD: u32 = 16 * 1024 * 1024;
