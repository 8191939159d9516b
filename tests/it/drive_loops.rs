//! Two drivers of one connection in one world: a drive, and a loop by hand as the crate's documentation describes it.

use http_keepalive::drive::{Attempt, Drive, DriveRole, Side, Step, Storage};
use http_keepalive::*;

use crate::drive_world::{End, Failure, Tried, World};

/// What an application does: the same beside both drivers.
pub trait Application<R: DriveRole> {
    /// Something was received.
    fn event(&mut self, event: &Event<'_>);

    /// Says what it has to say, octets into `out`: how many. `None`: nothing.
    fn says(
        &mut self,
        now: Instant,
        connection: &mut Connection<R>,
        out: &mut [u8],
    ) -> Option<Result<usize, SendError>>;

    /// What is known of the connection at its end, beside what any driver says.
    fn known(&self, connection: &Connection<R>) -> String;

    /// The same to a drive.
    fn says_to<S: Storage>(&mut self, now: Instant, drive: &mut Drive<R, S>) -> Option<Result<(), SendError>>;
}

/// What is logged of an event: content is one text, however it came in pieces.
fn note(world: &mut World<'_>, event: &Event<'_>) {
    match event {
        Event::Content(piece) => world.say(("content", String::from_utf8_lossy(piece))),
        Event::Request(head) => world.say((head.target.as_str(), head.method.as_str(), head.framing)),
        event => world.say(event),
    }
}

/// A drive, until it is over: its log and what was sent.
pub fn driven<R: DriveRole, S: Storage>(
    world: &mut World<'_>,
    mut drive: Drive<R, S>,
    application: &mut impl Application<R>,
) {
    for _ in 0..100_000 {
        if world.drains() {
            drive.close_after_exchange(world.now());
        }
        let now = world.now();
        match drive.poll(now) {
            Step::Event(event) => {
                note(world, &event);
                application.event(&event);
            }
            Step::Error(error) => world.say(error),
            Step::Expired(deadline) => world.say(deadline),
            Step::Continue | Step::Refuse(_) => {}
            Step::Respond | Step::Content => said(world, application.says_to(now, &mut drive)),
            Step::Shut(shut) => {
                world.say(shut);
                drive.shut_done(now);
            }
            Step::HandOver(reason) => {
                world.say((reason, drive.received()));
                return;
            }
            Step::Closed => {
                world.say((drive.connection().ended_by(), application.known(drive.connection())));
                return;
            }
            Step::Transport(transport) => {
                // a client has its word where nothing else is to be done
                let looks_now = transport.write == Attempt::Look || transport.read == Attempt::Look;
                if let Some(done) = (!looks_now).then(|| application.says_to(now, &mut drive)).flatten() {
                    said(world, Some(done));
                    continue;
                }
                world.stop();
                let now = world.now();
                match transport.write {
                    Attempt::No => {}
                    attempt => match world.write(drive.unsent()) {
                        Tried::Octets(octets) => {
                            drive.wrote(now, octets);
                            continue;
                        }
                        Tried::Failed(Failure::Write) => {
                            drive.failed(now, Side::Write);
                            continue;
                        }
                        Tried::Failed(Failure::Both) => {
                            drive.failed(now, Side::Read);
                            continue;
                        }
                        _ if attempt == Attempt::Look => {
                            drive.wrote(now, 0);
                            continue;
                        }
                        _ => {}
                    },
                }
                match transport.read {
                    Attempt::No => {}
                    attempt => match world.read(drive.room()) {
                        Tried::Octets(octets) => {
                            drive.read(octets);
                            continue;
                        }
                        Tried::End(end) => {
                            drive.eof(if end == End::Clean { Eof::Clean } else { Eof::Truncated });
                            continue;
                        }
                        Tried::Failed(_) => {
                            drive.failed(now, Side::Read);
                            continue;
                        }
                        Tried::Nothing if attempt == Attempt::Look => {
                            drive.looked_nothing(now);
                            continue;
                        }
                        Tried::Nothing => {}
                    },
                }
                match world.sleep(drive.next_deadline().map(|deadline| deadline.at)) {
                    None => return world.say(("for ever", application.known(drive.connection()))),
                    Some(true) => drive.timeout(world.now()),
                    Some(false) => {}
                }
            }
        }
    }
    panic!("it never ends: {:?}", &world.log[world.log.len().saturating_sub(10)..]);
}

fn said<T>(world: &mut World<'_>, done: Option<Result<T, SendError>>) {
    if let Some(Err(error)) = done {
        world.say(error);
    }
}

/// The same by hand.
pub fn by_hand<R: DriveRole + ByHand>(
    world: &mut World<'_>,
    mut connection: Connection<R>,
    application: &mut impl Application<R>,
) {
    let (mut input, mut output, mut piece) = (Vec::new(), Vec::new(), vec![0; 1 << 16]);
    let (mut end, mut told_end, mut asked, mut checks) = (None, false, Instant::EPOCH, Instant::EPOCH);
    let mut whole = false;
    let mut offers = false;
    for _ in 0..100_000 {
        if world.drains() {
            connection.close_after_exchange(world.now());
        }
        let now = world.now();
        // answers, and offers what was received
        loop {
            let wants = connection.wants();
            let looks = wants.read == ReadWant::LookOnce;
            if wants.flush_once {
                break;
            }
            if !looks {
                let written = match wants.application {
                    Some(Turn::Refuse(_)) => Some(R::refuses(&mut connection, now, &mut piece)),
                    Some(Turn::Continue) => Some(R::continues(&mut connection, now, &mut piece)),
                    Some(Turn::Respond) if !whole => None,
                    // a response may say that nobody wants more
                    Some(_) if R::LOOKS_FIRST && (offers || (end.is_some() && !told_end)) => None,
                    Some(_) => application.says(now, &mut connection, &mut piece),
                    None => None,
                };
                match written {
                    Some(Ok(octets)) => {
                        output.extend_from_slice(&piece[..octets]);
                        offers |= !input.is_empty();
                        continue;
                    }
                    Some(Err(error)) => {
                        said(world, Some(Err::<(), _>(error)));
                        continue;
                    }
                    None => {}
                }
            }
            if offers {
                R::say_what_left(&mut connection, now, &output);
                match connection.receive(now, &input) {
                    Ok(received) => {
                        offers = false;
                        if let Outcome::Event(event) = &received.outcome {
                            if !matches!(event, Event::Tunnel(_)) {
                                note(world, event);
                                application.event(event);
                            }
                            offers = true;
                            match event {
                                Event::Request(_) | Event::Response(_) => whole = false,
                                Event::End { .. } => whole = true,
                                _ => {}
                            }
                        }
                        input.drain(..received.consumed);
                    }
                    Err(error) => world.say(error),
                }
                continue;
            }
            match end {
                Some(eof) if !told_end => {
                    told_end = true;
                    offers = true;
                    R::say_what_left(&mut connection, now, &output);
                    match connection.receive_eof(now, eof) {
                        Ok(received) => {
                            if let Outcome::Event(event) = &received.outcome {
                                note(world, event);
                                application.event(event);
                            }
                        }
                        Err(error) => world.say(error),
                    }
                }
                Some(_) if looks => {
                    connection.nothing_to_read(now);
                    offers = true;
                }
                _ => break,
            }
        }
        let wants = connection.wants();
        let looks = wants.read == ReadWant::LookOnce;
        if !looks && !wants.flush_once {
            if let Some(shut) = wants.shut {
                world.say(shut);
                connection.handle_shut(now);
                offers = true;
                continue;
            }
            if connection.is_closed() {
                return world.say((connection.ended_by(), application.known(&connection)));
            }
            if let (Persistence::Tunnel(reason), true) = (connection.persistence(), output.is_empty()) {
                return world.say((reason, &input[..]));
            }
            // what was due when the transport was asked last
            if asked >= checks {
                R::say_what_left(&mut connection, asked, &output);
                if let Some(deadline) = connection.handle_timeout(asked) {
                    world.say(deadline);
                    offers = true;
                } else {
                    checks = asked + std::time::Duration::from_millis(10);
                }
                continue;
            }
        }
        asked = now;
        let looks_now = looks || wants.flush_once;
        if let Some(done) = (!looks_now).then(|| application.says(now, &mut connection, &mut piece)).flatten() {
            match done {
                Ok(octets) => output.extend_from_slice(&piece[..octets]),
                Err(error) => world.say(error),
            }
            continue;
        }
        world.stop();
        let now = world.now();
        if wants.flush_once || (!output.is_empty() && !looks) {
            match world.write(&output) {
                Tried::Octets(octets) => {
                    output.drain(..octets);
                    connection.handle_sent(now, octets as u64);
                    offers |= !input.is_empty() || end.is_some();
                    continue;
                }
                Tried::Failed(failure) => {
                    if failure == Failure::Write {
                        connection.write_failed(now);
                    } else {
                        R::say_what_left(&mut connection, now, &output);
                        connection.transport_failed(now);
                    }
                    output.clear();
                    offers = true;
                    continue;
                }
                _ if wants.flush_once => {
                    connection.handle_sent(now, 0);
                    continue;
                }
                _ => {}
            }
        }
        let reads = match wants.read {
            ReadWant::Octets | ReadWant::Discard | ReadWant::LookOnce => true,
            ReadWant::EofOnly => input.is_empty(),
            ReadWant::No | ReadWant::Offer => false,
        };
        if reads && end.is_none() && !wants.flush_once {
            match world.read(&mut piece) {
                Tried::Octets(octets) => {
                    input.extend_from_slice(&piece[..octets]);
                    offers = true;
                    continue;
                }
                Tried::End(how) => {
                    end = Some(if how == End::Clean { Eof::Clean } else { Eof::Truncated });
                    continue;
                }
                Tried::Failed(_) => {
                    R::say_what_left(&mut connection, now, &output);
                    connection.transport_failed(now);
                    output.clear();
                    offers = true;
                    continue;
                }
                Tried::Nothing if looks => {
                    R::say_what_left(&mut connection, now, &output);
                    connection.nothing_to_read(now);
                    offers = true;
                    continue;
                }
                Tried::Nothing => {}
            }
        }
        match world.sleep(connection.next_deadline().map(|deadline| deadline.at)) {
            None => return world.say(("for ever", application.known(&connection))),
            Some(true) => (asked, checks) = (world.now(), Instant::EPOCH),
            Some(false) => {}
        }
    }
    panic!("by hand it never ends: {:?}", &world.log[world.log.len().saturating_sub(10)..]);
}

/// What the roles do apart.
pub trait ByHand: Role + Sized {
    /// It looks at what came before it says more.
    const LOOKS_FIRST: bool;

