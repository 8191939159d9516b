//! Connections and lifecycles of both roles as subjects.

use std::hash::{Hash, Hasher};
use std::ops::Deref;

use http_keepalive::*;

use super::subject::{Fact, Intent, Refused, Subject, Told};

/// A configuration that costs nothing to compare: there is one in a search, and one for exchanges with timeouts of their own.
#[derive(Debug)]
pub struct Held<R: Role>(pub &'static Config<R>);

impl<R: Role> Clone for Held<R> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<R: Role> PartialEq for Held<R> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<R: Role> Eq for Held<R> {}

impl<R: Role> Deref for Held<R> {
    type Target = Config<R>;
    fn deref(&self) -> &Config<R> {
        self.0
    }
}

/// A connection, and the octets that it has not consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole<R: Role> {
    connection: Connection<R, Held<R>>,
    inbox: Vec<u8>,
    own: Held<R>,
}

impl<R: Role> Whole<R> {
    /// `own`: for an exchange that gets timeouts of its own.
    pub fn new([config, own]: [&'static Config<R>; 2]) -> Self {
        let connection = Connection::new(Instant::from_secs(1), Held(config));
        Self { connection, inbox: Vec::new(), own: Held(own) }
    }
}

/// A lifecycle, whose parser is beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare<R: Role> {
    lifecycle: Lifecycle<R, Held<R>>,
    own: Held<R>,
}

impl<R: Role> Bare<R> {
    pub fn new([config, own]: [&'static Config<R>; 2]) -> Self {
        Self { lifecycle: Lifecycle::new(Instant::from_secs(1), Held(config)), own: Held(own) }
    }
}

/// What both doors name alike.
macro_rules! alike {
    ($machine:ident) => {
        fn wants(&self) -> Wants {
            self.$machine.wants()
        }
        fn next_deadline(&self) -> Option<Deadline> {
            self.$machine.next_deadline()
        }
        fn is_closed(&self) -> bool {
            self.$machine.is_closed()
        }
        fn is_idle(&self) -> bool {
            self.$machine.is_idle()
        }
        fn persistence(&self) -> Persistence {
            self.$machine.persistence()
        }
        fn octets_pending(&self) -> u64 {
            self.$machine.octets_pending()
        }
        fn handle_timeout(&mut self, now: Instant) -> Option<Deadline> {
            self.$machine.handle_timeout(now)
        }
        fn nothing_to_read(&mut self, now: Instant) {
            self.$machine.nothing_to_read(now)
        }
        fn handle_sent(&mut self, now: Instant, octets: u64) {
            self.$machine.handle_sent(now, octets)
        }
        fn handle_shut(&mut self, now: Instant) {
            self.$machine.handle_shut(now)
        }
        fn transport_failed(&mut self, now: Instant) {
            self.$machine.transport_failed(now)
        }
        fn write_failed(&mut self, now: Instant) {
            self.$machine.write_failed(now)
        }
        fn abort(&mut self, now: Instant) {
            self.$machine.abort(now)
        }
        fn close_after_exchange(&mut self, now: Instant) {
            self.$machine.close_after_exchange(now)
        }
    };
}

fn received(done: Result<(), ReceiveError>) -> Result<(), Refused> {
    match done {
        Ok(()) | Err(ReceiveError::Fault(_)) => Ok(()),
        Err(ReceiveError::Ended(_)) => Err(Refused::Ended),
        Err(ReceiveError::Misuse(misuse)) => Err(Refused::Misuse(misuse)),
    }
}

fn told(outcome: &Outcome<'_>) -> Option<Told> {
    let length = |length| match length {
        BodyLength::Empty => Some(0),
        BodyLength::Exact(octets) => Some(octets),
        BodyLength::Chunked | BodyLength::UntilClose => None,
    };
    match outcome {
        Outcome::Event(Event::Request(head)) => Some(Told::Head(length(head.framing.length))),
        Outcome::Event(Event::Response(head)) => Some(Told::Head(length(head.framing.length))),
        Outcome::Event(Event::Content(content)) => Some(Told::Content(content.len() as u64)),
        Outcome::Event(Event::End { .. }) => Some(Told::End),
        Outcome::Event(Event::Tunnel(_)) => Some(Told::Tunnel),
        _ => None,
    }
}

fn frees(goes: bool) -> Result<(), Refused> {
    if goes { Ok(()) } else { Err(Refused::Stays) }
}

/// A final response, and the last one.
fn last_response() -> Response<'static> {
    Response::new(StatusCode::OK).with_close(true)
}

fn code(status: u16) -> StatusCode {
    StatusCode::new(status).expect("three digits")
}

