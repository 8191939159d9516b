//! What the connection is told to be: a preset by name, and settings by name over it. Names and values are those of configuration files.

use http_keepalive::presets::{self, nearest};
use http_keepalive::settings::{SettingError, Settings, Value};
use http_keepalive::{Client, Config, Limits, Policy, Role, Server, Timeouts};

/// Requests that a client of ours may have outstanding.
pub const DEPTH: usize = 16;

/// A server's configuration: its defaults or those of a preset, with `NAME=VALUE` settings applied.
pub fn server(preset: Option<&str>, settings: &[String]) -> Result<Config<Server>, String> {
    let Some(name) = preset else { return Base::default_of::<Server>().with(settings) };
    let Some(preset) = presets::server(name) else {
        return Err(no_preset("server", name, presets::servers(), presets::client(name).map(|_| "client")));
    };
    let known = preset.complete(preset.limits, preset.timeouts, preset.policy).config();
    let config = known.map_err(|error| format!("--preset {name}: {error}"))?;
    Base { preset: preset.name, unknown: preset.unknown.to_vec(), ..Base::of(&config) }.with(settings)
}

/// The same of a client.
pub fn client(preset: Option<&str>, settings: &[String]) -> Result<Config<Client<DEPTH>>, String> {
    let Some(name) = preset else { return Base::default_of::<Client<DEPTH>>().with(settings) };
    let Some(preset) = presets::client(name) else {
        return Err(no_preset("client", name, presets::clients(), presets::server(name).map(|_| "server")));
    };
    let known = preset.complete(preset.limits, preset.timeouts, preset.policy).config::<DEPTH>();
    let config = known.map_err(|error| format!("--preset {name}: {error}"))?;
    let of_connection =
        |unknown: &&str| OF_A_CONNECTION.iter().find(|(of_client, _)| of_client == unknown).map(|(_, name)| *name);
    Base {
        preset: preset.name,
        unknown: preset.unknown.iter().filter_map(of_connection).collect(),
        ..Base::of(&config)
    }
    .with(settings)
}

/// What of a client's preset its connections have, by its names in both. The rest is of the pool.
const OF_A_CONNECTION: [(&str, &str); 8] = [
    ("uses", "max_exchanges"),
    ("used_idle", "idle"),
    ("age", "age"),
    ("margin", "hint_margin"),
    ("request_hint", "request_hint"),
    ("asks", "request_hint"),
    ("max_hint", "max_hint"),
    ("depth", "pipelining"),
];

/// The sections of a configuration file. Of two settings of one name the earlier section's is meant: `head` is a timeout.
pub const SECTIONS: [(&str, &[&str]); 3] =
    [("timeouts", Timeouts::NAMES), ("limits", Limits::NAMES), ("policy", Policy::NAMES)];

/// What settings are applied to.
struct Base {
    limits: Limits,
    timeouts: Timeouts,
    policy: Policy,
    /// The preset that this is of, and what it does not say: settings that have to be given.
    preset: &'static str,
    unknown: Vec<&'static str>,
}

impl Base {
    fn default_of<R: Role>() -> Self {
        Self::of(&Config::<R>::DEFAULT)
    }

    fn of<R: Role>(config: &Config<R>) -> Self {
        Self {
            limits: *config.limits(),
            timeouts: *config.timeouts(),
            policy: *config.policy(),
            preset: "",
            unknown: Vec::new(),
        }
    }

    fn with<R: Role>(mut self, settings: &[String]) -> Result<Config<R>, String> {
        for setting in settings {
            self.set(setting).map_err(|why| format!("--set {setting}: {why}"))?;
        }
        if !self.unknown.is_empty() {
            return Err(format!(
                "--preset {}: not known of this system, to be set: {}",
                self.preset,
                self.unknown.join(", ")
            ));
        }
        let Self { limits, mut timeouts, policy, .. } = self;
        // what is advertised is never more than what is kept, and a cap never less than what it caps
        if let (Some(advertised), Some(idle)) = (timeouts.idle_advertised, timeouts.idle) {
            timeouts.idle_advertised = Some(advertised.min(idle));
        }
        if let (Some(cap), Some(head)) = (timeouts.head_cap, timeouts.head) {
            timeouts.head_cap = Some(cap.max(head));
        }
        Config::new(limits, timeouts, policy).map_err(|error| error.to_string())
    }

    fn set(&mut self, setting: &str) -> Result<(), String> {
        let (name, value) = setting.split_once('=').ok_or("expected NAME=VALUE")?;
        let value = Value::from(value);
        let (section, name) = match name.split_once('.') {
            Some(parts) => parts,
            None => (section_of(name).map_err(|error| error.to_string())?, name),
        };
        let set = match section {
            "limits" => self.limits.set(name, &value),
            "timeouts" => self.timeouts.set(name, &value),
            "policy" => self.policy.set(name, &value),
            _ => return Err(format!("no section `{section}`; there are: limits, timeouts, policy")),
        };
        self.unknown.retain(|unknown| *unknown != name || section_of(unknown) != Ok(section));
        set.map_err(|error| error.to_string())
    }
}

fn section_of(name: &str) -> Result<&'static str, SettingError> {
    let section = SECTIONS.iter().find(|(_, names)| names.contains(&name)).map(|(section, _)| *section);
    section.ok_or_else(|| {
        let all = SECTIONS.iter().flat_map(|(_, names)| names.iter().copied());
        SettingError::Unknown { name: name.to_owned(), nearest: nearest(name, all) }
    })
}

/// Which presets there are, those most like this name first.
fn no_preset(role: &str, name: &str, names: impl Iterator<Item = &'static str>, whose: Option<&'static str>) -> String {
    let (mut names, mut ordered): (Vec<_>, Vec<_>) = (names.collect(), Vec::new());
    while let Some(next) = nearest(name, names.iter().copied()) {
        names.retain(|other| *other != next);
        ordered.push(next);
    }
    ordered.append(&mut names);
    let why = whose.map_or_else(|| format!("no {role} has this name"), |whose| format!("it is a {whose}'s"));
    format!("--preset {name}: {why}; those of a {role}, nearest first: {}", ordered.join(", "))
}
