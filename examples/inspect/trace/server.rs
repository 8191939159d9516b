//! What a trace tells a server, and what it makes of its connection.

use http_keepalive::{Content, NO_FIELDS, Server, StatusCode};
use serde_json::Value;

use super::Intents;
use super::driver::Driver;
use super::parse::{self, Object};

pub enum Intent {
    Interim { status: StatusCode, fields: Vec<(String, String)> },
    Respond { status: StatusCode, fields: Vec<(String, String)>, content: Content, piece: Option<Vec<u8>> },
}

impl Intents for Server {
    type Intent = Intent;
    const NAME: &'static str = "server";
    const KEYS: &'static [&'static str] = &["respond", "interim"];

    fn read(key: &str, value: &Value) -> Result<Intent, String> {
        let mut value = Object::of(value.clone())?;
        let status = value.need("status", parse::status)?;
        let fields = value.take("fields", parse::fields)?.unwrap_or_default();
        if key == "interim" {
            value.end()?;
            return Ok(Intent::Interim { status, fields });
        }
        let (content, piece) = value.content()?;
        value.end()?;
        Ok(Intent::Respond { status, fields, content, piece })
    }

    fn intend(driver: &mut Driver<'_, Self>, intent: Intent) {
        let now = driver.now;
        match intent {
            Intent::Interim { status, fields } => {
                driver.write("interim", |connection, out| connection.send_interim(now, status, &fields, out));
            }
            Intent::Respond { status, fields, content, piece } => {
                let sent = driver
                    .write("respond", |connection, out| connection.send_response(now, status, &fields, content, out));
                if let (true, Some(piece)) = (sent, piece) {
                    driver.send(&piece);
                }
            }
        }
    }

    fn refuse(driver: &mut Driver<'_, Self>) -> bool {
        let now = driver.now;
        driver.write("respond", |connection, out| connection.send_refusal(now, NO_FIELDS, out))
    }

    /// A server's clients know for themselves what they were not answered.
    fn nothing_left(_: &mut Driver<'_, Self>) {}

    fn leftovers(_: &Driver<'_, Self>) -> Vec<Value> {
        Vec::new()
    }

    fn broke_off(_: &Driver<'_, Self>) -> bool {
        false
    }

    fn is_idle(driver: &Driver<'_, Self>) -> bool {
        driver.connection.lifecycle().is_idle() && driver.input.is_empty()
    }
}
