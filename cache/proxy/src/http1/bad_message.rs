//! Why a message was refused. Each shape has its own reason, so that a test, a metric and an operator can tell
//! "smuggling attempt" from "broken client".

/// What is wrong with a message, be it a client's request or an origin's response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum BadMessage {
    /// A line feed without a carriage return before it.
    BareLineFeed,
    /// A carriage return without a line feed after it.
    BareCarriageReturn,
    /// NUL or another control character in a field value.
    ControlCharacter,
    /// A field line that goes on in the next line (obs-fold).
    LineFold,
    /// White space between field name and colon.
    SpaceBeforeColon,
    /// A field line without a colon.
    NoColon,
    /// A field name that is empty or not a token.
    FieldName,
    /// More than one empty line before the request line.
    EmptyLines,
    /// The first line is neither a request line nor a status line.
    StartLine,
    /// A request line without a version: HTTP/0.9.
    Http09,
    /// An HTTP version other than 1.0 and 1.1.
    Version,
    /// A byte in the request target that no URI has.
    Target,
    /// The request line is too long.
    LineTooLong,
    /// The head has too many bytes.
    HeadTooLarge,
    /// The head has too many field lines.
    TooManyFields,
    /// An HTTP/1.1 request without `Host`.
    MissingHost,
    /// More than one `Host`.
    SeveralHosts,
    /// A `Host` that is not a host with an optional port.
    Host,
    /// `Content-Length` together with `Transfer-Encoding`.
    LengthAndCoding,
    /// A `Content-Length` that is not one plain decimal number.
    ContentLength,
    /// More than one `Content-Length`.
    SeveralLengths,
    /// A `Transfer-Encoding` that does not end in exactly one `chunked`.
    TransferCoding,
    /// A transfer coding, properly followed by `chunked`, that we do not know.
    UnknownCoding,
    /// `Transfer-Encoding` in an HTTP/1.0 message.
    CodingInHttp10,
    /// A chunk size that is not a plain hexadecimal number.
    ChunkSize,
    /// A chunk extension that is malformed, or too many bytes of them.
    ChunkExtension,
    /// Chunk data not followed by CRLF.
    ChunkEnd,
    /// A malformed trailer section.
    Trailer,
    /// Trailers with too many bytes or field lines.
    TrailersTooLarge,
    /// A status code that is not three digits from 100 on.
    Status,
    /// More interim responses than anybody needs.
    InterimResponses,
    /// A change of protocols that nobody asked for.
    Upgrade,
}

impl BadMessage {
    /// The reason in words, for metrics, logs and error pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BareLineFeed => "bare line feed",
            Self::BareCarriageReturn => "bare carriage return",
            Self::ControlCharacter => "control character in a field value",
            Self::LineFold => "folded field line",
            Self::SpaceBeforeColon => "space before colon",
            Self::NoColon => "field line without colon",
            Self::FieldName => "invalid field name",
            Self::EmptyLines => "empty lines before the request line",
            Self::StartLine => "malformed start line",
            Self::Http09 => "request line without version",
            Self::Version => "unsupported http version",
            Self::Target => "invalid byte in request target",
            Self::LineTooLong => "request line too long",
            Self::HeadTooLarge => "head too large",
            Self::TooManyFields => "too many field lines",
            Self::MissingHost => "missing host",
            Self::SeveralHosts => "several hosts",
            Self::Host => "invalid host",
            Self::LengthAndCoding => "content-length with transfer-encoding",
            Self::ContentLength => "invalid content-length",
            Self::SeveralLengths => "several content-lengths",
            Self::TransferCoding => "invalid transfer-encoding",
            Self::UnknownCoding => "unknown transfer coding",
            Self::CodingInHttp10 => "transfer-encoding in http/1.0",
            Self::ChunkSize => "invalid chunk size",
            Self::ChunkExtension => "invalid chunk extension",
            Self::ChunkEnd => "chunk without end of line",
            Self::Trailer => "malformed trailer",
            Self::TrailersTooLarge => "trailers too large",
            Self::Status => "invalid status code",
            Self::InterimResponses => "too many interim responses",
            Self::Upgrade => "upgrade without request",
        }
    }

    /// The status a client is answered with before its connection is closed. (An origin's bad response is a 502,
    /// whatever is wrong with it.)
    pub fn status(self) -> u16 {
        match self {
            Self::LineTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields | Self::TrailersTooLarge => 431,
            Self::UnknownCoding => 501,
            Self::Version => 505,
            _ => 400,
        }
    }
}
