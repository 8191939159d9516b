//! The pools of the systems that made persistent connections what they are, each as settings, each behaving as it is described.

use std::time::Duration;

use crate::driver::*;
use http_keepalive::pool::*;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

const ANY: PoolLimits = PoolLimits::DEFAULT.with_per_origin(None).with_per_proxy(None).with_total(None);
const FOR_EVER: PoolTimeouts =
    PoolTimeouts::DEFAULT.with_used_idle(None).with_unused_idle(None).with_age(None).with_wait(None).with_lease(None);

/// Netscape 4: fifteen connections, no time limit, least recently used.
fn netscape() -> Driver {
    Driver::of("netscape-4")
}

#[test]
fn netscape_keeps_connections_without_a_time_limit() {
    let mut netscape = netscape();
    netscape.fetch("a");
    assert_eq!(netscape.wait(365 * DAY), []);
    assert_eq!(netscape.pool.next_deadline(), None);
    assert_eq!(netscape.fetch("a"), Got::Reused(1));
}

#[test]
fn netscape_closes_the_least_recently_used_when_a_new_one_is_needed_elsewhere() {
    let mut netscape = netscape();
    for site in 1..=15 {
        assert_eq!(netscape.fetch(&format!("site {site}")), Got::Opened(site));
    }
    // the first one is used once more, so the second one is least recently used
    assert_eq!(netscape.fetch("site 1"), Got::Reused(1));
    assert_eq!(netscape.fetch("site 16"), Got::Replaced(2, 16));
    assert_eq!(netscape.fetch("site 17"), Got::Replaced(3, 17));
    assert_eq!((netscape.pool.idle(), netscape.pool.counters().ended(EndReason::Evicted)), (15, 2));
}

/// Internet Explorer: connections to a server, to an HTTP/1.0 one, and how long they stay idle; all three in the registry.
fn internet_explorer(most: u32, most_http10: u32, idle: Duration) -> Driver {
    let limits = ANY.with_per_origin(Some(most)).with_per_http10_origin(Some(most_http10));
    let timeouts = FOR_EVER.with_used_idle(Some(idle)).with_unused_idle(Some(idle));
    Driver::new(limits, timeouts, PoolPolicy::DEFAULT.with_eviction(Eviction::Never))
}

#[test]
fn internet_explorer_6_7_and_8_use_two_two_and_six_connections_for_sixty_seconds() {
    for (version, most) in [(6, 2), (7, 2), (8, 6)] {
        let mut explorer = Driver::of(&format!("ie-{version}"));
        let all = explorer.open_all("a", most);
        assert!(matches!(explorer.ask("a"), Got::Waits(_)), "Internet Explorer {version}");
        explorer.done(all[0]);
        assert_eq!(explorer.next_waiter().unwrap().1, Got::Reused(all[0]));
        for &id in &all {
            explorer.done(id);
        }
        assert_eq!(explorer.closed_after(MINUTE - Duration::from_millis(1)), []);
        let closed = explorer.closed_after(Duration::from_millis(2));
        assert_eq!(closed.len() as u32, most);
        assert!(closed.iter().all(|&(_, why)| why == EndReason::IdleLimit));
        assert_eq!(explorer.pool.held(), 0);
    }
}

#[test]
fn internet_explorer_uses_four_connections_to_an_http10_server() {
    let mut explorer = Driver::of("ie-6");
    let first = explorer.ask("old").id();
    assert!(matches!(explorer.give_back(first, &HTTP10), Checkin::Kept(_)));
    assert_eq!(explorer.ask("old"), Got::Reused(first));
    explorer.open_all("old", 3);
    let demand = Demand::DEFAULT.with_patience(Patience::None);
    assert_eq!(explorer.ask_for("old", demand), Got::Refused(RefuseReason::PerHttp10Origin));
    explorer.open_all("new", 2);
    assert_eq!(explorer.ask_for("new", demand), Got::Refused(RefuseReason::PerOrigin));
}

#[test]
fn both_numbers_of_internet_explorer_can_be_changed() {
    let mut explorer = internet_explorer(10, 10, 5 * MINUTE);
    let all = explorer.open_all("a", 10);
    assert!(matches!(explorer.ask("a"), Got::Waits(_)));
    explorer.done(all[0]);
    let _ = explorer.next_waiter();
    explorer.done(all[0]);
    assert_eq!(explorer.closed_after(4 * MINUTE), []);
    assert_eq!(explorer.closed_after(MINUTE), [(all[0], EndReason::IdleLimit)]);
}

