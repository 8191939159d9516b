//! The page of states is what the code does: every sequence of a few calls is tried, and what was seen in each phase is the page's table.
//!
//! `RECORD=1 cargo test states` writes the tables anew; the diagrams are drawn by hand, and each of their arrows must have been seen.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use http_keepalive::*;

use crate::common::offer;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/states.md");
const NOW: Instant = Instant::from_secs(1000);

/// What was seen in one phase.
#[derive(Default)]
struct Seen {
    read: BTreeSet<&'static str>,
    application: BTreeSet<&'static str>,
    armed: BTreeSet<DeadlineKind>,
    shut: BTreeSet<&'static str>,
    next: BTreeSet<Phase>,
}

impl Seen {
    fn merge(&mut self, mut other: Self) {
        self.read.append(&mut other.read);
        self.application.append(&mut other.application);
        self.armed.append(&mut other.armed);
        self.shut.append(&mut other.shut);
        self.next.append(&mut other.next);
    }
}

type Table = BTreeMap<Phase, Seen>;

/// One call, or a few that belong together.
type Call<R> = fn(&mut Connection<R, &'static Config<R>>, &mut Instant);

/// Every setting is on, so that whatever can be armed is.
const fn timeouts(timeouts: Timeouts) -> Timeouts {
    const fn some(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }
    timeouts
        .with_first_octet(some(20))
        .with_head(some(10))
        .with_content_gap(some(11))
        .with_content_rate(Some(100))
        .with_application(some(30))
        .with_response(some(31))
        .with_write_stall(some(12))
        .with_send_rate(Some(100))
        .with_half_closed(some(25))
        .with_exchange(some(60))
        .with_expect(some(1))
        .with_linger(some(8))
        .with_linger_gap(some(4))
        .with_idle(some(40))
        .with_idle_advertised(None)
        .with_idle_shield(some(1))
        .with_drain(some(50))
        .with_drain_window(some(5))
        .with_age(some(900))
}

static SERVER: std::sync::LazyLock<Config<Server>> = std::sync::LazyLock::new(|| {
    Config::new(Limits::DEFAULT, timeouts(Timeouts::DEFAULT), Policy::DEFAULT).expect("settings that fit")
});
/// Without a window in a drain, so that the shield is what a close waits for.
static SHIELDED: std::sync::LazyLock<Config<Server>> = std::sync::LazyLock::new(|| {
    let timeouts = timeouts(Timeouts::DEFAULT).with_drain_window(None).with_drain_spread(None);
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("settings that fit")
});
static CLIENT: std::sync::LazyLock<Config<Client>> = std::sync::LazyLock::new(|| {
    Config::new(Limits::DEFAULT, timeouts(Timeouts::CLIENT), Policy::DEFAULT).expect("settings that fit")
});

/// Calls that both roles know.
fn common<R: Role>() -> Vec<Call<R>> {
    vec![
        |connection, now| offer(connection, *now, b"\r\n"),
        |connection, now| offer(connection, *now, b"x"),
        |connection, now| offer(connection, *now, b"0\r\n\r\n"),
        |connection, now| {
            let _ = connection.send_content(*now, b"y", &mut [0; 99]);
        },
        |connection, now| {
            let _ = connection.send_end(*now, NO_FIELDS, &mut [0; 99]);
        },
        |connection, now| connection.handle_sent(*now, connection.octets_pending()),
        |connection, now| connection.handle_sent(*now, 0),
        |connection, now| _ = connection.content_use(*now, ContentUse::Paused),
        |connection, now| _ = connection.content_use(*now, ContentUse::Reading),
        |connection, now| _ = connection.content_use(*now, ContentUse::Dropped),
        |connection, now| connection.handle_shut(*now),
        |connection, now| connection.nothing_to_read(*now),
        |connection, now| drop(connection.receive_eof(*now, Eof::Clean)),
        |connection, now| connection.close_after_exchange(*now),
        |connection, now| connection.abort(*now),
        |connection, now| connection.transport_failed(*now),
        |connection, now| {
            if let Some(due) = connection.next_deadline() {
                *now = (*now).max(due.at);
                while connection.handle_timeout(*now).is_some() {}
            }
        },
    ]
}

fn server() -> Table {
    let own: [Call<Server>; 11] = [
        |connection, now| {
            offer(connection, *now, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        },
        |connection, now| offer(connection, *now, b"GET"),
        |connection, now| offer(connection, *now, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"),
        |connection, now| {
            let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
            offer(connection, *now, head);
        },
        |connection, now| offer(connection, *now, b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
        |connection, now| offer(connection, *now, b"GET / HTTP/1.1\r\n\r\n"),
        |connection, now| {
            let _ = connection.send_continue(*now, &mut [0; 99]);
        },
        |connection, now| {
            let _ = connection.send_response(*now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut [0; 999]);
        },
        |connection, now| {
            let _ = connection.send_response(*now, StatusCode::OK, NO_FIELDS, Content::Exact(2), &mut [0; 999]);
        },
        |connection, now| {
            let _ = connection.send_response(*now, StatusCode::OK, NO_FIELDS, Content::UntilClose, &mut [0; 999]);
        },
        |connection, now| {
            let _ = connection.send_refusal(*now, NO_FIELDS, &mut [0; 999]);
        },
    ];
    let calls = [common(), own.to_vec()].concat();
    let mut table = explore(Connection::new(NOW, &*SERVER), &calls, LENGTH);
    for (phase, seen) in explore(Connection::new(NOW, &*SHIELDED), &calls, LENGTH - 1) {
        table.entry(phase).or_default().merge(seen);
    }
    table
}

fn client() -> Table {
    fn ask(
        connection: &mut Connection<Client, &'static Config<Client>>,
        now: Instant,
        method: &str,
        content: Content,
        expect: bool,
    ) {
        let request = Request::new(Method::new(method.as_bytes()), if method == "CONNECT" { b"a:1" } else { b"/" });
        let host = ("Host", if method == "CONNECT" { "a:1" } else { "a" });
        let out = &mut [0; 999];
        let _ = if expect {
            connection.send_request(now, &request, [host, ("Expect", "100-continue")], content, out)
        } else {
            connection.send_request(now, &request, [host], content, out)
        };
    }
    let own: [Call<Client>; 11] = [
        |connection, now| {
            ask(connection, *now, "GET", Content::Empty, false);
        },
        |connection, now| ask(connection, *now, "POST", Content::Exact(2), false),
        |connection, now| ask(connection, *now, "POST", Content::Exact(2), true),
        |connection, now| ask(connection, *now, "CONNECT", Content::Empty, false),
        |connection, now| offer(connection, *now, b"HTTP/1.1 "),
        |connection, now| offer(connection, *now, b"HTTP/1.1 100 Continue\r\n\r\n"),
        |connection, now| offer(connection, *now, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        |connection, now| offer(connection, *now, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        |connection, now| offer(connection, *now, b"HTTP/1.1 400 No\r\n\r\n"),
        |connection, now| {
            let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            offer(connection, *now, head);
        },
        |connection, now| {
            let _ = connection.send_content(*now, b"yy", &mut [0; 99]);
        },
    ];
    explore(Connection::new(NOW, &*CLIENT), &[common(), own.to_vec()].concat(), LENGTH)
}

/// Calls in a row.
const LENGTH: usize = 6;

/// Every state that at most `length` calls reach, each once.
fn explore<R: Role + Send + Sync>(start: Connection<R, &'static Config<R>>, calls: &[Call<R>], length: usize) -> Table {
    let (mut table, mut known) = (Table::new(), HashSet::new());
    known.insert(start.canonical(NOW));
    note(&mut table, &start);
    let mut frontier = vec![(start, NOW)];
    for _ in 0..length {
        let mut next = Vec::new();
        for (connection, now) in &frontier {
            for call in calls {
                let (mut reached, mut now) = (connection.clone(), *now);
                call(&mut reached, &mut now);
                let (before, after) = (connection.phase(), reached.phase());
                if before != after {
                    table.entry(before).or_default().next.insert(after);
                }
                if known.insert(reached.canonical(now)) {
                    note(&mut table, &reached);
                    next.push((reached, now));
                }
            }
        }
        frontier = next;
    }
    table
}

fn note<R: Role>(table: &mut Table, connection: &Connection<R, &'static Config<R>>) {
    let (seen, wants) = (table.entry(connection.phase()).or_default(), connection.wants());
    // asked one by one, in every state
    let parts = Wants {
        read: connection.wants_read(),
        flush: connection.wants_flush(),
        flush_once: connection.wants_flush_once(),
        application: connection.wants_application(),
        take_content: connection.wants_take_content(),
        shut: connection.wants_shut(),
    };
    assert_eq!(parts, wants, "each part of what it wants: {connection:?}");
    seen.read.insert(match wants.read {
        ReadWant::No => "no",
        ReadWant::Offer => "offer what is unread",
        ReadWant::EofOnly => "the end only",
        ReadWant::Octets => "octets",
        ReadWant::Discard => "octets, dropped",
        ReadWant::LookOnce => "one look",
    });
    if wants.flush_once {
        seen.read.insert("one try to write");
    }
    if wants.take_content {
        seen.application.insert("take content");
    }
    seen.application.extend(wants.application.map(|turn| match turn {
        Turn::Respond => "respond",
        Turn::Continue => "ask for the content, or respond",
        Turn::Content => "send content",
        Turn::Refuse(_) => "refuse",
    }));
    seen.armed.extend(connection.deadlines().map(|cause| cause.deadline.kind));
    seen.shut.extend(wants.shut.map(|shut| match shut {
        Shut::HalfClose(_) => "half-close",
        Shut::Close(_) => "close",
        Shut::Reset(_) => "reset",
    }));
}

fn printed(table: &Table) -> String {
    fn cell<'w>(words: impl Iterator<Item = &'w str>) -> String {
        let cell = words.collect::<Vec<_>>().join(", ");
        if cell.is_empty() { "–".to_owned() } else { cell }
    }
    let mut text = String::from(
        "| phase | read | the application | may be armed | shut | next |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for (phase, seen) in table {
        let armed = seen.armed.iter().map(|kind| format!("`{}`", kind.as_str())).collect::<Vec<_>>().join(" ");
        writeln!(
            text,
            "| **{phase}** | {} | {} | {} | {} | {} |",
            cell(seen.read.iter().copied()),
            cell(seen.application.iter().copied()),
            if armed.is_empty() { "–" } else { &armed },
            cell(seen.shut.iter().copied()),
            cell(seen.next.iter().map(|phase| phase.as_str()))
        )
        .expect("a text takes all");
    }
    text
}

/// The text between a table's marks on the page, and the page around it.
fn between<'p>(page: &'p str, role: &str) -> (&'p str, &'p str, &'p str) {
    let (begin, end) = (format!("<!-- {role} -->\n"), format!("<!-- end of {role} -->"));
    let (before, rest) = page.split_once(&begin).expect("a table begins");
    let (table, after) = rest.split_once(&end).expect("a table ends");
    (&page[..before.len() + begin.len()], table, &page[page.len() - after.len() - end.len()..])
}

#[test]
fn the_page_of_states_is_what_the_code_does() {
    let (server, client) = std::thread::scope(|scope| {
        let server = scope.spawn(server);
        (server.join().expect("no panic"), client())
    });
    let mut page = fs::read_to_string(Path::new(PAGE)).expect("the page is there");
    let mut stale = Vec::new();
    for (role, table) in [("server", &server), ("client", &client)] {
        let (before, on_the_page, after) = between(&page, role);
        if on_the_page != printed(table) {
            stale.push(role);
        }
        page = format!("{before}{}{after}", printed(table));
    }
    if std::env::var_os("RECORD").is_some() {
        fs::write(PAGE, &page).expect("the page can be written");
        stale.clear();
    }
    assert!(stale.is_empty(), "other tables than on the page ({stale:?}): {page}");
    // each arrow that is drawn has been seen, and each phase stands in a diagram
    let diagrams: Vec<_> = page.split("```mermaid\n").skip(1).filter_map(|text| text.split("```").next()).collect();
    for (diagram, (role, table)) in diagrams.iter().zip([("server", &server), ("client", &client)]) {
        let phase =
            |name: &str| Phase::ALL.iter().copied().find(|phase| phase.as_str().replace('-', "_") == name.trim());
        let mut drawn = BTreeSet::new();
        for (from, to) in diagram.lines().filter_map(|line| line.split_once("-->")) {
            let to = to.split(':').next().unwrap_or_default();
            drawn.extend([phase(from), phase(to)]);
            if let (Some(from), Some(to)) = (phase(from), phase(to)) {
                assert!(table[&from].next.contains(&to), "{role}: {from} --> {to} was never seen");
            }
        }
        for phase in table.keys() {
            assert!(drawn.contains(&Some(*phase)), "{role}: {phase} is not drawn");
        }
    }
    assert_eq!(diagrams.len(), 2);
    let seen: BTreeSet<_> = server.keys().chain(client.keys()).copied().collect();
    assert!(seen.iter().eq(Phase::ALL), "every phase is reached: {seen:?}");
}
