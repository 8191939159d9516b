//! Interim responses, early ones, back-pressure, pinning and tunnels through a relay.

use std::time::Duration;

use http_keepalive::drive::Attempt;
use http_keepalive::relay::*;
use http_keepalive::*;

use crate::relay_world::{Neighbor, Route, World, lines};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn rfc9110_15_2_interim_responses_go_on_in_order() {
    let mut world = World::new();
    world.client(GET);
    let interim = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    world.upstream(format!("HTTP/1.1 100 Continue\r\n\r\n{interim}{OK}"));
    let answer = world.answer();
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 3, "{answer}");
    assert!(answer.starts_with("HTTP/1.1 102 ") && answer.contains("Link: x\r\n") && answer.ends_with(OK));
    let mut world = World::with(RelayPolicy::DEFAULT.with_early_hints(Use::Off));
    world.client(GET).upstream(format!("{interim}{OK}"));
    assert_eq!(world.answer().matches("HTTP/1.1 ").count(), 2);
}

#[test]
fn rfc9110_10_1_1_an_expectation_goes_on_and_content_comes_when_the_upstream_takes_it() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let mut world = World::new();
    world.client(head);
    assert_eq!((world.request(), world.answer()), (head.to_owned(), String::new()));
    world.upstream("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(world.answer(), "HTTP/1.1 100 Continue\r\n\r\n");
    world.client("ok");
    assert_eq!(world.request(), "ok");
    assert_eq!(world.upstream(OK).answer(), OK);
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
    // one that says nothing is not waited for without end
    world.client(head).waits(Duration::from_secs(5));
    assert_eq!(world.answer(), "HTTP/1.1 100 Continue\r\n\r\n");
    world.client("ok");
    assert!(world.request().ends_with("ok"));
    // a refusal spares the content
    let mut world = World::new();
    world.client(head).upstream("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(world.answer(), "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)));
}

#[test]
fn rfc9110_7_5_a_final_response_goes_on_while_its_request_still_runs() {
    let mut world = World::new();
    world.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").client([b'x'; 1000]);
    world.upstream(OK);
    assert_eq!(world.answer(), OK);
    // the upstream is not given back before its request is whole
    assert_eq!(world.origins[0].verdict, None);
    for _ in 0..99 {
        world.client([b'x'; 1000]);
    }
    assert_eq!((world.origins[0].verdict, world.shut), (Some(UpstreamVerdict::Reuse), None));
    assert_eq!(world.request().len(), 100_000 + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n".len());
    // and the connections go on
    world.client(GET);
    assert_eq!((world.request().as_str(), world.origins.len()), (GET, 1));
}

#[test]
fn rfc9112_9_5_an_upstream_that_wants_no_more_ends_its_request_and_is_no_loss() {
    let mut world = World::new();
    world.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n").client([b'x'; 1000]);
    world
        .upstream("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .ends(Neighbor::Upstream);
    assert!(world.answer().starts_with("HTTP/1.1 413 "));
    assert_eq!(world.lost(), []);
    assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)) && world.shut.is_some());
}

#[test]
fn back_pressure_goes_through_to_the_upstream_and_blames_nobody() {
    let timeouts = Timeouts::CLIENT.with_content_gap(Some(Duration::from_secs(5)));
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let client =
        Config::new(Limits::DEFAULT, Timeouts::DEFAULT.with_write_stall(None), Policy::DEFAULT).expect("within bounds");
    let mut world = World::of(RelayPolicy::DEFAULT, Box::leak(Box::new(client)), Box::leak(Box::new(config)));
    world.window = 100;
    world.client(GET).upstream("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n").upstream([b'x'; 1000]);
    // one more read sees whether the upstream goes away; then nothing more is read
    let mut more = 0;
    while world.reads(Neighbor::Upstream) {
        world.upstream([b'x'; 1000]);
        more += 1000;
        assert!(more < 3000);
    }
    world.waits(Duration::from_secs(60));
    assert_eq!((world.lost(), world.shut), (vec![], None));
    world.window = usize::MAX;
    world.run();
    assert!(world.reads(Neighbor::Upstream));
    world.upstream(vec![b'x'; 99_000 - more]);
    assert!(world.answer().ends_with(&"x".repeat(100_000)));
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
}

