//! How long anything may take.

use core::time::Duration;

const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

settings! {
    /// How long anything may take. `None`: for ever. Which state arms which is written in [`DeadlineKind`](crate::DeadlineKind).
    pub struct Timeouts {
        /// A fresh connection, until its first octet.
        first_octet / with_first_octet: Option<Duration> = secs(30);
        /// Between exchanges, no octet either way. Longer than the 60 s of common load balancers. A client's is to be shorter than its
        /// server's, as that of [`CLIENT`](Self::CLIENT) is, 60 s: [`choosing_a_timeout`](crate::choosing_a_timeout). It does not bound
        /// a client's connection that has carried no request yet.
        idle / with_idle: Option<Duration> = secs(65);
        /// What `Keep-Alive: timeout=` says: never more than `idle`, so an `idle` below 60 s needs this to be set, too. The difference is the guard that keeps a client
        /// which trusts the hint from meeting our close.
        idle_advertised / with_idle_advertised: Option<Duration> = secs(60);
        /// After an exchange, no close by us before this.
        idle_shield / with_idle_shield: Option<Duration> = secs(1);
        /// A head as a whole, from its first octet. As Apache httpd's mod_reqtimeout.
        head / with_head: Option<Duration> = secs(20);
        /// Octets a second that extend `head`.
        head_rate / with_head_rate: Option<u32> = Some(500);
        /// The most that `head_rate` can extend `head` to.
        head_cap / with_head_cap: Option<Duration> = secs(40);
        /// Between two pieces of received content.
        content_gap / with_content_gap: Option<Duration> = secs(20);
        /// Octets a second that received content must keep over the whole, `content_gap` given in advance; without that, none.
        content_rate / with_content_rate: Option<u32> = Some(500);
        /// From a complete request to the first octet of its response. And while the application takes no content
        /// ([`ContentUse::Paused`](crate::ContentUse::Paused)), from when it paused. The application's business: off.
        application / with_application: Option<Duration> = None;
        /// From a request sent to the first octet of its response.
        response / with_response: Option<Duration> = None;
        /// Octets wait to be sent and none leaves.
        write_stall / with_write_stall: Option<Duration> = secs(60);
        /// Octets a second at which those of a message that wait must leave, over the whole, `write_stall` given in advance; without that,
        /// none. Time in which none waits does not count. Off: a slow reader is no attacker. Where slow reads are an attack, as much as
        /// `content_rate` asks of what comes.
        send_rate / with_send_rate: Option<u32> = None;
        /// A peer closed its side and is owed an answer of which no octet goes: so long after its end, or after the last octet of ours that
        /// left since. 60 s: who stands before a server (nginx, load balancers of clouds) gives up after as long without an octet.
        half_closed / with_half_closed: Option<Duration> = secs(60);
        /// One exchange from its first octet to its last: off, since downloads may be long.
        exchange / with_exchange: Option<Duration> = None;
        /// Wait for `100 (Continue)` before content is sent all the same.
        expect / with_expect: Option<Duration> = secs(1);
        /// Staged close: from our half-close to the close, as nginx and Apache httpd.
        linger / with_linger: Option<Duration> = secs(30);
        /// Staged close: between two octets of the peer.
        linger_gap / with_linger_gap: Option<Duration> = secs(5);
        /// From the begin of a drain to its hard end.
        drain / with_drain: Option<Duration> = secs(30);
        /// In a drain, how long idle and fresh connections stay, so that a request already on its way is answered, with `close`.
        /// None: they close at once, and what is on its way meets a closed connection. As HAProxy's `idle-close-on-response`.
        drain_window / with_drain_window: Option<Duration> = None;
        /// Added to `drain_window`: up to so much, by [`with_seed`](crate::Connection::with_seed), so that their peers do not
        /// all come back at once.
        drain_spread / with_drain_spread: Option<Duration> = None;
        /// Since the connection opened; cut at message boundaries. As nginx. An idle connection is closed at it, whatever
        /// `Keep-Alive` has said before: who keeps connections to such a server keeps them for less.
        age / with_age: Option<Duration> = secs(3600);
        /// Taken off the peer's `Keep-Alive: timeout` before it bounds reuse.
        hint_margin / with_hint_margin: Option<Duration> = secs(2);
    }
}

impl Timeouts {
    /// What may be advertised of this idle timeout, so that a client which trusts it does not meet the close: 5 s less, or half of
    /// it if that is longer; of less than a second nothing, since seconds are said.
    pub fn advertised(idle: Duration) -> Option<Duration> {
        let told = idle - Duration::from_secs(5).min(idle / 2);
        Some(told).filter(|told| *told >= Duration::from_secs(1))
    }

    /// Those of a client by default: [`DEFAULT`](Self::DEFAULT), but for four. `idle` and `age` (60 s, 3000 s) are less than a server of
    /// the same defaults keeps to, for whoever is connected to must outlast whoever connects. `content_rate` is off and `content_gap`
    /// 300 s, as undici has it: a server that is slow, or silent between two events of a stream, is no attacker. A shield
    /// against one that never goes on is still there; of an event stream without any sign of life it is to be turned off for its exchange
    /// ([`exchange_timeouts`](crate::Connection::exchange_timeouts)).
    pub const CLIENT: Self =
        Self::DEFAULT.with_idle(secs(60)).with_age(secs(3000)).with_content_gap(secs(300)).with_content_rate(None);
}
