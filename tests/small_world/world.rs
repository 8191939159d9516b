//! A client, a network and a server, with what their applications have done; the steps that may follow, and the laws of each state.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use http_keepalive::retry::{Advice, Reusable, Sent};
use http_keepalive::*;

use crate::laws::{Law, accuses, law, looks_always};

/// What this world has, and what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub client: &'static Config<Client<1>>,
    pub server: &'static Config<Server>,
    pub methods: &'static [&'static str],
    /// Content waits for `100 (Continue)`.
    pub expect: bool,
    /// What is in flight may come in two parts, once in each direction.
    pub split: bool,
    /// Who may be drained, at any moment.
    pub drain: [bool; 2],
    /// Octets leave, and transports are shut, when the driver comes to it, and not at once.
    pub slow: bool,
    /// The network may fail, at any moment.
    pub cut: bool,
    /// Time may pass while a look is waited for.
    pub waits: bool,
    /// Whoever drives both sides may sleep, once, until so long after what is due next. What is in flight arrives meanwhile.
    pub sleep: Option<Duration>,
    /// The server's application may pause, once.
    pub pause: bool,
    pub fault: Option<Fault>,
}

/// A fault that is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The driver shuts the transport, and does not say so.
    NeverSaysShut,
    /// The server does not hear of a drain.
    DrainIsIgnored,
    /// The value of a state has no time in it.
    NoTime,
    /// The server's application answers every request as if it were the first.
    AnswersTheFirst,
    /// The server's driver says that its look found nothing before it looks.
    LooksTooLate,
    /// The client's driver is not asked to try to write.
    NeverTries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    Client,
    Server,
}

use Who::{Client as AtClient, Server as AtServer};

impl Who {
    const fn other(self) -> Self {
        match self {
            AtClient => AtServer,
            AtServer => AtClient,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The next request is handed out.
    Ask,
    /// Its content is.
    SendContent,
    /// The head of a response is handed out.
    Respond,
    /// Its content is.
    AnswerContent,
    Refuse,
    /// `100 (Continue)` is handed out.
    Continue,
    /// The network fails: what was in flight is lost.
    Cut,
    /// What was handed out leaves.
    Flush(Who),
    /// What is in flight arrives, and is read.
    Deliver(Who),
    /// Half of it does.
    DeliverHalf(Who),
    /// The end of the other side arrives: its FIN, or a reset.
    DeliverEnd(Who),
    /// A look finds nothing.
    Look(Who),
    /// A try to write finds no room.
    TryToWrite(Who),
    /// The server's application takes no content for now.
    Pause,
    /// It takes content again.
    TakeContent,
    /// Time passes, and nobody is there to see it: to after what is due next.
    Sleep,
    Shut(Who),
    Drain(Who),
    /// Time passes until something is due there.
    Expire(Who),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    Fin,
    Reset,
}

/// What is in flight to one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Wire {
    octets: Vec<u8>,
    /// After the octets.
    end: Option<End>,
    was_split: bool,
}

/// What a driver has beside its connection.
#[derive(Clone, Debug, Default)]
struct Driver {
    inbox: Vec<u8>,
    out: Vec<u8>,
    shut_half: bool,
    /// The end of the peer's side was told.
    peer_ended: bool,
    told_end: bool,
    told_error: bool,
    drained: bool,
    /// The instant of the deadline that was told last, while a look is waited for or others are due in the past.
    told: Option<Instant>,
}

/// What the applications have done and were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Applications {
    asked: u8,
    answered: u8,
    /// A response that is being read: its status and content.
    response: Option<(u16, Vec<u8>)>,
    /// Requests that the server was told.
    seen: u8,
    /// Responses that were begun, and the status of each.
    replied: u8,
    statuses: [u16; 2],
}