#[test]
fn back_pressure_goes_through_to_the_client_and_blames_nobody() {
    let upstream =
        Config::new(Limits::DEFAULT, Timeouts::CLIENT.with_write_stall(None), Policy::DEFAULT).expect("within bounds");
    let mut world = World::of(RelayPolicy::DEFAULT, &Config::DEFAULT, Box::leak(Box::new(upstream)));
    world.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
    world.origins[0].window = 10;
    world.client([b'x'; 1000]);
    let mut more = 0;
    while world.reads(Neighbor::Client) {
        world.client([b'x'; 1000]);
        more += 1000;
        assert!(more < 3000);
    }
    world.waits(Duration::from_secs(300));
    assert_eq!((world.answer().as_str(), world.shut), ("", None));
    world.origins[0].window = usize::MAX;
    world.run();
    world.client(vec![b'x'; 4000 - more]);
    assert!(world.request().ends_with(&"x".repeat(5000)));
    assert_eq!(world.upstream(OK).answer(), OK);
}

#[test]
fn content_is_moved_by_count_alone_where_nothing_of_it_was_read() {
    let mut world = World::new();
    world.client(GET).upstream("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n");
    world.answer();
    let now = world.now;
    assert_eq!(world.relay.contiguous(Neighbor::Upstream), 1000);
    assert!(!world.relay.moved(now, Neighbor::Upstream, 1001));
    assert!(world.relay.moved(now, Neighbor::Upstream, 600));
    let unsent = world.relay.unsent(Neighbor::Client);
    assert_eq!(
        (unsent.before, unsent.content, unsent.after),
        (&b"258\r\n"[..], UnsentContent::Yours(600), &b"\r\n"[..])
    );
    assert_eq!(world.relay.contiguous(Neighbor::Upstream), 0, "one at a time");
    let RelayStep::Transport(asked) = world.relay.poll(now) else { panic!() };
    assert_eq!(asked.client.write, Attempt::Wait);
    world.relay.wrote(now, Neighbor::Client, 5 + 600 + 2);
    world.upstream(format!("{}\r\n0\r\n\r\n", "x".repeat(400)));
    assert_eq!(world.answer(), format!("190\r\n{}\r\n0\r\n\r\n", "x".repeat(400)));
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
    // and a request, which is not sent again then
    world.client("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
    assert_eq!(world.relay.contiguous(Neighbor::Client), 7);
    assert!(world.relay.moved(now, Neighbor::Client, 7));
    assert_eq!(world.relay.unsent(Neighbor::Upstream).content, UnsentContent::Yours(7));
    world.relay.wrote(now, Neighbor::Upstream, 7);
    world.ends(Neighbor::Upstream);
    assert_eq!(world.lost(), [(LossVerdict::CloseSilently, LossReason::SilentEnd)]);
}

#[test]
fn rfc9112_9_3_2_pipelined_requests_are_answered_in_order_over_one_upstream() {
    let mut world = World::new();
    world.client(GET.repeat(3));
    for number in 1..=3 {
        assert_eq!(world.request(), GET);
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
        assert_eq!(world.upstream(&response).answer(), response);
    }
    assert_eq!(world.origins.len(), 1);
}

#[test]
fn rfc9110_11_7_a_connection_that_was_authenticated_belongs_to_its_client() {
    let mut world = World::new();
    world.client(GET).upstream("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n");
    assert!(world.answer().starts_with("HTTP/1.1 401 "));
    assert_eq!(world.origins[0].verdict, None);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM eA==\r\n\r\n";
    world.client(request);
    assert_eq!((world.request(), world.origins.len()), (format!("{GET}{request}"), 1));
    world.upstream(OK).answer();
    assert_eq!(world.origins[0].verdict, None);
    // for life, and for nobody else
    world.ends(Neighbor::Client);
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::Pinned));
    // one that ends is no loss, and the next request has a new one
    let mut world = World::new();
    world.client(request).upstream(OK).answer();
    world.ends(Neighbor::Upstream);
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::Ended));
    world.client(GET).upstream(OK);
    assert_eq!((world.answer().as_str(), world.origins.len()), (OK, 2));
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
    // off by policy
    let mut world = World::with(RelayPolicy::DEFAULT.with_pinning(Use::Off));
    world.client(request).upstream(OK);
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
}

