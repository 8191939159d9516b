//! What becomes of a request whose upstream is lost, and of an exchange whose client goes.

use std::time::Duration;

use http_keepalive::drive::Side;
use http_keepalive::relay::*;
use http_keepalive::retry::{Evidence, Sender, Sent};
use http_keepalive::*;

use crate::relay_world::{Neighbor, Route, World};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
const PUT: &str = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BAD_GATEWAY: LossVerdict = LossVerdict::Answer(StatusCode::BAD_GATEWAY);
const TIMEOUT: LossVerdict = LossVerdict::Answer(StatusCode::GATEWAY_TIMEOUT);

/// A world in which one exchange is over, and its upstream is idle.
fn used() -> World {
    let mut world = World::new();
    world.client(GET).upstream(OK);
    assert_eq!((world.answer(), world.verdict()), (OK.to_owned(), UpstreamVerdict::Reuse));
    world.request();
    world
}

#[test]
fn rfc9110_9_2_2_an_idempotent_request_is_sent_again_on_a_new_connection_with_its_content() {
    for request in [GET, PUT] {
        let mut world = used();
        world.client(request).ends(Neighbor::Upstream);
        assert_eq!(world.lost(), [(LossVerdict::Resend, LossReason::Repeatable)]);
        assert_eq!(world.origins.len(), 2);
        assert_eq!(world.request(), request);
        world.upstream(OK);
        assert_eq!((world.answer(), world.shut), (OK.to_owned(), None));
    }
}

#[test]
fn rfc9110_9_2_2_an_answer_that_breaks_off_within_its_head_is_none_for_what_may_be_repeated() {
    for (request, is_repeated) in [(GET, true), (PUT, true), (POST, false)] {
        let mut world = World::new();
        world.client(request).upstream("HTTP/1.1 200 OK\r\nContent-Le").ends(Neighbor::Upstream);
        let verdict = if is_repeated { LossVerdict::Resend } else { BAD_GATEWAY };
        assert_eq!(world.lost().first().map(|lost| lost.0), Some(verdict), "{request}");
        world.request();
        if is_repeated {
            world.request();
            assert_eq!(world.upstream(OK).answer(), OK);
        } else {
            assert!(world.answer().starts_with("HTTP/1.1 502 "));
        }
    }
}

#[test]
fn rfc9110_9_2_2_chunked_content_that_came_in_pieces_is_sent_again_as_one() {
    let mut world = used();
    world.client("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in ["2\r\nab\r\n", "3;x\r\ncde", "\r\n"] {
        world.client(piece);
    }
    world.ends(Neighbor::Upstream);
    world.client("1\r\nf\r\n0\r\n\r\n");
    assert_eq!(
        world.request(),
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n0\r\n\r\n"
    );
    assert_eq!(world.upstream(OK).answer(), OK);
}

#[test]
fn rfc9110_9_2_2_more_content_than_is_kept_is_not_sent_again() {
    let mut world = World::with(RelayPolicy::DEFAULT.with_replayed_octets(3));
    world.client("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").client("cd");
    world.ends(Neighbor::Upstream);
    assert_eq!(world.lost(), [(BAD_GATEWAY, LossReason::NotRepeatable)]);
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
}

#[test]
fn pipe_10_a_pipeline_goes_on_one_by_one_and_only_what_may_be_repeated_is_sent_again() {
    let mut world = World::new();
    world.client(format!("{GET}{PUT}{GET}"));
    assert_eq!(world.request(), GET);
    assert_eq!(world.upstream(OK).answer(), OK);
    assert_eq!(world.request(), PUT);
    world.ends(Neighbor::Upstream);
    assert_eq!((world.lost(), world.request()), (vec![(LossVerdict::Resend, LossReason::Repeatable)], PUT.to_owned()));
    assert_eq!(world.upstream(OK).answer(), OK);
    assert_eq!((world.request(), world.shut), (GET.to_owned(), None));
    // what came goes on, and the connection ends with the one that may not be repeated: none after it is looked at
    let mut world = World::new();
    world.client(format!("{GET}{POST}{GET}")).upstream(OK);
    assert_eq!((world.answer(), world.request()), (OK.to_owned(), format!("{GET}{POST}")));
    world.ends(Neighbor::Upstream);
    assert_eq!(world.lost(), [(LossVerdict::CloseSilently, LossReason::SilentEnd)]);
    assert_eq!((world.answer(), world.request(), world.origins.len()), (String::new(), String::new(), 1));
    assert!(matches!(world.shut, Some(Shut::HalfClose(CloseReason::ApplicationGone))), "{:?}", world.shut);
}

#[test]
fn proxy_14_a_post_is_never_doubled_and_the_client_learns_the_end_of_a_used_connection_as_its_own() {
    let mut world = used();
    world.client(POST);
    assert_eq!(world.request(), POST);
    world.ends(Neighbor::Upstream);
    assert_eq!(world.lost(), [(LossVerdict::CloseSilently, LossReason::SilentEnd)]);
    assert_eq!((world.answer(), world.origins.len()), (String::new(), 1));
    assert!(matches!(world.shut, Some(Shut::HalfClose(CloseReason::ApplicationGone))), "{:?}", world.shut);
}

