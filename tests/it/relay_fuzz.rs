//! A relay between two that send octets of any kind, in pieces of any length, that end and fail anywhere, in storages that grow or not: what
//! reaches an upstream is well-formed, it comes to an end, and nothing is used again of which octets are left.

use std::time::Duration;

use http_keepalive::drive::{Attempt, Drive, Side, Storage, Transport};
use http_keepalive::intermediary::{NextHop, Pseudonym};
use http_keepalive::relay::*;
use http_keepalive::*;

/// The settings: so many octets before those of the peers.
const SETTINGS: usize = 12;
/// In what upstreams send: the connection ends here. After it comes how.
const END: u8 = 0xfe;

/// A relay does what it should.
pub fn relay(data: &[u8]) {
    let Some((settings, octets)) = data.split_at_checked(SETTINGS) else { return };
    let most = Config::<Server>::DEFAULT.min_buffer() + 1024;
    if settings[0] & 1 == 0 {
        run(settings, octets, Vec::<u8>::new);
    } else {
        run(settings, octets, || vec![0; most].into_boxed_slice());
    }
}

struct Pipe<'o> {
    octets: &'o [u8],
    piece: usize,
    window: usize,
}

impl<'o> Pipe<'o> {
    /// The next octets, up to an end, and whether that follows.
    fn take(&mut self, room: usize, ends: bool) -> (&'o [u8], Option<u8>) {
        let stop = if ends { self.octets.iter().position(|&octet| octet == END) } else { None };
        if stop == Some(0) {
            let how = self.octets.get(1).copied().unwrap_or_default();
            self.octets = self.octets.get(2..).unwrap_or_default();
            return (&[], Some(how));
        }
        let share = stop.unwrap_or(self.octets.len()).min(self.piece).min(room);
        let (taken, rest) = self.octets.split_at(share);
        self.octets = rest;
        (taken, None)
    }
}

fn policy(settings: &[u8]) -> RelayPolicy {
    let is = |bit: u8| settings[1] >> bit & 1 == 1;
    let on = |is: bool| if is { Use::On } else { Use::Off };
    RelayPolicy::DEFAULT
        .with_standing(if is(0) { Standing::Proxy } else { Standing::Gateway })
        .with_via(if is(1) { Pseudonym::new("us") } else { None })
        .with_replayed_octets(if is(2) { 16 } else { 1 << 16 })
        .with_silent_close(on(is(3)))
        .with_pinning(on(is(4)))
        .with_early_hints(on(is(5)))
        .with_trailers(if is(6) { Trailers::Always } else { Trailers::WhereAccepted })
}

fn run<S: Storage>(settings: &[u8], octets: &[u8], storage: impl Fn() -> S) {
    let mut now = Instant::from_secs(1);
    let number = |place: usize| usize::from(settings[place]);
    let (client, upstream) = octets.split_at(octets.len() * number(2) / 256);
    let pieces = [1, 3, 20, 1 << 16];
    let mut client = Pipe { octets: client, piece: pieces[number(3) & 3], window: pieces[number(3) >> 2 & 3] };
    let mut upstream = Pipe { octets: upstream, piece: pieces[number(4) & 3], window: pieces[number(4) >> 2 & 3] };
    let mut relay: Relay<S> =
        Relay::new(Drive::new(now, &Config::DEFAULT, storage(), storage()), policy(settings), storage());
    let (mut sent, mut idle, mut tunnels) = (Vec::new(), None, false);
    let (mut gone, mut silent) = (false, 0);
    for step in 0..20_000 {
        assert!(step < 19_999, "it goes on for ever");
        let asked = match relay.poll(now) {
            RelayStep::Upstream => {
                let wanted = relay.wanted().expect("one is wanted");
                let (connects, pinned) = (wanted.method.kind() == MethodKind::Connect, wanted.pinned);
                let next = if connects || number(5) & 1 == 1 { NextHop::Proxy } else { NextHop::Origin };
                let fields = [("X-Forwarded-For", "192.0.2.1")];
                if wanted.tries > 0 && number(5) & 2 == 2 {
                    relay.not_connected(now, number(5) & 4 == 0);
                } else if connects && number(5) & 8 == 8 {
                    let _ = relay.tunnel(now, NO_FIELDS);
                } else if pinned {
                    if number(5) & 16 == 0 {
                        assert!(relay.forward_pinned(now, next, fields));
                    } else {
                        relay.release_pinned(now);
                    }
                } else {
                    let new_only = wanted.new_only;
                    let drive = idle.take().filter(|_| !new_only).unwrap_or_else(|| {
                        sent.push(Vec::new());
                        Drive::new(now, &Config::DEFAULT, storage(), storage())
                    });
                    assert!(relay.forward(now, drive, next, fields).is_ok(), "one was wanted");
                }
                continue;
            }
            RelayStep::Return => {
                let (drive, verdict) = relay.take_upstream(now).expect("it is to be taken");
                assert!(relay.take_upstream(now).is_none());
                if verdict == UpstreamVerdict::Reuse {
                    assert!(
                        drive.received().is_empty() && drive.connection().is_idle(),
                        "nothing of it is left: {:?} {:?}",
                        String::from_utf8_lossy(drive.received()),
                        drive.connection().wants()
                    );
                    idle = Some(drive);
                }
                continue;
            }
            RelayStep::Transport(asked) => asked,
            RelayStep::Shut(_) => {
                relay.shut_done(now);
                continue;
            }
            RelayStep::HandOver(_) => {
                tunnels = true;
                break;
            }
            RelayStep::Closed => {
                assert!(relay.upstream().is_none(), "it was given back");
                break;
            }
            RelayStep::Content => unreachable!("the driver answers nothing"),
            RelayStep::Refused(_) | RelayStep::Lost(..) | RelayStep::Error(..) | RelayStep::Expired(..) => continue,
        };
        let mut moved = transfers(&mut relay, now, Neighbor::Client, asked.client, &mut client, None);
        if relay.upstream().is_some() {
            moved |= transfers(&mut relay, now, Neighbor::Upstream, asked.upstream, &mut upstream, sent.last_mut());
        }
        if moved {
            silent = 0;
            continue;
        }
        silent += 1;
        if client.octets.is_empty() && !gone && silent > 2 {
            gone = true;
            match number(6) & 3 {
                0 => relay.failed(now, Neighbor::Client, Side::Read),
                1 => relay.failed(now, Neighbor::Client, Side::Write),
                2 => relay.eof(Neighbor::Client, Eof::Clean),
                _ => {}
            }
            continue;
        }
        let Some(wait) = relay.wait(now) else {
            // a response may be waited for without end
            if silent < 6 {
                relay.eof(Neighbor::Upstream, Eof::Clean);
                relay.eof(Neighbor::Client, Eof::Clean);
                continue;
            }
            break;
        };
        assert!(silent < 2000, "time passes and nothing follows");
        now = now + wait.max(Duration::from_millis(1));
        relay.timeout(now);
        if silent == 40 {
            relay.eof(Neighbor::Upstream, Eof::Clean);
        }
        if silent == 80 {
            relay.eof(Neighbor::Client, Eof::Clean);
        }
    }
    for octets in sent {
        is_well_formed(&octets, tunnels);
    }
}

