//! More systems, in brief: servers' and libraries' pools as settings.

use std::time::Duration;

use crate::driver::*;
use http_keepalive::pool::*;

const ANY: PoolLimits = PoolLimits::DEFAULT.with_per_origin(None).with_per_proxy(None).with_total(None);
const FOR_EVER: PoolTimeouts =
    PoolTimeouts::DEFAULT.with_used_idle(None).with_unused_idle(None).with_age(None).with_wait(None).with_lease(None);

fn idle(seconds: u64) -> PoolTimeouts {
    FOR_EVER.with_used_idle(secs(seconds)).with_unused_idle(secs(seconds))
}

#[test]
fn haproxy_shares_connections_never_safely_aggressively_or_always() {
    let first = Demand::DEFAULT.with_session(Session::First);
    for (mode, fresh, first_to_used, first_to_proven, later) in [
        (ReuseMode::Never, true, false, false, false),
        (ReuseMode::Safe, true, false, false, true),
        (ReuseMode::Aggressive, true, false, true, true),
        (ReuseMode::Always, true, true, true, true),
    ] {
        let reused = |returns: &[&Returned], demand: Demand| {
            let mut haproxy = Driver::new(ANY, FOR_EVER, PoolPolicy::DEFAULT.with_reuse(ReuseMode::Always));
            // the connection's history, whoever made it
            let mut strict = Driver::new(ANY, FOR_EVER, PoolPolicy::DEFAULT.with_reuse(mode));
            let driver = if mode == ReuseMode::Always { &mut haproxy } else { &mut strict };
            let id = driver.ask("server").id();
            for (turn, returned) in returns.iter().enumerate() {
                if turn > 0 && driver.ask("server") != Got::Reused(id) {
                    return false;
                }
                let _ = driver.give_back(id, returned);
            }
            driver.ask_for("server", demand) == Got::Reused(id)
        };
        assert_eq!(reused(&[&UNUSED], first), fresh, "{mode:?}: never used is as good as new");
        assert_eq!(reused(&[&HTTP11], first), first_to_used, "{mode:?}");
        assert_eq!(reused(&[&HTTP11, &HTTP11], first), first_to_proven, "{mode:?}");
        assert_eq!(reused(&[&HTTP11], Demand::DEFAULT), later, "{mode:?}");
    }
}

#[test]
fn haproxy_closes_half_of_the_idle_connections_every_five_seconds() {
    let timeouts = FOR_EVER.with_purge(secs(5));
    let mut haproxy = Driver::new(ANY, timeouts, PoolPolicy::DEFAULT.with_purge_percent(50));
    let all = haproxy.open_all("server", 12);
    all.iter().for_each(|&id| haproxy.done(id));
    let purged: Vec<usize> = (0..5).map(|_| haproxy.closed_after(Duration::from_secs(5)).len()).collect();
    // rounded down, so that the last one stays
    assert_eq!(purged, [6, 3, 1, 1, 0]);
    assert_eq!(haproxy.ask("server"), Got::Reused(all[11]), "the longest idle went");
}

#[test]
fn nginx_keeps_32_a_thousand_requests_and_an_hour_and_takes_the_last_one() {
    let limits = ANY.with_idle_total(Some(32)).with_uses(Some(1000));
    let timeouts = idle(60).with_age(secs(3600));
    let mut nginx = Driver::new(limits, timeouts, PoolPolicy::DEFAULT);
    let all = nginx.open_all("upstream", 33);
    all[..32].iter().for_each(|&id| nginx.done(id));
    let checkin = nginx.give_back(all[32], &HTTP11);
    assert!(matches!(checkin, Checkin::KeptFor { victim: 1, why: EndReason::IdleTotal, .. }));
    for _ in 1..999 {
        assert_eq!(nginx.fetch("upstream"), Got::Reused(33));
    }
    assert_eq!(nginx.ask("upstream"), Got::Reused(33));
    assert_eq!(nginx.give_back(33, &HTTP11), Checkin::Close(EndReason::Uses));
}

