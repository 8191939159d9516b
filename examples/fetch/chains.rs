//! Chains of requests with pauses between them, each on a connection pool of its own: a line of JSON for each request but the
//! first of a chain. What is not known to be safe is never sent twice.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use http_keepalive::pool::Source;
use http_keepalive::retry::Advice;
use http_keepalive::{Content, Method, Request};
use serde_json::json;

use crate::Options;
use crate::happened::Happened;
use crate::pool::{Connections, Taken};
use crate::target::{Clock, Target};
use crate::task::Tries;
use crate::wire::Wire;
use crate::work::config;

pub fn run(options: &Options, target: &Target, stagger: f64) -> Result<(), String> {
    let chains = io::stdin().lines().collect::<Result<Vec<_>, _>>().map_err(|error| format!("cannot read: {error}"))?;
    thread::scope(|scope| {
        for (number, chain) in chains.iter().enumerate() {
            scope.spawn(move || {
                thread::sleep(Duration::from_secs_f64(number as f64 * stagger / 1000.0));
                follow(options, target, number, chain);
            });
        }
    });
    Ok(())
}

fn follow(options: &Options, target: &Target, number: usize, chain: &str) {
    let mut words = chain.split_whitespace();
    let Some(method) = words.next() else { return };
    let clock = Clock::new();
    let mut connections = Connections::new(options, clock);
    let gaps = words.filter_map(|word| word.parse::<f64>().ok());
    for gap in [None].into_iter().chain(gaps.map(Some)) {
        if let Some(gap) = gap {
            thread::sleep(Duration::from_secs_f64(gap / 1000.0));
        }
        let (mut tries, mut source, dead) = (Tries::default(), Source::Any, connections.found_dead);
        let outcome = loop {
            match once(options, target, clock, method, source, &mut connections) {
                Err((_, Some(evidence))) if tries.judge(options, evidence).advice == Advice::Retry => {
                    source = Source::New;
                }
                outcome => break outcome,
            }
        };
        let Some(gap) = gap else { continue };
        let mut line = json!({ "chain": number, "method": method, "gap": gap, "ok": outcome.is_ok() });
        line["dead"] = (connections.found_dead - dead).into();
        match outcome {
            Ok(reused) => line["reused"] = reused.into(),
            Err((why, _)) => line["err"] = why.into(),
        }
        // one write, since threads share it
        let _ = io::stdout().write_all(format!("{line}\n").as_bytes());
    }
}

type Failure = (String, Option<http_keepalive::retry::Evidence>);

/// One request, on an idle connection if there is a good one: whether it was.
fn once(
    options: &Options,
    target: &Target,
    clock: Clock,
    method: &str,
    source: Source,
    connections: &mut Connections,
) -> Result<bool, Failure> {
    let alone = |why: String| (why, None);
    let origin = &target.origin;
    let (mut wire, lease, reused) = match connections.take(origin, source, |_| {}).map_err(alone)? {
        Taken::Reused(wire, lease) => (*wire, lease, true),
        Taken::Open(permit) => {
            let opened = Wire::open(origin, clock, |connecting| config(options, connecting), None);
            let mut wire = match opened {
                Ok(wire) => wire,
                Err(why) => {
                    connections.failed(permit);
                    return Err(alone(why));
                }
            };
            let lease = connections.opened(permit, &mut wire).map_err(alone)?;
            (wire, lease, false)
        }
    };
    let content: &[u8] = if method == "GET" { b"" } else { b"x=1" };
    let request = Request::new(Method::new(method.as_bytes()), target.path.as_bytes()).with_replayable(true);
    let length = if content.is_empty() { Content::Empty } else { Content::Exact(content.len() as u64) };
    let mut asked = wire.ask(&request, &[("Host", target.authority.as_str())], length);
    if !content.is_empty() {
        asked = asked.and_then(|()| wire.send(content.to_vec()));
    }
    if let Err(error) = asked {
        connections.closed(lease, None, false);
        return Err(alone(error.to_string()));
    }
    loop {
        if wire.turn().iter().any(|happened| matches!(happened, Happened::End(_))) {
            connections.give_back(lease, wire, |_| {});
            return Ok(reused);
        }
        if wire.is_closed() {
            let reason = wire.close_reason();
            connections.closed(lease, reason, reused);
            let why = reason.map_or("closed".to_owned(), |reason| reason.to_string());
            return Err((why, wire.unanswered().first().map(|unanswered| unanswered.evidence)));
        }
    }
}
