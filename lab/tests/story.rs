//! What the lifecycles of a world are told is told to connections that read octets: after each fact both stand in the same place.

use std::collections::HashMap;

use http_keepalive::{
    Client, Config, Connection, Content, Eof, Instant, Method, Outcome, ReadWant, Request, Role, Server, StatusCode,
    Version,
};
use http_keepalive_lab::settings::World;
use http_keepalive_lab::simulation::story::{Fact, Head, Standing, Told};
use http_keepalive_lab::simulation::{Configs, REQUEST, RESPONSE_HEAD, run_with_story};

type ServerConnection<'c> = Connection<Server, &'c Config<Server>>;
type ClientConnection<'c> = Connection<Client<8>, &'c Config<Client<8>>>;

/// Offers octets until nothing more comes of them: how many were taken.
fn offer<R: Role, C: std::ops::Deref<Target = Config<R>>>(
    connection: &mut Connection<R, C>,
    now: Instant,
    octets: &[u8],
) -> usize {
    let mut taken = 0;
    for _ in 0..1000 {
        let received = connection.receive(now, &octets[taken..]).expect("nothing is wrong with them");
        taken += received.consumed;
        if !matches!(received.outcome, Outcome::Event(_)) {
            return taken;
        }
    }
    panic!("events without end");
}

/// Offers the end.
fn end<R: Role, C: std::ops::Deref<Target = Config<R>>>(connection: &mut Connection<R, C>, now: Instant) {
    // what it broke off, if anything, is an error, and has been noted
    let _ = connection.receive_eof(now, Eof::Clean);
}

/// Fills a head up to this length.
fn padded(head: &str, octets: u32) -> Vec<u8> {
    let pad = octets as usize - head.len() - "X: \r\n\r\n".len();
    format!("{head}X: {}\r\n\r\n", "x".repeat(pad)).into_bytes()
}

fn request(is_post: bool, is_http10: bool, closes: bool, keeps_alive: bool) -> Vec<u8> {
    let mut head =
        format!("{} / HTTP/1.{}\r\nHost: site\r\n", if is_post { "POST" } else { "GET" }, u8::from(!is_http10));
    if closes {
        head += "Connection: close\r\n";
    }
    if keeps_alive {
        head += "Connection: keep-alive\r\n";
    }
    padded(&head, REQUEST)
}

fn response(head: &Head) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", head.octets);
    if head.closes {
        text += "Connection: close\r\n";
    }
    if head.keeps_alive {
        text += "Connection: keep-alive\r\n";
        match (head.timeout, head.max) {
            (Some(timeout), Some(max)) => text += &format!("Keep-Alive: timeout={timeout}, max={max}\r\n"),
            (Some(timeout), None) => text += &format!("Keep-Alive: timeout={timeout}\r\n"),
            (None, Some(max)) => text += &format!("Keep-Alive: max={max}\r\n"),
            (None, None) => {}
        }
    }
    padded(&text, RESPONSE_HEAD)
}

/// Where a connection stands.
fn standing<R: Role, C: std::ops::Deref<Target = Config<R>>>(connection: &Connection<R, C>) -> Standing {
    Standing {
        persistence: connection.persistence(),
        next_deadline: connection.next_deadline(),
        ended_by: connection.ended_by(),
        phase: connection.phase(),
    }
}

fn tell_server(server: &mut ServerConnection<'_>, now: Instant, fact: &Fact) {
    match *fact {
        Fact::RequestRead { is_post, is_http10, closes, keeps_alive } => {
            let octets = request(is_post, is_http10, closes, keeps_alive);
            assert_eq!(offer(server, now, &octets), octets.len());
        }
        Fact::Responded { content, left } => {
            // how long is the head without the padding?
            let mut out = Vec::new();
            let length = Content::Exact(content.into());
            let bare =
                server.clone().send_response(now, StatusCode::OK, [("X", "")], length, &mut out).expect("one is due");
            let pad = "x".repeat(RESPONSE_HEAD as usize - bare);
            let head =
                server.send_response(now, StatusCode::OK, [("X", pad.as_str())], length, &mut out).expect("one is due");
            assert_eq!(head, RESPONSE_HEAD as usize);
            if content > 0 {
                server.send_content(now, &vec![b'x'; content as usize], &mut out).expect("it was announced");
            }
            if left > 0 {
                server.handle_sent(now, left);
            }
            // what a driver does when an exchange is over: nothing is left to be looked at
        }
        Fact::Left { octets } => server.handle_sent(now, octets),
        Fact::Dropped { octets } => {
            let dropped = request(false, false, false, false).repeat((octets / REQUEST) as usize);
            assert_eq!(offer(server, now, &dropped), dropped.len());
        }
        Fact::NothingToRead => server.nothing_to_read(now),
        Fact::ClientEnded { resets: true } => server.transport_failed(now),
        Fact::ClientEnded { resets: false } => end(server, now),
        Fact::ServerTimedOut => {
            while server.handle_timeout(now).is_some() {}
            if server.wants_flush_once() {
                server.handle_sent(now, 0);
            }
        }
        Fact::ServerShut => server.handle_shut(now),
        Fact::PlaceNeeded => assert!(server.free_place(now)),
        Fact::Drained => server.close_after_exchange(now),
        ref other => panic!("{other:?} is not a server's"),
    }
}

/// A client's connection, and the octets of a head that is not complete.
struct Reader<'c> {
    connection: ClientConnection<'c>,
    head: Vec<u8>,
    /// The heads to come, the last one first.
    heads: Vec<Head>,
}

