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
    /// Whether the reply has its content sent after its head.
    pub(super) fn wants_content(&self) -> bool {
        self.method != Method::Head
    }
}