/// What a connection has of both roles; its own follows.
macro_rules! whole {
    ($role:ty, $is_client:expr, |$asked:ident| $idleness:expr, |$connection:ident, $now:ident, $out:ident, $intent:ident| $own:expr) => {
        impl Subject for Whole<$role> {
            const TELLS: bool = true;
            const IS_CLIENT: bool = $is_client;
            alike!(connection);
            fn idleness(&self) -> Option<Idleness> {
                let $asked = &self.connection;
                $idleness
            }
            fn close_reasons(&self) -> Vec<CloseReason> {
                self.connection.lifecycle().close_reasons().collect()
            }
            fn canonical(&self, now: Instant, hasher: &mut impl Hasher) {
                (self.connection.canonical(now), &self.inbox).hash(hasher);
            }
            fn arrive(&mut self, octets: &'static str) {
                self.inbox.extend_from_slice(octets.as_bytes());
            }
            fn pump(&mut self, now: Instant) -> Option<Told> {
                loop {
                    let Ok(received) = self.connection.receive(now, &self.inbox) else { return Some(Told::Error) };
                    let (told, consumed) = (told(&received.outcome), received.consumed);
                    let goes_on = matches!(received.outcome, Outcome::Event(_));
                    self.inbox.drain(..consumed);
                    if told.is_some() || !goes_on {
                        return told;
                    }
                }
            }
            fn fact(&mut self, _: Instant, fact: Fact) -> Result<Option<Told>, Refused> {
                unreachable!("{fact:?} is told to a lifecycle")
            }
            fn eof(&mut self, now: Instant) -> Option<Told> {
                match self.connection.receive_eof(now, Eof::Clean) {
                    Ok(received) => told(&received.outcome),
                    Err(_) => Some(Told::Error),
                }
            }
            fn act(&mut self, $now: Instant, $intent: Intent) -> Result<(), Refused> {
                let ($connection, mut room) = (&mut self.connection, [0; 512]);
                let $out = &mut room[..];
                match $intent {
                    Intent::Content(octets) => {
                        let sent = $connection.send_content($now, &b"0123456789"[..octets as usize], $out)?;
                        assert_eq!(sent.consumed as u64, octets, "there was room");
                    }
                    Intent::End => {
                        $connection.send_end($now, NO_FIELDS, $out)?;
                    }
                    Intent::Skip(octets) => received($connection.skip_content($now, octets))?,
                    Intent::Use(said) => received($connection.content_use($now, said))?,
                    Intent::OwnTimeouts => $connection.exchange_timeouts($now, self.own.clone())?,
                    _ => {
                        $own;
                    }
                }
                Ok(())
            }
        }
    };
}

whole!(Server, false, |asked| asked.idleness(), |connection, now, out, intent| match intent {
    Intent::Respond(content) => connection.send_response(now, StatusCode::OK, NO_FIELDS, content, out)?,
    Intent::RespondSmall => {
        connection.send_response(now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out[..9])?
    }
    Intent::RespondLast(content) => connection.send_response(now, last_response(), NO_FIELDS, content, out)?,
    Intent::Continue => connection.send_continue(now, out)?,
    Intent::Refuse => connection.send_refusal(now, NO_FIELDS, out)?,
    Intent::RefuseSmall => connection.send_refusal(now, NO_FIELDS, &mut out[..9])?,
    Intent::TurnAway(status) => connection.refuse(now, code(status)).map(|()| 0)?,
    Intent::Gone => connection.application_gone(now).map(|()| 0)?,
    Intent::FreePlace => frees(connection.free_place(now)).map(|()| 0)?,
    other => unreachable!("{other:?} is a client's"),
});

whole!(Client<2>, true, |_asked| None, |connection, now, out, intent| match intent {
    Intent::Ask(method, field, content, last) => {
        let target: &[u8] = if method == "CONNECT" { b"a:80" } else { b"/" };
        let request = Request::new(Method::new(method.as_bytes()), target).with_close(last);
        let fields: Vec<_> = [("Host", "a:80")].into_iter().chain(field).collect();
        connection.send_request(now, &request, fields.as_slice(), content, out)?
    }
    Intent::NothingLeft => {
        connection.nothing_left(now);
        0
    }
    other => unreachable!("{other:?} is a server's"),
});

