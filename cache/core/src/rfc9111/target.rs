//! The target URI of a request (RFC 9110 section 7.1, RFC 9112 section 3.2), normalised once; its text is the primary
//! cache key. The authority is part of it by construction, so no option and no mistake can share one site's documents
//! with another.
//!
//! Normalised: scheme and host in lower case, the default port and a host's final dot left out, an empty path becomes
//! `/`, IPv6 literals in their canonical spelling. Path and query are kept byte for byte: what they mean is for the
//! origin to say. Refused: user names and passwords, fragments, schemes other than http and https.

mod resolve;

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use super::method::Method;

/// A scheme this proxy fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// The four forms of a request target (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `http://host/path`, what a client sends to a proxy: [`Target::absolute`].
    Absolute,
    /// `/path`, what a client sends to an origin: [`Target::origin`].
    Origin,
    /// `host:port`, with CONNECT: [`Authority::parse`].
    Authority,
    /// `*`, with OPTIONS.
    Asterisk,
}

/// A target URI. Its text is the primary cache key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    // Invariant 1: `key` is `scheme "://" host [ ":" port ] path [ "?" query ]`, normalised.
    key: String,
    // Invariant 2: the host ends at `host_end`, the path starts at `path_start`; the host is not empty, the path has
    // its slash.
    host_end: u32,
    path_start: u32,
    port: u16,
    scheme: Scheme,
}

/// A host and a port: the target of CONNECT. There is no key: a tunnel is never stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    // Invariant: `host ":" port`, normalised; the host is `text[..host_end]`.
    text: String,
    host_end: u32,
    port: u16,
}

/// Why a request target was refused; always the client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TargetError {
    /// Not the form that the method or the listener asks for.
    #[error("reading the request target: not in the form this request must have")]
    Form,
    /// Neither http nor https.
    #[error("reading the request target: its scheme is neither http nor https")]
    Scheme,
    /// It names a user (RFC 9110 section 4.2.4 counts this as an error).
    #[error("reading the request target: it names a user")]
    UserInfo,
    /// There is no host.
    #[error("reading the request target: it has no host")]
    HostMissing,
    /// The host has characters no host name has, or is a malformed address.
    #[error("reading the request target: its host is malformed")]
    Host,
    /// The port is no number from 1 to 65535.
    #[error("reading the request target: its port is malformed")]
    Port,
    /// It has a fragment.
    #[error("reading the request target: it has a fragment")]
    Fragment,
    /// White space, a control character or bytes that are not UTF-8.
    #[error("reading the request target: it has a character that must be escaped")]
    Character,
    /// Longer than [`TARGET_BYTES_MAX`].
    #[error("reading the request target: it is too long")]
    TooLong,
}

/// Longest target accepted. RFC 9110 section 4.1 asks for at least 8,000; the head of a request is bounded elsewhere.
pub const TARGET_BYTES_MAX: usize = 65_536;

/// Longest host name the domain name system can hold, with a little room for an IPv6 literal's brackets.
const HOST_BYTES_MAX: usize = 255;

impl Scheme {
    /// The scheme as it stands in a URI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port a URI without one means.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn parse(name: &[u8]) -> Option<Self> {
        [Self::Http, Self::Https]
            .into_iter()
            .find(|scheme| name.eq_ignore_ascii_case(scheme.as_str().as_bytes()))
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }
}

impl TargetError {
    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Scheme => "scheme",
            Self::UserInfo => "user-info",
            Self::HostMissing => "host-missing",
            Self::Host => "host",
            Self::Port => "port",
            Self::Fragment => "fragment",
            Self::Character => "character",
            Self::TooLong => "too-long",
        }
    }
}

/// The form of a request target. Whether that form may be used is for the listener to say.
pub fn form(method: &Method, target: &[u8]) -> Form {
    match target {
        _ if *method == Method::Connect => Form::Authority,
        [b'/', ..] => Form::Origin,
        b"*" if *method == Method::Options => Form::Asterisk,
        _ => Form::Absolute,
    }
}

impl Target {
    /// Reads the absolute form. `buffer` is reused for the text; give `String::new()` or what
    /// [`into_buffer`](Self::into_buffer) returned.
    ///
    /// # Errors
    /// As [`TargetError`] lists.
    pub fn absolute(uri: &[u8], buffer: String) -> Result<Self, TargetError> {
        let colon = memchr::memchr(b':', uri).ok_or(TargetError::Form)?;
        let after = uri[colon..].strip_prefix(b"://").ok_or(TargetError::Form)?;
        let scheme = Scheme::parse(&uri[..colon]).ok_or(TargetError::Scheme)?;
        let end = memchr::memchr3(b'/', b'?', b'#', after).unwrap_or(after.len());
        Self::assemble(scheme, &after[..end], &after[end..], buffer)
    }

    /// Joins the origin form with the scheme of the connection and the value of `Host`.
    ///
    /// # Errors
    /// As [`TargetError`] lists.
    pub fn origin(scheme: Scheme, host: &[u8], path: &[u8], buffer: String) -> Result<Self, TargetError> {
        if path.first() != Some(&b'/') {
            return Err(TargetError::Form);
        }
        Self::assemble(scheme, host.trim_ascii(), path, buffer)
    }

    /// The primary cache key: the whole URI, normalised. The method of a stored response is always GET.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host and, unless it is the default, port: what goes into `Host` when the request is forwarded.
    pub fn authority(&self) -> &str {
        &self.key[self.host_start()..self.path_start as usize]
    }