#[test]
fn a_server_under_pressure_closes_the_longest_idle_down_to_its_low_water_mark() {
    let limits = ANY.with_high_water(Some(20)).with_low_water(15).with_min_warm(1);
    let mut proxy = Driver::new(limits, FOR_EVER, PoolPolicy::DEFAULT);
    proxy.fetch("seldom asked");
    let all = proxy.open_all("server", 20);
    all[..19].iter().for_each(|&id| proxy.done(id));
    assert_eq!(proxy.expire(), []);
    proxy.done(all[19]);
    let closed = proxy.closed_after(Duration::ZERO);
    let longest: Vec<_> = (2..8).map(|id| (id, EndReason::Water)).collect();
    assert_eq!(closed, longest, "the one that is kept warm is spared");
}

#[test]
fn node_and_undici_take_a_second_or_two_off_the_hint() {
    for (own, margin, hint_secs, kept) in
        [(300, 1, 5, Some(4)), (4, 2, 5, Some(3)), (4, 2, 600, Some(4)), (4, 2, 2, None)]
    {
        let timeouts = idle(own).with_margin(Duration::from_secs(margin));
        let mut client = Driver::new(ANY, timeouts, PoolPolicy::DEFAULT);
        let id = client.ask("a").id();
        match (kept, client.give_back(id, &hint(hint_secs))) {
            (None, Checkin::Close(why)) => assert_eq!(why, EndReason::HintTooShort),
            (Some(kept), Checkin::Kept(_)) => {
                assert_eq!(client.closed_after(Duration::from_millis(kept * 1000 - 1)), []);
                let why = if kept == own { EndReason::IdleLimit } else { EndReason::HintLimit };
                assert_eq!(client.closed_after(Duration::from_millis(2)), [(id, why)]);
            }
            (kept, checkin) => panic!("{checkin:?}, not {kept:?}"),
        }
    }
}

#[test]
fn jdk_takes_the_first_and_closes_what_expires_next() {
    let policy = PoolPolicy::DEFAULT.with_order(Order::Oldest).with_eviction(Eviction::NearestExpiry);
    let mut jdk = Driver::new(ANY.with_idle_total(Some(3)), idle(30), policy);
    let all = jdk.open_all("a", 4);
    jdk.done(all[0]);
    let _ = jdk.give_back(all[1], &hint(10));
    jdk.done(all[2]);
    let checkin = jdk.give_back(all[3], &HTTP11);
    assert!(matches!(checkin, Checkin::KeptFor { victim: 2, .. }), "{checkin:?}");
    assert_eq!([jdk.ask("a"), jdk.ask("a"), jdk.ask("a")], [Got::Reused(1), Got::Reused(3), Got::Reused(4)]);
}

#[test]
fn httpclient_5_has_five_to_a_route_and_25_in_all_and_makes_the_others_wait() {
    let limits = ANY.with_per_origin(Some(5)).with_total(Some(25));
    let mut client = Driver::new(limits, idle(180), PoolPolicy::DEFAULT);
    for route in 0..5 {
        client.open_all(&format!("route {route}"), 5);
        assert!(matches!(client.ask(&format!("route {route}")), Got::Waits(_)));
    }
    assert!(matches!(client.ask("another"), Got::Waits(_)));
    assert_eq!(client.next_waiter(), None);
    // what is idle to one route goes for another, but not while somebody waits for it
    client.done(1);
    assert_eq!(client.next_waiter().unwrap().1, Got::Reused(1));
    client.done(1);
    assert_eq!(client.next_waiter().unwrap().1, Got::Replaced(1, 26));
}

#[test]
fn okhttp_keeps_five_for_five_minutes() {
    let policy = PoolPolicy::DEFAULT.with_order(Order::FirstOpened);
    let mut client = Driver::new(ANY.with_idle_total(Some(5)), idle(300), policy);
    let all = client.open_all("a", 6);
    for &id in &all {
        let _ = client.give_back(id, &HTTP11);
    }
    assert_eq!((client.pool.idle(), client.ask("a")), (5, Got::Reused(2)));
    assert_eq!(client.closed_after(Duration::from_secs(301)).len(), 4);
}

#[test]
fn requests_keep_ten_to_a_host_without_a_time_limit() {
    let policy = PoolPolicy::DEFAULT.with_origin_excess(Excess::Returned);
    let mut client = Driver::new(ANY.with_idle_per_origin(Some(10)), FOR_EVER, policy);
    let all = client.open_all("host", 11);
    all[..10].iter().for_each(|&id| client.done(id));
    assert_eq!(client.give_back(all[10], &HTTP11), Checkin::Close(EndReason::IdlePerOrigin));
    assert_eq!(client.pool.next_deadline(), None);
}
