//! Any order of facts, intents and instants, for a connection or a lifecycle of either role: chosen by the first octet.

use std::fmt::Debug;
use std::time::Duration;

use http_keepalive::*;

use super::passes::Passes;
use super::sayings::{Said, own, say, say_to_server};
use super::{USES, config, lies_where_it_is_said, of_clients, of_lifecycles};

/// No order of facts, intents and instants panics; no deadline stays due; what is consumed is what was offered; what is refused
/// changes nothing; in every state somebody owes the next step.
pub fn operations(data: &[u8]) {
    let [choice, data @ ..] = data else { return };
    let now = Instant::from_secs(1000);
    let script = Script { octets: data.iter().copied(), choice: *choice, now, latest: now };
    match choice >> 3 & 7 {
        1 => of_clients::client::<1>(script),
        2 | 3 => of_clients::client::<4>(script),
        4 => of_lifecycles::server(script),
        5 => of_lifecycles::client::<1>(script),
        6 => of_lifecycles::client::<4>(script),
        _ => server(script),
    }
}

/// What is to be done, as octets, and the time.
pub struct Script<'d> {
    pub octets: std::iter::Copied<std::slice::Iter<'d, u8>>,
    pub choice: u8,
    pub now: Instant,
    /// The latest instant that was said.
    pub latest: Instant,
}

impl Script<'_> {
    /// The next operation and its argument.
    pub fn next(&mut self) -> Option<(u8, u8)> {
        let op = self.octets.next()?;
        Some((op, self.octets.next().unwrap_or_default()))
    }

    pub fn seed(&self) -> u64 {
        self.choice.into()
    }

    pub fn wait(&mut self, argument: u8) {
        self.now = self.now + Duration::from_millis(u64::from(argument) * 400);
        self.latest = self.latest.max(self.now);
    }

    pub fn set_back(&mut self) {
        self.now = Instant::from_nanos(self.now.as_nanos() / 2);
    }

    /// So long that every deadline has passed when somebody looks again.
    pub fn sleep(&mut self, argument: u8) {
        self.now = self.now + Duration::from_secs(u64::from(argument) * 10);
        self.latest = self.latest.max(self.now);
    }

    /// Lets expire what is due; then nothing is. The looks are left to the script, or find nothing: as it says.
    pub fn expire<M: Passes>(
        &self,
        machine: &mut M,
        timeout: impl Fn(&mut M, Instant) -> Option<Deadline>,
        next: impl Fn(&M) -> Option<Deadline>,
    ) {
        let mut rounds = 0;
        let looks = self.choice & 64 != 0;
        while if looks { timeout(machine, self.now) } else { machine.expire(self.now) }.is_some() {
            rounds += 1;
            assert!(rounds < 16, "a deadline stays due");
        }
        let (next, latest) = (next(machine), self.latest);
        assert!(next.is_none_or(|next| next.at > latest), "{next:?} is due, and it is {latest:?}");
    }
}

/// In every state somebody owes the next step: where it is the peer a deadline is armed, and nobody does only at the end.
pub fn somebody_owes(wants: Wants, due: Option<Deadline>, is_closed: bool, persistence: Persistence) {
    let is_over = is_closed || matches!(persistence, Persistence::Tunnel(_));
    match wants.owed_by() {
        Party::Nobody => assert!(is_over, "nobody owes the next step"),
        Party::Peer => assert!(due.is_some(), "nothing is due while the peer owes the next step: {wants:?}"),
        // the head that opened a tunnel may still have to leave
        Party::Transport | Party::Application => assert!(!is_closed, "closed, and still {wants:?}"),
    }
    assert!(!is_closed || due.is_none(), "closed, and still {due:?}");
    assert!(!wants.flush_once || wants.flush, "nothing waits, and a try to write it is asked for");
    let Some(due) = due else { return };
    let blames = matches!(due.kind, DeadlineKind::ContentGap | DeadlineKind::ContentRate);
    assert!(!wants.take_content || !blames, "the application pauses, and {due:?} is armed");
}

/// The same of a fact: one that is not taken changes nothing, but for a fault of the peer.
pub fn told<M, T>(machine: &mut M, call: impl FnOnce(&mut M) -> Result<T, ReceiveError>) -> Result<T, ReceiveError>
where
    M: Clone + PartialEq + Debug,
{
    let before = machine.clone();
    let told = call(machine);
    if let Err(ReceiveError::Ended(_) | ReceiveError::Misuse(_)) = told {
        assert_eq!(*machine, before, "a fact that was not taken has changed something");
    }
    told
}

/// What a call returns, if it is not refused; a call that is refused changes nothing.
pub fn accepted<M, T, E>(machine: &mut M, call: impl FnOnce(&mut M) -> Result<T, E>) -> Option<T>
where
    M: Clone + PartialEq + Debug,
{
    let before = machine.clone();
    let accepted = call(machine).ok();
    if accepted.is_none() {
        assert_eq!(*machine, before, "a call that was refused has changed something");
    }
    accepted
}

/// The same, where what it returns says nothing.
pub fn attempt<M, T, E>(machine: &mut M, call: impl FnOnce(&mut M) -> Result<T, E>)
where
    M: Clone + PartialEq + Debug,
{
    let _ = accepted(machine, call);
}

/// Octets as they were received: those that were not consumed are offered again.
#[derive(Default)]
pub struct Inbox {
    pub unread: Vec<u8>,
    total: u64,
}

