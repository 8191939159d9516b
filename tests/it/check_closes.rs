//! The checker on what a server closes by itself besides its idle timeout: by age, in a restart, and while requests are on their way.

use std::time::Duration;

use crate::check::{assert_found, client, found, seconds, server};
use http_keepalive::check::{Finding, Hazard, Severity, Side};
use http_keepalive::presets::{ClientPreset, ServerPreset};
use http_keepalive::{AgeClose, DrainMode, IdleClose, Use};

const fn millis(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

/// The cure takes the finding away.
#[track_caller]
fn assert_cured(finding: Finding, mut client: ClientPreset, mut server: ServerPreset) {
    let cure = finding.cure.expect("there is a cure");
    assert!(cure.apply(&mut client, &mut server), "{cure}");
    assert_eq!(found(&client, &server, finding.hazard), None, "{cure}");
}

#[test]
fn ages_race_where_a_server_closes_idle_connections_by_them() {
    let finding = assert_found(&client("nginx-upstream"), &server("crate-default"), Severity::Warning, Hazard::AgeRace);
    assert_eq!((finding.client, finding.server), (millis(3_600_050), seconds(3600)));
    // nginx looks at the age with a request, as does who is asked to announce it only
    assert_eq!(server("nginx").policy.age_close, AgeClose::Announced);
    assert_eq!(found(&client("nginx-upstream"), &server("nginx"), Hazard::AgeRace), None);
    let mut announcing = server("crate-default");
    announcing.policy = announcing.policy.with_age_close(AgeClose::Announced);
    assert_eq!(found(&client("nginx-upstream"), &announcing, Hazard::AgeRace), None);
    // jitter on either side brings them closer
    let mut ours = (client("crate-default"), server("crate-default"));
    ours.0.policy = ours.0.policy.with_hints(Use::Off);
    assert_eq!(found(&ours.0, &ours.1, Hazard::AgeRace), None);
    ours.1.limits = ours.1.limits.with_jitter(10);
    assert_found(&ours.0, &ours.1, Severity::Warning, Hazard::AgeRace);
}

/// A server never promises more than is left of its age, less a guard: who is told and obeys stops before.
#[test]
fn who_is_told_what_is_left_of_the_age_and_obeys_does_not_race_with_it() {
    let (mut asks, mut tells) = (client("crate-default"), server("crate-default"));
    asks.timeouts.age = None;
    assert_eq!(found(&asks, &tells, Hazard::AgeRace), None);
    // the guard and the margin are to be longer than the way of a request, 60 ms: both ...
    asks.timeouts.margin = Duration::from_millis(20);
    tells.timeouts.idle = millis(60_040);
    assert_eq!(found(&asks, &tells, Hazard::AgeRace), None);
    tells.timeouts.idle = millis(60_039);
    assert_found(&asks, &tells, Severity::Warning, Hazard::AgeRace);
    // ... or either; of a guard no more than 5 s counts, of one that is off nothing
    asks.timeouts.margin = Duration::from_millis(60);
    assert_eq!(found(&asks, &tells, Hazard::AgeRace), None);
    (asks.timeouts.margin, tells.timeouts.idle) = (Duration::ZERO, None);
    assert_found(&asks, &tells, Severity::Warning, Hazard::AgeRace);
    // who is not told, or does not obey, races
    let tells = server("crate-default");
    asks.asks = Use::Off;
    assert_found(&asks, &tells, Severity::Warning, Hazard::AgeRace);
    asks.asks = Use::On;
    asks.policy = asks.policy.with_hints(Use::Off);
    assert_found(&asks, &tells, Severity::Warning, Hazard::AgeRace);
}

/// Of 100 per cent nothing is left that a connection is sure to live.
#[test]
fn an_age_that_may_be_any_races_and_is_to_be_announced() {
    let (mut deaf, mut any) = (client("crate-default"), server("crate-default"));
    deaf.policy = deaf.policy.with_hints(Use::Off);
    any.limits.jitter = 100;
    let finding = assert_found(&deaf, &any, Severity::Warning, Hazard::AgeRace);
    assert_eq!(finding.server, Some(Duration::ZERO));
    assert_eq!(finding.cure.map(|cure| cure.to_string()), Some("server: age_close = announced".to_owned()));
    assert_cured(finding, deaf, any);
}

#[test]
fn restarts_that_lose_requests_or_never_end() {
    assert_found(&client("crate-default"), &server("crate-default"), Severity::Note, Hazard::DrainRace);
    assert!(found(&client("crate-default"), &server("go-server"), Hazard::DrainRace).is_some());
    let mut endless = server("go-server");
    endless.timeouts.drain = None;
    assert_found(&client("crate-default"), &endless, Severity::Note, Hazard::DrainEndless);
    endless.timeouts.exchange = seconds(300);
    assert_eq!(found(&client("crate-default"), &endless, Hazard::DrainEndless), None);
    (endless.timeouts.linger, endless.timeouts.linger_gap) = (None, None);
    assert_found(&client("crate-default"), &endless, Severity::Note, Hazard::DrainEndless);
}

#[test]
fn a_restart_that_goes_on_serving_loses_nothing() {
    let mut lame = server("crate-default");
    lame.policy = lame.policy.with_drain_mode(DrainMode::LameDuck);
    assert_eq!(found(&client("crate-default"), &lame, Hazard::DrainRace), None);
    // it ends all the same
    lame.timeouts.drain = None;
    assert_found(&client("crate-default"), &lame, Severity::Note, Hazard::DrainEndless);
}

/// nginx's `keepalive_min_timeout`: nothing is closed before it, in a graceful stop neither.
#[test]
fn a_shield_that_outlasts_the_client_loses_nothing_in_a_restart() {
    let (upstream, mut nginx) = (client("nginx-upstream"), server("nginx"));
    (nginx.timeouts.drain, nginx.timeouts.idle_shield) = (seconds(30), seconds(60));
    let finding = assert_found(&upstream, &nginx, Severity::Note, Hazard::DrainRace);
    assert_cured(finding, upstream, nginx);
    nginx.timeouts.idle_shield = millis(60_060);
    assert_eq!(found(&upstream, &nginx, Hazard::DrainRace), None);
}

#[test]
fn an_answer_that_has_left_is_destroyed_where_pipelined_requests_meet_a_closed_socket() {
    let (mut pipelining, mut ours) = (client("crate-default"), server("crate-default"));
    pipelining.depth = 8;
    assert_eq!(found(&pipelining, &ours, Hazard::AnswerDestroyed), None);
    // the way of a request is 60 ms, and the shield of a second is longer
    ours.timeouts.linger_gap = millis(59);
    assert_eq!(found(&pipelining, &ours, Hazard::AnswerDestroyed), None);
    for shield in [None, millis(59)] {
        ours.timeouts.idle_shield = shield;
        for gap in [None, millis(0), millis(59)] {
            ours.timeouts.linger_gap = gap;
            let finding = assert_found(&pipelining, &ours, Severity::Warning, Hazard::AnswerDestroyed);
            assert_eq!(finding.cure.map(|cure| cure.to_string()), Some("server: linger_gap = 60ms".to_owned()));
            assert_cured(finding, pipelining, ours);
        }
    }
    assert_eq!(Hazard::AnswerDestroyed.to_string(), "answer-destroyed (RFC 9112 9.6)");
    // who does not pipeline has read the answer before it asks again
    pipelining.depth = 1;
    assert_eq!(found(&pipelining, &ours, Hazard::AnswerDestroyed), None);
}

#[test]
fn a_staged_close_without_a_limit_or_none_at_all_destroys_no_answer() {
    let (mut pipelining, mut ours) = (client("crate-default"), server("crate-default"));
    pipelining.depth = 8;
    ours.timeouts.idle_shield = None;
    let mut staged = ours;
    staged.timeouts.linger_gap = None;
    staged.policy = staged.policy.with_idle_close(IdleClose::Staged);
    assert_eq!(found(&pipelining, &staged, Hazard::AnswerDestroyed), None);
    // a stage that is over at once is none
    staged.timeouts.linger_gap = Some(Duration::ZERO);
    assert_found(&pipelining, &staged, Severity::Warning, Hazard::AnswerDestroyed);
    // nothing closes a connection soon after an answer
    ours.timeouts.linger_gap = None;
    ours.policy = ours.policy.with_age_close(AgeClose::Announced).with_drain_mode(DrainMode::LameDuck);
    assert_eq!(found(&pipelining, &ours, Hazard::AnswerDestroyed), None);
    ours.timeouts.idle = millis(59);
    assert_found(&pipelining, &ours, Severity::Warning, Hazard::AnswerDestroyed);
}

/// The linger as a whole bounds its gap: where both are off, one change of either is no cure.
#[test]
fn where_nothing_lingers_the_shield_is_the_cure() {
    let finding = assert_found(&client("opera-11"), &server("uvicorn"), Severity::Warning, Hazard::AnswerDestroyed);
    let cure = finding.cure.expect("there is one");
    assert_eq!((cure.side, cure.to_string()), (Side::Server, "server: idle_shield = 60ms".to_owned()));
    assert_cured(finding, client("opera-11"), server("uvicorn"));
}
