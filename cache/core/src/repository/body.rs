//! Stored bodies: nothing, one small exact slice of the document's own, or pieces that documents share. A small body
//! is copied when stored metadata is updated, which is cheaper than a reference count and its header in every
//! document; a larger one is shared. A body is complete: what is still arriving is in [`super::fill`].

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::budget::{Charge, allocated_bytes};

/// The bytes of a stored response, immutable.
#[derive(Debug, Default)]
pub struct Body(Kind);

#[derive(Debug, Default)]
enum Kind {
    #[default]
    Empty,
    /// Charged by the document.
    Small(Box<[u8]>),
    /// Charged here, once for all documents that share it.
    Shared(Arc<Shared>),
}

#[derive(Debug)]
struct Shared {
    /// Never empty, and no piece is.
    pieces: Box<[Piece]>,
    charge: Charge,
}

#[derive(Debug)]
struct Piece {
    /// Where it ends in the body.
    end: u64,
    bytes: Bytes,
}

impl Body {
    /// A body of the document's own, which the document must charge ([`Body::own_bytes`]).
    pub(super) fn small(bytes: impl Into<Box<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self(if bytes.is_empty() { Kind::Empty } else { Kind::Small(bytes) })
    }

    /// A body in pieces that documents may share, with the charge for it.
    pub(super) fn shared(pieces: impl IntoIterator<Item = Bytes>, charge: Charge) -> Self {
        let mut end = 0;
        let pieces: Box<[Piece]> = pieces
            .into_iter()
            .filter(|bytes| !bytes.is_empty())
            .map(|bytes| {
                end += bytes.len() as u64;
                Piece { end, bytes }
            })
            .collect();
        Self(if pieces.is_empty() { Kind::Empty } else { Kind::Shared(Arc::new(Shared { pieces, charge })) })
    }

    /// The same bytes for another document: shared, or copied when small.
    pub(super) fn again(&self) -> Self {
        Self(match &self.0 {
            Kind::Empty => Kind::Empty,
            Kind::Small(bytes) => Kind::Small(bytes.clone()),
            Kind::Shared(shared) => Kind::Shared(Arc::clone(shared)),
        })
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kind::Empty => 0,
            Kind::Small(bytes) => bytes.len() as u64,
            Kind::Shared(shared) => shared.pieces.last().map_or(0, |piece| piece.end),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    /// The contiguous bytes from `offset` on; empty at or past the end. Calling it again past what it returned walks
    /// the body.
    #[inline]
    pub fn slice_from(&self, offset: u64) -> &[u8] {
        match &self.0 {
            Kind::Empty => &[],
            Kind::Small(bytes) => bytes.get(offset as usize..).unwrap_or_default(),
            Kind::Shared(shared) => match shared.piece(offset) {
                Some((piece, start)) => &piece.bytes[start..],
                None => &[],
            },
        }
    }

    /// The slices that make up a range of the body; what lies past the end is left out.
    pub fn slices(&self, range: Range<u64>) -> impl Iterator<Item = &[u8]> {
        let end = range.end.min(self.len());
        let mut at = range.start;
        std::iter::from_fn(move || {
            let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let slice = self.slice_from(at);
            let slice = &slice[..slice.len().min(left)];
            at += slice.len() as u64;
            (!slice.is_empty()).then_some(slice)
        })
    }

    /// Like [`Body::slice_from`] as owned bytes, at most `bytes_max` of them: a reference count for a shared body, a copy of
    /// a small one.
    pub fn bytes_from(&self, offset: u64, bytes_max: usize) -> Bytes {
        match &self.0 {
            Kind::Shared(shared) => match shared.piece(offset) {
                Some((piece, start)) => {
                    piece.bytes.slice(start..piece.bytes.len().min(start.saturating_add(bytes_max)))
                }
                None => Bytes::new(),
            },
            _ => {
                let slice = self.slice_from(offset);
                Bytes::copy_from_slice(&slice[..slice.len().min(bytes_max)])
            }
        }
    }

    /// Bytes the document must charge for its body: what the allocator takes for it, unless it is shared.
    pub(super) fn own_bytes(&self) -> u64 {
        match &self.0 {
            Kind::Small(bytes) => allocated_bytes(bytes.len() as u64),
            Kind::Empty | Kind::Shared(_) => 0,
        }
    }

    /// Bytes charged for the body, whoever charges them.
    pub fn charged_bytes(&self) -> u64 {
        match &self.0 {
            Kind::Shared(shared) => shared.charge.bytes(),
            _ => self.own_bytes(),
        }
    }
}

impl Shared {
    /// The piece that holds a byte, and where in the piece.
    #[inline]
    fn piece(&self, offset: u64) -> Option<(&Piece, usize)> {
        let at = self.pieces.partition_point(|piece| piece.end <= offset);
        let piece = self.pieces.get(at)?;
        // Within the piece, so it fits.
        Some((piece, (offset + piece.bytes.len() as u64 - piece.end) as usize))
    }
}

/// What a piece of a shared body costs beside its bytes: its entry in a list, which may have grown by doubling.
pub(super) const PIECE_BYTES: u64 = 64;

/// What a shared body costs beside its pieces.
pub(super) const SHARED_BYTES: u64 = allocated_bytes((size_of::<Shared>() + 2 * size_of::<usize>()) as u64);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::budget::Budget;
    use super::*;

    fn check(body: &Body, expected: &[u8]) {
        assert_eq!((body.len(), body.is_empty()), (expected.len() as u64, expected.is_empty()));
        let again = body.again();
        for start in 0..=expected.len() + 1 {
            for end in start..=expected.len() + 2 {
                let wanted = expected.get(start..end.min(expected.len())).unwrap_or_default();
                assert_eq!(body.slices(start as u64..end as u64).collect::<Vec<_>>().concat(), wanted);
                assert!(wanted.starts_with(&again.bytes_from(start as u64, end - start)));
            }
        }
        assert_eq!(
            body.slices(5..u64::MAX).collect::<Vec<_>>().concat(),
            expected.get(5..).unwrap_or_default()
        );
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is tried")]
        let backwards = body.slices(5..3).count();
        assert_eq!(backwards, 0);
    }

    #[test]
    fn every_range_of_a_body_is_its_slices() {
        let budget = Arc::new(Budget::new(1000));
        check(&Body::small([]), b"");
        check(&Body::small(*b"0123456789"), b"0123456789");
        let pieces = ["01", "", "2", "3456789"].map(|piece| Bytes::from_static(piece.as_bytes()));
        check(&Body::shared(pieces, budget.charge(10).unwrap()), b"0123456789");
        check(&Body::shared([Bytes::new()], budget.charge(1).unwrap()), b"");
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_shared_body_is_charged_once_until_the_last_document_is_gone() {
        let budget = Arc::new(Budget::new(1000));
        let body = Body::shared([Bytes::from_static(b"x")], budget.charge(500).unwrap());
        let again = body.again();
        assert_eq!((body.own_bytes(), again.charged_bytes(), budget.used()), (0, 500, 500));
        drop(body);
        assert_eq!(budget.used(), 500);
        drop(again);
        assert_eq!(budget.used(), 0);
    }
}
