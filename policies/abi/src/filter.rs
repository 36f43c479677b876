//! What modules of the roles admission and freshness are handed and answer with; laid out on the page this crate opens
//! with.

/// Bytes of the record an admission policy is handed: [`super::Columns`], then the lengths of host and path.
pub const CANDIDATE_BYTES: usize = super::COLUMNS_BYTES + 8;

/// Bytes of the record freshness rules are handed.
pub const RESPONSE_BYTES: usize = 40;

/// Bytes of the rule they write.
pub const RULE_BYTES: usize = 20;

/// Room for a host and a path, one after the other: at most 256 and 2,048 bytes.
pub const FILTER_TEXT_BYTES: usize = 256 + 2048;

/// Bits of a rule's options, those of Squid's `refresh_pattern`.
pub struct RuleOptions;

impl RuleOptions {
    /// The least lifetime holds against a shorter one that the response gives.
    pub const OVERRIDE_EXPIRE: u32 = 1;
    /// The least lifetime holds for responses with `Last-Modified`.
    pub const OVERRIDE_LASTMOD: u32 = 1 << 1;
    /// Stored in spite of `no-store`.
    pub const IGNORE_NO_STORE: u32 = 1 << 2;
    /// Stored in spite of `private`.
    pub const IGNORE_PRIVATE: u32 = 1 << 3;
    /// A client's reload does not validate it.
    pub const IGNORE_RELOAD: u32 = 1 << 4;
    /// All there are.
    pub const ALL: u32 = (1 << 5) - 1;
}
