//! What the two roles of a drive do apart.

use core::ops::Deref;

use crate::config::{Client, Config, Server};
use crate::connection::Connection;
use crate::connection::role::Role;
use crate::error::{Misuse, SendError};
use crate::message::fields_to_send::NO_FIELDS;
use crate::status::StatusCode;
use crate::time::Instant;

/// The role of a drive: [`Server`] or [`Client`], and nothing outside, as [`Role`].
pub trait DriveRole: Apart {}

impl DriveRole for Server {}

impl<const DEPTH: usize> DriveRole for Client<DEPTH> {}

/// What the roles do apart; sealed, since this module is private.
pub trait Apart: Role {
    /// What waits to leave has not left.
    fn nothing_left<C: Deref<Target = Config<Self>>>(connection: &mut Connection<Self, C>, now: Instant);

    /// Writes the refusal that is due.
    fn send_refusal<C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        out: &mut [u8],
    ) -> Result<usize, SendError>;

    /// Asks for the content that waits for it.
    fn send_continue<C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        out: &mut [u8],
    ) -> Result<usize, SendError>;

    /// A head is longer than there is room for.
    fn has_no_room<C: Deref<Target = Config<Self>>>(connection: &mut Connection<Self, C>, now: Instant);

    /// A request for a tunnel came, and there are none.
    fn refuse_tunnel<C: Deref<Target = Config<Self>>>(connection: &mut Connection<Self, C>, now: Instant);
}

impl Apart for Server {
    fn nothing_left<C: Deref<Target = Config<Self>>>(_: &mut Connection<Self, C>, _: Instant) {}

    fn send_refusal<C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        connection.send_refusal(now, NO_FIELDS, out)
    }

    fn send_continue<C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        connection.send_continue(now, out)
    }

    fn has_no_room<C: Deref<Target = Config<Self>>>(connection: &mut Connection<Self, C>, now: Instant) {
        if connection.refuse(now, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE).is_err() {
            connection.abort(now);
        }
    }

    #[cold]
    fn refuse_tunnel<C: Deref<Target = Config<Self>>>(connection: &mut Connection<Self, C>, now: Instant) {
        // it has ended, or another refusal is due: then nothing opens a tunnel
        let _ = connection.refuse(now, StatusCode::NOT_IMPLEMENTED);
    }
}

impl<const DEPTH: usize> Apart for Client<DEPTH> {
    fn nothing_left<C: Deref<Target = Config<Self>>>(connection: &mut Connection<Self, C>, now: Instant) {
        connection.nothing_left(now);
    }

    fn send_refusal<C: Deref<Target = Config<Self>>>(
        _: &mut Connection<Self, C>,
        _: Instant,
        _: &mut [u8],
    ) -> Result<usize, SendError> {
        Err(Misuse::NothingToAnswer.into())
    }

    fn send_continue<C: Deref<Target = Config<Self>>>(
        _: &mut Connection<Self, C>,
        _: Instant,
        _: &mut [u8],
    ) -> Result<usize, SendError> {
        Err(Misuse::NothingToAnswer.into())
    }

    fn has_no_room<C: Deref<Target = Config<Self>>>(connection: &mut Connection<Self, C>, now: Instant) {
        connection.abort(now);
    }

    fn refuse_tunnel<C: Deref<Target = Config<Self>>>(_: &mut Connection<Self, C>, _: Instant) {}
}