#[test]
fn proxy_14_a_client_of_whose_connection_nothing_was_answered_is_told_502() {
    // the upstream was used by another client
    let mut other = used();
    let drive = other.origins[0].idle.take().unwrap();
    let mut world = World::new();
    world.routes.push_back(Route::Nothing);
    world.client(POST);
    let now = world.now;
    world.origins.push(other.origins.pop().unwrap());
    world.current = Some(0);
    world.relay.forward(now, drive, intermediary::NextHop::Origin, NO_FIELDS).unwrap();
    world.run();
    world.ends(Neighbor::Upstream);
    assert_eq!(world.lost(), [(BAD_GATEWAY, LossReason::NotRepeatable)]);
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
    // and its connection stays
    assert_eq!(world.shut, None);
}

#[test]
fn proxy_14_a_silent_close_is_a_policy_and_never_of_a_new_connection() {
    let mut world = World::new();
    world.client(GET).upstream("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").answer();
    world.client(POST).ends(Neighbor::Upstream);
    assert_eq!(world.lost(), [(BAD_GATEWAY, LossReason::NotRepeatable)]);
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
    world.client(GET).upstream(OK);
    assert_eq!(world.answer(), OK);
}

#[test]
fn rfc9110_9_2_2_of_what_nothing_was_sent_anything_is_sent_again() {
    let mut world = used();
    world.origins[0].window = 0;
    world.client(POST).ends(Neighbor::Upstream);
    assert_eq!(world.lost(), [(LossVerdict::Resend, LossReason::Repeatable)]);
    assert_eq!(world.request(), POST);
}

#[test]
fn rfc9110_9_2_2_one_budget_holds_over_all_upstreams() {
    let mut world = World::new();
    world.routes.extend([Route::NotConnected, Route::NotConnected]);
    world.client(POST);
    assert_eq!(world.lost(), [(LossVerdict::Resend, LossReason::Repeatable), (BAD_GATEWAY, LossReason::NotConnected)]);
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
    world.routes.extend([Route::NotConnected, Route::Late]);
    world.client(GET);
    assert!(world.answer().starts_with("HTTP/1.1 504 "));
    // a lost one and one that is not there
    world.routes.extend([Route::Origin, Route::NotConnected]);
    world.client(GET).ends(Neighbor::Upstream);
    assert!(world.answer().starts_with("HTTP/1.1 502 "));
    // what was sent is sent again once
    let mut world = World::with(RelayPolicy::DEFAULT.with_tries(9));
    world.client(GET).ends(Neighbor::Upstream).ends(Neighbor::Upstream);
    assert_eq!(world.lost()[1], (BAD_GATEWAY, LossReason::NotRepeatable));
    assert_eq!(world.origins.len(), 2);
    // and what was not, as often as policy says
    world.routes.extend([Route::NotConnected; 8]);
    world.client(GET);
    assert_eq!(world.upstream(OK).answer().matches("HTTP/1.1 ").count(), 2);
}

#[test]
fn proxy_14_an_upstream_that_is_too_slow_is_504_and_one_that_sends_no_http_is_502() {
    let timeouts = Timeouts::CLIENT.with_response(Some(Duration::from_secs(5)));
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let mut world = World::of(RelayPolicy::DEFAULT, &Config::DEFAULT, Box::leak(Box::new(config)));
    world.client(GET).waits(Duration::from_secs(10));
    assert_eq!(world.lost(), [(TIMEOUT, LossReason::TimedOut)]);
    assert!(world.answer().starts_with("HTTP/1.1 504 "));
    assert_eq!(world.shut, None);
    let expired = |step: &RelayStep| matches!(step, RelayStep::Expired(Neighbor::Upstream, deadline) if deadline.kind == DeadlineKind::Response);
    assert!(world.steps.iter().any(expired));

    for junk in [
        "SSH-2.0-x\r\n",
        "HTTP/1.1 2000 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        let mut world = World::new();
        world.client(GET).upstream(junk);
        assert!(world.answer().starts_with("HTTP/1.1 502 "), "{junk:?}");
        assert_eq!(world.lost(), [(BAD_GATEWAY, LossReason::Malformed)]);
        assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)));
        assert_eq!(world.shut, None);
    }
}

#[test]
fn proxy_13_what_was_cut_is_never_completed() {
    // by length, by chunks, and to an HTTP/1.0 client by its end
    let rows = [
        (GET, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "hello", false),
        (GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "5\r\nhello\r\n", false),
        (GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "5\r\nhello\r\n", false),
        (
            "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "hello",
            true,
        ),
    ];
    for (request, response, content, resets) in rows {
        let mut world = World::new();
        world.client(request).upstream(response).ends(Neighbor::Upstream);
        let answer = world.answer();
        assert!(answer.ends_with(&format!("\r\n\r\n{content}")), "{answer:?}");
        assert_eq!(world.lost(), [(LossVerdict::Cut, LossReason::ResponseBegun)]);
        let shut = world.shut.expect("the client's connection ends");
        assert_eq!(matches!(shut, Shut::Reset(_)), resets, "{shut:?}");
    }
}

