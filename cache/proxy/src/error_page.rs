//! What a client is shown when there is no response to show: a small page in the manner of Squid's, with Squid's name for
//! the error in `X-Squid-Error`, readable in a browser and in a terminal.
//!
//! A page shows the URL without its user name and query, escaped, and nothing else of the request: no field that may
//! hold credentials comes back, and nobody's markup runs. It does not say which addresses a name has.

use std::borrow::Cow;

use bytes::Bytes;

/// Characters of a URL that are shown.
const URL_CHARS_MAX: usize = 512;

/// What went wrong, in Squid's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// An access rule refused the request.
    AccessDenied,
    /// The name has no address, or nobody told it in time.
    DnsFail,
    /// None of the origin's addresses took the connection.
    ConnectFail,
    /// The origin took too long.
    ReadTimeout,
    /// The connection to the origin broke before a response came.
    ReadError,
    /// The origin closed the connection without a response.
    ZeroSizeObject,
    /// What the origin sent is not HTTP.
    InvalidResponse,
    /// The request is not HTTP, or could be read in two ways.
    InvalidRequest,
    /// The target is not a URL this proxy can fetch.
    InvalidUrl,
    /// The request's header is too large.
    TooBig,
    /// The client asked for a stored response only, and there is none.
    OnlyIfCachedMiss,
    /// The request asks for what this proxy does not do.
    UnsupportedRequest,
    /// The version of HTTP is not 1.0 or 1.1.
    UnsupportedVersion,
    /// The request did not come in time.
    RequestTimeout,
    /// The request came through this proxy before.
    ForwardingLoop,
    /// All that can be served at once is being served.
    TooBusy,
    /// The proxy is stopping.
    ShuttingDown,
}

struct Words {
    name: &'static str,
    status: u16,
    title: &'static str,
    text: &'static str,
}

const fn words(name: &'static str, status: u16, title: &'static str, text: &'static str) -> Words {
    Words { name, status, title, text }
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::AccessDenied,
        Self::DnsFail,
        Self::ConnectFail,
        Self::ReadTimeout,
        Self::ReadError,
        Self::ZeroSizeObject,
        Self::InvalidResponse,
        Self::InvalidRequest,
        Self::InvalidUrl,
        Self::TooBig,
        Self::OnlyIfCachedMiss,
        Self::UnsupportedRequest,
        Self::UnsupportedVersion,
        Self::RequestTimeout,
        Self::ForwardingLoop,
        Self::TooBusy,
        Self::ShuttingDown,
    ];

    /// Squid's name for it, `ERR_` and words.
    pub const fn as_str(self) -> &'static str {
        self.words().name
    }

    /// The status of the response.
    pub const fn status(self) -> u16 {
        self.words().status
    }

    const fn words(self) -> Words {
        match self {
            Self::AccessDenied => {
                words("ERR_ACCESS_DENIED", 403, "Access denied", "The proxy's rules refuse this request.")
            }
            Self::DnsFail => {
                words("ERR_DNS_FAIL", 503, "Name not found", "The host name could not be looked up.")
            }
            Self::ConnectFail => words(
                "ERR_CONNECT_FAIL",
                503,
                "Connection failed",
                "The origin server did not take the connection.",
            ),
            Self::ReadTimeout => {
                words("ERR_READ_TIMEOUT", 504, "Origin timed out", "The origin server took too long.")
            }
            Self::ReadError => words(
                "ERR_READ_ERROR",
                502,
                "Connection broke",
                "The connection broke before a response came.",
            ),
            Self::ZeroSizeObject => words(
                "ERR_ZERO_SIZE_OBJECT",
                502,
                "Empty reply",
                "The origin server closed without a response.",
            ),
            Self::InvalidResponse => words(
                "ERR_INVALID_RESP",
                502,
                "Invalid response",
                "What the origin server sent is not a valid response.",
            ),
            Self::InvalidRequest => {
                words("ERR_INVALID_REQ", 400, "Invalid request", "The request is not valid HTTP.")
            }
            Self::InvalidUrl => {
                words("ERR_INVALID_URL", 400, "Invalid URL", "The URL is not one this proxy can fetch.")
            }
            Self::TooBig => words("ERR_TOO_BIG", 431, "Header too large", "The request header is too large."),
            Self::OnlyIfCachedMiss => words(
                "ERR_ONLY_IF_CACHED_MISS",
                504,
                "Not stored",
                "A stored response was asked for, and there is none.",
            ),
            Self::UnsupportedRequest => words(
                "ERR_UNSUP_REQ",
                501,
                "Unsupported request",
                "The proxy does not do what the request asks for.",
            ),
            Self::UnsupportedVersion => words(
                "ERR_UNSUP_HTTPVERSION",
                505,
                "Unsupported version",
                "The proxy speaks HTTP/1.1 and HTTP/1.0.",
            ),
            Self::RequestTimeout => words(
                "ERR_REQUEST_PARSE_TIMEOUT",
                408,
                "Request timed out",
                "The request did not come in time.",
            ),
            Self::ForwardingLoop => words(
                "ERR_FORWARDING_LOOP",
                508,
                "Loop detected",
                "The request came through this proxy before.",
            ),
            Self::TooBusy => {
                words("ERR_TOO_BUSY", 503, "Too busy", "The proxy serves all it can at the moment.")
            }
            Self::ShuttingDown => words("ERR_SHUTTING_DOWN", 503, "Stopping", "The proxy is being stopped."),
        }
    }
}