#[test]
fn rfc9110_7_8_an_upgrade_passes_and_what_is_left_over_is_handed_over() {
    let mut world = World::new();
    world.client("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nearly");
    assert_eq!(
        lines(&world.request()),
        ["Host: a", "Sec-WebSocket-Key: x", "Upgrade: websocket", "Connection: upgrade"]
    );
    world.upstream("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n\x01\x02");
    assert_eq!(lines(&world.answer()), ["Sec-WebSocket-Accept: y", "Upgrade: websocket", "Connection: upgrade"]);
    assert_eq!(world.handed_over, Some(TunnelReason::Upgrade));
    let (client, upstream) = world.relay.into_drives();
    assert_eq!((client.received(), upstream.unwrap().received()), (&b"early"[..], &b"\x01\x02"[..]));
    // one that is not taken up is an exchange like any other
    let mut world = World::new();
    world.client("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").upstream(OK);
    assert_eq!(world.answer(), OK);
    // nor is one passed on that policy does not want, or that is unasked
    let mut world = World::with(RelayPolicy::DEFAULT.with_upgrades(Use::Off));
    world.client("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(world.request(), GET);
    world.upstream("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
}

#[test]
fn rfc9110_9_3_6_connect_opens_a_tunnel_here_or_at_the_next_proxy() {
    let connect = "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n";
    let mut world = World::new();
    world.routes.push_back(Route::Tunnel);
    world.client(format!("{connect}hello"));
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(world.handed_over, Some(TunnelReason::Connect));
    let (client, upstream) = world.relay.into_drives();
    assert!(client.received() == b"hello" && upstream.is_none());

    let mut world = World::new();
    world.routes.push_back(Route::Proxy);
    world.client(connect);
    assert_eq!(world.request(), connect);
    world.upstream("HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\n\x01");
    assert_eq!(world.answer(), "HTTP/1.1 200 Fine\r\n\r\n");
    assert_eq!(world.handed_over, Some(TunnelReason::Connect));
    assert_eq!(world.relay.into_drives().1.unwrap().received(), b"\x01");

    // one that is refused leaves HTTP; octets that were meant for it are never a request
    let mut world = World::new();
    world.routes.push_back(Route::Proxy);
    world.client(format!("{connect}GET / HTTP/1.1\r\nHost: evil\r\n\r\n"));
    world.upstream("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(world.answer(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_eq!((world.origins.len(), world.request().as_str()), (1, connect));
    // to an origin there is none
    let mut world = World::new();
    world.client(connect);
    assert!(world.answer().starts_with("HTTP/1.1 400 "));
}

#[test]
fn upg_14_what_a_side_of_a_tunnel_sent_before_its_end_is_handed_over() {
    let mut world = World::new();
    world.routes.push_back(Route::Proxy);
    world.client("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\nbye").ends(Neighbor::Client);
    assert_eq!((world.handed_over, world.shut), (None, None), "its answer is still to come");
    world.upstream("HTTP/1.1 200 OK\r\n\r\n\x01").ends(Neighbor::Upstream);
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!((world.handed_over, world.shut), (Some(TunnelReason::Connect), None));
    let (client, upstream) = world.relay.into_drives();
    assert_eq!((client.received(), upstream.unwrap().received()), (&b"bye"[..], &b"\x01"[..]));
}

#[test]
fn an_answer_of_the_drivers_own_is_sent_whole() {
    let mut world = World::new();
    world.routes.push_back(Route::Nothing);
    world.client(GET);
    let now = world.now;
    world.relay.answer(now, StatusCode::FORBIDDEN, NO_FIELDS, Content::Exact(4)).unwrap();
    world.run();
    assert_eq!(world.relay.poll(now), RelayStep::Content);
    assert_eq!(world.relay.send_content(now, b"nope"), Ok(4));
    assert_eq!(world.answer(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope");
    world.routes.clear();
    assert_eq!(world.client(GET).upstream(OK).answer(), OK);
}

#[test]
fn rfc9112_9_6_a_drain_ends_the_clients_connection_with_its_exchange_and_not_the_upstreams() {
    let mut world = World::new();
    world.client(GET);
    world.relay.close_after_exchange(world.now);
    assert_eq!(world.upstream(OK).answer(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
}

#[test]
fn rfc9110_15_5_12_content_without_a_length_does_not_go_to_an_http10_server() {
    let mut world = World::new();
    world.client(GET).upstream("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok").answer();
    world.client("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(world.answer().starts_with("HTTP/1.1 411 "));
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
}
