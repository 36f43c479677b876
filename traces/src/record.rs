//! What one line of a trace says, in the words of HTTP, whatever the format. Not here: what it means to a cache.

/// How a trace names what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name<'a> {
    /// A URL, or whatever else the log has in its place, byte for byte.
    Url(&'a [u8]),
    /// A number: a block, a key, an object id.
    Number(u64),
}

/// One line, as its reader understood it. What the format does not have is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// What was asked for.
    pub name: Name<'a>,
    /// Bytes of the response as logged: with its header in Squid's native format, without in Apache's; `None` where the
    /// format has no sizes.
    pub size: Option<u64>,
    /// Microseconds since 1970 or since any other beginning: when the response was complete.
    pub time_us: Option<u64>,
    /// Microseconds the request took, from the first byte of the request to the last of the response.
    pub elapsed_us: Option<u64>,
    /// The request method.
    pub method: Option<&'a [u8]>,
    /// The status code sent to the client; 0 where the log says that none was.
    pub status: Option<u16>,
    /// What the cache that wrote the log did: Squid's result code, like `TCP_MEM_HIT`.
    pub outcome: Option<&'a [u8]>,
    /// The media type, without parameters.
    pub mime: Option<&'a [u8]>,
    /// The client, by address or name.
    pub client: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// A record of nothing but a name.
    pub const fn of(name: Name<'a>) -> Self {
        Self {
            name,
            size: None,
            time_us: None,
            elapsed_us: None,
            method: None,
            status: None,
            outcome: None,
            mime: None,
            client: None,
        }
    }
}
