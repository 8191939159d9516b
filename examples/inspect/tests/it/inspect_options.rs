//! The options of `examples/inspect`: what the connection is told to be, and what a user is told.

use std::time::Duration;

use crate::inspect_trace::settings::{SECTIONS, client, server};
use crate::inspect_trace::{help, lines, trace};
use http_keepalive::settings::{SettingError, Settings, Value};
use http_keepalive::*;
use serde_json::json;

fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

fn set<const N: usize>(settings: [&str; N]) -> Vec<String> {
    settings.map(str::to_owned).to_vec()
}

/// What the configuration of either role has for this setting.
fn in_force(section: &str, name: &str, settings: &[String]) -> Result<[Option<Value>; 2], String> {
    fn of<R: Role>(section: &str, name: &str, config: &Config<R>) -> Option<Value> {
        match section {
            "limits" => config.limits().value(name),
            "timeouts" => config.timeouts().value(name),
            _ => config.policy().value(name),
        }
    }
    Ok([of(section, name, &server(None, settings)?), of(section, name, &client(None, settings)?)])
}

/// Values that a setting may have: the words that its error names, and numbers.
fn candidates(section: &str, name: &str) -> Vec<String> {
    let (mut limits, mut timeouts, mut policy) = (Limits::DEFAULT, Timeouts::DEFAULT, Policy::DEFAULT);
    let nonsense = Value::Text("nonsense".into());
    let error = match section {
        "limits" => limits.set(name, &nonsense),
        "timeouts" => timeouts.set(name, &nonsense),
        _ => policy.set(name, &nonsense),
    };
    let Err(SettingError::Value { expected, .. }) = error else { panic!("{section}.{name}: {error:?}") };
    let words = expected.split('`').skip(1).step_by(2).map(str::to_owned);
    words.chain(["200000".to_owned(), "17".to_owned()]).collect()
}

#[test]
fn every_setting_can_be_changed_by_its_name() {
    for (section, names) in SECTIONS {
        for &name in names {
            // the section need not be said where no earlier one has the name
            let first = SECTIONS.iter().find(|(_, names)| names.contains(&name)).is_some_and(|(it, _)| *it == section);
            let before = in_force(section, name, &[]).expect("the defaults");
            let mut changed = 0;
            for value in candidates(section, name) {
                let Ok(now) = in_force(section, name, &[format!("{section}.{name}={value}")]) else { continue };
                let shown = now.each_ref().map(|value| value.as_ref().map(ToString::to_string));
                changed += usize::from(now != before && shown == [Some(value.clone()), Some(value.clone())]);
                if first {
                    assert_eq!(in_force(section, name, &[format!("{name}={value}")]), Ok(now), "{name}={value}");
                }
            }
            assert!(changed > 0, "{section}.{name} can not be changed");
        }
    }
}

#[test]
fn a_setting_is_written_as_in_a_file() {
    let settings = set(["idle=1m 30s", "head=off", "limits.head=100000", "bare_lf=accept", "half_close=abort"]);
    for written in ["idle=90", "idle=90s", "idle=1m30s", "idle=90000ms"] {
        assert_eq!(server(None, &set([written])).expect("it is right").timeouts().idle, secs(90), "{written}");
    }
    let config = server(None, &settings).expect("they are right");
    assert_eq!(*config.timeouts(), Timeouts::DEFAULT.with_idle(secs(90)).with_head(None));
    assert_eq!(*config.limits(), Limits::DEFAULT.with_head(100_000));
    assert_eq!(*config.policy(), Policy::DEFAULT.with_bare_lf(Tolerance::Accept).with_half_close(HalfClose::Abort));
}

#[test]
fn without_settings_each_role_has_its_own_defaults() {
    assert_eq!(server(None, &[]), Ok(Config::DEFAULT));
    assert_eq!(client(None, &[]), Ok(Config::DEFAULT));
    assert_eq!(client(None, &[]).expect("the defaults").timeouts().idle, Timeouts::CLIENT.idle);
}

