//! The words a replacement policy describes itself with. Rules query them ("the loaded policy best for bytes"), the
//! engine reads from them which events the policy wants, and `policy show` prints them.

/// How a policy orders documents; told apart by what it needs, not by its language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key that changes only when the document is touched: kept exact in a heap.
    Key,
    /// A value that drifts with time: evicted by sampling.
    Score,
    /// Own queues, moved by events.
    Hooks,
}

impl Kind {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Key, Self::Score, Self::Hooks];

    /// The word for it in replies and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Score => "score",
            Self::Hooks => "hooks",
        }
    }
}

/// What a policy is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Serve as many requests as possible from the cache (hit ratio).
    Hits,
    /// Save as many bytes as possible from being fetched (byte hit ratio).
    Bytes,
    /// Save as much waiting as possible (fetch time of what is kept).
    Latency,
}

impl Goal {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Hits, Self::Bytes, Self::Latency];

    /// The word for it in replies and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hits => "hits",
            Self::Bytes => "bytes",
            Self::Latency => "latency",
        }
    }
}

/// Whether a policy must be told of hits. One that is not costs the request path nothing at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitEvents {
    /// The columns are enough (FIFO, SIZE, sampled scores).
    Unneeded,
    /// The policy moves documents when they are hit.
    Needed,
}
