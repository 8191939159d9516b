//! A request as it is sent, any number of times.

use http::request::Parts;
use http::{HeaderMap, Method, Version, header};
use http_keepalive::pool::{Demand, Meanwhile, Peer, Source};
use http_keepalive::retry::{Evidence, Sender};
use http_keepalive::{
    CheckedFields, Instant, IntentFields, Method as MachineMethod, MethodKind, Request, SendError,
    Version as MachineVersion,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::Error;
use super::extensions::{Idempotent, OnInterim, Proxy, RequestTimeouts};
use super::key::Way;
use super::upload::Upload;
use super::wire::Wire;

/// The head of a request, and where it goes.
pub(super) struct Asked {
    method: Method,
    pub(super) way: Way,
    version: Version,
    headers: HeaderMap,
    timeouts: Option<RequestTimeouts>,
    on_interim: Option<OnInterim>,
    is_idempotent: bool,
}

impl Asked {
    pub(super) fn new(parts: Parts) -> Result<Self, Error> {
        let Parts { method, uri, version, headers, mut extensions, .. } = parts;
        let proxy = extensions.remove::<Proxy>();
        let way = Way::of(&method, uri, proxy.as_ref())?;
        let kind = MachineMethod::from(&method).kind();
        Ok(Self {
            is_idempotent: kind.is_idempotent() || extensions.get::<Idempotent>().is_some(),
            timeouts: extensions.remove(),
            on_interim: extensions.remove(),
            method,
            way,
            version,
            headers,
        })
    }

    /// What it asks the pool for.
    pub(super) const fn demand(&self, source: Source) -> Demand {
        let demand = Demand::DEFAULT.with_source(source).with_meanwhile(Meanwhile::Wait);
        if self.way.is_proxied { demand.with_peer(Peer::Proxy) } else { demand }
    }

    /// Hands its head to the drive.
    pub(super) fn send<T>(&self, now: Instant, wire: &mut Wire<T>, upload: &Upload) -> Result<(), Error>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let fields = IntentFields::new(&self.headers)?;
        let content = fields.content_of_request(upload.octets())?;
        let mut request = Request::new(MachineMethod::from(&self.method), self.way.target())
            .with_close(fields.close())
            .with_idempotent(self.is_idempotent)
            .with_replayable(upload.is_replayable());
        if self.version != Version::HTTP_11 {
            request = request.with_version(MachineVersion::try_from(self.version)?);
        }
        let (drive, host) = (&mut wire.drive, &mut wire.host);
        let sent = if self.headers.contains_key(header::HOST) {
            drive.request(now, &request, fields, content)
        } else {
            let authority = self.way.authority().as_bytes();
            let is_same = host.strip_prefix(HOST).and_then(|line| line.strip_suffix(b"\r\n")) == Some(authority);
            if !is_same {
                *host = [HOST, authority, b"\r\n"].concat();
            }
            drive.request(now, &request, CheckedFields::new(host)?.and(fields), content)
        };
        sent.map_err(|error| match error {
            SendError::Misuse(misuse) => Error::from(misuse),
            other => Error::of_request(other),
        })?;
        if let Some(RequestTimeouts(config)) = &self.timeouts {
            drive.exchange_timeouts(now, config.clone()).map_err(Error::of_request)?;
        }
        wire.exchanges += 1;
        Ok(())
    }

    pub(super) fn told_interim(&self, response: &http::Response<()>) {
        if let Some(on_interim) = &self.on_interim {
            on_interim.call(response);
        }
    }

    /// What is known of it where it was answered.
    pub(super) fn evidence(&self, sender: Sender) -> Evidence {
        let kind: MethodKind = MachineMethod::from(&self.method).kind();
        Evidence { idempotent: self.is_idempotent, ..Evidence::new(kind).sent_for(sender) }
    }

    /// It is sent without its expectation from now on.
    pub(super) fn expect_nothing(&mut self) {
        self.headers.remove(header::EXPECT);
    }
}

const HOST: &[u8] = b"Host: ";