impl Inbox {
    /// Takes content past the connection, if that may be.
    pub fn skip<'c, R: Role>(&mut self, connection: &mut Connection<R, &'c Config<R>>, now: Instant, octets: u64)
    where
        Connection<R, &'c Config<R>>: Clone + PartialEq + Debug,
    {
        if told(connection, |it| it.skip_content(now, octets)).is_ok() {
            self.total += octets;
        }
    }

    /// Offers what is unread, and `more` octets of what follows; what came of it.
    pub fn offer<'b, R: Role>(
        &'b mut self,
        connection: &mut Connection<R, &Config<R>>,
        script: &mut Script<'_>,
        more: u8,
    ) -> Option<Received<'b>> {
        self.unread.extend(script.octets.by_ref().take(more.into()));
        self.total += u64::from(more);
        let received = connection.receive(script.now, &self.unread).ok()?;
        assert!(received.consumed <= self.unread.len());
        lies_where_it_is_said(&received, &self.unread);
        assert!(connection.offset() <= self.total);
        Some(received)
    }
}

/// A connection that is put away comes back as it was.
pub fn park<'c, R: Role>(connection: &mut Connection<R, &'c Config<R>>, config: &'c Config<R>) {
    let Some(parked) = connection.park() else { return };
    assert_eq!(parked.next_deadline(config), connection.next_deadline());
    let resumed = Connection::unpark(Parked::from_octets(parked.to_octets()), config);
    assert_eq!(resumed.deadline_cause(), connection.deadline_cause());
    assert_eq!(resumed.wants(), connection.wants());
    assert_eq!(resumed.persistence(), connection.persistence());
    assert_eq!(resumed.offset(), connection.offset());
    *connection = resumed;
}

fn server(mut script: Script<'_>) {
    let (config, own, mut said) = (config(script.choice), own(), Said::default());
    let mut connection = Connection::<Server, _>::new(script.now, &config).with_seed(script.seed());
    let (mut inbox, mut out) = (Inbox::default(), [0; 300]);
    while let Some((op, argument)) = script.next() {
        let (now, room) = (script.now, usize::from(argument) % out.len());
        let written = match op % 16 {
            0..=3 => {
                let received = inbox.offer(&mut connection, &mut script, argument);
                let consumed = received.map_or(0, |received| received.consumed);
                inbox.unread.drain(..consumed);
                None
            }
            4 => accepted(&mut connection, |it| {
                it.send_response(now, StatusCode::OK, [("A", "b")], Content::Empty, &mut out[..room])
            }),
            5 => accepted(&mut connection, |it| {
                it.send_response(now, StatusCode::OK, NO_FIELDS, Content::Exact(9), &mut out[..room])
            }),
            6 => accepted(&mut connection, |it| {
                it.send_response(now, StatusCode::NOT_FOUND, NO_FIELDS, Content::Unknown, &mut out)
            }),
            7 => accepted(&mut connection, |it| {
                it.send_content(now, &[b'x'; 20][..usize::from(argument) % 20], &mut out[..room])
            })
            .map(|sent| sent.written),
            8 => accepted(&mut connection, |it| it.send_end(now, NO_FIELDS, &mut out[..room])),
            9 => accepted(&mut connection, |it| it.send_continue(now, &mut out[..room])),
            10 => accepted(&mut connection, |it| it.send_refusal(now, [("Date", "now")], &mut out[..room])),
            11 => {
                connection.handle_sent(now, u64::from(argument));
                None
            }
            12 => {
                script.wait(argument);
                None
            }
            13 => {
                match argument % 6 {
                    5 => inbox.skip(&mut connection, now, u64::from(argument) / 6),
                    4 => park(&mut connection, &config),
                    0 => connection.close_after_exchange(now),
                    1 => connection.nothing_to_read(now),
                    2 => drop(connection.receive_eof(now, Eof::Clean)),
                    _ => attempt(&mut connection, |it| it.frame_content(now, u64::from(argument))),
                }
                None
            }
            14 if op & 128 != 0 => {
                match argument % 8 {
                    4 | 5 => connection.handle_sent(now, 0),
                    6 => script.sleep(argument),
                    7 => connection.nothing_to_read(now),
                    said => drop(told(&mut connection, |it| it.content_use(now, USES[usize::from(said)]))),
                }
                None
            }
            14 => {
                if connection.wants().shut.is_some() {
                    connection.handle_shut(now);
                }
                None
            }
            _ if op & 128 != 0 && argument >= 250 => accepted(&mut connection, |it| {
                let last = Response::new(StatusCode::OK).with_close(true);
                it.send_response(now, last, NO_FIELDS, Content::Exact(5), &mut out)
            })
            .inspect(|_| assert!(!matches!(connection.persistence(), Persistence::Reuse(_)), "the last one")),
            _ if op & 128 != 0 => {
                let latest = script.latest;
                say_to_server!(connection, now, latest, &own, said, argument);
                None
            }
            _ => {
                script.set_back();
                None
            }
        };
        assert!(written.is_none_or(|written| written <= out.len()));
        script.expire(&mut connection, Connection::handle_timeout, |it| it.next_deadline());
        somebody_owes(connection.wants(), connection.next_deadline(), connection.is_closed(), connection.persistence());
        said.check(connection.wants(), connection.is_idle(), connection.persistence());
    }
}