/// Firefox: `network.http.max-persistent-connections-per-server`, `…-per-proxy`, `network.http.keep-alive.timeout`.
fn firefox(per_server: u32, per_proxy: u32, timeout: u64) -> Driver {
    let limits = ANY.with_per_origin(Some(per_server)).with_per_proxy(Some(per_proxy)).with_total(Some(900));
    let timeouts = FOR_EVER.with_used_idle(secs(timeout)).with_unused_idle(secs(timeout));
    let policy = PoolPolicy::DEFAULT.with_order(Order::Warmest).with_eviction(Eviction::Never);
    Driver::new(limits, timeouts, policy)
}

#[test]
fn firefox_keeps_connections_for_115_seconds_which_can_be_changed() {
    for timeout in [115, 300, 30] {
        let mut firefox = firefox(6, 8, timeout);
        firefox.fetch("a");
        assert_eq!(firefox.closed_after(Duration::from_millis(timeout * 1000 - 1)), []);
        assert_eq!(firefox.closed_after(Duration::from_millis(2)), [(1, EndReason::IdleLimit)]);
    }
}

#[test]
fn firefox_has_one_number_for_a_server_and_one_for_a_proxy() {
    let mut firefox = firefox(6, 8, 115);
    firefox.open_all("server", 6);
    assert!(matches!(firefox.ask("server"), Got::Waits(_)));
    // one connection to the proxy carries requests for any server, so the proxy is the key
    let through = Demand::DEFAULT.with_peer(Peer::Proxy);
    for _ in 0..8 {
        assert!(matches!(firefox.ask_for("proxy", through), Got::Opened(_)));
    }
    let impatient = through.with_patience(Patience::None);
    assert_eq!(firefox.ask_for("proxy", impatient), Got::Refused(RefuseReason::PerProxy));
}

#[test]
fn firefox_takes_the_connection_that_has_read_most() {
    let mut firefox = firefox(6, 32, 115);
    let all = firefox.open_all("a", 3);
    for (&id, octets) in all.iter().zip([10_000, 90_000, 40_000]) {
        let _ = firefox.give_back(id, &HTTP11.with_octets(octets));
    }
    let order: Vec<u32> = (0..3).map(|_| firefox.ask("a").id()).collect();
    assert_eq!(order, [all[1], all[2], all[0]]);
}

#[test]
fn the_number_of_connections_in_opera_can_be_changed() {
    // as it came with versions 9, 10.51 and 11, and as somebody may set it
    for most in [4, 8, 6, 20] {
        let limits = ANY.with_per_origin(Some(most)).with_per_proxy(Some(most)).with_total(Some(35));
        let mut opera = Driver::new(limits, FOR_EVER, PoolPolicy::DEFAULT);
        opera.open_all("a", most);
        assert!(matches!(opera.ask("a"), Got::Waits(_)));
        // the total is its own setting
        opera.open_all("b", most.min(35 - most));
        assert!(opera.pool.held() <= 35);
    }
}

#[test]
fn a_single_user_client_of_rfc_2616_has_two_connections_to_any_server_or_proxy() {
    let limits = ANY.with_per_origin(Some(2)).with_per_proxy(Some(2));
    let mut client = Driver::new(limits, FOR_EVER, PoolPolicy::DEFAULT);
    for (key, peer) in [("server", Peer::Origin), ("another", Peer::Origin), ("proxy", Peer::Proxy)] {
        let demand = Demand::DEFAULT.with_peer(peer);
        let all: Vec<_> = (0..3).map(|_| client.ask_for(key, demand)).collect();
        assert!(matches!(all[..], [Got::Opened(_), Got::Opened(_), Got::Waits(_)]), "{all:?}");
    }
}

#[test]
fn a_proxy_of_rfc_2616_has_twice_as_many_connections_as_users() {
    let mut proxy = Driver::new(ANY.with_per_user(Some(2)), FOR_EVER, PoolPolicy::DEFAULT);
    let impatient = Demand::DEFAULT.with_patience(Patience::None);
    let mut open = Vec::new();
    for users in 1..=5 {
        proxy.pool.set_users(users);
        open.extend(proxy.open_all("server", 2));
        assert_eq!(open.len() as u32, 2 * users);
        assert_eq!(proxy.ask_for("server", impatient), Got::Refused(RefuseReason::PerOrigin));
    }
    // users leave: no connection is closed, none is opened until there are few enough
    proxy.pool.set_users(4);
    for id in open.drain(..3) {
        proxy.closed(id, Ended::ByPeer);
    }
    proxy.open_all("server", 1);
    assert_eq!(proxy.ask_for("server", impatient), Got::Refused(RefuseReason::PerOrigin));
    // and to another proxy just as to a server
    let through = impatient.with_peer(Peer::Proxy);
    let all: Vec<_> = (0..9).map(|_| proxy.ask_for("proxy", through)).collect();
    assert_eq!(all[8], Got::Refused(RefuseReason::PerProxy));
    assert!(all[..8].iter().all(|got| matches!(got, Got::Opened(_))));
}

