//! What a server's driver and its application say of the whole, and what both roles are told of writing and of timeouts: with what follows.

use std::time::Duration;

use http_keepalive::*;

/// What was said.
#[derive(Default)]
pub struct Said {
    /// A write failed.
    pub write_failed: bool,
    /// A refusal is kept for the next request.
    pub turns_away: bool,
}

impl Said {
    /// After a failed write nothing is to be sent; who is to be refused is not to be answered otherwise.
    pub fn check(&self, wants: Wants, is_idle: bool, persistence: Persistence) {
        let goes = wants.flush || wants.flush_once || wants.application.is_some();
        let goes = goes || matches!(wants.shut, Some(Shut::HalfClose(_)));
        let tunnel = matches!(persistence, Persistence::Tunnel(_));
        assert!(!self.write_failed || !goes || tunnel, "a write failed, and {wants:?}");
        assert!(!is_idle || wants.application.is_none(), "it is idle, and {wants:?}");
        let answers = matches!(wants.application, Some(Turn::Respond | Turn::Continue));
        assert!(!self.turns_away || !answers, "the next request is refused, and {wants:?}");
    }
}

/// For an exchange that gets timeouts of its own: some are shorter, some longer, and one is off.
pub fn own<R: Role>() -> Config<R> {
    let secs = |secs| Some(Duration::from_secs(secs));
    let reads = Timeouts::DEFAULT.with_content_gap(secs(7)).with_content_rate(Some(2)).with_response(secs(9));
    let times = reads.with_application(secs(90)).with_exchange(secs(100)).with_write_stall(secs(90));
    Config::new(Limits::DEFAULT, times.with_send_rate(None), Policy::DEFAULT).expect("within bounds")
}

/// What both roles may be told.
macro_rules! say {
    ($machine:ident, $now:ident, $own:expr, $said:ident, $argument:ident) => {
        if $argument & 1 == 0 {
            $machine.write_failed($now);
            $said.write_failed = true;
        } else {
            attempt(&mut $machine, |it| it.exchange_timeouts($now, $own));
        }
    };
}

/// What only a server may be told.
macro_rules! say_to_server {
    ($machine:ident, $now:ident, $latest:expr, $own:expr, $said:ident, $argument:ident) => {
        match $argument % 8 {
            0 | 1 => {
                let code = [503, 431, 404, 200][usize::from($argument >> 3) % 4];
                let (status, was_idle) = (StatusCode::new(code).expect("three digits"), $machine.is_idle());
                if accepted(&mut $machine, |it| it.refuse($now, status)).is_some() {
                    let due = if was_idle { None } else { Some(Turn::Refuse(status)) };
                    assert_eq!($machine.wants().application, due, "refused with {status:?}");
                    assert_eq!($machine.is_idle(), was_idle, "a refusal is kept");
                    $said.turns_away |= was_idle;
                }
            }
            2 | 3 => {
                if accepted(&mut $machine, |it| it.application_gone($now)).is_some() {
                    let asked = $machine.wants().application;
                    assert!(matches!(asked, None | Some(Turn::Refuse(_))), "who is gone is asked for {asked:?}");
                }
            }
            4 => {
                let may = $machine.idleness().is_some_and(|idleness| idleness.shielded_until <= $latest);
                assert_eq!($machine.free_place($now), may, "its place is needed");
            }
            _ => say!($machine, $now, $own, $said, $argument),
        }
    };
}

pub(super) use {say, say_to_server};
