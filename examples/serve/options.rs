//! What `serve` is told: its options, and the settings that come of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use http_keepalive::presets::{self, ServerPreset};
use http_keepalive::settings::Over;
use http_keepalive::{Config, DrainMode, IdleClose, Limits, Policy, Server, Timeouts, Use};

use super::settings_file;
use super::values::{OrOff, address, count, count_or_off, duration_or_off, octets_or_off};

/// Serves a folder over HTTP/1.0 and HTTP/1.1 on persistent connections.
///
/// Durations are written as 90s, 250ms or 1m30s; a plain number counts seconds, and `off` is for ever. Ctrl-C or SIGTERM stops accepting and
/// lets exchanges in flight finish; a second one ends at once.
#[derive(Parser)]
#[command(
    name = "serve",
    after_help = "Exits with 0 when it was stopped, with 1 where it can not serve, with 2 for wrong options."
)]
pub struct Options {
    /// The folder to serve [default: the current one].
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The same, as an option.
    #[arg(long, conflicts_with = "folder")]
    dir: Option<PathBuf>,
    /// Where to listen, unless a listening socket is inherited (LISTEN_FDS). A port alone, 8080 or :8080, is for this machine only;
    /// 0.0.0.0:8080 is for others, too.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub addr: String,
    /// Serve what has a name with a dot first, too. Without it such files and folders are not found and not listed, but for `/.well-known/`,
    /// which is made to be served (RFC 8615). What a link leads to does not count.
    #[arg(long)]
    pub dot_files: bool,
    /// Settings: the name of a preset, or a file in TOML with sections `limits`, `timeouts` and `policy` of what is different from the
    /// defaults in brackets below. A preset, also one that the file names with `preset = "NAME"`, stands in for all of these defaults. Options
    /// override both. `check` takes the same names and files.
    #[arg(long, value_name = "NAME|FILE")]
    config: Option<String>,
    /// Print the settings in force, and no more.
    #[arg(long)]
    pub print_config: bool,
    /// Close a connection after so long without an octet between exchanges, never sooner than 500ms unless a file says so [65s]; 0: with its first response. A
    /// client that asks is told less, by 5s or by half if that is shorter, so that it does not send into our close; of less than
    /// a second it is told nothing.
    #[arg(long, value_name = "DURATION|off", value_parser = duration_or_off)]
    idle: Option<OrOff<Duration>>,
    /// Requests answered on one connection; 0 or off: any number [1000].
    #[arg(long, value_name = "N|off", value_parser = count_or_off)]
    max_requests: Option<OrOff<u32>>,
    /// A request's head must be complete after so long; up to twice that if it keeps coming [20s].
    #[arg(long, value_name = "DURATION|off", value_parser = duration_or_off)]
    head: Option<OrOff<Duration>>,
    /// The longest gap in a request's content [20s].
    #[arg(long, value_name = "DURATION|off", value_parser = duration_or_off)]
    content: Option<OrOff<Duration>>,
    /// Cut a client that takes nothing of its answer for so long [60s].
    #[arg(long, value_name = "DURATION|off", value_parser = duration_or_off)]
    write_stall: Option<OrOff<Duration>>,
    /// The most octets of a request's content; more is refused with 413 [1048576].
    #[arg(long, value_name = "OCTETS|off", value_parser = octets_or_off)]
    max_content: Option<OrOff<u64>>,
    /// Per cent by which the limit of requests and the age of a connection vary, so that those that opened together do not end
    /// together: 0 to 50 [10].
    #[arg(long, value_name = "PERCENT", value_parser = count::<0, 50, u8>)]
    jitter: Option<u8>,
    /// How long exchanges in flight may take to finish once the end was asked for [30s].
    #[arg(long, value_name = "DURATION|off", value_parser = duration_or_off)]
    drain_timeout: Option<OrOff<Duration>>,
    /// How long idle connections stay then, so that a request already on its way is answered; up to half as long again at
    /// random; off: they close at once [1s].
    #[arg(long, value_name = "DURATION|off", value_parser = duration_or_off)]
    drain_window: Option<OrOff<Duration>>,
    /// How long a lame duck goes on after the end was asked for: it accepts, and each answer says `close`; then all end as above. 0: until
    /// `--drain-timeout` [off].
    #[arg(long, value_name = "DURATION|off", value_parser = duration_or_off)]
    lame_duck: Option<OrOff<Duration>>,
    /// The most connections, open files counted as well. When they run out the longest idle one goes; if none is idle, newcomers get 503
    /// [as many as the limit of descriptors allows].
    #[arg(long, value_name = "N|off", value_parser = count_or_off)]
    max_connections: Option<OrOff<u32>>,
    /// Threads, each with its own loop; 0: as many as cores.
    #[arg(long, value_name = "N", default_value = "0", value_parser = count::<0, 1024, usize>)]
    pub threads: usize,
    /// Write a line to standard error for each exchange that is over, and for each closed connection.
    #[arg(long)]
    pub log: bool,
}