#[test]
fn what_is_advertised_and_the_cap_of_a_head_follow_what_they_depend_on() {
    let config = server(None, &set(["idle_advertised=30s", "idle=10s", "head=1m"])).expect("they are right");
    assert_eq!(config.timeouts().idle_advertised, secs(10));
    assert_eq!(config.timeouts().head_cap, secs(60));
}

#[test]
fn settings_are_applied_to_the_preset() {
    let nginx = presets::server("nginx").expect("it is known");
    assert_eq!(server(Some("nginx"), &[]), nginx.config().map_err(|error| error.to_string()));
    let config = server(Some("nginx"), &set(["max_exchanges=7"])).expect("it is right");
    assert_eq!((config.timeouts(), config.limits().max_exchanges), (&nginx.timeouts, Some(7)));
    let curl = presets::client("curl").expect("it is known");
    assert_eq!(client(Some("curl"), &[]), curl.config().map_err(|error| error.to_string()));
}

#[test]
fn what_is_not_known_of_a_system_has_to_be_set() {
    let missing = |settings: &[String]| server(Some("squid-front"), settings).expect_err("nobody knows");
    assert_eq!(missing(&[]), "--preset squid-front: not known of this system, to be set: head, first_octet");
    // the limit of this name is another setting
    let half = set(["limits.head=100000", "first_octet=9s"]);
    assert_eq!(missing(&half), "--preset squid-front: not known of this system, to be set: head");
    let whole = server(Some("squid-front"), &set(["timeouts.head=9s", "first_octet=9s"])).expect("all is set");
    assert_eq!((whole.timeouts().head, whole.timeouts().first_octet), (secs(9), secs(9)));
    // of a client, only what its connections have
    assert_eq!(presets::client("ie-6").expect("it is known").unknown, ["per_proxy", "repeats"]);
    assert_eq!(client(Some("ie-6"), &[]).expect("a pool's is missing").timeouts().idle, secs(60));
    let opera = client(Some("opera-9"), &[]).expect_err("nobody knows");
    assert_eq!(opera, "--preset opera-9: not known of this system, to be set: idle");
    assert_eq!(client(Some("opera-9"), &set(["idle=5s"])).expect("all is set").timeouts().idle, secs(5));
}

#[test]
fn every_preset_can_be_had_by_its_name() {
    let servers = presets::servers().map(|name| (name, server(Some(name), &[]).err()));
    let clients = presets::clients().map(|name| (name, client(Some(name), &[]).err()));
    for (name, why) in servers.chain(clients) {
        assert!(why.as_ref().is_none_or(|why| why.contains("to be set: ")), "{name}: {why:?}");
    }
}

#[test]
fn a_wrong_name_says_which_was_meant() {
    let error = |preset, settings: &[String]| server(preset, settings).expect_err("it is wrong");
    let ngnix = error(Some("ngnix"), &[]);
    let begin = "--preset ngnix: no server has this name; those of a server, nearest first: nginx, ";
    assert!(ngnix.starts_with(begin), "{ngnix}");
    assert!(presets::servers().all(|name| ngnix.contains(name)), "{ngnix}");
    assert!(error(Some("curl"), &[]).starts_with("--preset curl: it is a client's; "));
    assert!(client(Some("nginx"), &[]).expect_err("it is wrong").starts_with("--preset nginx: it is a server's; "));
    for (setting, why) in [
        ("idel=5s", "no setting `idel`: did you mean `idle`?"),
        ("max_exchange=5", "no setting `max_exchange`: did you mean `max_exchanges`?"),
        ("bare_fl=accept", "no setting `bare_fl`: did you mean `bare_lf`?"),
        ("limits.contents=5", "no setting `contents`: did you mean `content`?"),
        ("limit.idle=5", "no section `limit`; there are: limits, timeouts, policy"),
        ("bare_lf=yes", "setting `bare_lf` can not be `yes`: expected `refuse`, `accept`"),
        ("idle", "expected NAME=VALUE"),
    ] {
        assert_eq!(error(None, &set([setting])), format!("--set {setting}: {why}"));
    }
}

