//! What the searches of all states ask of a state alike.

use http_keepalive::{CloseReason, DeadlineKind};

/// What is broken, if something is.
pub type Law = Result<(), String>;

pub fn law(holds: bool, says: impl FnOnce() -> String) -> Law {
    if holds { Ok(()) } else { Err(says()) }
}

/// It says that the peer was too slow.
pub fn accuses(reason: CloseReason) -> bool {
    use CloseReason::*;
    matches!(
        reason,
        FirstOctetTimeout
            | IdleTimeout
            | HeadTimeout
            | ContentTimeout
            | ResponseTimeout
            | WriteStall
            | SendRate
            | HalfClosedTimeout
    )
}

/// A deadline of this kind takes effect after a look, whatever was granted before.
pub fn looks_always(kind: DeadlineKind, is_client: bool) -> bool {
    use DeadlineKind::*;
    match kind {
        FirstOctet | ContentGap | Response | LingerGap | WriteStall => true,
        Idle | Age | IdleShield | DrainWindow => !is_client,
        _ => false,
    }
}
