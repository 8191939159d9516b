//! What cures a finding: one change of one setting.

use core::fmt;
use core::time::Duration;

use super::shown::Shown;
use crate::config::{AgeClose, Use};
use crate::presets::{ClientPreset, HeadTimer, Repeats, ServerPreset};

/// Whose setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two sides")]
pub enum Side {
    /// The client's.
    Client,
    /// The server's.
    Server,
}

/// What a setting is changed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum To {
    /// A duration.
    Time(Duration),
    /// A number.
    Count(u32),
    /// One of the setting's own words, as settings in files are written.
    Word(&'static str),
}

/// The smallest change that cures a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cure {
    /// Whose setting.
    pub side: Side,
    /// Its name, as in files.
    pub setting: &'static str,
    /// Its new value.
    pub to: To,
}

/// A line for each change: how the rules name it, whose setting it is, its name and value, and what makes it. So no rule can
/// suggest a change that [`Cure::apply`] does not know.
macro_rules! changes {
    (
        |$client:ident, $server:ident|
        $( $name:ident($($value:ident: $type:ty)?): $side:ident $setting:literal = $to:ident($new:tt) => $make:expr; )+
    ) => {
        impl Cure {
            $(
                pub(super) const fn $name($($value: $type)?) -> Self {
                    Self { side: Side::$side, setting: $setting, to: To::$to($new) }
                }
            )+

            /// Makes the change. `false`: no cure has this setting and value; nothing was changed. Every cure that
            /// [`check`](super::check()) gives is made.
            pub fn apply(&self, $client: &mut ClientPreset, $server: &mut ServerPreset) -> bool {
                match (self.side, self.setting, self.to) {
                    $( (Side::$side, $setting, To::$to($new)) => $make, )+
                    _ => return false,
                }
                true
            }
        }
    };
}

changes! {
    |client, server|
    server_idle(time: Duration): Server "idle" = Time(time) => server.timeouts.idle = Some(time);
    drain_window(time: Duration): Server "drain_window" = Time(time) => server.timeouts.drain_window = Some(time);
    drain(time: Duration): Server "drain" = Time(time) => server.timeouts.drain = Some(time);
    linger_gap(time: Duration): Server "linger_gap" = Time(time) => server.timeouts.linger_gap = Some(time);
    idle_shield(time: Duration): Server "idle_shield" = Time(time) => server.timeouts.idle_shield = Some(time);
    announced_age(): Server "age_close" = Word("announced") => server.policy.age_close = AgeClose::Announced;
    own_head_timer(): Server "head_timer" = Word("own") => server.head_timer = HeadTimer::Own;
    used_idle(time: Duration): Client "used_idle" = Time(time) => client.timeouts.used_idle = Some(time);
    unused_idle(time: Duration): Client "unused_idle" = Time(time) => client.timeouts.unused_idle = Some(time);
    client_age(time: Duration): Client "age" = Time(time) => client.timeouts.age = Some(time);
    wait(time: Duration): Client "wait" = Time(time) => client.timeouts.wait = Some(time);
    per_origin(count: u32): Client "per_origin" = Count(count) => client.limits.per_origin = Some(count);
    depth(count: u32): Client "depth" = Count(count) => client.depth = u8::try_from(count).unwrap_or(u8::MAX);
    max_hint_on(): Client "max_hint" = Word("on") => client.max_hint = Use::On;
    repeat_idempotent(): Client "repeats" = Word("idempotent") => client.repeats = Repeats::Idempotent;
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Client => "client",
            Side::Server => "server",
        };
        write!(f, "{side}: {} = ", self.setting)?;
        match self.to {
            To::Time(time) => write!(f, "{}", Shown(time)),
            To::Count(count) => count.fmt(f),
            To::Word(word) => word.fmt(f),
        }
    }
}