impl Applications {
    /// The client is told the end of a response.
    fn answer_ends(&mut self) -> Law {
        let Some((status, content)) = self.response.take() else { return Err("an end twice".into()) };
        let number = self.answered;
        self.answered += 1;
        law(number < self.asked.min(self.replied), || "an answer to nothing".into())?;
        let sent = self.statuses[usize::from(number)];
        law(sent == status, || format!("{status} is told for request {number}, and {sent} was sent"))?;
        let own = status != 200 || content == [b'0' + number];
        law(own, || format!("request {number} has an answer that is not its own: {content:?}"))?;
        Ok(())
    }
}

#[derive(Clone)]
pub struct World {
    rules: Rules,
    now: Instant,
    client: Connection<Client<1>>,
    server: Connection<Server>,
    drivers: [Driver; 2],
    /// To the client, to the server.
    wires: [Wire; 2],
    applications: Applications,
    was_cut: bool,
    slept: bool,
    paused: bool,
}

/// What both sides are asked and told alike.
macro_rules! at {
    ($world:expr, $who:expr, |$connection:ident| $does:expr) => {
        match $who {
            AtClient => {
                let $connection = &mut $world.client;
                $does
            }
            AtServer => {
                let $connection = &mut $world.server;
                $does
            }
        }
    };
}

/// What is asked alike.
macro_rules! ask {
    ($world:expr, $who:expr, |$connection:ident| $asks:expr) => {
        match $who {
            AtClient => {
                let $connection = &$world.client;
                $asks
            }
            AtServer => {
                let $connection = &$world.server;
                $asks
            }
        }
    };
}

impl World {
    pub fn new(rules: Rules) -> Self {
        let now = Instant::from_secs(1_000_000);
        Self {
            rules,
            now,
            client: Connection::new(now, rules.client),
            server: Connection::new(now, rules.server),
            drivers: Default::default(),
            wires: Default::default(),
            applications: Applications::default(),
            was_cut: false,
            slept: false,
            paused: false,
        }
    }

    /// Everything that what is to come depends on.
    pub fn print(&self) -> u128 {
        let mut print = Print(0, 1);
        match self.rules.fault {
            Some(Fault::NoTime) => (self.client.phase(), self.server.phase()).hash(&mut print),
            _ => (self.client.canonical(self.now), self.server.canonical(self.now)).hash(&mut print),
        }
        for driver in &self.drivers {
            let Driver { inbox, out, shut_half, peer_ended, told_end, told_error, drained, told } = driver;
            (inbox, out, shut_half, peer_ended, told_end, told_error, drained).hash(&mut print);
            if false {
                told.map(|told| self.now.saturating_duration_since(told)).hash(&mut print);
            }
        }
        (&self.wires, &self.applications, self.was_cut, self.slept, self.paused).hash(&mut print);
        u128::from(print.0) << 64 | u128::from(print.1)
    }

    /// What can be seen of it, instants being relative to now: of states of one value the same.
    pub fn seen(&self) -> u64 {
        let mut print = Print(0, 1);
        for who in [AtClient, AtServer] {
            let (phase, persistence) = ask!(self, who, |it| (it.phase(), it.persistence()));
            (phase, persistence, self.wants(who)).hash(&mut print);
            ask!(self, who, |it| it.lifecycle().close_reasons().for_each(|reason| reason.hash(&mut print)));
            for cause in ask!(self, who, |it| it.deadlines().collect::<Vec<_>>()) {
                let from = |at: Instant| at.as_nanos().wrapping_sub(self.now.as_nanos());
                let since = from(cause.since);
                (cause.deadline.kind, from(cause.deadline.at), since, cause.fact, cause.setting).hash(&mut print);
            }
        }
        self.client.unanswered().for_each(|left| left.evidence.hash(&mut print));
        self.steps().iter().for_each(|step| step.hash(&mut print));
        print.finish()
    }

    fn wants(&self, who: Who) -> Wants {
        let mut wants = ask!(self, who, |it| it.wants());
        wants.flush_once &= self.rules.fault != Some(Fault::NeverTries);
        wants
    }

    fn reasons(&self, who: Who) -> Vec<CloseReason> {
        ask!(self, who, |it| it.lifecycle().close_reasons().collect())
    }

