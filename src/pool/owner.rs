//! A connection comes back under another key than the one it was handed out under: it has an owner now.

use std::borrow::{Borrow, ToOwned};
use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::{Checkin, Returned};
use super::index::{OriginIndex, Slot};
use super::names::{Lease, Stale};
use super::reasons::Taint;
use crate::lifecycle::persistence::Persistence;
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// A connection is not used any more, and belongs to `key` from now on: as [`checkin`](Self::checkin), after it moved there.
    ///
    /// For authentication that is bound to a connection (NTLM, Negotiate): the server takes all that comes on it as its owner's. So it
    /// comes back under a key with the owner, where the taint [`ConnectionBoundAuthentication`](Taint::ConnectionBoundAuthentication)
    /// does not end it. Waiters of its old key may open another one in its stead, waiters of the new key may be given it.
    ///
    /// It counts with the new key at once. Where that has as many as it may have, it is kept all the same, since it exists already:
    /// only, no more are opened for that key. Limits on idle connections hold as ever. If it is to be closed by what is known of it, or
    /// by the drain, or by the generation or quarantine of its old key, then it does not move, and no key is made.
    ///
    /// ```
    /// use http_keepalive::pool::*;
    /// use http_keepalive::{Instant, Persistence, ReuseReason};
    ///
    /// // the origin, and whose connection it is
    /// type Key = (&'static str, Option<&'static str>);
    /// let (anybody, ann): (Key, Key) = (("intranet.example:80", None), ("intranet.example:80", Some("ann")));
    /// let now = Instant::from_secs(1);
    /// let mut pool = Pool::<Key, u32>::new(now, &PoolConfig::DEFAULT);
    ///
    /// // Ann's first request is answered 401; the handshake is on the same connection, so the lease is kept until it is over
    /// let Checkout::Open(permit) = pool.checkout(now, &anybody, Demand::DEFAULT) else { panic!() };
    /// let lease = pool.opened(now, permit, 7)?;
    /// let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11))
    ///     .with_taint(Some(Taint::ConnectionBoundAuthentication));
    /// assert!(matches!(pool.checkin_as(now, lease, &ann, &returned)?, Checkin::Kept(_)));
    ///
    /// // nobody else is given it; she asks for hers, and needs no handshake
    /// assert!(matches!(pool.checkout(now, &anybody, Demand::DEFAULT), Checkout::Open(_)));
    /// assert!(matches!(pool.checkout(now, &ann, Demand::DEFAULT), Checkout::Reuse { id: 7, .. }));
    /// # Ok::<(), Stale>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Stale`] if the lease is overdue or over: close the connection, if that is not done.
    pub fn checkin_as<Q>(
        &mut self,
        now: Instant,
        lease: Lease,
        key: &Q,
        returned: &Returned,
    ) -> Result<Checkin<Id>, Stale>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let now = self.advance_clock(now);
        let entry = self.named(lease.slot, lease.stamp)?;
        let (from, since, is_outdated) = (entry.origin, entry.since, entry.marks.is_outdated());
        let bound = returned.taint == Some(Taint::ConnectionBoundAuthentication);
        let returned = if bound { returned.with_taint(None) } else { *returned };
        let persists = matches!(returned.persistence, Persistence::Reuse(_) | Persistence::Undecided);
        let ends = self.draining
            || is_outdated
            || self.origins.note(from).is_some_and(|note| note.allows_reuse(now, since).is_err());
        if returned.taint.is_none() && persists && !ends {
            let to = match self.origins.find(key) {
                Some(to) => to,
                None => self.origins.add(key.to_owned(), now, &self.resolved),
            };
            self.move_to(lease.slot, from, to);
        }
        let answer = self.checkin_full(now, &lease, &returned);
        self.after_call();
        answer
    }

    /// A connection in use is one of another key from now on.
    fn move_to(&mut self, slot: Slot, from: OriginIndex, to: OriginIndex) {
        if from == to {
            return;
        }
        self.unlink_leased(from);
        // as handed out now: of the generation in which it comes
        (self.entries[slot].origin, self.entries[slot].since) = (to, self.now);
        self.origins.add_connection(to);
        self.origins.remove_connection(from);
        if self.origins.all[from].is_proxy {
            self.note_proxy(to);
        }
        if !self.waiters.is_empty() {
            self.offer_place(from);
        }
    }
}
