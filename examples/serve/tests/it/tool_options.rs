//! The options of `examples/serve`, and the values that all tools understand.

#[expect(dead_code, reason = "the program's own uses are in its main")]
#[path = "../../options.rs"]
mod options;
#[path = "../../../shared/settings_file.rs"]
mod settings_file;
#[path = "../../../shared/values.rs"]
mod values;

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use http_keepalive::*;

use self::options::{DEFAULT, Options};

fn parse(arguments: &[&str]) -> Result<Options, String> {
    Options::try_parse_from([&["serve"], arguments].concat()).map_err(|error| error.to_string())
}

fn config(arguments: &[&str]) -> Result<Config<Server>, String> {
    parse(arguments)?.config()
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// What `serve --config` makes of a file with this text.
fn of_file(name: &str, text: &str, more: &[&str]) -> Result<Config<Server>, String> {
    let path = std::env::temp_dir().join(format!("options-{name}-{}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let given = path.to_str().unwrap();
    let config = config(&[&["--config", given], more].concat());
    std::fs::remove_file(&path).unwrap();
    config.map_err(|error| error.replace(given, "FILE"))
}

#[test]
fn a_file_leaves_the_defaults_of_serve_for_what_it_does_not_name() {
    let config = of_file("idle", "[timeouts]\nidle = \"5s\"\n", &[]).expect("it is right");
    let own = DEFAULT.timeouts().with_idle(seconds(5)).with_idle_advertised(config.timeouts().idle_advertised);
    assert_eq!((config.timeouts(), config.limits(), config.policy()), (&own, DEFAULT.limits(), DEFAULT.policy()));
    // each default that is not the crate's
    assert_eq!((config.limits().content, config.limits().jitter), (Some(1024 * 1024), 10));
    let (window, spread) = (config.timeouts().drain_window, config.timeouts().drain_spread);
    assert_eq!((window, spread), (seconds(1), Some(Duration::from_millis(500))));
    assert_eq!(config.timeouts().idle_shield, Some(Duration::from_millis(500)));
    assert_eq!(config.policy().idle_close, IdleClose::Staged);
    assert_eq!(of_file("empty", "", &[]), Ok(DEFAULT));
    let named = of_file("named", "limits.content = \"off\"\ntimeouts.drain_window = 3", &[]).expect("it is right");
    assert_eq!((named.limits().content, named.timeouts().drain_window), (None, seconds(3)));
}

#[test]
fn a_preset_stands_in_for_the_defaults_of_serve_and_options_override_all() {
    let nginx = presets::server("nginx").expect("it is known").config().expect("it is complete");
    assert_eq!(config(&["--config", "nginx"]), Ok(nginx.clone()));
    assert_eq!(of_file("preset", "preset = \"nginx\"", &[]), Ok(nginx.clone()));
    let changed =
        of_file("both", "preset = \"nginx\"\nlimits.content = 7", &["--max-requests", "9"]).expect("it is right");
    let limits = nginx.limits().with_content(Some(7)).with_max_exchanges(Some(9));
    assert_eq!((changed.limits(), changed.timeouts()), (&limits, nginx.timeouts()));
}

#[test]
fn a_file_that_is_wrong_is_named_with_the_line() {
    assert_eq!(
        of_file("wrong", "[timeouts]\nage = 5\nidel = 1\n", &[]),
        Err("--config: FILE: line 3: no setting `idel`: did you mean `idle`?".to_owned())
    );
    let error = |given: &str| config(&["--config", given]).expect_err("it is wrong");
    assert_eq!(error("ngnix"), "--config: `ngnix` is no preset of a server, nor a file: did you mean `nginx`?");
    assert_eq!(error("aws-alb"), "--config: `aws-alb` is no preset of a server, nor a file: it is a client's");
    assert_eq!(error("/"), "--config: / is a folder: expected the name of a server's preset or a file in TOML");
    assert!(error("haproxy-front").contains("to be set: idle, head, first_octet"));
}

#[test]
fn durations_of_options_are_those_of_files() {
    for written in ["75", "75s", "1m15s", "75000ms"] {
        let options = config(&["--idle", written]).expect("it is right").timeouts().idle;
        assert_eq!(options, seconds(75), "{written}");
        let file = of_file("duration", &format!("timeouts.idle = \"{written}\""), &[]).expect("it is right");
        assert_eq!(file.timeouts().idle, options, "{written}");
    }
    let off = config(&[
        "--idle=off",
        "--head=off",
        "--content=off",
        "--write-stall=off",
        "--drain-timeout=off",
        "--drain-window=off",
        "--max-requests=off",
        "--max-content=off",
        "--lame-duck=off",
    ])
    .expect("they are right");
    let timeouts = DEFAULT.timeouts().with_idle(None).with_idle_advertised(None).with_head(None).with_head_cap(None);
    let timeouts = timeouts.with_content_gap(None).with_write_stall(None).with_drain(None);
    assert_eq!(*off.timeouts(), timeouts.with_drain_window(None).with_drain_spread(None));
    assert_eq!(*off.limits(), DEFAULT.limits().with_max_exchanges(None).with_content(None));
    assert_eq!(off.policy().drain_mode, DrainMode::Close);
    assert_eq!(config(&["--max-requests", "0"]).expect("it is right").limits().max_exchanges, None);
}

#[test]
fn a_port_alone_is_of_this_machine() {
    for (given, address) in [
        ("8080", "127.0.0.1:8080"),
        (":8080", "127.0.0.1:8080"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("localhost:80", "localhost:80"),
        ("[::1]:80", "[::1]:80"),
    ] {
        assert_eq!(parse(&["--addr", given]).map(|options| options.addr), Ok(address.to_owned()));
    }
    for given in ["localhost", "1.2.3.4", "::1", "::1:80", "http://a:80", "a:b", "a:", ":", ""] {
        let why = parse(&["--addr", given]).err().expect("it is none");
        assert!(why.contains("expected HOST:PORT or a port, such as 127.0.0.1:8080"), "{given}: {why}");
    }
    let why = parse(&["--addr", "a:65536"]).err().expect("it is none");
    assert!(why.contains("65536 is no port: they go from 0 to 65535"), "{why}");
}

#[test]
fn the_folder_is_an_argument() {
    let folder = |arguments: &[&str]| parse(arguments)?.folder().map(Path::to_path_buf);
    assert_eq!(folder(&[]), Ok(".".into()));
    assert_eq!(folder(&["src"]), Ok("src".into()));
    assert_eq!(folder(&["--dir", "src"]), Ok("src".into()));
    assert!(folder(&["--dir", "src", "src"]).is_err());
    let file = format!("{}/main.rs", env!("CARGO_MANIFEST_DIR"));
    let why = folder(&[&file]).expect_err("it is a file");
    assert_eq!(
        why,
        format!(
            "{file} is a file, and a folder is served: `serve {}` serves the one it is in",
            env!("CARGO_MANIFEST_DIR")
        )
    );
}

#[test]
fn a_wrong_value_is_told_what_was_expected_with_an_example() {
    for (option, value, expected) in [
        ("--idle", "1x", "expected a duration such as `75s`, `250ms` or `1m30s`, or a number of seconds, or `off`"),
        ("--max-requests", "-1", "expected a whole number from 1 on, such as 10, or `off`"),
        ("--max-connections", "many", "expected a whole number from 1 on, such as 10, or `off`"),
        ("--max-content", "1MB", "expected a number of octets, such as 1048576 for a MiB, or `off`"),
        ("--jitter", "51", "expected a whole number from 0 to 50, such as 10"),
        ("--threads", "x", "expected a whole number from 0 to 1024, such as 10"),
    ] {
        let why = parse(&[&format!("{option}={value}")]).err().expect("it is wrong");
        let first = why.lines().next().unwrap_or_default();
        assert!(first.ends_with(expected), "{option} {value}: {first}");
    }
}