/// A response made by the proxy itself.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    /// What it is about.
    pub kind: ErrorKind,
    /// Its body.
    pub body: Bytes,
}

impl ErrorPage {
    /// The page about what went wrong with a URL (empty when there was none). `explanation` replaces the kind's own
    /// sentence; `host` is the name of this proxy.
    pub fn new(kind: ErrorKind, url: &[u8], explanation: Option<&str>, host: &str) -> Self {
        let Words { name, title, text, .. } = kind.words();
        let text = escaped(explanation.unwrap_or(text));
        let url = shown_url(url);
        let about =
            if url.is_empty() { String::new() } else { format!("<p>While asked for <b>{url}</b>:</p>\n") };
        let host = escaped(host);
        let body = format!(
            "<!DOCTYPE html>\n\
             <html lang=\"en\">\n\
             <head><meta charset=\"utf-8\"><title>ERROR: {title}</title></head>\n\
             <body id=\"{name}\">\n\
             <h1>ERROR</h1>\n\
             <h2>{title}</h2>\n\
             {about}\
             <blockquote><p>{text}</p></blockquote>\n\
             <hr>\n\
             <p>{name} from {host} (C/NN)</p>\n\
             </body>\n\
             </html>\n"
        );
        Self { kind, body: body.into() }
    }

    /// The fields that go with it, without those that frame the message.
    pub fn fields(&self) -> [(&'static str, Cow<'static, str>); 5] {
        [
            ("Content-Type", "text/html; charset=utf-8".into()),
            ("X-Squid-Error", format!("{} 0", self.kind.as_str()).into()),
            ("Cache-Control", "no-store".into()),
            ("Content-Security-Policy", "default-src 'none'".into()),
            ("X-Content-Type-Options", "nosniff".into()),
        ]
    }
}

/// A URL as it is shown: without user name, password and query.
fn shown_url(url: &[u8]) -> String {
    let url = String::from_utf8_lossy(url);
    let (url, cut) = match url.split_once(['?', '#']) {
        Some((url, _)) => (url, "?..."),
        None => (&*url, ""),
    };
    // User names stand before the last `@` of the authority, whether or not there is a scheme before it.
    let (scheme, rest) = url.split_once("//").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let host_at = rest[..authority_end].rfind('@').map_or(0, |at| at + 1);
    let slashes = if rest.len() == url.len() { "" } else { "//" };
    let full = format!("{scheme}{slashes}{}", &rest[host_at..]);
    let shown: String = full.chars().take(URL_CHARS_MAX).collect();
    let cut = if shown.len() < full.len() { "..." } else { cut };
    escaped(&shown).into_owned() + cut
}

/// Text without markup and control characters.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| matches!(c, '<' | '>' | '&' | '"' | '\'') || c.is_control()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_url(url: &str, shown: &str) {
        assert_eq!(shown_url(url.as_bytes()), shown);
    }

    #[test]
    fn credentials_are_not_reflected() {
        check_url("http://user:secret@origin.test/a", "http://origin.test/a");
        check_url("http://a@b:secret@origin.test", "http://origin.test");
        check_url("http://origin.test/a?token=secret#frag", "http://origin.test/a?...");
        check_url("user:secret@origin.test:443", "origin.test:443");
        check_url("http://origin.test/mail/a@b", "http://origin.test/mail/a@b");
        check_url("//user@origin.test/", "//origin.test/");
    }

    #[test]
    fn markup_does_not_come_back() {
        check_url("http://h/<script>\"'&\n", "http://h/&lt;script&gt;&quot;&#39;&amp;\u{fffd}");
        let page = ErrorPage::new(ErrorKind::InvalidUrl, b"x<y", Some("<i>"), "<host>");
        let body = std::str::from_utf8(&page.body).unwrap();
        assert!(!body.contains("<y") && !body.contains("<i>") && !body.contains("<host>"), "{body}");
    }

    #[test]
    fn long_urls_are_cut() {
        let shown = shown_url(format!("http://h/{}", "é".repeat(2000)).as_bytes());
        assert_eq!(shown.chars().count(), URL_CHARS_MAX + 3);
        assert!(shown.ends_with("..."));
    }

    #[test]
    fn a_page_has_squids_name_for_the_error() {
        let page = ErrorPage::new(ErrorKind::AccessDenied, b"http://origin.test/", None, "proxy.test");
        let body = std::str::from_utf8(&page.body).unwrap();
        assert!(body.contains("<body id=\"ERR_ACCESS_DENIED\">"), "{body}");
        assert!(body.contains("http://origin.test/") && body.contains("proxy.test"), "{body}");
        assert_eq!(page.kind.status(), 403);
        assert!(page.fields().contains(&("X-Squid-Error", "ERR_ACCESS_DENIED 0".into())));
    }

    #[test]
    fn every_kind_has_a_name_and_an_error_status_of_its_own() {
        let names: std::collections::HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
        for kind in ErrorKind::ALL {
            assert!(kind.as_str().starts_with("ERR_") && (400..600).contains(&kind.status()), "{kind:?}");
        }
    }

    #[test]
    fn no_url_breaks_a_page() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..2000 {
            let url: Vec<u8> =
                (0..random.usize(0..40)).map(|_| b"/:@?#<\"&a\xc3\xa9\n"[random.usize(0..12)]).collect();
            let shown = shown_url(&url);
            assert!(!shown.contains(['<', '"', '\n']), "{shown}");
        }
    }
}
