//! Where a request goes: what its target's form means here, and whether it may go there at all, in Squid's order. It
//! does not look anything up; the destination's address is judged when a connection to it is about to be made.

use cnn_core::fields::Fields;
use cnn_core::rfc9111::Target;
use cnn_core::rfc9111::hop::{self, MaxForwards};
use cnn_core::rfc9111::target::{Authority, Form, Scheme, form};
use cnn_core::time::Tick;

use super::client::Client;
use super::own::{OwnReply, Refusal};
use super::request::Request;
use super::tunnel::WantedTunnel;
use crate::access::Wanted;
use crate::http1::RequestHead;
use crate::server::Settings;

/// What is done with a request.
pub(super) enum Route {
    /// It is answered from the store or by the origin.
    Request(Request),
    /// A tunnel is opened.
    Tunnel(WantedTunnel),
    /// It is answered here.
    Own(OwnReply),
}

/// Where a request goes, before what it takes along is taken out of its head.
enum Way {
    /// To its target; with the value of `Max-Forwards` that it has from here on, if it has one.
    Target(Target, Option<u64>),
    Tunnel(WantedTunnel),
    Own(OwnReply),
}

impl Client {
    /// Routes a request.
    pub(super) fn route(&self, settings: &Settings, head: RequestHead, started: Tick) -> Route {
        let (target, max_forwards) = match self.way(settings, &head, started) {
            Ok(Way::Target(target, max_forwards)) => (target, max_forwards),
            Ok(Way::Tunnel(wanted)) => return Route::Tunnel(wanted),
            Ok(Way::Own(own)) => return Route::Own(own),
            Err(refusal) => return Route::Own(OwnReply::refused(&head, refusal)),
        };
        let RequestHead { method, mut fields, version, body, is_persistent, .. } = head;
        hop::remove_named(&mut fields);
        if let Some(left) = max_forwards {
            fields.set("Max-Forwards", left.to_string());
        }
        Route::Request(Request { method, target, fields, version, body, is_persistent, started })
    }

    fn way(&self, settings: &Settings, head: &RequestHead, started: Tick) -> Result<Way, Refusal> {
        let reverse = settings.config.reverse.as_ref();
        let is_reverse = reverse.is_some();
        if hop::has_passed(&head.fields, &self.worker.shared.pseudonym) {
            return Err(Refusal::Loop);
        }
        let target = match form(&head.method, &head.target) {
            Form::Authority if is_reverse => return Err(Refusal::Method),
            Form::Authority => return self.route_tunnel(settings, head, started).map(Way::Tunnel),
            Form::Asterisk => {
                settings.access.client(self.address)?;
                return Ok(Way::Own(OwnReply::options(head)));
            }
            Form::Absolute => Target::absolute(&head.target, String::new())?,
            Form::Origin => {
                let origin = reverse.ok_or(Refusal::NotAbsolute)?;
                match head.fields.first("host") {
                    Some(host) => Target::origin(Scheme::Http, host, &head.target, String::new())?,
                    // Only HTTP/1.0 may leave it out, as health checks do: then there is only the origin to be meant.
                    None => {
                        let host = origin.authority();
                        Target::origin(Scheme::Http, host.as_bytes(), &head.target, String::new())?
                    }
                }
            }
        };
        if is_reverse {
            settings.access.client(self.address)?;
        } else {
            settings.access.request(self.address, Wanted::Response, target.port())?;
            if target.scheme() != Scheme::Http {
                return Err(Refusal::Scheme);
            }
        }
        match hop::max_forwards(&head.method, &head.fields) {
            MaxForwards::Answer => Ok(Way::Own(OwnReply::final_recipient(head, &head.method))),
            MaxForwards::Forward(left) => Ok(Way::Target(target, Some(left))),
            MaxForwards::Unlimited => Ok(Way::Target(target, None)),
        }
    }

    fn route_tunnel(
        &self,
        settings: &Settings,
        head: &RequestHead,
        started: Tick,
    ) -> Result<WantedTunnel, Refusal> {
        let authority = Authority::parse(&head.target)?;
        settings.access.request(self.address, Wanted::Tunnel, authority.port())?;
        Ok(WantedTunnel { authority, fields: head.fields.clone(), version: head.version, started })
    }
}

/// The text of a TRACE request as it is echoed: without credentials (RFC 9110 section 9.3.8).
pub(super) fn traced(head: &RequestHead) -> Vec<u8> {
    let mut fields: Fields = head.fields.clone();
    hop::remove_credentials(&mut fields);
    let mut text = Vec::with_capacity(head.wire_bytes);
    text.extend_from_slice(head.method.as_str().as_bytes());
    text.push(b' ');
    text.extend_from_slice(&head.target);
    text.push(b' ');
    text.extend_from_slice(head.version.as_str().as_bytes());
    text.extend_from_slice(b"\r\n");
    crate::http1::write::fields(&mut text, &fields);
    crate::http1::write::end(&mut text);
    text
}