impl Options {
    /// The folder to serve.
    pub fn folder(&self) -> Result<&Path, String> {
        let folder = self.folder.as_deref().or(self.dir.as_deref()).unwrap_or(Path::new("."));
        if folder.is_file() {
            let within = folder.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
            let (folder, within) = (folder.display(), within.display());
            return Err(format!(
                "{folder} is a file, and a folder is served: `serve {within}` serves the one it is in"
            ));
        }
        Ok(folder)
    }

    pub fn max_connections(&self) -> Option<usize> {
        self.max_connections.and_then(|most| most.0).map(|most| most as usize)
    }

    /// How long a lame duck goes on accepting, if that was said.
    pub fn lame_duck(&self) -> Option<Duration> {
        self.lame_duck.and_then(|time| time.0).filter(|time| !time.is_zero())
    }

    /// The settings in force: what suits a server of files, or what `--config` says over it, or a preset in its place; and over that the
    /// options that were given.
    pub fn config(&self) -> Result<Config<Server>, String> {
        let base = self.config.as_deref().map_or(Ok(DEFAULT), configured)?;
        let (mut limits, mut timeouts) = (*base.limits(), *base.timeouts());
        let mut policy = *base.policy();
        if let Some(OrOff(idle)) = self.idle {
            if idle.is_some_and(|idle| idle.is_zero()) {
                policy.persistence = Use::Off;
            }
            timeouts.idle = idle;
            timeouts.idle_advertised = idle.and_then(Timeouts::advertised);
        }
        if let Some(OrOff(head)) = self.head {
            timeouts.head = head;
            timeouts.head_cap = head.map(|head| head.saturating_mul(2));
        }
        if let Some(OrOff(window)) = self.drain_window {
            timeouts.drain_window = window;
            timeouts.drain_spread = window.map(|window| window / 2);
        }
        let said = |option: Option<OrOff<Duration>>, before| option.map_or(before, |said| said.0);
        timeouts.content_gap = said(self.content, timeouts.content_gap);
        timeouts.write_stall = said(self.write_stall, timeouts.write_stall);
        timeouts.drain = said(self.drain_timeout, timeouts.drain);
        match self.lame_duck {
            Some(OrOff(Some(time))) => {
                policy.drain_mode = DrainMode::LameDuck;
                timeouts.drain = timeouts.drain.map(|drain| drain.saturating_add(time));
            }
            Some(OrOff(None)) => policy.drain_mode = DrainMode::Close,
            None => {}
        }
        limits.max_exchanges = self.max_requests.map_or(limits.max_exchanges, |most| most.0);
        limits.content = self.max_content.map_or(limits.content, |most| most.0);
        limits.jitter = self.jitter.unwrap_or(limits.jitter);
        Config::new(limits, timeouts, policy).map_err(|error| error.to_string())
    }
}

/// What `--config` says.
fn configured(given: &str) -> Result<Config<Server>, String> {
    let preset = presets::server(given).map(ServerPreset::config).transpose();
    let preset =
        preset.map_err(|error| format!("--config {given}: {error}; a file with `preset = \"{given}\"` can"))?;
    settings_file::read(given, "server", preset, presets::servers(), Over(DEFAULT))
        .map_err(|error| format!("--config: {error}"))
}

/// Uploads are of no use here, and are read to a bound only; a request that crosses an idle close is not to meet a reset.
pub const DEFAULT: Config<Server> = match Config::new(
    Limits::DEFAULT.with_content(Some(1024 * 1024)).with_jitter(10),
    Timeouts::DEFAULT
        // under pressure it is what a newcomer waits for
        .with_idle_shield(Some(Duration::from_millis(500)))
        .with_drain_window(Some(Duration::from_secs(1)))
        .with_drain_spread(Some(Duration::from_millis(500))),
    Policy::DEFAULT.with_idle_close(IdleClose::Staged),
) {
    Ok(config) => config,
    Err(_) => panic!("out of bounds"),
};
