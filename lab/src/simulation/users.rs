//! The users: a page is a document and its parts, and a time to read it.

use http_keepalive::pool::Ticket;

use super::connection::{Asked, Line};
use super::draws::{Draws, Purpose};
use super::events::Event;
use super::links::Link;
use super::measures::KINDS;
use super::{PROXY, PoolSeat, Simulation, instant};
use crate::settings::Spread;

/// What a user is about to ask for, or has asked for.
#[derive(Debug)]
pub(super) struct User {
    /// In the order of coming.
    number: u32,
    /// Pages begun.
    page: u32,
    /// The number of this page among all: a place may be another user's by the time that something of a page happens.
    page_id: u32,
    is_reading_page: bool,
    page_began: u64,
    draws: Draws,
    /// Parts of the page that are known and were not asked for; parts that are asked for and have not come.
    pub(super) to_ask: u16,
    awaited: u16,
    has_document: bool,
    has_failed: bool,
    /// The next part belongs to this site.
    next_site: u16,
    /// What was drawn for the next part, which waits for a connection.
    pub(super) next: Option<Asked>,
    /// Requests to be repeated, and whether on a new connection.
    pub(super) again: Vec<(Asked, bool)>,
    pub(super) ticket: Option<Ticket>,
    /// Connections in use, or being opened.
    pub(super) in_use: Vec<u32>,
    pub(super) connections: u32,
    pub(super) link: Link,
    pub(super) round_trip: u64,
    pub(super) pool: u32,
    /// The peer has answered as HTTP/1.1, and no pipeline broke since.
    pub(super) knows_http11: bool,
    has_gone: bool,
    octets: u64,
    nanos: u64,
}

