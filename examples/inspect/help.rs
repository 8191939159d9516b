//! What `--help` says after the options.

use http_keepalive::presets;

use super::settings::SECTIONS;

const TEXT: &str = include_str!("help.txt");

/// The text, and every name that an option can have.
pub fn text() -> String {
    let mut text = format!("{TEXT}\nSettings, of --set:\n");
    for (section, names) in SECTIONS {
        list(&mut text, section, names.iter().copied());
    }
    text.push_str("\nPresets, of --preset:\n");
    list(&mut text, "server", presets::servers());
    list(&mut text, "client", presets::clients());
    text.trim_end().to_owned()
}

fn list(text: &mut String, title: &str, names: impl Iterator<Item = &'static str>) {
    const WIDTH: usize = 120;
    let mut line = format!("  {title:9}");
    for name in names {
        if line.len() + 1 + name.len() > WIDTH {
            text.push_str(&line);
            line = format!("\n{:11}", "");
        }
        line.push(' ');
        line.push_str(name);
    }
    text.push_str(&line);
    text.push('\n');
}
