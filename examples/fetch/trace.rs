//! What happens on a connection, as a file that `inspect --trace` replays: written as it happens, and never kept.
//!
//! What is found after a deadline was due is told to be late, since a look at the transport found it. That time passed is told only once
//! such a look is over: the deadline takes effect then.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_keepalive::{Config, Content, Instant, Request, Role};
use serde_json::{Value, json};

/// The files, one for each connection.
pub struct Traces {
    path: PathBuf,
    connections: u64,
    is_broken: Rc<Cell<bool>>,
}

impl Traces {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), connections: 0, is_broken: Rc::default() }
    }

    /// The file of the next connection: the first has the name, and the others their number before its extension.
    pub fn next(&mut self) -> Result<Trace, String> {
        self.connections += 1;
        let mut path = self.path.clone();
        if self.connections > 1 {
            let mut name = path.file_stem().unwrap_or_default().to_owned();
            name.push(format!(".{}", self.connections));
            if let Some(extension) = path.extension() {
                name.push(".");
                name.push(extension);
            }
            path.set_file_name(name);
        }
        match File::create(&path) {
            Ok(file) => {
                Ok(Trace { out: Some(BufWriter::new(file)), path, opened: None, is_broken: self.is_broken.clone() })
            }
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// One of them could not be written.
    pub fn is_broken(&self) -> bool {
        self.is_broken.get()
    }
}

/// The file of one connection.
pub struct Trace {
    /// None: it could not be written.
    out: Option<BufWriter<File>>,
    path: PathBuf,
    opened: Option<Instant>,
    is_broken: Rc<Cell<bool>>,
}

impl Trace {
    /// The connection opened, with these settings.
    pub fn opened<R: Role>(&mut self, now: Instant, config: &Config<R>) {
        self.opened = Some(now);
        let (limits, timeouts, policy) = (config.limits(), config.timeouts(), config.policy());
        let said = json!({ "role": "client", "limits": limits, "timeouts": timeouts, "policy": policy });
        self.fact(now, "connection", &said);
        // so that nothing leaves but what is said to
        self.fact(now, "sent", &0.into());
    }

    pub fn request(&mut self, now: Instant, request: &Request<'_>, fields: &[(&str, &str)], content: Content) {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let mut said = json!({ "method": request.method().as_str(), "target": text(request.target), "fields": fields });
        match content {
            Content::Exact(octets) => said["length"] = octets.into(),
            Content::Unknown => said["chunked"] = true.into(),
            _ => {}
        }
        if !request.replayable {
            said["replayable"] = false.into();
        }
        self.fact(now, "request", &said);
    }

    /// A piece of content was handed out.
    pub fn send(&mut self, now: Instant, octets: &[u8]) {
        self.octets(now, "send", octets, false);
    }

    /// Octets came. `late`: a look found them.
    pub fn received(&mut self, now: Instant, octets: &[u8], late: bool) {
        self.octets(now, "receive", octets, late);
    }

    /// So many octets have left. `late`: a look found that they could.
    pub fn sent(&mut self, now: Instant, octets: usize, late: bool) {
        self.line(now, "sent", &octets.into(), late);
    }

    /// The server closed its side. `late`: a look found it.
    pub fn eof(&mut self, now: Instant, late: bool) {
        self.line(now, "eof", &true.into(), late);
    }

    /// What else happens, or is wanted.
    pub fn fact(&mut self, now: Instant, key: &str, value: &Value) {
        self.line(now, key, value, false);
    }

    /// Time passed, and a deadline with it.
    pub fn time(&mut self, now: Instant) {
        self.write(now, format_args!(""));
    }

    /// Nothing is kept back.
    pub fn flush(&mut self) {
        let flushed = self.out.as_mut().map_or(Ok(()), BufWriter::flush);
        self.note(flushed);
    }

    fn octets(&mut self, now: Instant, key: &str, octets: &[u8], late: bool) {
        // text is for people: with other octets among it it is longer than base64
        let is_text = |text: &&str| !text.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t'));
        match std::str::from_utf8(octets).ok().filter(is_text) {
            Some(text) => self.line(now, key, &text.into(), late),
            None => self.line(now, &format!("{key}_b64"), &STANDARD.encode(octets).into(), late),
        }
    }

    fn line(&mut self, now: Instant, key: &str, value: &Value, late: bool) {
        let late = if late { r#","late":true"# } else { "" };
        self.write(now, format_args!(r#","{key}":{value}{late}"#));
    }

    fn write(&mut self, now: Instant, rest: std::fmt::Arguments<'_>) {
        let Some(out) = &mut self.out else { return };
        let at = self.opened.map_or(std::time::Duration::ZERO, |opened| now.saturating_duration_since(opened));
        let wrote = writeln!(out, r#"{{"at":{}.{:09}{rest}}}"#, at.as_secs(), at.subsec_nanos());
        self.note(wrote);
    }

    fn note(&mut self, wrote: io::Result<()>) {
        if let Err(error) = wrote {
            eprintln!("fetch: cannot write {}: {error}", self.path.display());
            self.out = None;
            self.is_broken.set(true);
        }
    }
}
