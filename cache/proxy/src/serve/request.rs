//! A request as it is served: its head taken apart once, in our words.

use cnn_core::fields::Fields;
use cnn_core::rfc9111::{Method, Target};
use cnn_core::time::Tick;

use crate::http1::{BodyLength, Version};

/// A request for a target URI.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) fields: Fields,
    pub(super) version: Version,
    /// How its body ends.
    pub(super) body: BodyLength,
    /// Whether the client lets the connection live on.
    pub(super) is_persistent: bool,
    /// When its head had come.
    pub(super) started: Tick,
}

impl Request {
    /// The protocols the client wants to change to, if it wants to (RFC 9110 section 7.8).
    pub(super) fn upgrade(&self) -> Option<&[u8]> {
        let is_asked = self.version == Version::Http11
            && self.body.is_empty()
            && self.fields.list_has("connection", "upgrade");
        self.fields.first("upgrade").filter(|_| is_asked)
    }

    /// Whether the reply has its content sent after its head.
    pub(super) fn wants_content(&self) -> bool {
        self.method != Method::Head
    }
}