    /// The host without an IPv6 literal's brackets.
    pub fn host(&self) -> &str {
        without_brackets(&self.key[self.host_start()..self.host_end as usize])
    }

    /// The port, also where the URI left it out.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query as received: the target in origin form.
    pub fn path_and_query(&self) -> &str {
        &self.key[self.path_start as usize..]
    }

    /// Whether both have the same scheme, host and port (RFC 9110 section 4.3.1).
    pub fn has_same_origin(&self, other: &Self) -> bool {
        self.key[..self.path_start as usize] == other.key[..other.path_start as usize]
    }

    /// The URI a reference in a response to this target means (RFC 3986 section 5.2), such as the value of `Location`.
    ///
    /// # Errors
    /// When it means no http or https URI.
    pub fn resolve(&self, reference: &[u8]) -> Result<Self, TargetError> {
        resolve::resolve(self, reference)
    }

    /// The text, for reuse by the next request.
    pub fn into_buffer(self) -> String {
        self.key
    }

    fn host_start(&self) -> usize {
        self.scheme.prefix().len()
    }

    fn assemble(scheme: Scheme, authority: &[u8], path: &[u8], buffer: String) -> Result<Self, TargetError> {
        if authority.len() + path.len() > TARGET_BYTES_MAX {
            return Err(TargetError::TooLong);
        }
        let path = path_text(path)?;
        let mut key = buffer;
        key.clear();
        key.reserve(scheme.prefix().len() + authority.len() + path.len() + 1);
        key.push_str(scheme.prefix());
        let port = push_host(&mut key, authority)?.unwrap_or(scheme.default_port());
        let host_end = key.len() as u32;
        if port != scheme.default_port() {
            push_port(&mut key, port);
        }
        let path_start = key.len() as u32;
        if !path.starts_with('/') {
            key.push('/');
        }
        key.push_str(path);
        Ok(Self { key, host_end, path_start, port, scheme })
    }
}

impl Authority {
    /// Reads the authority form: both host and port must be there.
    ///
    /// # Errors
    /// As [`TargetError`] lists.
    pub fn parse(authority: &[u8]) -> Result<Self, TargetError> {
        let mut text = String::with_capacity(authority.len());
        let port = push_host(&mut text, authority)?.ok_or(TargetError::Port)?;
        let host_end = text.len() as u32;
        push_port(&mut text, port);
        Ok(Self { text, host_end, port })
    }

    /// Host and port.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host without an IPv6 literal's brackets.
    pub fn host(&self) -> &str {
        without_brackets(&self.text[..self.host_end as usize])
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Appends the host of an authority in its normal form and returns the port, if one is given.
fn push_host(out: &mut String, authority: &[u8]) -> Result<Option<u16>, TargetError> {
    if memchr::memchr(b'@', authority).is_some() {
        return Err(TargetError::UserInfo);
    }
    let port = if authority.first() == Some(&b'[') {
        let end = memchr::memchr(b']', authority).ok_or(TargetError::Host)?;
        push_ipv6(out, &authority[1..end])?;
        &authority[end + 1..]
    } else {
        let end = memchr::memchr(b':', authority).unwrap_or(authority.len());
        push_name(out, &authority[..end])?;
        &authority[end..]
    };
    match port {
        [] | [b':'] => Ok(None),
        [b':', digits @ ..] => parse_port(digits).map(Some),
        _ => Err(TargetError::Host),
    }
}

fn push_ipv6(out: &mut String, literal: &[u8]) -> Result<(), TargetError> {
    let text = core::str::from_utf8(literal).map_err(|_| TargetError::Host)?;
    let address: Ipv6Addr = text.parse().map_err(|_| TargetError::Host)?;
    write!(out, "[{address}]").map_err(|_| TargetError::Host)
}

fn push_name(out: &mut String, name: &[u8]) -> Result<(), TargetError> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() {
        return Err(TargetError::HostMissing);
    }
    // No label is empty: no dot follows the start or another dot.
    let (_, is_name) = name.iter().fold((b'.', true), |(previous, is_name), &byte| {
        let is_label = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
        (byte, is_name & (is_label || byte == b'.' && previous != b'.'))
    });
    if name.len() > HOST_BYTES_MAX || !is_name || name.ends_with(b".") {
        return Err(TargetError::Host);
    }
    let start = out.len();
    out.push_str(core::str::from_utf8(name).map_err(|_| TargetError::Host)?);
    out[start..].make_ascii_lowercase();
    Ok(())
}

fn parse_port(digits: &[u8]) -> Result<u16, TargetError> {
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(TargetError::Port);
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    u16::try_from(number).ok().filter(|&port| port != 0).ok_or(TargetError::Port)
}

fn push_port(out: &mut String, port: u16) {
    write!(out, ":{port}").expect("writing to a string cannot fail");
}

/// Path and query as text, when they have no byte that would end a request line or a log line early.
fn path_text(path: &[u8]) -> Result<&str, TargetError> {
    let is_bad = |byte: u8| byte <= b' ' || byte == b'#' || byte == 0x7f;
    // Without an early exit the compiler checks many bytes at once.
    if path.iter().fold(false, |any, &byte| any | is_bad(byte)) {
        let has_fragment = path.contains(&b'#');
        return Err(if has_fragment { TargetError::Fragment } else { TargetError::Character });
    }
    core::str::from_utf8(path).map_err(|_| TargetError::Character)
}

#[cfg(test)]
mod tests;
