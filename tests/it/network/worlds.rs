//! Networks, plans and configurations of any kind, for properties.

use std::time::Duration;

use http_keepalive::{Client, Config, KeepAliveField, Limits, Policy, Server, Timeouts, Use};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::Network;
use super::plan::{Ask, Framed, Reply, When};

pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn network() -> impl Strategy<Value = Network> {
    let granularity = select(vec![millis(0), millis(0), millis(1), millis(40)]);
    let window = prop_oneof![Just(1), 20..200usize, Just(100_000)];
    ((0..120u64), granularity, window).prop_map(|(delay, granularity, window)| Network {
        delay: millis(delay),
        granularity,
        window,
    })
}

pub fn reply() -> impl Strategy<Value = Reply> {
    let status = select(&[200, 200, 200, 204, 304, 404, 413, 500][..]);
    let framing = prop_oneof![6 => Just(Framed::Exact), 6 => Just(Framed::Chunked), 1 => Just(Framed::UntilClose)];
    let content = prop_oneof![Just(0), 1..40usize, 500..2000usize];
    let delay = prop_oneof![3 => Just(0), 1 => 0..900u64].prop_map(millis);
    let pause = prop_oneof![7 => Just(0), 1 => 0..30_000u64].prop_map(millis);
    (status, content, framing, any::<bool>(), 0..3u8, delay, pause).prop_map(
        |(status, content, framing, early, interim, delay, pause)| Reply {
            status,
            content,
            framing,
            early,
            interim,
            delay,
            pause,
        },
    )
}

pub fn ask() -> impl Strategy<Value = Ask> {
    let method = select(&["GET", "GET", "HEAD", "PUT", "POST", "POST"][..]);
    let content = prop_oneof![Just(0), 1..40usize, 500..3000usize];
    let when = prop_oneof![1 => Just(When::Behind), 1 => (0..3000u64).prop_map(|gap| When::After(millis(gap)))];
    let seldom = || prop_oneof![7 => Just(false), 1 => Just(true)];
    (method, content, any::<bool>(), any::<bool>(), seldom(), any::<bool>(), when, reply()).prop_map(
        |(method, content, chunked, expects, closes, replayable, when, reply)| {
            let has_content = matches!(method, "PUT" | "POST");
            let (content, chunked) = if has_content { (content, chunked) } else { (0, false) };
            Ask { method, content, chunked, expects, closes, replayable, when, reply }
        },
    )
}

pub fn asks() -> impl Strategy<Value = Vec<Ask>> {
    vec(ask(), 1..6)
}

pub fn span(most: u64) -> impl Strategy<Value = Option<Duration>> {
    (0..most).prop_map(|span| Some(millis(span)))
}

/// Timeouts that are as short as what they bound; a drain and an idle one there always are.
pub fn timeouts() -> impl Strategy<Value = Timeouts> {
    let now_and_then = |most| prop_oneof![3 => Just(None), 1 => span(most)];
    let idles = (
        span(4000),
        span(2000),
        span(1500),
        prop_oneof![3 => Just(None), 1 => (1000..6000u64).prop_map(|age| Some(millis(age)))],
        span(3000),
    );
    let reading = (now_and_then(600), now_and_then(600), now_and_then(900));
    let writing = (now_and_then(900), now_and_then(900), now_and_then(2500), span(1000), span(1000), span(300));
    (idles, reading, writing).prop_map(|(idles, (head, gap, application), writing)| {
        let (idle, first_octet, shield, age, drain) = idles;
        let (response, stall, exchange, expect, linger, linger_gap) = writing;
        Timeouts::DEFAULT
            .with_idle(idle)
            .with_idle_advertised(idle.map(|idle| Duration::from_secs(idle.as_secs())))
            .with_first_octet(first_octet)
            .with_idle_shield(shield)
            .with_age(age)
            .with_drain(drain)
            .with_head(head)
            .with_head_cap(None)
            .with_content_gap(gap)
            .with_application(application)
            .with_response(response)
            .with_write_stall(stall.or(Some(millis(60_000))))
            .with_exchange(exchange)
            .with_expect(expect)
            .with_linger(linger)
            .with_linger_gap(linger_gap)
            .with_hint_margin(Some(millis(500)))
    })
}

pub fn policy() -> impl Strategy<Value = Policy> {
    let used = || select(&[Use::On, Use::Off][..]);
    let hints = select(&[KeepAliveField::Never, KeepAliveField::OnOption, KeepAliveField::Always][..]);
    (used(), used(), used(), used(), hints).prop_map(|(stops, answers, reads, pipelines, hints)| {
        Policy::DEFAULT
            .with_stop_refused_content(stops)
            .with_request_timeout_response(answers)
            .with_read_unwanted_content(reads)
            .with_pipelining(pipelines)
            .with_keep_alive_field(hints)
    })
}

pub fn limits() -> impl Strategy<Value = Limits> {
    let content = prop_oneof![3 => Just(None), 1 => (0..2000u64).prop_map(Some)];
    let most = prop_oneof![3 => Just(None), 1 => (1..4u32).prop_map(Some)];
    let unread = prop_oneof![1 => Just(Some(64 * 1024)), 1 => (0..1000u64).prop_map(Some)];
    (content, most, unread).prop_map(|(content, most, unread)| {
        Limits::DEFAULT.with_content(content).with_max_exchanges(most).with_unread_octets(unread)
    })
}

pub type Four = Client<4>;

pub fn client() -> impl Strategy<Value = Config<Four>> {
    (timeouts(), policy())
        .prop_map(|(timeouts, policy)| Config::new(Limits::DEFAULT, timeouts, policy).expect("within bounds"))
}

pub fn server() -> impl Strategy<Value = Config<Server>> {
    (limits(), timeouts(), policy())
        .prop_map(|(limits, timeouts, policy)| Config::new(limits, timeouts, policy).expect("within bounds"))
}
