//! What a trace tells a server, and what it makes of its connection.

use http_keepalive::{Content, NO_FIELDS, Phase, Response, Server, StatusCode, Version};
use serde_json::Value;

use super::Intents;
use super::driver::Driver;
use super::parse::{self, Object};

pub enum Intent {
    Interim { status: StatusCode, fields: Vec<(String, String)> },
    Respond(Answer),
    Refuse(StatusCode),
    ApplicationGone,
}

/// A response to send.
pub struct Answer {
    status: StatusCode,
    reason: Option<String>,
    version: Version,
    close: bool,
    fields: Vec<(String, String)>,
    content: Content,
    piece: Option<Vec<u8>>,
}

impl Intents for Server {
    type Intent = Intent;
    const NAME: &'static str = "server";
    const KEYS: &'static [&'static str] = &["respond", "interim", "refuse", "application_gone"];

    fn read(key: &str, value: &Value) -> Result<Intent, String> {
        match key {
            "refuse" => return Ok(Intent::Refuse(parse::refusal(value)?)),
            "application_gone" => return parse::only_true(value, Intent::ApplicationGone),
            _ => {}
        }
        let mut value = Object::of(value.clone())?;
        let status = value.need("status", parse::status)?;
        let fields = value.take("fields", parse::fields)?.unwrap_or_default();
        if key == "interim" {
            value.end()?;
            return Ok(Intent::Interim { status, fields });
        }
        let reason = value.take("reason", parse::text)?;
        let version = value.take("version", parse::version)?.unwrap_or(Version::HTTP_11);
        let close = value.take("close", parse::truth)?.unwrap_or(false);
        let (content, piece) = value.content()?;
        value.end()?;
        Ok(Intent::Respond(Answer { status, reason, version, close, fields, content, piece }))
    }

    fn intend(driver: &mut Driver<Self>, intent: Intent) {
        let now = driver.now;
        match intent {
            Intent::Interim { status, fields } => {
                driver.write("interim", |connection, out| connection.send_interim(now, status, &fields, out));
            }
            Intent::Respond(answer) => {
                let Answer { status, reason, version, close, fields, content, piece } = answer;
                let mut response = Response::new(status).with_version(version).with_close(close);
                if let Some(reason) = &reason {
                    response = response.with_reason(reason.as_bytes());
                }
                let sent = driver
                    .write("respond", |connection, out| connection.send_response(now, response, &fields, content, out));
                if let (true, Some(piece)) = (sent, piece) {
                    driver.send(&piece);
                }
            }
            Intent::Refuse(status) => {
                let refused = driver.connection.refuse(now, status);
                driver.taken("refuse", refused);
            }
            Intent::ApplicationGone => {
                let gone = driver.connection.application_gone(now);
                driver.taken("application_gone", gone);
            }
        }
    }

    fn exchanges(driver: &Driver<Self>) -> u32 {
        let lifecycle = driver.connection.lifecycle();
        // one counts once its head is complete
        lifecycle.exchanges() + u32::from(lifecycle.phase() == Phase::Head)
    }

    fn refuse(driver: &mut Driver<Self>) -> bool {
        let now = driver.now;
        driver.write("respond", |connection, out| connection.send_refusal(now, NO_FIELDS, out))
    }

    /// A server's clients know for themselves what they were not answered.
    fn nothing_left(_: &mut Driver<Self>) {}

    fn leftovers(_: &Driver<Self>) -> Vec<Value> {
        Vec::new()
    }

    fn broke_off(_: &Driver<Self>) -> bool {
        false
    }

    fn is_idle(driver: &Driver<Self>) -> bool {
        driver.connection.lifecycle().is_idle() && driver.input.is_empty()
    }
}