impl<const DEPTH: usize> Simulation<'_, DEPTH> {
    fn draws(&self, purpose: Purpose, user: u32, page: u32) -> Draws {
        Draws::new(self.configs.world.seed, purpose, user, page)
    }

    pub(super) fn user_comes(&mut self, now: u64) {
        let world = &self.configs.world;
        let number = self.arrived;
        self.arrived += 1;
        if self.arrived < world.users.count {
            let mean = world.users.within.nanos() / u64::from(world.users.count);
            let next = self.arrivals.time(mean, Spread::Exponential);
            self.events.add(now + next, Event::Arrival);
        }
        let mut own = self.draws(Purpose::User, number, 0);
        let round_trip = world.network.round_trip.nanos() as f64 * own.factor(world.network.round_trip_sigma);
        let user = User {
            number,
            page: 0,
            page_id: 0,
            is_reading_page: false,
            page_began: 0,
            draws: own,
            to_ask: 0,
            awaited: 0,
            has_document: false,
            has_failed: false,
            next_site: 0,
            next: None,
            again: Vec::new(),
            ticket: None,
            in_use: Vec::new(),
            connections: 0,
            link: Link::default(),
            round_trip: round_trip as u64,
            pool: 0,
            knows_http11: false,
            has_gone: false,
            octets: 0,
            nanos: 0,
        };
        let kind = if world.rival.is_some() && number % 2 == 1 { 1 } else { 0 };
        let slot = self.users.insert(user);
        self.users[slot].pool = if self.configs.kinds[kind].own_pools {
            let pool = PROXY + 1 + slot;
            let seat = || PoolSeat::new(instant(now), &self.configs.kinds[kind].pool, kind);
            while self.pools.len() < pool {
                self.pools.push(seat());
            }
            if pool < self.pools.len() {
                self.pools[pool] = seat()
            } else {
                self.pools.push(seat())
            }
            pool as u32
        } else {
            kind as u32
        };
        self.page_begins(now, slot as u32);
    }

    pub(super) fn page_begins(&mut self, now: u64, user: u32) {
        let draws = self.draws(Purpose::Page, self.users[user as usize].number, self.users[user as usize].page);
        let patience = self.configs.world.users.patience.0;
        self.pages_begun = self.pages_begun.wrapping_add(1);
        let one = &mut self.users[user as usize];
        one.page += 1;
        one.page_id = self.pages_begun;
        one.is_reading_page = true;
        one.page_began = now;
        one.draws = draws;
        one.to_ask = 1;
        one.has_document = false;
        one.has_failed = false;
        one.next_site = 0;
        debug_assert!(one.awaited == 0 && one.again.is_empty() && one.ticket.is_none());
        if let Some(patience) = patience {
            let page = one.page_id;
            self.events.add(now + patience.as_nanos() as u64, Event::PatienceOver { user, page });
        }
        self.ask_more(now, user);
    }

    /// What the user asks for next, if anything, and on whose behalf.
    pub(super) fn next_to_ask(&mut self, user: u32) -> Option<(Asked, u32)> {
        let (page, sites) = (self.configs.world.page, self.configs.world.users.sites);
        let one = &mut self.users[user as usize];
        if one.next.is_none() && one.to_ask > 0 {
            let (octets, is_post) = match one.has_document {
                false => (page.document, false),
                true => one.draws.part(&page, self.sizes.as_ref()),
            };
            one.to_ask -= 1;
            one.next = Some(Asked { octets, is_post, on_behalf: one.page_id, ..Asked::default() });
            one.next_site = if one.has_document { (one.next_site + 1) % sites } else { 0 };
        }
        one.next.map(|asked| (asked, user * u32::from(sites) + u32::from(one.next_site)))
    }

    /// A request of the user's has gone: its answer is awaited.
    pub(super) fn asked_for(&mut self, user: u32) {
        self.users[user as usize].next = None;
        self.users[user as usize].awaited += 1;
    }

    /// A part of the page has come, or will not.
    pub(super) fn part_done(&mut self, now: u64, user: u32, asked: &Asked, came: bool) {
        let parse = self.configs.world.page.parse.nanos();
        let one = &mut self.users[user as usize];
        if one.page_id != asked.on_behalf || !one.is_reading_page {
            return;
        }
        one.awaited -= 1;
        one.has_failed |= !came;
        if came {
            one.octets += u64::from(asked.octets);
        }
        let page = one.page_id;
        match (one.has_document, came) {
            (false, true) if parse > 0 => self.events.add(now + parse, Event::Parsed { user, page }),
            (false, true) => self.parts_are_known(now, user, page),
            (false, false) => self.page_over(now, user),
            (true, _) => self.page_over_if_whole(now, user),
        }
    }

    pub(super) fn parts_are_known(&mut self, now: u64, user: u32, page: u32) {
        let parts = self.configs.world.page.parts;
        let Some(one) = self.users.get_mut(user as usize) else { return };
        if one.page_id != page || !one.is_reading_page {
            return;
        }
        one.has_document = true;
        one.to_ask = parts;
        self.page_over_if_whole(now, user);
        if parts > 0 {
            self.ask_more(now, user);
        }
    }

    fn page_over_if_whole(&mut self, now: u64, user: u32) {
        let one = &self.users[user as usize];
        if one.to_ask == 0 && one.next.is_none() && one.awaited == 0 && one.again.is_empty() {
            self.page_over(now, user);
        }
    }

    fn page_over(&mut self, now: u64, user: u32) {
        let users = &self.configs.world.users;
        let kind = self.pools[self.users[user as usize].pool as usize].kind.min(KINDS - 1);
        let one = &mut self.users[user as usize];
        let took = now - one.page_began;
        one.is_reading_page = false;
        one.nanos += took;
        if one.has_failed {
            self.measures.pages_failed += 1;
        } else {
            self.measures.of_users[kind].pages.saturating_record((took / 1000).max(1));
        }
        self.measures.of_users[kind].nanos += u128::from(took);
        if one.page < users.pages {
            let (number, page) = (one.number, one.page);
            let think = self.draws(Purpose::User, number, page).time(users.think.nanos(), users.think_spread);
            self.events.add(now + think, Event::NextPage { user });
            return;
        }
        one.has_gone = true;
        let (octets, nanos) = (one.octets, one.nanos);
        self.measures.of_users[kind].octets += octets;
        self.measures.user_gone(octets, nanos);
        self.measures.users += 1;
        if self.measures.users == u64::from(users.count) {
            self.measures.last_user_gone(now);
        }
        self.forget_user_if_gone(user);
    }

    pub(super) fn patience_over(&mut self, now: u64, user: u32, page: u32) {
        let Some(one) = self.users.get_mut(user as usize) else { return };
        if one.page_id != page || !one.is_reading_page {
            return;
        }
        one.has_failed = true;
        (one.to_ask, one.next, one.awaited) = (0, None, 0);
        one.again.clear();
        one.is_reading_page = false;
        self.stop_waiting(user);
        self.give_up_connections(now, user);
        self.users[user as usize].is_reading_page = true;
        self.page_over(now, user);
    }

    /// A user who has gone is forgotten with the last connection.
    pub(super) fn forget_user_if_gone(&mut self, user: u32) {
        let one = &self.users[user as usize];
        if one.has_gone && one.connections == 0 {
            self.users.remove(user as usize);
        }
    }

    /// The link that octets to this client go through last.
    pub(super) fn own_link(&mut self, user: u32, line: Line) -> &mut Link {
        match line {
            Line::ProxyToServer => &mut self.back,
            _ => &mut self.users[user as usize].link,
        }
    }
}
