//! What a driver and an application say of the whole, through both doors: refusals, who is gone, places to free; and what both roles are told
//! of writing and of the timeouts of an exchange.

use http_keepalive::*;

use crate::story::{Dice, Told};

/// A response that is the last one, or goes out as HTTP/1.0, or has a reason phrase of its own.
pub fn response(dice: &mut Dice) -> Response<'static> {
    let response = Response::new(StatusCode::OK);
    match dice.below(3) {
        0 => response.with_close(true),
        1 => response.with_version(Version::HTTP_10),
        _ => response.with_reason(b"Fine"),
    }
}

fn said(told: &mut Told, what: &str, came: Result<(), SendError>) {
    match came {
        Ok(()) => told.say(what, "taken"),
        Err(error) => told.refused(what, &error),
    }
}

/// How a server is idle, from now.
pub fn idle(told: &mut Told, idleness: Option<Idleness>, now: Instant) {
    let from = |at: Instant| i128::from(at.as_nanos()) - i128::from(now.as_nanos());
    let text = idleness.map(|idleness| {
        let Idleness { since, is_fresh, promised_until, shielded_until } = idleness;
        format!("{} {is_fresh} {:?} {}", from(since), promised_until.map(from), from(shielded_until))
    });
    told.say("idleness", text.unwrap_or_default());
}

/// What both doors name alike.
macro_rules! doors {
    ($both:ident, $server:ident, $machine:ident) => {
        /// What both roles may be told.
        pub fn $both<'c, R: Role>(
            told: &mut Told,
            machine: &mut $machine<R, &'c Config<R>>,
            now: Instant,
            own: &'c Config<R>,
            dice: &mut Dice,
        ) {
            match dice.below(4) {
                0 => machine.write_failed(now),
                _ => said(told, "own timeouts", machine.exchange_timeouts(now, own)),
            }
        }

        /// What only a server may be told.
        pub fn $server(
            told: &mut Told,
            machine: &mut $machine<Server, &Config<Server>>,
            now: Instant,
            dice: &mut Dice,
        ) {
            match dice.below(4) {
                0 => {
                    let status = StatusCode::new(dice.of(&[503, 431, 200])).expect("three digits");
                    said(told, "turn away", machine.refuse(now, status));
                }
                1 => said(told, "gone", machine.application_gone(now)),
                _ => {
                    idle(told, machine.idleness(), now);
                    told.say("free place", machine.free_place(now).to_string());
                }
            }
        }
    };
}

doors!(connection, server_connection, Connection);
doors!(lifecycle, server_lifecycle, Lifecycle);