fn tell_client(reader: &mut Reader<'_>, now: Instant, fact: &Fact) {
    let client = &mut reader.connection;
    match *fact {
        Fact::Asked { is_post, is_http10 } => {
            let method = Method::new(if is_post { b"POST" } else { b"GET" });
            let asked =
                Request::new(method, b"/").with_version(if is_http10 { Version::HTTP_10 } else { Version::HTTP_11 });
            let mut out = Vec::new();
            let bare =
                client.clone().send_request(now, &asked, [("Host", "site"), ("X", "")], Content::Empty, &mut out);
            let pad = "x".repeat(REQUEST as usize - bare.expect("it may go"));
            let fields = [("Host", "site"), ("X", pad.as_str())];
            let sent = client.send_request(now, &asked, fields, Content::Empty, &mut out).expect("it may go");
            assert_eq!(sent, REQUEST as usize);
            client.handle_sent(now, sent as u64);
        }
        Fact::HeadRead { octets, head } => {
            // of one that never becomes complete any will do
            let whole = reader.heads.last().map_or_else(|| vec![b'H'; 0], response);
            let had = reader.head.len();
            if whole.is_empty() {
                return;
            }
            reader.head.extend(&whole[had..had + octets as usize]);
            let taken = offer(client, now, &reader.head);
            if head.is_some() {
                assert_eq!(taken, reader.head.len());
                reader.heads.pop();
                reader.head.clear();
            } else {
                assert_eq!(taken, 0);
            }
        }
        Fact::ContentRead { octets } => {
            let content = vec![b'x'; octets as usize];
            assert_eq!(offer(client, now, &content), content.len());
        }
        Fact::EndRead => end(client, now),
        Fact::ResetRead => client.transport_failed(now),
        Fact::ClientTimedOut => {
            while client.handle_timeout(now).is_some() {}
            if client.wants_read() == ReadWant::LookOnce {
                client.nothing_to_read(now);
            }
        }
        Fact::ClientCloses => {
            client.close_after_exchange(now);
            if client.wants_shut().is_none() {
                client.abort(now);
            }
        }
        Fact::ClientAborts => client.abort(now),
        ref other => panic!("{other:?} is not a client's"),
    }
}

/// Tells all of it, and compares after each fact: how many there were.
fn retell(told: &[Told], configs: &Configs<8>, name: &str) -> usize {
    let mut servers: HashMap<u32, ServerConnection<'_>> = HashMap::new();
    let mut clients: HashMap<u32, Reader<'_>> = HashMap::new();
    let mut heads: HashMap<u32, Vec<Head>> = HashMap::new();
    for one in told.iter().rev() {
        if let Fact::HeadRead { head: Some(head), .. } = one.fact {
            heads.entry(one.connection).or_default().push(head);
        }
    }
    for (number, Told { at, connection, fact, standing: expected }) in told.iter().enumerate() {
        let now = Instant::from_nanos(*at);
        let stands = match fact {
            Fact::Accepted => {
                let server = Connection::new(now, configs.server());
                let stands = standing(&server);
                servers.insert(*connection, server);
                stands
            }
            Fact::Opened { knows_http11 } => {
                let mut client = Connection::new(now, configs.client());
                if *knows_http11 {
                    client.knows_http11();
                }
                let stands = standing(&client);
                let heads = heads.remove(connection).unwrap_or_default();
                clients.insert(*connection, Reader { connection: client, head: Vec::new(), heads });
                stands
            }
            fact if fact.is_of_server() => {
                let server = servers.get_mut(connection).expect("it was accepted");
                tell_server(server, now, fact);
                standing(server)
            }
            fact => {
                let client = clients.get_mut(connection).expect("it was opened");
                tell_client(client, now, fact);
                standing(&client.connection)
            }
        };
        assert_eq!(&stands, expected, "{name}: fact {number} of connection {connection}, {fact:?}");
    }
    told.len()
}

/// Worlds in which much happens: pipelines, timeouts, hints, restarts, places that run out, clients that give up, losses.
const WORLDS: [(&str, &str); 8] = [
    ("plain", "users.count = 10"),
    ("HTTP/1.0", "protocol = '1.0'\nusers.count = 10"),
    (
        "pipelined",
        "client = { preset = 'crate-default', depth = 8 }\nusers.count = 10\nserver = { preset = 'apache-2.4', limits.max_exchanges = 7 }",
    ),
    (
        "short timeouts",
        "client = { preset = 'chromium' }\nserver = { preset = 'apache-2.2' }\nusers = { count = 40, think = '6s' }\npage.posts = 30",
    ),
    (
        "restarts",
        "users = { count = 30, pages = 5, think = '1s' }\nmachine.restart = '3s'\nserver = { preset = 'crate-default', timeouts.drain_window = '1s' }",
    ),
    (
        "lame duck",
        "users = { count = 30, pages = 5, think = '1s' }\nmachine.restart = '3s'\nserver = { preset = 'crate-default', policy.drain_mode = 'lame-duck' }",
    ),
    (
        "few places, and users who give up",
        "users = { count = 40, within = '5s', patience = '4s' }\n
        machine = { workers = 'processes', places = 8, backlog = 4, idle_yields = true, send_buffer = 8000 }\n
        network = { down = 1_000_000 }",
    ),
    (
        "a link that drops",
        "users = { count = 20, within = '5s' }\nnetwork = { shared = 2_000_000, shared_buffer = 10_000 }\nserver = { preset = 'nginx', timeouts.write_stall = '2s' }",
    ),
];

#[test]
fn a_connection_that_reads_octets_stands_where_the_lifecycle_stands() {
    for (name, text) in WORLDS {
        let world: World = toml::from_str(text).expect(name);
        let (outcome, story, configs) = run_with_story(&world).expect(name);
        let facts = retell(&story.told, &configs, name);
        let responses = outcome.value("responses").expect("a column");
        assert!(facts as f64 > 5.0 * responses && responses > 100.0, "{name}: {facts} facts of {responses} responses");
    }
}
