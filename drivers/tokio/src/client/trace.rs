//! One event for each decision, with its reason and its clause (feature `tracing`). Without the feature nothing is left of it.

/// An event of the target `http_keepalive`, at the level `debug`.
#[cfg(feature = "tracing")]
macro_rules! decision {
    ($what:literal $(, $name:ident = $value:expr)* $(,)?) => {
        tracing::debug!(target: "http_keepalive", $($name = $value,)* $what)
    };
}

#[cfg(not(feature = "tracing"))]
macro_rules! decision {
    ($what:literal $(, $name:ident = $value:expr)* $(,)?) => {
        { $( let _ = || { let _ = &$value; }; )* }
    };
}

pub(super) use decision;
