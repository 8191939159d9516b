//! What of a message goes on to the other side, and what is made anew.

use http_keepalive::intermediary::{FieldPolicy, ForwardFault, Nominations, ProxyAuthentication, Pseudonym};
use http_keepalive::relay::*;
use http_keepalive::*;

use crate::relay_world::{Route, World, lines};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn refused(world: &World) -> Vec<ForwardFault> {
    let fault = |step: &RelayStep| if let RelayStep::Refused(fault) = step { Some(*fault) } else { None };
    world.steps.iter().filter_map(fault).collect()
}

#[test]
fn proxy_01_what_connection_names_stays_on_the_hop_in_heads_and_trailers() {
    let mut world = World::new();
    world.client(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX: 2\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nok\r\n0\r\nX-Hop: 3\r\nX-End: 4\r\n\r\n",
    );
    assert_eq!(
        world.request(),
        "POST / HTTP/1.1\r\nHost: a\r\nX: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-End: 4\r\n\r\n"
    );
    world.upstream("HTTP/1.1 200 OK\r\nConnection: X-Own\r\nX-Own: 1\r\nX: 2\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nX: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

#[test]
fn proxy_02_fields_of_the_hop_stay_on_it_after_they_were_applied() {
    let mut world = World::new();
    world.client("GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\nKeep-Alive: timeout=5\r\nTE: gzip\r\nUpgrade: x\r\n\r\n");
    assert_eq!(world.request(), GET);
    world.upstream(
        "HTTP/1.1 200 OK\r\nProxy-Connection: close\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    );
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
}

#[test]
fn proxy_03_proxy_authentication_is_of_the_hop_or_relayed_as_policy_has_it() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic eA==\r\n\r\n";
    let challenge =
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    let mut world = World::new();
    world.routes.push_back(Route::Nothing);
    world.client(request);
    assert_eq!(world.relay.wanted().unwrap().proxy_authorization, Some(&b"Basic eA=="[..]));
    world.routes.clear();
    assert_eq!(world.request(), GET);
    world.upstream(challenge);
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
    assert_eq!(world.lost(), [(LossVerdict::Answer(StatusCode::BAD_GATEWAY), LossReason::NextHopAuthentication)]);

    let fields = FieldPolicy::DEFAULT.with_proxy_authentication(ProxyAuthentication::Relayed);
    let mut world = World::with(RelayPolicy::DEFAULT.with_fields(fields));
    world.client(request);
    assert!(world.request().contains("Proxy-Authorization: Basic eA=="));
    assert_eq!(world.upstream(challenge).answer(), challenge);
    // on the same connections it goes on
    world.client(request);
    assert_eq!(world.origins.len(), 1);
}

#[test]
fn proxy_03_a_challenge_of_our_own_keeps_the_connection() {
    let mut world = World::new();
    world.routes.push_back(Route::Nothing);
    world.client("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    let challenge = [("Proxy-Authenticate", "Basic")];
    let now = world.now;
    world.relay.answer(now, StatusCode::PROXY_AUTHENTICATION_REQUIRED, challenge, Content::Exact(0)).unwrap();
    assert_eq!(
        world.answer(),
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    );
    world.routes.clear();
    world.client("GET http://a/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic eA==\r\n\r\n");
    assert_eq!(world.request(), GET);
}

#[test]
fn proxy_03_trailer_goes_on_unless_policy_removes_it() {
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut world = World::new();
    world.client(request);
    assert_eq!(world.request(), request);
    let fields = FieldPolicy::DEFAULT.with_removed(&["trailer"]);
    let mut world = World::with(RelayPolicy::DEFAULT.with_fields(fields));
    world.client(request);
    assert_eq!(lines(&world.request()), ["Host: a", "Transfer-Encoding: chunked"]);
}

#[test]
fn proxy_04_an_option_that_names_an_end_to_end_field_is_refused_or_has_no_effect() {
    for name in ["Host", "content-length", "Authorization", "Cookie", "Content-Type", "X-Forwarded-For"] {
        let mut world = World::new();
        world.client(format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: {name}\r\nContent-Length: 2\r\n\r\nok"));
        assert!(world.answer().starts_with("HTTP/1.1 400 "), "{name}");
        assert_eq!(refused(&world), [ForwardFault::EndToEndOption]);
        assert!(world.origins.is_empty() && world.shut.is_some());
    }
    let fields = FieldPolicy::DEFAULT.with_nominations(Nominations::Ignore);
    let mut world = World::with(RelayPolicy::DEFAULT.with_fields(fields));
    world.client("POST / HTTP/1.1\r\nHost: a\r\nConnection: Host, Content-Length, Cookie\r\nCookie: x\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(world.request(), "POST / HTTP/1.1\r\nHost: a\r\nCookie: x\r\nContent-Length: 2\r\n\r\nok");
    // of a response, too
    let mut world = World::new();
    world.client(GET);
    world.upstream("HTTP/1.1 200 OK\r\nConnection: Set-Cookie\r\nSet-Cookie: x\r\nContent-Length: 0\r\n\r\n");
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::Malformed));
}

#[test]
fn proxy_05_persistence_and_framing_are_decided_on_each_side() {
    let mut world = World::new();
    // the client's end is not the upstream's
    world.client("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(world.request(), GET);
    world.upstream(OK);
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    assert!(world.shut.is_some());
    // nor the upstream's the client's
    let mut world = World::new();
    world.client(GET).upstream("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(world.answer(), OK);
    assert_eq!((world.verdict(), world.shut), (UpstreamVerdict::Close(TakenReason::Ended), None));
    world.client(GET).upstream("HTTP/1.0 200 OK\r\n\r\nok").ends(Neighbor::Upstream);
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    assert_eq!(world.shut, None);
    // a hint is our own
    world.client("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    world.upstream(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=7, max=9\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(
        world.answer(),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=60, max=997\r\n\r\n"
    );
}

#[test]
fn proxy_06_the_version_is_our_own() {
    let mut world = World::new();
    world.client("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(world.request(), GET);
    world.upstream("HTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(world.answer(), "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

#[test]
fn proxy_07_fields_that_are_not_known_pass_in_their_order() {
    let mut world = World::with(RelayPolicy::DEFAULT.with_fields(FieldPolicy::DEFAULT.with_removed(&["x-secret"])));
    world.adds.push(("X-Forwarded-For", "192.0.2.1"));
    world.client("GET / HTTP/1.1\r\nB: 1\r\nHost: a\r\nA: 2\r\nX-Secret: 0\r\nb: 3\r\n\r\n");
    assert_eq!(lines(&world.request()), ["Host: a", "B: 1", "A: 2", "b: 3", "X-Forwarded-For: 192.0.2.1"]);
    world.upstream("HTTP/1.1 200 OK\r\nSet-Cookie: x\r\nFoo: 1\r\nset-cookie: y\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(lines(&world.answer()), ["Set-Cookie: x", "Foo: 1", "set-cookie: y", "Content-Length: 0"]);
}

#[test]
fn proxy_08_no_wrong_length_is_forwarded() {
    for length in ["+2", "2, 2", "2x", "", "18446744073709551616"] {
        let mut world = World::new();
        world.client(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nok"));
        let answer = world.answer();
        assert!(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(world.origins.is_empty());
        let mut world = World::new();
        world.client(GET).upstream(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nok"));
        assert!(world.answer().starts_with("HTTP/1.1 502 "), "{length}");
        assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)));
    }
}

#[test]
fn proxy_09_host_is_made_from_the_target() {
    let rows = [
        ("GET http://b.example:81/p?q HTTP/1.1\r\nHost: a", "GET /p?q", "b.example:81"),
        ("GET http://b?q HTTP/1.1\r\nHost: a", "GET /?q", "b"),
        ("OPTIONS http://b HTTP/1.1\r\nHost: a", "OPTIONS *", "b"),
        ("OPTIONS * HTTP/1.1\r\nHost: a", "OPTIONS *", "a"),
        ("GET /p HTTP/1.0\r\nX: 1", "GET /p", ""),
    ];
    for (head, line, host) in rows {
        let mut world = World::new();
        world.client(format!("{head}\r\n\r\n"));
        let request = world.request();
        assert!(request.starts_with(&format!("{line} HTTP/1.1\r\nHost: {host}\r\n")), "{request}");
    }
    let mut world = World::new();
    world.routes.push_back(Route::Proxy);
    world.client("GET /p HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(world.request(), "GET http://a/p HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn proxy_10_proxy_connection_decides_nothing_and_is_never_sent() {
    let mut world = World::new();
    world.client("GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n");
    assert_eq!(world.request(), GET);
    world.upstream("HTTP/1.1 200 OK\r\nProxy-Connection: close\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!((world.answer(), world.verdict(), world.shut), (OK.to_owned(), UpstreamVerdict::Reuse, None));
}

#[test]
fn proxy_11_a_proxy_keeps_no_connection_of_an_http10_client() {
    let request = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\r\n";
    let mut world = World::with(RelayPolicy::DEFAULT.with_standing(Standing::Proxy));
    world.client(request);
    assert_eq!(world.request(), GET);
    world.upstream(OK);
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    // a gateway may
    let mut world = World::new();
    world.client(request).upstream(OK);
    assert!(world.answer().contains("Connection: keep-alive\r\n"));
}

#[test]
fn proxy_12_an_http10_client_is_told_nothing_of_http11() {
    let mut world = World::new();
    world.client("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(world.request(), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
    world.upstream("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    world.upstream("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n");
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok");
    assert!(matches!(world.shut, Some(Shut::HalfClose(CloseReason::Http10))));
}

#[test]
fn proxy_15_only_what_was_written_anew_goes_on() {
    // folds are refused in requests and in responses of a gateway, whatever a user agent would make of them
    let mut world = World::new();
    world.client("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n");
    assert!(world.answer().starts_with("HTTP/1.1 400 ") && world.origins.is_empty());
    let mut world = World::new();
    world.client(GET).upstream("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n");
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::Malformed));
    // where policy lets one in, it is a space
    let policy = Policy::DEFAULT.with_request_fold(Tolerance::Accept);
    let lenient = Config::new(Limits::DEFAULT, Timeouts::DEFAULT, policy).expect("within bounds");
    let mut world = World::of(RelayPolicy::DEFAULT, Box::leak(Box::new(lenient)), &Config::DEFAULT);
    world.client("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n");
    assert_eq!(lines(&world.request()), ["Host: a", "X: a   b"]);
    // whitespace is as we send it
    let mut world = World::new();
    world.client("GET / HTTP/1.1\r\nhost:a\r\nX:\t 1 \t\r\n\r\n");
    assert_eq!(lines(&world.request()), ["Host: a", "X: 1"]);
}

#[test]
fn proxy_15_an_upstream_with_octets_left_over_is_not_used_again() {
    let mut world = World::new();
    world.client(GET).upstream(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
    assert_eq!(world.answer(), OK);
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::Ended));
    world.client(GET).upstream(OK);
    assert_eq!((world.answer(), world.origins.len()), (OK.to_owned(), 2));
    // the half of a line end, for which nobody waits; a whole one is nothing
    let mut world = World::new();
    world.client(GET).upstream(format!("{OK}\r"));
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::LeftOver));
    world.client(GET).upstream(format!("{OK}\r\n"));
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
    // nor one that came while the last octets of the response were written
    let mut world = World::new();
    world.window = 39;
    world.client(GET).upstream(OK).upstream("HTTP/1.1 200 OK\r\n\r\n");
    world.window = usize::MAX;
    assert_eq!(world.answer(), OK);
    assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)));
}

#[test]
fn proxy_16_via_and_max_forwards_and_loops() {
    let policy = RelayPolicy::DEFAULT.with_standing(Standing::Proxy).with_via(Pseudonym::new("us"));
    let mut world = World::with(policy.clone());
    world.client("GET / HTTP/1.0\r\nHost: a\r\nVia: 1.1 other\r\n\r\n");
    assert_eq!(lines(&world.request()), ["Host: a", "Via: 1.1 other", "Via: 1.0 us"]);
    world.upstream("HTTP/1.1 200 OK\r\nVia: 1.1 another\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(lines(&world.answer()), ["Via: 1.1 another", "Via: 1.1 us", "Content-Length: 0", "Connection: close"]);

    let mut world = World::with(policy.clone());
    world.client("GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 x, 1.1 US\r\n\r\n");
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
    assert_eq!(refused(&world), [ForwardFault::Loop]);

    let ask = |method: &str, value: &str| {
        let mut world = World::new();
        world.client(format!("{method} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: {value}\r\n\r\n"));
        world
    };
    assert_eq!(lines(&ask("OPTIONS", "3").request()), ["Host: a", "Max-Forwards: 2"]);
    assert_eq!(lines(&ask("GET", "0").request()), ["Host: a", "Max-Forwards: 0"]);
    assert_eq!(ask("OPTIONS", "0").answer(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(ask("TRACE", "0").answer().starts_with("HTTP/1.1 405 "));
    assert!(ask("TRACE", "x").answer().starts_with("HTTP/1.1 400 "));
    // it goes on after an answer of ours
    let mut world = ask("OPTIONS", "0");
    world.client(GET);
    assert_eq!(world.request(), GET);
}

#[test]
fn proxy_17_trailers_go_to_who_accepts_them() {
    let response =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\nContent-Length: 9\r\n\r\n";
    let accepting = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n";
    let plain = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let with = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n";
    let mut world = World::new();
    world.client(accepting);
    assert_eq!(lines(&world.request()), ["Host: a", "TE: trailers", "Connection: TE"]);
    assert_eq!(world.upstream(response).answer(), with);
    let mut world = World::new();
    world.client(GET);
    assert_eq!(world.upstream(response).answer(), plain);
    let mut world = World::with(RelayPolicy::DEFAULT.with_trailers(Trailers::Always));
    world.client(GET);
    assert_eq!(world.upstream(response).answer(), with);
    let mut world = World::with(RelayPolicy::DEFAULT.with_trailers(Trailers::Never));
    world.client(accepting);
    assert_eq!(world.request(), GET);
    assert_eq!(world.upstream(response).answer(), plain);
}

#[test]
fn frame_07_a_message_that_had_both_goes_on_without_its_length() {
    let policy = Policy::DEFAULT.with_length_and_coding(Tolerance::Accept);
    let client = Config::new(Limits::DEFAULT, Timeouts::DEFAULT, policy).expect("within bounds");
    let upstream = Config::new(Limits::DEFAULT, Timeouts::CLIENT, policy).expect("within bounds");
    let (client, upstream): (&'static _, &'static _) = (Box::leak(Box::new(client)), Box::leak(Box::new(upstream)));
    let both = "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut world = World::of(RelayPolicy::DEFAULT, client, upstream);
    world.client(format!("POST / HTTP/1.1\r\nHost: a\r\n{both}2\r\nok\r\n0\r\n\r\n"));
    assert_eq!(world.request(), "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    world.upstream(format!("HTTP/1.1 200 OK\r\n{both}2\r\nok\r\n0\r\n\r\n"));
    let answer = world.answer();
    assert!(!answer.contains("Content-Length") && answer.ends_with("\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "{answer}");
    assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)));
    // nor does what has no content say that length
    for request in ["HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", GET] {
        let mut world = World::of(RelayPolicy::DEFAULT, client, upstream);
        let status = if request == GET { "304 Not Modified" } else { "200 OK" };
        world.client(request).upstream(format!("HTTP/1.1 {status}\r\n{both}"));
        let answer = world.answer();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert!(!answer.contains("Content-Length"), "{answer}");
    }
}

#[test]
fn rfc9110_9_3_2_a_response_without_content_says_the_length_it_would_have() {
    let mut world = World::new();
    world.client("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").upstream("HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n");
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n");
    world.client(GET).upstream("HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n");
    assert_eq!(world.answer(), "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n");
    world.client(GET).upstream("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(world.answer(), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(world.origins.len(), 1);
}

#[test]
fn rfc9112_3_2_2_one_connection_carries_requests_for_different_hosts() {
    let mut world = World::with(RelayPolicy::DEFAULT.with_standing(Standing::Proxy));
    for host in ["a", "b", "c"] {
        world.routes.push_back(Route::Nothing);
        world.client(format!("GET http://{host}/ HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(world.relay.wanted().unwrap().authority, host.as_bytes());
        world.routes.clear();
        world.run();
        world.upstream(OK);
        assert_eq!(world.answer(), OK);
    }
}