fn transfers<S: Storage>(
    relay: &mut Relay<S>,
    now: Instant,
    who: Neighbor,
    asked: Transport,
    pipe: &mut Pipe<'_>,
    sent: Option<&mut Vec<u8>>,
) -> bool {
    let mut moved = false;
    if asked.write != Attempt::No {
        let octets = relay.unsent(who).slices().concat();
        assert!(!octets.is_empty(), "a write of nothing is asked for");
        let share = octets.len().min(pipe.window);
        if let Some(sent) = sent {
            sent.extend_from_slice(&octets[..share]);
        }
        relay.wrote(now, who, share);
        moved = true;
    }
    let room = if asked.read == Attempt::No { 0 } else { relay.room(who).len() };
    assert!(asked.read != Attempt::Wait || room > 0, "a read into nothing is asked for");
    let (octets, end) = if room > 0 { pipe.take(room, who == Neighbor::Upstream) } else { (&[][..], None) };
    match (octets, end) {
        ([], Some(how)) => match how & 3 {
            0 => relay.failed(now, who, Side::Read),
            1 => relay.failed(now, who, Side::Write),
            2 => relay.eof(who, Eof::Truncated),
            _ => relay.eof(who, Eof::Clean),
        },
        ([], None) if asked.read == Attempt::Look => relay.looked_nothing(now, who),
        ([], None) => return moved,
        (octets, _) => {
            relay.room(who)[..octets.len()].copy_from_slice(octets);
            relay.read(who, octets.len());
        }
    }
    true
}

/// A strict server finds no fault in what an upstream was sent, however it ends.
fn is_well_formed(octets: &[u8], tunnels: bool) {
    let now = Instant::from_secs(1);
    let mut server = Connection::<Server>::new(now, &Config::DEFAULT);
    let (mut rest, mut out) = (octets, [0; 256]);
    loop {
        let received = match server.receive(now, rest) {
            Ok(received) => received,
            Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(octets)),
        };
        rest = &rest[received.consumed..];
        match received.outcome {
            Outcome::Event(Event::Request(head)) => {
                for line in &head.fields {
                    let of_hop = ["keep-alive", "proxy-connection"]
                        .iter()
                        .any(|name| line.name.eq_ignore_ascii_case(name.as_bytes()));
                    assert!(!of_hop, "a field of the hop crossed");
                }
            }
            Outcome::Event(Event::End { .. }) => {
                let _ = server.content_use(now, ContentUse::Reading);
                if let Ok(written) =
                    server.send_response(now, StatusCode::NO_CONTENT, NO_FIELDS, Content::Empty, &mut out)
                {
                    server.handle_sent(now, written as u64);
                }
            }
            Outcome::Event(_) => {}
            Outcome::NeedMore | Outcome::Paused(_) => {
                let tunnel = matches!(server.persistence(), Persistence::Tunnel(_));
                assert!(!tunnel || tunnels || rest.is_empty(), "octets after a CONNECT");
                return;
            }
        }
    }
}
