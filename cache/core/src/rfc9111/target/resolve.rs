//! Resolving a reference against a target (RFC 3986 section 5.2). Only what `Location` and `Content-Location` need: the
//! fragment is dropped, and what does not end as an http or https URI is refused.

use super::{Scheme, Target, TargetError};

pub(super) fn resolve(base: &Target, reference: &[u8]) -> Result<Target, TargetError> {
    let end = memchr::memchr(b'#', reference).unwrap_or(reference.len());
    let reference = reference[..end].trim_ascii();
    if let Some(scheme_end) = scheme_end(reference) {
        let scheme = Scheme::parse(&reference[..scheme_end]).ok_or(TargetError::Scheme)?;
        let after = reference[scheme_end..].strip_prefix(b"://").ok_or(TargetError::Form)?;
        return with_authority(scheme, after);
    }
    if let Some(after) = reference.strip_prefix(b"//") {
        return with_authority(base.scheme, after);
    }
    let base_path = base.path_and_query().as_bytes();
    let base_path_end = memchr::memchr(b'?', base_path).unwrap_or(base_path.len());
    let path = match reference {
        [] => base_path.to_vec(),
        [b'/', ..] => without_dot_segments(reference),
        [b'?', ..] => [&base_path[..base_path_end], reference].concat(),
        _ => {
            let folder_end = memchr::memrchr(b'/', &base_path[..base_path_end]).map_or(0, |slash| slash + 1);
            without_dot_segments(&[&base_path[..folder_end], reference].concat())
        }
    };
    Target::assemble(base.scheme, base.authority().as_bytes(), &path, String::new())
}

fn with_authority(scheme: Scheme, after: &[u8]) -> Result<Target, TargetError> {
    let end = after.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(after.len());
    Target::assemble(scheme, &after[..end], &without_dot_segments(&after[end..]), String::new())
}

/// Where the scheme of a reference ends, if it has one: at a colon before any slash, question mark or hash.
fn scheme_end(reference: &[u8]) -> Option<usize> {
    let end = reference.iter().position(|b| matches!(b, b':' | b'/' | b'?'))?;
    (reference[end] == b':').then_some(end)
}

/// RFC 3986 section 5.2.4, on the path only; the query stays.
fn without_dot_segments(path_and_query: &[u8]) -> Vec<u8> {
    let path_end = memchr::memchr(b'?', path_and_query).unwrap_or(path_and_query.len());
    let (path, query) = path_and_query.split_at(path_end);
    let mut out: Vec<u8> = Vec::with_capacity(path_and_query.len());
    let mut segments = path.strip_prefix(b"/").unwrap_or(path).split(|&b| b == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"." | b".." => {
                if segment == b".." {
                    out.truncate(memchr::memrchr(b'/', &out).unwrap_or(0));
                }
                if is_last {
                    out.push(b'/');
                }
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
            }
        }
    }
    out.extend_from_slice(query);
    out
}