#[test]
fn octets_are_text_where_it_is_asked_for() {
    let text = lines::with_text(lines::write(b"HTTP/1.1 200 \xe9\r\n\0"))["text"].clone();
    assert_eq!(text, json!("HTTP/1.1 200 \u{e9}\r\n\0"));
    assert_eq!(lines::with_text(lines::state("idle", 0)), lines::state("idle", 0));
}

/// The heads among these lines, as text.
fn heads(lines: Vec<serde_json::Value>) -> String {
    let is_head =
        |line: &serde_json::Value| ["request", "response", "interim"].iter().any(|event| line["event"] == *event);
    let texts = lines.into_iter().filter(is_head).map(lines::with_text);
    texts.map(|line| line["text"].as_str().expect("it has one").to_owned()).collect()
}

#[test]
fn a_head_is_text_where_it_is_asked_for() {
    let request = "GET /a?b HTTP/1.1\r\nHost: a\r\nX: \u{e9}\r\n\r\n";
    let received = json!({ "at": 0, "receive": request }).to_string();
    let parsed = trace::parse::<Server>(received.as_bytes()).expect("a trace");
    // what is sent as UTF-8 is shown octet by octet
    let shown = request.replace('\u{e9}', "\u{c3}\u{a9}");
    assert_eq!(heads(trace::run(server(None, &[]).expect("the defaults"), parsed)), shown);

    let responses = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\nX:   y \r\n\r\n";
    let asked = json!({ "at": 0, "request": { "method": "GET", "target": "/", "fields": [["Host", "a"]] } });
    let both = format!("{asked}\n{}", json!({ "at": 0, "receive": responses }));
    let parsed = trace::parse::<Client<16>>(both.as_bytes()).expect("a trace");
    assert_eq!(heads(trace::run(client(None, &[]).expect("the defaults"), parsed)), responses.replace("   y ", " y"));
}

/// What a bad trace is told that there is.
fn keys<R: trace::Intents>() -> Vec<String> {
    let why = trace::parse::<R>(br#"{"at":0,"............":true}"#).err().expect("there is no such key");
    why.split_once("there are: ").expect("all are named").1.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_help_knows_every_key_and_every_name() {
    let help = help::text();
    for key in keys::<Server>().into_iter().chain(keys::<Client<16>>()) {
        assert!(help.contains(&format!("\"{key}\"")), "{key}");
    }
    for name in
        SECTIONS.iter().flat_map(|(_, names)| *names).copied().chain(presets::servers()).chain(presets::clients())
    {
        assert!(help.split_whitespace().any(|word| word == name), "{name}");
    }
    assert!(help.lines().all(|line| line.len() <= 130), "it is wide");
}

#[test]
fn the_trace_of_the_help_is_one() {
    let help = help::text();
    let all = help.lines().map(str::trim_start).filter(|line| line.starts_with("{\"at\"") && line.ends_with('}'));
    let example = all.collect::<Vec<_>>().join("\n");
    let config = server(Some("nginx"), &[]).expect("it is known");
    let lines = trace::run(config, trace::parse::<Server>(example.as_bytes()).expect("a trace"));
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().expect("each has one")).collect();
    let after = ["deadline", "write", "write", "deadline", "expired", "action", "deadline", "state"];
    assert_eq!(events, [&["deadline", "request", "end"][..], &after].concat());
    assert_eq!((&lines[7]["kind"], &lines[7]["at"]), (&json!("idle"), &json!(75.5)));
    assert!(help.contains("closes at 75.5 s"));
    for event in events {
        assert!(help.lines().any(|line| line.trim_start().starts_with(event)), "{event}");
    }
}
