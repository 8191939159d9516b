//! Time that passes for a machine, where its transport has nothing to say.

use http_keepalive::{Config, Connection, Deadline, Instant, Lifecycle, ReadWant, Role};

/// Time for a connection, a transport beside it in which nothing moves.
pub trait Passes {
    /// Lets the earliest deadline pass if it is due. Where a look at the transport is asked for first, it finds nothing; a look before an
    /// idle connection is closed is left to the caller.
    fn expire(&mut self, now: Instant) -> Option<Deadline>;
}

macro_rules! passes {
    ($machine:ident, $role:ident) => {
        impl<R: $role, C: std::ops::Deref<Target = Config<R>>> Passes for $machine<R, C> {
            fn expire(&mut self, now: Instant) -> Option<Deadline> {
                let passed = self.handle_timeout(now);
                if self.wants().read == ReadWant::LookOnce && !self.is_idle() {
                    self.nothing_to_read(now);
                }
                if self.wants().flush_once {
                    self.handle_sent(now, 0);
                }
                passed
            }
        }
    };
}

passes!(Connection, Role);
passes!(Lifecycle, Role);