/// Chromium: six to a group, 32 to a proxy, 256 in all; 300 s once used, 10 s before.
fn chromium() -> Driver {
    Driver::of("chromium")
}

#[test]
fn chromium_takes_the_newest_used_socket_or_else_the_oldest_unused_one() {
    let mut chromium = chromium();
    let all = chromium.open_all("a", 5);
    chromium.done(all[0]);
    chromium.done(all[1]);
    for &id in &all[2..] {
        let _ = chromium.give_back(id, &UNUSED);
    }
    let order: Vec<u32> = (0..5).map(|_| chromium.ask("a").id()).collect();
    assert_eq!(order, [all[1], all[0], all[2], all[3], all[4]]);
}

#[test]
fn chromium_keeps_used_sockets_for_300_seconds_and_unused_ones_for_10() {
    let mut chromium = chromium();
    let all = chromium.open_all("a", 2);
    chromium.done(all[0]);
    let _ = chromium.give_back(all[1], &UNUSED);
    assert_eq!(chromium.closed_after(Duration::from_secs(11)), [(all[1], EndReason::UnusedLimit)]);
    assert_eq!(chromium.closed_after(Duration::from_secs(288)), []);
    assert_eq!(chromium.closed_after(Duration::from_secs(2)), [(all[0], EndReason::IdleLimit)]);
}

#[test]
fn chromium_closes_an_idle_socket_of_another_group_at_256() {
    let mut chromium = chromium();
    for site in 0..256 {
        chromium.fetch(&format!("site {site}"));
    }
    assert_eq!(chromium.ask("new"), Got::Replaced(1, 257));
    // with none idle there is nothing to close
    for site in 1..256 {
        assert!(matches!(chromium.ask(&format!("site {site}")), Got::Reused(_)));
    }
    assert!(matches!(chromium.ask("newer"), Got::Waits(_)));
}

/// curl: five connections cached by an easy handle, 118 s idle, a day old at most.
fn curl() -> Driver {
    Driver::of("curl")
}

#[test]
fn curl_takes_the_first_that_matches_and_closes_the_longest_idle_of_more_than_five() {
    let mut curl = curl();
    let all = curl.open_all("a", 6);
    for &id in all[1..].iter().rev() {
        curl.done(id);
    }
    // the one with number 6 came back first
    let checkin = curl.give_back(all[0], &HTTP11);
    assert!(matches!(checkin, Checkin::KeptFor { victim: 6, why: EndReason::IdleTotal, .. }), "{checkin:?}");
    let order: Vec<u32> = (0..5).map(|_| curl.ask("a").id()).collect();
    assert_eq!(order, [1, 2, 3, 4, 5]);
}

#[test]
fn curl_uses_no_connection_that_was_idle_for_118_seconds_or_is_a_day_old() {
    let mut curl = curl();
    curl.fetch("a");
    curl.now = curl.now + Duration::from_secs(118);
    assert_eq!(curl.fetch("a"), Got::Opened(2));
    for _ in 0..863 {
        curl.now = curl.now + Duration::from_secs(100);
        assert!(matches!(curl.fetch("a"), Got::Reused(2)));
    }
    curl.now = curl.now + Duration::from_secs(100);
    assert!(matches!(curl.ask("a"), Got::Opened(3)));
}

/// Go's `DefaultTransport`: no limit on connections, 2 idle to a host, 100 in all, for 90 s.
fn go() -> Driver {
    Driver::of("go-transport")
}

#[test]
fn go_keeps_two_idle_connections_to_a_host_and_takes_the_last_one_first() {
    let mut go = go();
    let all = go.open_all("a", 5);
    go.done(all[0]);
    go.done(all[1]);
    assert_eq!(go.give_back(all[2], &HTTP11), Checkin::Close(EndReason::IdlePerOrigin));
    assert_eq!([go.ask("a"), go.ask("a"), go.ask("a")], [Got::Reused(2), Got::Reused(1), Got::Opened(6)]);
}

#[test]
fn go_closes_the_least_recently_used_of_more_than_a_hundred() {
    let mut go = go();
    for host in 0..100 {
        go.fetch(&format!("host {host}"));
    }
    let one_more = go.ask("one more").id();
    let checkin = go.give_back(one_more, &HTTP11);
    assert!(matches!(checkin, Checkin::KeptFor { victim: 1, why: EndReason::IdleTotal, .. }), "{checkin:?}");
    assert_eq!(go.closed_after(Duration::from_secs(91)).len(), 100);
}

#[test]
fn go_closes_what_is_too_old_by_the_wall_clock_after_a_suspension() {
    let mut go = go();
    go.fetch("a");
    go.now = go.now + Duration::from_secs(40);
    // the monotonic clock stood still for 55 s
    go.pool.suspended(go.now, Duration::from_secs(55));
    assert_eq!(go.ask("a"), Got::Opened(2));
}