/// What a lifecycle has of both roles; its own follows.
macro_rules! bare {
    ($role:ty, $is_client:expr, |$asked:ident| $idleness:expr, |$head:ident| $facts:expr, |$lifecycle:ident, $now:ident, $intent:ident| $own:expr) => {
        impl Subject for Bare<$role> {
            const TELLS: bool = false;
            const IS_CLIENT: bool = $is_client;
            alike!(lifecycle);
            fn idleness(&self) -> Option<Idleness> {
                let $asked = &self.lifecycle;
                $idleness
            }
            fn close_reasons(&self) -> Vec<CloseReason> {
                self.lifecycle.close_reasons().collect()
            }
            fn canonical(&self, now: Instant, hasher: &mut impl Hasher) {
                self.lifecycle.canonical(now).hash(hasher);
            }
            fn arrive(&mut self, octets: &'static str) {
                unreachable!("{octets} come to a connection")
            }
            fn pump(&mut self, _: Instant) -> Option<Told> {
                None
            }
            fn fact(&mut self, now: Instant, fact: Fact) -> Result<Option<Told>, Refused> {
                let lifecycle = &mut self.lifecycle;
                let told = match fact {
                    Fact::Octets(octets) => {
                        lifecycle.octets_received(now, octets);
                        return Ok(None);
                    }
                    Fact::Head(status, field) => {
                        let $head = status;
                        let mut head = $facts;
                        for (name, value) in [("Host", "a")].into_iter().chain(field) {
                            head.field_line(name.as_bytes(), value.as_bytes());
                        }
                        lifecycle.head_received(now, &head).map(|_| Some(Told::Head(None)))
                    }
                    Fact::Content(octets) => {
                        lifecycle.content_received(now, octets).map(|()| Some(Told::Content(octets)))
                    }
                    Fact::End => lifecycle.end_received(now).map(|()| Some(Told::End)),
                    Fact::Fault => {
                        lifecycle.fault_received(now, ProtocolErrorKind::FieldName);
                        Ok(Some(Told::Error))
                    }
                };
                match told {
                    Ok(told) => Ok(told),
                    Err(ReceiveError::Fault(_)) => Ok(Some(Told::Error)),
                    Err(ReceiveError::Ended(_)) => Err(Refused::Ended),
                    Err(ReceiveError::Misuse(misuse)) => Err(Refused::Misuse(misuse)),
                }
            }
            fn eof(&mut self, now: Instant) -> Option<Told> {
                self.lifecycle.eof_received(now).map(|_| Told::Error)
            }
            fn act(&mut self, $now: Instant, $intent: Intent) -> Result<(), Refused> {
                let $lifecycle = &mut self.lifecycle;
                match $intent {
                    Intent::Content(octets) => {
                        $lifecycle.content_sent($now, octets)?;
                        $lifecycle.octets_written($now, octets);
                    }
                    Intent::End => $lifecycle.end_sent($now)?,
                    Intent::Use(said) => received($lifecycle.content_use($now, said))?,
                    Intent::OwnTimeouts => $lifecycle.exchange_timeouts($now, self.own.clone())?,
                    _ => $own,
                }
                Ok(())
            }
        }
    };
}

bare!(
    Server,
    false,
    |asked| asked.idleness(),
    |status| match status {
        10 => HeadFacts::request(Method::new(b"GET"), Version::HTTP_10),
        1 => HeadFacts::request(Method::new(b"CONNECT"), Version::HTTP_11),
        _ => HeadFacts::request(Method::new(b"POST"), Version::HTTP_11),
    },
    |lifecycle, now, intent| match intent {
        Intent::Respond(content) => {
            lifecycle.head_to_send(now, StatusCode::OK, content)?;
            lifecycle.octets_written(now, 20);
        }
        Intent::RespondLast(content) => {
            lifecycle.head_to_send(now, last_response(), content)?;
            lifecycle.octets_written(now, 20);
        }
        Intent::TurnAway(status) => lifecycle.refuse(now, code(status))?,
        Intent::Gone => lifecycle.application_gone(now)?,
        Intent::FreePlace => frees(lifecycle.free_place(now))?,
        Intent::Continue => {
            if lifecycle.interim_to_send(now, StatusCode::CONTINUE)? {
                lifecycle.octets_written(now, 20);
            }
        }
        Intent::Refuse => {
            lifecycle.send_refusal(now, NO_FIELDS, &mut [0; 512])?;
        }
        Intent::RefuseSmall => {
            lifecycle.send_refusal(now, NO_FIELDS, &mut [0; 9])?;
        }
        other => unreachable!("{other:?} is a connection's, or a client's"),
    }
);

bare!(
    Client<2>,
    true,
    |_asked| None,
    |status| HeadFacts::response(StatusCode::new(status).expect("three digits"), Version::HTTP_11),
    |lifecycle, now, intent| match intent {
        Intent::Ask(method, field, content, last) => {
            let target: &[u8] = if method == "CONNECT" { b"a:80" } else { b"/" };
            let request = Request::new(Method::new(method.as_bytes()), target).with_close(last);
            let mut head = HeadFacts::request(request.method(), Version::HTTP_11);
            for (name, value) in [("Host", "a:80")].into_iter().chain(field) {
                head.field_line(name.as_bytes(), value.as_bytes());
            }
            lifecycle.head_to_send(now, &request, &head, content)?;
            lifecycle.octets_written(now, 20);
        }
        Intent::NothingLeft => lifecycle.nothing_left(now),
        other => unreachable!("{other:?} is a connection's, or a server's"),
    }
);
