//! Storages for connections on which something comes or goes: one that is idle, or waits, holds none.

use std::cell::RefCell;

std::thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Takes one for an empty storage.
pub(crate) fn take(storage: &mut Vec<u8>) {
    if storage.is_empty() {
        // where the thread ends, there is none
        if let Some(spare) = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten() {
            *storage = spare;
        }
    }
}

/// Gives the storage away.
pub(crate) fn give(storage: &mut Vec<u8>) {
    let storage = std::mem::take(storage);
    if storage.is_empty() || storage.len() > LONGEST {
        return;
    }
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MOST {
            spare.push(storage);
        }
    });
}

/// Storages that are kept for each thread, at most.
const MOST: usize = 16;
/// Octets of one that is kept, at most.
const LONGEST: usize = 256 * 1024;