    fn refuses(connection: &mut Connection<Self>, now: Instant, out: &mut [u8]) -> Result<usize, SendError>;
    fn continues(connection: &mut Connection<Self>, now: Instant, out: &mut [u8]) -> Result<usize, SendError>;
    fn say_what_left(connection: &mut Connection<Self>, now: Instant, output: &[u8]);
}

impl ByHand for Server {
    const LOOKS_FIRST: bool = false;

    fn refuses(connection: &mut Connection<Self>, now: Instant, out: &mut [u8]) -> Result<usize, SendError> {
        connection.send_refusal(now, NO_FIELDS, out)
    }

    fn continues(connection: &mut Connection<Self>, now: Instant, out: &mut [u8]) -> Result<usize, SendError> {
        connection.send_continue(now, out)
    }

    fn say_what_left(_: &mut Connection<Self>, _: Instant, _: &[u8]) {}
}

impl ByHand for Client<4> {
    const LOOKS_FIRST: bool = true;

    fn refuses(_: &mut Connection<Self>, _: Instant, _: &mut [u8]) -> Result<usize, SendError> {
        panic!("a client refuses nothing")
    }

    fn continues(_: &mut Connection<Self>, _: Instant, _: &mut [u8]) -> Result<usize, SendError> {
        panic!("a client asks for no content")
    }

    fn say_what_left(connection: &mut Connection<Self>, now: Instant, output: &[u8]) {
        if !output.is_empty() {
            connection.nothing_left(now);
        }
    }
}
