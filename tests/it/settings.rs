//! Settings from files: what people write, read strictly, and shown as it is in force.

#![cfg(feature = "serde")]

use std::time::Duration;

use http_keepalive::pool::{Order, PoolConfig, PoolLimits};
use http_keepalive::presets::{self, ClientPreset, HeadTimer, Repeats, ServerPreset};
use http_keepalive::settings::{Over, SettingError, Settings, Value};
use http_keepalive::*;
use serde::de::DeserializeSeed;

fn server(toml: &str) -> Result<Config<Server>, String> {
    toml::from_str(toml).map_err(|error: toml::de::Error| error.message().to_owned())
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn a_file_changes_what_it_names_and_leaves_the_rest() {
    let config = server(
        r#"
            [limits]
            max_exchanges = 50
            content = "off"
            [timeouts]
            idle = "1m 30s"
            idle_advertised = "80s"
            drain_window = "250ms"
            age = "off"
            [policy]
            bare_lf = "accept"
            keep_alive_field = "on-option"
            half_close = "abort"
        "#,
    )
    .expect("it is right");
    assert_eq!(*config.limits(), Limits::DEFAULT.with_max_exchanges(Some(50)));
    let timeouts = Timeouts::DEFAULT.with_idle(seconds(90)).with_idle_advertised(seconds(80)).with_age(None);
    assert_eq!(*config.timeouts(), timeouts.with_drain_window(Some(Duration::from_millis(250))));
    assert_eq!(*config.policy(), Policy::DEFAULT.with_bare_lf(Tolerance::Accept).with_half_close(HalfClose::Abort));
    assert_eq!(server(""), Ok(Config::DEFAULT));
    assert_eq!(toml::from_str::<Config<Client<4>>>("").expect("it is right"), Config::DEFAULT);
}

#[test]
fn a_file_may_begin_with_a_preset() {
    let config = server("preset = \"apache-2.2\"\ntimeouts.idle = \"7s\"").expect("it is right");
    assert_eq!(config.timeouts().idle, seconds(7));
    assert_eq!(config.limits().max_exchanges, Some(101));
    let client: ClientPreset =
        toml::from_str("preset = \"curl\"\ndepth = 4\nrepeats = \"nothing\"").expect("it is right");
    assert_eq!((client.name, client.depth, client.repeats), ("curl", 4, Repeats::Nothing));
    assert_eq!(client.timeouts, presets::client("curl").expect("it is known").timeouts);
    let pool: PoolConfig = toml::from_str("preset = \"chromium\"\npolicy.order = \"oldest\"").expect("it is right");
    assert_eq!((pool.limits().total, pool.policy().order), (Some(256), Order::Oldest));
    let connection: Config<Client<4>> = toml::from_str("preset = \"node-agent\"").expect("it is right");
    assert_eq!(connection.timeouts().hint_margin, seconds(1));
    let hyper: ServerPreset =
        toml::from_str("preset = \"nginx\"\nhead_timer = \"shared-with-idle\"").expect("it is right");
    assert_eq!(hyper.head_timer, HeadTimer::SharedWithIdle);
}

#[test]
fn a_duration_is_written_alike_everywhere() {
    for (written, seconds) in
        [("75", 75), ("75s", 75), ("1m15s", 75), ("1m 15s", 75), ("75000ms", 75), ("0", 0), ("2h", 7200)]
    {
        let duration = Duration::from_secs(seconds);
        assert_eq!(settings::duration(written), Ok(duration), "{written}");
        assert_eq!(settings::duration_or_off(written), Ok(Some(duration)), "{written}");
        for value in [Value::from(written), Value::Text(written.into())] {
            let mut timeouts = Timeouts::DEFAULT;
            assert_eq!((timeouts.set("idle", &value), timeouts.idle), (Ok(()), Some(duration)), "{value:?}");
        }
        let file = server(&format!("timeouts = {{ idle = \"{written}\", idle_advertised = 0 }}")).expect("it is right");
        assert_eq!(file.timeouts().idle, Some(duration), "{written}");
    }
    assert_eq!(server("timeouts.idle = 75").expect("it is right").timeouts().idle, seconds(75));
    assert_eq!(settings::duration_or_off("off"), Ok(None));
    for written in ["off", "", "-1", "1.5", "75 apples", "s"] {
        let expected = "expected a duration such as `75s`, `250ms` or `1m30s`, or a number of seconds";
        assert_eq!(settings::duration(written), Err(expected.to_owned()), "{written}");
    }
}

#[test]
fn switches_are_read_as_formats_have_them_too() {
    let config = server("policy = { persistence = false, host = true }\ntimeouts.age = false").expect("it is right");
    assert_eq!(*config.policy(), Policy::DEFAULT.with_persistence(Use::Off));
    assert_eq!(config.timeouts().age, None);
}

#[test]
fn an_error_has_its_line_wherever_it_stands() {
    for (line, wrong) in [
        "idle = 1",
        "preset = \"ngnix\"",
        "head_timer = 1",
        "[limits]\nidel = 1",
        "[timeouts]\n\nidle = \"x\"",
        "[policy]\nbare_lf = true\nhost = \"on\"",
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("\n\n{wrong}\n");
        let error = toml::from_str::<Config<Server>>(&text).expect_err("it is wrong");
        let at = error.span().expect("it has a place").start;
        let expected = [2, 2, 2, 3, 4, 3][line];
        assert_eq!(text[..at].matches('\n').count(), expected, "{wrong}: {error}");
    }
}

#[test]
fn a_clients_file_says_where_a_setting_of_a_server_is() {
    let error = |file: &str| toml::from_str::<ClientPreset>(file).expect_err("it is wrong").message().to_owned();
    for (file, message) in [
        (
            "limits.max_exchanges = 5",
            "setting `max_exchanges` is a server's; a client has those of its pool: `limits.uses` is meant",
        ),
        (
            "timeouts.idle = 5",
            "setting `idle` is a server's; a client has those of its pool: `timeouts.used_idle` is meant",
        ),
        ("limits.head = 5", "setting `head` is a server's; a client has the limits, timeouts and policy of its pool"),
        (
            "head_timer = \"own\"",
            "setting `head_timer` is a server's; a client has the limits, timeouts and policy of its pool",
        ),
        ("limits.margin = 5", "setting `margin` belongs into `timeouts`"),
        ("preset = \"nginx\"", "preset `nginx` is a server's, and this is a client"),
    ] {
        assert_eq!(error(file), message, "{file}");
    }
    // what is named as the one that is meant exists
    for file in
        ["limits.uses = 5", "timeouts.used_idle = 5", "timeouts.unused_idle = 5", "timeouts.margin = 5", "depth = 5"]
    {
        toml::from_str::<ClientPreset>(file).expect("it is right");
    }
    let error = toml::from_str::<Config<Client<1>>>("limits.per_origin = 5").expect_err("it is wrong");
    assert_eq!(error.message(), "setting `per_origin` is none of a connection");
}

#[test]
fn a_program_may_have_defaults_of_its_own() {
    let own = Config::new(Limits::DEFAULT.with_jitter(7), Timeouts::DEFAULT, Policy::DEFAULT).expect("it is right");
    let over = |file: &str| Over(own.clone()).deserialize(toml::Deserializer::parse(file).expect("it is TOML"));
    assert_eq!(over(""), Ok(own.clone()));
    let file = over("timeouts.idle = \"5s\"").expect("it is right");
    assert_eq!((file.limits().jitter, file.timeouts().idle), (7, seconds(5)));
    // a preset is whole
    let nginx = presets::server("nginx").expect("it is known").config();
    assert_eq!(over("preset = \"nginx\""), Ok(nginx.expect("it is complete")));
}

#[test]
fn what_is_advertised_follows_an_idle_timeout_that_is_shortened() {
    for (file, idle, advertised) in [
        ("timeouts.idle = \"15s\"", 15, seconds(10)),
        ("timeouts.idle = \"4s\"", 4, seconds(2)),
        ("timeouts.idle = \"1s\"", 1, None),
        ("timeouts.idle = \"2m\"", 120, seconds(60)),
        ("timeouts = { idle = \"15s\", idle_advertised = \"14s\" }", 15, seconds(14)),
    ] {
        let config = server(file).expect("it is right");
        assert_eq!((config.timeouts().idle, config.timeouts().idle_advertised), (seconds(idle), advertised), "{file}");
    }
}

#[test]
fn a_name_that_is_not_known_is_refused_with_the_nearest_one() {
    for (file, message) in [
        ("timeouts.idel = \"5s\"", "no setting `idel`: did you mean `idle`?"),
        ("limits.max_exchange = 5", "no setting `max_exchange`: did you mean `max_exchanges`?"),
        ("timeouts.max_exchanges = 5", "setting `max_exchanges` belongs into `limits`"),
        ("timeouts.connections = 5", "setting `connections` belongs before the sections"),
        ("policy.keepalive_field = \"never\"", "no setting `keepalive_field`: did you mean `keep_alive_field`?"),
        ("[timeout]\nidle = \"5s\"", "no setting `timeout`: did you mean `timeouts`?"),
        ("idle = \"5s\"", "setting `idle` belongs into `timeouts`"),
        ("presets = \"nginx\"", "no setting `presets`: did you mean `preset`?"),
        ("preset = \"ngnix\"", "no preset `ngnix`: did you mean `nginx`?"),
        ("preset = \"a server of mine\"", "no preset `a server of mine`"),
        ("depth = 3", "setting `depth` is a client's, and this is a server"),
        ("limits.per_origin = 3", "setting `per_origin` is a client's, and this is a server"),
        ("preset = \"aws-alb\"", "preset `aws-alb` is a client's, and this is a server"),
    ] {
        assert_eq!(server(file), Err(message.to_owned()), "{file}");
    }
}

#[test]
fn a_value_that_is_none_is_refused_with_what_can_be() {
    for (file, message) in [
        (
            "timeouts.idle = \"soon\"",
            "setting `idle` can not be `soon`: expected a duration such as `75s`, `250ms` or `1m30s`, or a number of seconds, or `off`",
        ),
        (
            "timeouts.idle = 0.5",
            "setting `idle` can not be `0.5`: expected a duration such as `75s`, `250ms` or `1m30s`, or a number of seconds, or `off`",
        ),
        ("limits.head = \"off\"", "setting `head` can not be `off`: expected a number from 0 to 4294967295"),
        ("limits.jitter = 300", "setting `jitter` can not be `300`: expected a number from 0 to 255"),
        (
            "limits.max_exchanges = \"many\"",
            "setting `max_exchanges` can not be `many`: expected a number from 0 to 4294967295, or `off`",
        ),
        ("policy.bare_lf = \"yes\"", "setting `bare_lf` can not be `yes`: expected `refuse`, `accept`"),
        (
            "limits.max_exchanges = -1",
            "setting `max_exchanges` can not be `-1`: expected a number from 0 to 4294967295, or `off`",
        ),
        ("policy.bare_lf = true", "setting `bare_lf` can not be `true`: expected `refuse`, `accept`"),
        ("limits.max_exchanges = 0", "setting `max_exchanges` must be at least 1"),
        ("timeouts.idle_advertised = \"1h\"", "setting `idle_advertised` must be at most `idle`"),
    ] {
        assert_eq!(server(file), Err(message.to_owned()), "{file}");
    }
}

#[test]
fn what_is_not_known_of_a_system_is_to_be_said_in_the_file() {
    assert_eq!(
        server("preset = \"haproxy-front\""),
        Err("preset haproxy-front: not known of this system, to be set: idle, head, first_octet".to_owned())
    );
    assert_eq!(
        server("preset = \"haproxy-front\"\ntimeouts = { idle = \"10s\", head = \"5s\" }"),
        Err("preset `haproxy-front`: not known of this system, to be set: `first_octet`".to_owned())
    );
    let config =
        server("preset = \"haproxy-front\"\ntimeouts = { idle = \"10s\", head = \"5s\", first_octet = \"off\" }");
    assert_eq!(config.expect("it is complete").timeouts().idle, seconds(10));
}

#[test]
fn what_is_shown_is_what_is_in_force_and_reads_as_the_same() {
    for preset in presets::SERVERS.iter().filter(|preset| preset.unknown.is_empty()) {
        let config = preset.config().expect("it is complete");
        let shown = toml::to_string(&config).expect("it can be shown");
        assert_eq!(server(&shown), Ok(config), "{}: {shown}", preset.name);
    }
    for preset in presets::CLIENTS.iter().filter(|preset| preset.unknown.is_empty()) {
        let pool = preset.pool().expect("it is complete");
        let shown = serde_json::to_string(&pool).expect("it can be shown");
        assert_eq!(serde_json::from_str::<PoolConfig>(&shown).expect("it reads"), pool, "{}: {shown}", preset.name);
        let connection = preset.config::<2>().expect("it is complete");
        let shown = toml::to_string(&connection).expect("it can be shown");
        assert_eq!(toml::from_str::<Config<Client<2>>>(&shown).expect("it reads"), connection);
    }
    assert!(toml::to_string(&Config::<Server>::DEFAULT).expect("it can be shown").contains("idle = \"1m 5s\""));
}

#[test]
fn settings_are_made_one_by_one_too() {
    let mut limits = Limits::DEFAULT;
    assert_eq!(limits.set("head", &Value::Number(32_000)), Ok(()));
    assert_eq!(limits.head, 32_000);
    assert_eq!(limits.value("head"), Some(Value::Number(32_000)));
    assert_eq!(limits.value("heads"), None);
    let error = limits.set("heads", &Value::Number(1));
    assert_eq!(error, Err(SettingError::Unknown { name: "heads".into(), nearest: Some("head") }));
    assert!(Limits::NAMES.iter().all(|name| limits.value(name).is_some()));
    assert!(PoolLimits::NAMES.contains(&"per_origin"));
}
