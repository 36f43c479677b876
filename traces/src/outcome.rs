//! What Squid's result codes say (src/LogTags.cc, and those of its older versions), as far as a trace has a use for it.
//! Other caches' words end alike: `HIT`, `MISS`.

/// What the cache that wrote the log did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What kind of answer it was.
    pub kind: Kind,
    /// The client, or a deadline, ended it before all was sent.
    pub is_cut_short: bool,
}

/// Kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Served from what was stored, fresh or validated or, when the origin failed, stale.
    Hit,
    /// Not served from what was stored.
    Miss,
    /// The client would not have what is stored.
    Reload,
    /// What was stored was stale, and the origin sent another one.
    Modified,
    /// An access rule refused the request.
    Denied,
    /// A tunnel.
    Tunnel,
    /// There was no request, or it was answered without asking anybody.
    None,
    /// A query of a neighbour cache (ICP, HTCP).
    Neighbour,
}

impl Outcome {
    /// What a result code says.
    pub fn of(code: &[u8]) -> Self {
        let mut code = code;
        let mut is_cut_short = false;
        for ending in [&b"_ABORTED"[..], b"_TIMEOUT", b"_TIMEDOUT"] {
            if let Some(before) = code.strip_suffix(ending) {
                (code, is_cut_short) = (before, true);
            }
        }
        let code = code.strip_suffix(b"_IGNORED").unwrap_or(code);
        Self { kind: Kind::of(code), is_cut_short }
    }
}

impl Kind {
    fn of(code: &[u8]) -> Self {
        if code.starts_with(b"NONE") || code.starts_with(b"TAG_NONE") {
            return Self::None;
        }
        if code.starts_with(b"UDP_") || code.starts_with(b"ICP_") {
            return Self::Neighbour;
        }
        let code = code.strip_prefix(b"TCP_").unwrap_or(code);
        let code = code.strip_prefix(b"CF_").unwrap_or(code);
        match code {
            b"REFRESH_UNMODIFIED" | b"REFRESH_FAIL_OLD" => Self::Hit,
            b"REFRESH_MODIFIED" | b"REFRESH_MISS" => Self::Modified,
            b"CLIENT_REFRESH_MISS" | b"CLIENT_REFRESH" => Self::Reload,
            _ if code.starts_with(b"DENIED") => Self::Denied,
            _ if code.starts_with(b"TUNNEL") => Self::Tunnel,
            _ if code.ends_with(b"HIT") => Self::Hit,
            _ => Self::Miss,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_codes_of_all_versions_are_understood() {
        let check = |codes: &[&str], kind| {
            for code in codes {
                assert_eq!(Outcome::of(code.as_bytes()), Outcome { kind, is_cut_short: false }, "{code}");
                let aborted = format!("{code}_ABORTED");
                assert_eq!(
                    Outcome::of(aborted.as_bytes()),
                    Outcome { kind, is_cut_short: true },
                    "{aborted}"
                );
            }
        };
        let hits =
            ["TCP_HIT", "TCP_MEM_HIT", "TCP_IMS_HIT", "TCP_INM_HIT", "TCP_NEGATIVE_HIT", "TCP_OFFLINE_HIT"];
        check(&hits, Kind::Hit);
        check(&["TCP_REFRESH_UNMODIFIED", "TCP_REFRESH_FAIL_OLD", "TCP_CF_HIT", "TCP_STALE_HIT"], Kind::Hit);
        check(&["TCP_REFRESH_HIT", "TCP_REF_FAIL_HIT", "HIT"], Kind::Hit);
        check(
            &["TCP_MISS", "TCP_CF_MISS", "TCP_SWAPFAIL_MISS", "TCP_REFRESH_FAIL_ERR", "TCP_REFRESH"],
            Kind::Miss,
        );
        check(&["TCP_CLIENT_REFRESH_MISS", "TCP_CLIENT_REFRESH"], Kind::Reload);
        check(&["TCP_REFRESH_MODIFIED", "TCP_REFRESH_MISS"], Kind::Modified);
        check(&["TCP_DENIED", "TCP_DENIED_REPLY"], Kind::Denied);
        check(&["NONE", "NONE_NONE", "TAG_NONE"], Kind::None);
        check(&["UDP_HIT", "UDP_MISS_NOFETCH"], Kind::Neighbour);
        check(&["TCP_TUNNEL"], Kind::Tunnel);
    }
}
