//! Connections that became another protocol's.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Upgraded;

/// The connection is another protocol's, after a `101` or a successful CONNECT: an extension of the response. All clones of it have the same
/// connection; where none of them takes it, it is closed when the last is dropped. It has no place in the pool any more.
#[derive(Clone)]
pub struct Upgrade(Arc<Mutex<Option<Upgraded>>>);

impl Upgrade {
    pub(super) fn new(upgraded: Upgraded) -> Self {
        Self(Arc::new(Mutex::new(Some(upgraded))))
    }

    /// Takes the connection. `None`: it was taken before.
    pub fn take(&self) -> Option<Upgraded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgrade")
    }
}
