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

impl Client {
    /// Routes a request.
    pub(super) fn route(&self, settings: &Settings, head: RequestHead, started: Tick) -> Route {
        match self.try_route(settings, &head, started) {
            Ok(route) => route,
            Err(refusal) => Route::Own(OwnReply::refused(&head, refusal)),
        }
    }

    fn try_route(&self, settings: &Settings, head: &RequestHead, started: Tick) -> Result<Route, Refusal> {
        let method = head.method.clone();
        let is_reverse = settings.config.reverse.is_some();
        if hop::has_passed(&head.fields, &self.worker.shared.pseudonym) {
            return Err(Refusal::Loop);
        }
        let target = match form(&method, &head.target) {
            Form::Authority if is_reverse => return Err(Refusal::Method),
            Form::Authority => return self.route_tunnel(settings, head, started).map(Route::Tunnel),
            Form::Asterisk => return Ok(Route::Own(OwnReply::options(head))),
            Form::Absolute => Target::absolute(&head.target, String::new())?,
            Form::Origin if is_reverse => {
                let host = head.fields.first("host").ok_or(Refusal::NoHost)?;
                Target::origin(Scheme::Http, host, &head.target, String::new())?
            }
            Form::Origin => return Err(Refusal::NotAbsolute),
        };
        if is_reverse {
            settings.access.client(self.address)?;
        } else {
            settings.access.request(self.address, Wanted::Response, target.port())?;
            if target.scheme() != Scheme::Http {
                return Err(Refusal::Scheme);
            }
        }
        let mut fields = head.fields.clone();
        match hop::max_forwards(&method, &fields) {
            MaxForwards::Answer => return Ok(Route::Own(OwnReply::final_recipient(head, &method))),
            MaxForwards::Forward(left) => fields.set("Max-Forwards", left.to_string()),
            MaxForwards::Unlimited => {}
        }
        Ok(Route::Request(Request {
            method,
            target,
            fields,
            version: head.version,
            body: head.body,
            is_persistent: head.is_persistent,
            started,
        }))
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