    /// A look is waited for.
    fn is_looking(&self, who: Who) -> bool {
        let wants = self.wants(who);
        wants.read == ReadWant::LookOnce || wants.flush_once
    }

    fn is_closed(&self, who: Who) -> bool {
        ask!(self, who, |it| it.is_closed())
    }

    fn due(&self, who: Who) -> Option<Deadline> {
        // who is asked to look does so before it lets time pass
        if self.is_looking(who) { None } else { ask!(self, who, |it| it.next_deadline()) }
    }

    /// What is due next of both.
    fn due_next(&self) -> Option<Instant> {
        [AtClient, AtServer].into_iter().filter_map(|who| self.due(who)).map(|due| due.at).min()
    }

    fn may_pause(&self) -> bool {
        self.server.clone().content_use(self.now, ContentUse::Paused).is_ok()
    }

    pub fn has_ended(&self) -> bool {
        self.is_closed(AtClient) && self.is_closed(AtServer)
    }

    /// What may happen next.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let looks = self.is_looking(AtClient) || self.is_looking(AtServer);
        for who in [AtClient, AtServer] {
            let (wire, driver) = (&self.wires[who as usize], &self.drivers[who as usize]);
            if self.is_closed(who) {
                if !wire.octets.is_empty() {
                    steps.push(Step::Deliver(who));
                }
                continue;
            }
            let wants = self.wants(who);
            if wants.flush && !driver.out.is_empty() {
                steps.push(Step::Flush(who));
            }
            let reads = matches!(wants.read, ReadWant::Octets | ReadWant::Discard | ReadWant::LookOnce);
            if reads && !wire.octets.is_empty() {
                steps.push(Step::Deliver(who));
                if self.rules.split && !wire.was_split && wire.octets.len() > 1 {
                    steps.push(Step::DeliverHalf(who));
                }
            }
            let fin = wire.end == Some(End::Fin) && wire.octets.is_empty() && wants.read != ReadWant::No;
            if fin || wire.end == Some(End::Reset) {
                steps.push(Step::DeliverEnd(who));
            }
            if wants.read == ReadWant::LookOnce {
                steps.push(Step::Look(who));
            }
            if wants.flush_once {
                steps.push(Step::TryToWrite(who));
            }
            if wants.shut.is_some() {
                steps.push(Step::Shut(who));
            }
            if self.rules.drain[who as usize] && !driver.drained {
                steps.push(Step::Drain(who));
            }
            let other = self.due(who.other()).map_or(Instant::MAX, |due| due.at);
            let next = |due: Deadline| due.at <= other && (due.at <= self.now || self.rules.waits || !looks);
            if self.due(who).is_some_and(next) {
                steps.push(Step::Expire(who));
            }
        }
        let more = usize::from(self.applications.asked) < self.rules.methods.len();
        if more && matches!(self.client.reusable(self.now), Reusable::Now { .. }) {
            steps.push(Step::Ask);
        }
        if self.wants(AtClient).application == Some(Turn::Content) {
            steps.push(Step::SendContent);
        }
        match self.wants(AtServer).application {
            Some(Turn::Respond) => steps.push(Step::Respond),
            Some(Turn::Content) => steps.push(Step::AnswerContent),
            Some(Turn::Refuse(_)) => steps.push(Step::Refuse),
            Some(Turn::Continue) => steps.extend([Step::Continue, Step::Respond]),
            None => {}
        }
        if self.rules.sleep.is_some() && !self.slept && self.due_next().is_some() {
            steps.push(Step::Sleep);
        }
        if self.rules.pause && !self.paused && self.may_pause() {
            steps.push(Step::Pause);
        }
        if self.wants(AtServer).take_content {
            steps.push(Step::TakeContent);
        }
        let whole = !self.was_cut && ![AtClient, AtServer].into_iter().any(|who| self.is_closed(who));
        if self.rules.cut && whole {
            steps.push(Step::Cut);
        }
        steps
    }

    /// What a step does, and whether it was lawful.
    pub fn take(&mut self, step: Step) -> Law {
        let before = self.clone();
        self.go(step)?;
        if let Step::Deliver(who) | Step::DeliverHalf(who) | Step::DeliverEnd(who) | Step::Flush(who) = step {
            self.check_look(&before, who, step)?;
        }
        for who in [AtClient, AtServer] {
            let late = self.is_looking(who) || self.due(who).is_some_and(|due| due.at < self.now);
            let told = self.drivers[who as usize].told.take();
            // a drain looks by itself
            let told = told.or((step == Step::Drain(who)).then_some(self.now));
            self.drivers[who as usize].told = told.filter(|_| late);
        }
        self.check()
    }

    /// What a look has found is not punished: who sent octets before it, or has room for them again, is not cut.
    fn check_look(&self, before: &Self, who: Who, step: Step) -> Law {
        let wanted = before.wants(who);
        let looked = match step {
            Step::Flush(_) => wanted.flush_once,
            _ => wanted.read == ReadWant::LookOnce,
        };
        if !looked {
            return Ok(());
        }
        let (wants, had) = (self.wants(who), before.reasons(who));
        let accuses = |reason: &CloseReason| accuses(*reason) && !had.contains(reason);
        let accused: Vec<_> = self.reasons(who).into_iter().filter(accuses).collect();
        law(accused.is_empty(), || format!("{who:?}: a look found something, and {accused:?}"))?;
        let refused = wants.application == Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT));
        law(!refused || wants.application == wanted.application, || format!("{who:?}: a look found something: 408"))?;
        let cut = wants.shut.is_some_and(|shut| accuses(&shut.reason()) || matches!(shut, Shut::Reset(_)));
        law(!cut || wants.shut == wanted.shut, || format!("{who:?}: a look found something: {:?}", wants.shut))?;
        // what came is dropped, and its sender has more time
        let lingers = before.phase(who) == Phase::Lingering && !matches!(step, Step::DeliverEnd(_));
        law(!lingers || wants.shut.is_none(), || format!("{who:?}: a look found something, and its linger ends"))
    }

    fn phase(&self, who: Who) -> Phase {
        ask!(self, who, |it| it.phase())
    }

    fn go(&mut self, step: Step) -> Law {
        let now = self.now;
        let mut out = [0; 256];
        let who = match step {
            Step::Ask => {
                let number = self.applications.asked;
                let (method, target) = (self.rules.methods[usize::from(number)], [b'/', b'0' + number]);
                let request = Request::new(Method::new(method.as_bytes()), &target);
                let content = if method == "POST" { Content::Exact(2) } else { Content::Empty };
                let fields = [("Host", "a"), ("Expect", "100-continue")];
                let fields = if method == "POST" && self.rules.expect { &fields[..] } else { &fields[..1] };
                let sent = self.client.send_request(now, &request, fields, content, &mut out);
                let written = sent.map_err(|error| format!("reusable, and {error:?}"))?;
                self.hand_out(AtClient, &out[..written]);
                self.applications.asked += 1;
                AtClient
            }
            Step::SendContent => {
                let sent = self.client.send_content(now, b"xy", &mut out);
                let sent = sent.map_err(|error| format!("content is wanted, and {error:?}"))?;
                self.hand_out(AtClient, &out[..sent.written]);
                AtClient
            }
            Step::Respond => {
                let sent = self.server.send_response(now, StatusCode::OK, NO_FIELDS, Content::Exact(1), &mut out);
                let written = sent.map_err(|error| format!("a response is wanted, and {error:?}"))?;
                self.hand_out(AtServer, &out[..written]);
                self.reply(200)?;
                AtServer
            }
            Step::AnswerContent => {
                let first = self.rules.fault == Some(Fault::AnswersTheFirst);
                let content = [if first { b'0' } else { b'0' + self.applications.replied - 1 }];
                let sent = self.server.send_content(now, &content, &mut out);
                let sent = sent.map_err(|error| format!("content is wanted, and {error:?}"))?;
                self.hand_out(AtServer, &out[..sent.written]);
                AtServer
            }
            Step::Refuse => {
                let Some(Turn::Refuse(status)) = self.server.wants().application else { unreachable!() };
                let sent = self.server.send_refusal(now, NO_FIELDS, &mut out);
                let written = sent.map_err(|error| format!("a refusal is wanted, and {error:?}"))?;
                self.hand_out(AtServer, &out[..written]);
                self.reply(status.as_u16())?;
                AtServer
            }
            Step::Continue => {
                let sent = self.server.send_continue(now, &mut out);
                let written = sent.map_err(|error| format!("100 is wanted, and {error:?}"))?;
                self.hand_out(AtServer, &out[..written]);
                AtServer
            }
            Step::Cut => {
                self.was_cut = true;
                for who in [AtClient, AtServer] {
                    self.reset(who);
                }
                return Ok(());
            }
            Step::Sleep => {
                let Some(due) = self.due_next() else { return Err("nothing is due".into()) };
                self.now = now.max(due).saturating_add(self.rules.sleep.unwrap_or_default());
                self.slept = true;
                self.drivers.iter_mut().for_each(|driver| driver.told = driver.told.or(Some(now)));
                return Ok(());
            }
            Step::Pause => {
                self.paused = true;
                let said = self.server.content_use(now, ContentUse::Paused);
                said.map_err(|error| format!("content is being received, and {error:?}"))?;
                AtServer
            }
            Step::TakeContent => {
                let said = self.server.content_use(now, ContentUse::Reading);
                said.map_err(|error| format!("it is to take content, and {error:?}"))?;
                AtServer
            }
            Step::TryToWrite(who) => {
                at!(self, who, |it| it.handle_sent(now, 0));
                who
            }
            Step::Flush(who) => {
                self.flush(who);
                who
            }
            Step::Deliver(who) => {
                let octets = std::mem::take(&mut self.wires[who as usize].octets);
                self.deliver(who, octets)?;
                who
            }
            Step::DeliverHalf(who) => {
                let wire = &mut self.wires[who as usize];
                wire.was_split = true;
                let rest = wire.octets.split_off(wire.octets.len() / 2);
                let octets = std::mem::replace(&mut wire.octets, rest);
                self.deliver(who, octets)?;
                who
            }
            Step::DeliverEnd(who) => {
                self.deliver_end(who)?;
                who
            }
            Step::Look(who) => {
                at!(self, who, |it| it.nothing_to_read(now));
                who
            }
            Step::Shut(who) => {
                self.shut(who)?;
                who
            }
            Step::Drain(who) => {
                self.drivers[who as usize].drained = true;
                if self.rules.fault != Some(Fault::DrainIsIgnored) {
                    at!(self, who, |it| it.close_after_exchange(now));
                }
                who
            }
            Step::Expire(who) => {
                self.expire(who)?;
                who
            }
        };
        if !self.is_closed(who) {
            self.pump(who)?;
        }
        if !self.rules.slow {
            if self.wants(who).flush {
                self.flush(who);
            }
            while self.wants(who).shut.is_some() {
                self.shut(who)?;
            }
        }
        Ok(())
    }

    fn hand_out(&mut self, who: Who, octets: &[u8]) {
        self.drivers[who as usize].out.extend_from_slice(octets);
    }

    fn flush(&mut self, who: Who) {
        let octets = std::mem::take(&mut self.drivers[who as usize].out);
        let (now, sent) = (self.now, octets.len() as u64);
        at!(self, who, |it| it.handle_sent(now, sent));
        let wire = &mut self.wires[who.other() as usize];
        if wire.end != Some(End::Reset) {
            wire.octets.extend_from_slice(&octets);
        }
    }

    fn reply(&mut self, status: u16) -> Law {
        let applications = &mut self.applications;
        // what never became a request is refused, too
        let number = usize::from(applications.replied);
        law(number < applications.statuses.len(), || "more responses than requests".into())?;
        applications.statuses[number] = status;
        applications.replied += 1;
        Ok(())
    }

    /// Nothing of what the client's driver holds has left: it says so before what may end the connection.
    fn say_what_has_left(&mut self, who: Who) {
        if who == AtClient && !self.drivers[0].out.is_empty() {
            self.client.nothing_left(self.now);
        }
    }

    fn deliver(&mut self, who: Who, octets: Vec<u8>) -> Law {
        if self.is_closed(who) {
            self.reset(who);
            return Ok(());
        }
        self.say_what_has_left(who);
        if self.rules.fault == Some(Fault::LooksTooLate) && who == AtServer {
            self.server.nothing_to_read(self.now);
        }
        self.drivers[who as usize].inbox.extend_from_slice(&octets);
        Ok(())
    }

    /// A reset goes to the other side: what was in flight is lost.
    fn reset(&mut self, who: Who) {
        if !self.is_closed(who.other()) {
            let wire = &mut self.wires[who.other() as usize];
            (wire.octets, wire.end) = (Vec::new(), Some(End::Reset));
        }
    }

    fn deliver_end(&mut self, who: Who) -> Law {
        let now = self.now;
        let end = self.wires[who as usize].end.take();
        if end == Some(End::Reset) {
            self.say_what_has_left(who);
            self.drivers[who as usize].out.clear();
            at!(self, who, |it| it.transport_failed(now));
            return Ok(());
        }
        let driver = &mut self.drivers[who as usize];
        law(!driver.peer_ended, || "an end comes twice".into())?;
        driver.peer_ended = true;
        self.say_what_has_left(who);
        let (end, event, error) = at!(self, who, |it| match it.receive_eof(now, Eof::Clean).map(|it| it.outcome) {
            Ok(Outcome::Event(Event::PeerClosed)) => (false, true, false),
            Ok(Outcome::Event(Event::End { .. })) => (true, false, false),
            Ok(_) => (false, false, false),
            Err(_) => (false, false, true),
        });
        if end && who == AtClient {
            self.applications.answer_ends()?;
        }
        self.tell_end(who, event, error)
    }

    fn tell_end(&mut self, who: Who, event: bool, error: bool) -> Law {
        let driver = &mut self.drivers[who as usize];
        law(!(event && driver.told_end), || format!("{who:?}: the end is told twice"))?;
        law(!(error && driver.told_error), || format!("{who:?}: an error is told twice"))?;
        driver.told_end |= event;
        driver.told_error |= error;
        Ok(())
    }

    fn shut(&mut self, who: Who) -> Law {
        let now = self.now;
        let Some(shut) = self.wants(who).shut else { return Ok(()) };
        let gone = self.is_closed(who.other());
        let driver = &mut self.drivers[who as usize];
        let had_shut = std::mem::replace(&mut driver.shut_half, true);
        let unread = !driver.inbox.is_empty() || !self.wires[who as usize].octets.is_empty();
        match shut {
            Shut::HalfClose(_) => {
                law(!had_shut || self.rules.fault.is_some(), || format!("{who:?}: a second half-close"))?;
            }
            Shut::Close(_) => {}
            Shut::Reset(_) => {}
        }
        let resets = matches!(shut, Shut::Reset(_)) || (matches!(shut, Shut::Close(_)) && unread);
        if resets {
            self.reset(who);
        } else if !had_shut && !gone {
            // a reset goes before it
            self.wires[who.other() as usize].end.get_or_insert(End::Fin);
        }
        if self.rules.fault != Some(Fault::NeverSaysShut) {
            at!(self, who, |it| it.handle_shut(now));
            let closes = !matches!(shut, Shut::HalfClose(_));
            law(self.is_closed(who) == closes, || format!("{who:?}: after {shut:?} it is not as it was said"))?;
        }
        if self.is_closed(who) {
            // nobody reads it; what is in flight is answered by a reset
            self.wires[who as usize].end = None;
            self.drivers[who as usize].inbox.clear();
            self.drivers[who as usize].out.clear();
        }
        Ok(())
    }

    fn expire(&mut self, who: Who) -> Law {
        let Some(due) = self.due(who) else { return Err("nothing is due".into()) };
        self.now = self.now.max(due.at);
        self.say_what_has_left(who);
        let now = self.now;
        let mut expired = Vec::new();
        while let Some(deadline) = at!(self, who, |it| it.handle_timeout(now)) {
            expired.push(deadline);
            law(expired.len() < 8, || format!("{who:?}: deadlines without end: {expired:?}"))?;
            let looks = !looks_always(deadline.kind, who == AtClient) || self.is_looking(who);
            law(looks, || format!("{who:?}: {deadline:?} takes effect without a look"))?;
            let told = self.drivers[who as usize].told.replace(deadline.at);
            law(told.is_none_or(|told| told <= deadline.at), || format!("{who:?}: {deadline:?} is told too late"))?;
        }
        law(expired.first() == Some(&due), || format!("{who:?}: {due:?} is announced, and {expired:?} expire"))?;
        let next = self.due(who);
        law(next.is_none_or(|next| next.at > now), || format!("{who:?}: {next:?} stays due"))
    }

    /// What is unread is offered until there is nothing to tell.
    fn pump(&mut self, who: Who) -> Law {
        for _ in 0..16 {
            let told = match who {
                AtClient => self.hear_response()?,
                AtServer => self.hear_request()?,
            };
            if !told {
                return Ok(());
            }
        }
        Err(format!("{who:?}: there is always something to tell"))
    }

    fn hear_response(&mut self) -> Result<bool, String> {
        let (now, inbox) = (self.now, std::mem::take(&mut self.drivers[0].inbox));
        let received = match self.client.receive(now, &inbox) {
            Ok(received) => received,
            Err(error) => {
                law(self.drivers[0].peer_ended, || format!("the client finds fault: {error:?}"))?;
                self.drivers[0].inbox = inbox;
                return self.tell_end(AtClient, false, true).map(|()| true);
            }
        };
        let applications = &mut self.applications;
        let told = matches!(received.outcome, Outcome::Event(_));
        match &received.outcome {
            Outcome::Event(Event::Response(head)) => {
                law(applications.response.is_none(), || "a response within a response".into())?;
                applications.response = Some((head.status.as_u16(), Vec::new()));
            }
            Outcome::Event(Event::Content(octets)) => {
                let Some((_, content)) = &mut applications.response else { return Err("content of nothing".into()) };
                content.extend_from_slice(octets);
            }
            Outcome::Event(Event::End { .. }) => {
                applications.answer_ends()?;
            }
            Outcome::Event(Event::PeerClosed) => self.tell_end(AtClient, true, false)?,
            Outcome::Event(Event::Interim(_)) if self.rules.expect => {}
            Outcome::Event(other) => return Err(format!("nobody sent {other:?}")),
            Outcome::NeedMore | Outcome::Paused(_) => {}
        }
        self.drivers[0].inbox = inbox[received.consumed..].to_vec();
        Ok(told)
    }

    fn hear_request(&mut self) -> Result<bool, String> {
        let (now, inbox) = (self.now, std::mem::take(&mut self.drivers[1].inbox));
        let received = match self.server.receive(now, &inbox) {
            Ok(received) => received,
            Err(error) => {
                let late = error.kind == ProtocolErrorKind::ContentTimeout;
                law(late || self.drivers[1].peer_ended, || format!("the server finds fault: {error:?}"))?;
                self.drivers[1].inbox = inbox;
                return self.tell_end(AtServer, false, true).map(|()| true);
            }
        };
        let told = matches!(received.outcome, Outcome::Event(_));
        match &received.outcome {
            Outcome::Event(Event::Request(head)) => {
                let number = self.applications.seen;
                let target = head.target.as_bytes();
                law(target == [b'/', b'0' + number], || format!("{target:?} is seen as request {number}"))?;
                self.applications.seen += 1;
            }
            Outcome::Event(Event::Content(octets)) => {
                law(b"xy".ends_with(octets) || b"xy".starts_with(octets), || {
                    format!("content that nobody sent: {octets:?}")
                })?
            }
            Outcome::Event(Event::PeerClosed) => self.tell_end(AtServer, true, false)?,
            _ => {}
        }
        self.drivers[1].inbox = inbox[received.consumed..].to_vec();
        Ok(told)
    }

    /// What holds in every state.
    fn check(&self) -> Law {
        for who in [AtClient, AtServer] {
            let (wants, due) = (self.wants(who), self.due(who));
            let nobody = wants.owed_by() == Party::Nobody;
            law(nobody == self.is_closed(who), || format!("{who:?}: nobody owes the next step: {wants:?}"))?;
            // a client that has asked for nothing stays for as long as the server does
            let fresh = who == AtClient && self.client.phase() == Phase::Fresh;
            let waits = wants.owed_by() != Party::Peer || due.is_some() || fresh;
            law(waits, || format!("{who:?}: no deadline while the peer owes the next step: {wants:?}"))?;
            law(!self.is_closed(who) || due.is_none(), || format!("{who:?}: closed, and {due:?}"))?;
            // after a look others may be due in the past, but none that was to be told before it
            let told = self.drivers[who as usize].told.unwrap_or(self.now);
            law(due.is_none_or(|due| due.at >= told), || format!("{who:?}: {due:?} was due and is not told of"))?;
            let blamed = who == AtServer
                && wants.take_content
                && ask!(self, who, |it| it
                    .deadlines()
                    .any(|it| { matches!(it.deadline.kind, DeadlineKind::ContentGap | DeadlineKind::ContentRate) }));
            law(!blamed, || "the application pauses, and its peer is blamed for it".into())?;
            let drains = self.reasons(who).contains(&CloseReason::Drain);
            law(drains == self.drivers[who as usize].drained, || format!("{who:?}: a drain has no effect"))?;
        }
        let applications = &self.applications;
        if self.client.lifecycle().has_ended() {
            let left: Vec<_> = self.client.unanswered().collect();
            let answered = u32::from(applications.answered);
            for request in answered..applications.asked.into() {
                let judged = left.iter().any(|left| left.request == request);
                law(judged, || format!("neither an answer nor a verdict for request {request}: {left:?}"))?;
            }
            // one that was answered before its content was sent may be left, too, and is not repeated
            let twice = left.iter().any(|left| left.request < answered && left.verdict().advice != Advice::Never);
            law(!twice, || format!("answered, and to be repeated: {left:?}"))?;
            for left in left {
                let unsent = left.evidence.sent != Sent::Nothing || u32::from(applications.seen) <= left.request;
                law(unsent, || format!("nothing was sent, and the server saw it: {left:?}"))?;
            }
        }
        if self.has_ended() {
            law(applications.response.is_none() || self.client.unanswered().next().is_some(), || {
                "a response was begun, and neither ended nor given up".into()
            })?;
        }
        Ok(())
    }
}

/// A hash of twice the length, over many small numbers.
struct Print(u64, u64);

impl Hasher for Print {
    fn write(&mut self, octets: &[u8]) {
        for chunk in octets.chunks(8) {
            let mut number = [0; 8];
            number[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(number));
        }
    }
    fn write_u64(&mut self, number: u64) {
        let mix = |state: u64, by: u64| {
            let mixed = u128::from(state ^ number).wrapping_mul(u128::from(by));
            (mixed >> 64) as u64 ^ (mixed as u64).rotate_left(17)
        };
        (self.0, self.1) = (
            mix(self.0.wrapping_add(0x9E37_79B9_7F4A_7C15), 0xD1B5_4A32_D192_ED03),
            mix(self.1.wrapping_add(0xA076_1D64_78BD_642F), 0xE703_7ED1_A0B4_28DB),
        );
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
