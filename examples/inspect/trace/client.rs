//! What a trace tells a client, and what it makes of its connection.

use http_keepalive::{Client, Content, Method, Request, Version};
use serde_json::Value;

use super::super::lines;
use super::super::settings::DEPTH;
use super::Intents;
use super::driver::Driver;
use super::parse::{self, Object};

pub enum Intent {
    Request(Asked),
    /// The peer is known to speak HTTP/1.1, from connections before this one.
    KnowsHttp11,
}

/// A request to send.
pub struct Asked {
    method: String,
    target: String,
    version: Version,
    fields: Vec<(String, String)>,
    /// It is the last on this connection. The machine sends the option itself, so it is not among the fields.
    closes: bool,
    /// Its content can be sent again.
    replayable: bool,
    content: Content,
    piece: Option<Vec<u8>>,
}

impl Intents for Client<DEPTH> {
    type Intent = Intent;
    const NAME: &'static str = "client";
    const KEYS: &'static [&'static str] = &["request", "knows_http11"];

    fn read(key: &str, value: &Value) -> Result<Intent, String> {
        if key == "knows_http11" {
            return parse::only_true(value, Intent::KnowsHttp11);
        }
        let mut value = Object::of(value.clone())?;
        let says_close = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")
        };
        let (method, target) = (value.need("method", parse::text)?, value.need("target", parse::text)?);
        let (close, fields) =
            value.take("fields", parse::fields)?.unwrap_or_default().into_iter().partition(says_close);
        let close: Vec<_> = close;
        let version = value.take("version", parse::version)?.unwrap_or(Version::HTTP_11);
        let replayable = value.take("replayable", parse::truth)?.unwrap_or(true);
        let (content, piece) = value.content()?;
        value.end()?;
        let closes = !close.is_empty();
        Ok(Intent::Request(Asked { method, target, version, fields, closes, replayable, content, piece }))
    }

    fn intend(driver: &mut Driver<Self>, intent: Intent) {
        let now = driver.now;
        let asked = match intent {
            Intent::Request(asked) => asked,
            Intent::KnowsHttp11 => return driver.connection.knows_http11(),
        };
        let request = Request::new(Method::new(asked.method.as_bytes()), asked.target.as_bytes())
            .with_version(asked.version)
            .with_close(asked.closes)
            .with_replayable(asked.replayable);
        let sent = driver.write("request", |connection, out| {
            connection.send_request(now, &request, &asked.fields, asked.content, out)
        });
        if let (true, Some(piece)) = (sent, asked.piece) {
            driver.held.push_back(piece);
        }
    }

    fn exchanges(driver: &Driver<Self>) -> u32 {
        driver.connection.lifecycle().requests()
    }

    fn refuse(_: &mut Driver<Self>) -> bool {
        false
    }

    fn nothing_left(driver: &mut Driver<Self>) {
        driver.connection.nothing_left(driver.now);
    }

    fn leftovers(driver: &Driver<Self>) -> Vec<Value> {
        driver.connection.unanswered().map(|unanswered| lines::retry(&unanswered)).collect()
    }

    fn broke_off(driver: &Driver<Self>) -> bool {
        driver.connection.lifecycle().peer_closed() && driver.connection.unanswered().next().is_some()
    }

    fn is_idle(driver: &Driver<Self>) -> bool {
        let lifecycle = driver.connection.lifecycle();
        !lifecycle.is_reading() && driver.connection.wants().application.is_none()
    }
}