#[test]
fn proxy_13_what_came_of_a_cut_response_leaves_first() {
    let mut world = World::new();
    world.window = 0;
    world.client(GET).upstream("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").ends(Neighbor::Upstream);
    assert_eq!((world.shut, world.origins[0].verdict), (None, None));
    world.window = usize::MAX;
    assert!(world.answer().ends_with("hello"));
    assert!(matches!(world.shut, Some(Shut::Close(_))));
    assert!(matches!(world.verdict(), UpstreamVerdict::Close(_)));
}

#[test]
fn proxy_13_a_response_that_ends_with_its_connection_is_whole_only_by_a_clean_end() {
    let mut world = World::new();
    world.client(GET).upstream("HTTP/1.0 200 OK\r\n\r\nhello").fails(Neighbor::Upstream, Side::Read);
    assert!(!world.answer().ends_with("0\r\n\r\n"));
    assert!(world.shut.is_some());
}

#[test]
fn rfc9112_8_a_request_that_breaks_off_is_not_completed() {
    let rows = ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"];
    for request in rows {
        let mut world = World::new();
        world.client(format!("POST / HTTP/1.1\r\nHost: a\r\n{request}"));
        let sent = world.request();
        world.ends(Neighbor::Client);
        assert!(!world.request().ends_with("0\r\n\r\n"), "{sent}");
        assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::RequestCut));
    }
    // nor one whose framing is broken
    let mut world = World::new();
    world.client("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n");
    assert!(world.request().ends_with("5\r\nhello\r\n"));
    assert!(world.answer().starts_with("HTTP/1.1 400 "));
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::RequestCut));
}

#[test]
fn rfc9112_9_5_an_upstream_whose_client_has_gone_is_not_used_again() {
    let mut world = World::new();
    world.client(GET);
    world.fails(Neighbor::Client, Side::Read);
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::ClientGone));
    let mut world = World::new();
    world.client(GET).upstream("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    world.fails(Neighbor::Client, Side::Read);
    assert_eq!(world.verdict(), UpstreamVerdict::Close(TakenReason::ClientGone));
    // a client that closed its side waits for its answer
    let mut world = World::new();
    world.client(GET).ends(Neighbor::Client).upstream(OK);
    assert_eq!(world.answer(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    assert_eq!(world.verdict(), UpstreamVerdict::Reuse);
    // while one is being found
    let mut world = World::new();
    world.routes.push_back(Route::Nothing);
    world.client(GET).fails(Neighbor::Client, Side::Read);
    assert!(world.relay.wanted().is_none() && world.shut.is_some());
}

#[test]
fn rfc9110_15_5_9_a_server_that_did_not_look_at_the_request_is_not_its_answer() {
    for status in ["408 Request Timeout", "421 Misdirected Request"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        let mut world = used();
        world.client(GET).upstream(&answer);
        assert_eq!(world.lost(), [(LossVerdict::Resend, LossReason::Repeatable)]);
        assert_eq!(world.origins[0].verdict, Some(UpstreamVerdict::Close(TakenReason::Unanswered)));
        assert_eq!(world.request(), GET);
        // twice it is
        assert_eq!(world.upstream(&answer).answer(), answer);
    }
    let mut world = used();
    world.client(POST).upstream("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    assert!(world.answer().starts_with("HTTP/1.1 408 "));
}

#[test]
fn the_verdict_of_every_loss_follows_its_order() {
    use LossKind::*;
    let kinds = [NotConnected, ConnectTimeout, Ended, TimedOut, Malformed, Unanswered, Unauthenticated];
    let mut seen = std::collections::BTreeSet::new();
    for bits in 0..1u32 << 8 {
        let is = |bit: u32| bits >> bit & 1 == 1;
        for kind in kinds {
            for sent in [Sent::Nothing, Sent::Unknown, Sent::Some, Sent::All] {
                let method = if is(0) { MethodKind::Get } else { MethodKind::Post };
                let evidence = Evidence { sent, reused: is(1), replayable: is(2), ..Evidence::new(method) };
                let loss = Loss {
                    kind,
                    evidence: evidence.sent_for(Sender::Proxy).after(u32::from(is(3)) * 2),
                    octets_came: is(4),
                    response_begun: is(5),
                    interim_sent: is(6),
                    client_reused: is(7),
                    may_close_silently: true,
                };
                let (verdict, reason) = loss.verdict();
                seen.insert(reason);
                // what each of them never is
                assert_eq!(verdict == LossVerdict::Cut, is(5), "{loss:?}");
                if verdict == LossVerdict::Resend {
                    assert!(method.is_idempotent() || sent == Sent::Nothing, "nothing is doubled: {loss:?}");
                    assert!(is(2) || sent == Sent::Nothing, "{loss:?}");
                    assert!(kind != TimedOut && !is(3), "{loss:?}");
                }
                if verdict == LossVerdict::CloseSilently {
                    assert!(kind == Ended && is(1) && is(7) && !is(4) && !is(6), "{loss:?}");
                }
            }
        }
    }
    assert_eq!(seen.len(), LossReason::ALL.len());
}
