//! UPG and SEND: fields that are of the connection are named in it, or the response is not written; trailers want chunks.

use crate::common::{Driver, get, shown};
use http_keepalive::*;

fn asked() -> Driver {
    let mut driver = Driver::strict();
    driver.feed(&get(""));
    driver
}

#[test]
fn upg_08_426_is_not_written_without_upgrade() {
    let sent = asked().try_respond(StatusCode::UPGRADE_REQUIRED, NO_FIELDS, Content::Empty);
    assert_eq!(sent, Err(SendError::Misuse(Misuse::UpgradeNotOffered)));
}

#[test]
fn upg_01_an_upgrade_is_named_in_interim_and_final_responses() {
    let mut driver = asked();
    driver.try_interim(StatusCode::EARLY_HINTS, [("Upgrade", "foo")]).expect("it may be sent");
    assert!(shown(&driver.out).contains("Connection: upgrade"));
    driver.respond_with(StatusCode::OK, [("Upgrade", "h2c")], Content::Empty);
    assert!(driver.response().has_option("upgrade"), "{:?}", driver.response());
}

#[test]
fn chunk_checked_trailers_want_chunks_as_others_do() {
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Exact(2)).content("ok");
    let trailers = CheckedFields::new(b"X: y\r\n").expect("it is a line");
    let ended = driver.connection.send_end(driver.now, trailers, &mut [0; 99]);
    assert_eq!(ended, Err(SendError::Misuse(Misuse::TrailersNotChunked)));
    assert_eq!(driver.connection.send_end(driver.now, NO_FIELDS, &mut [0; 99]), Ok(0));
}
