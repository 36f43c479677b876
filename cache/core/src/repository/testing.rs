//! What the tests of the repository share: responses in a line, and readers without a runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;

use super::*;
use crate::rfc9111::{ResponseFacts, Times, VariantKey};
use crate::time::UnixSecs;

pub(super) fn repository(limit_bytes: u64) -> Arc<Repository> {
    repository_of(limit_bytes, 4096)
}

pub(super) fn repository_of(limit_bytes: u64, slots_max: usize) -> Arc<Repository> {
    let config = Config { limit_bytes, object_bytes_max: 1 << 20, hash_seeds: [1, 2, 3, 4] };
    Arc::new(Repository::new(&config, Arc::new(Board::new(2, slots_max, 64))))
}

pub(super) fn fields(lines: &[(&str, &str)]) -> Fields {
    lines.iter().copied().collect()
}

/// A shared response with these lines, fetched by a request with those, at a second.
pub(super) fn fetched(lines: &[(&str, &str)], request: &Fields, at: i64) -> Fetched {
    let fields = fields(lines);
    let times = Times::at(UnixSecs(at));
    let facts = Facts::of(
        &ResponseFacts::of(200, &fields, times.response),
        times,
        &crate::rfc9111::Unsaid::default(),
    );
    Fetched {
        status: 200,
        reason: Bytes::from_static(b"OK"),
        facts,
        variant: VariantKey::of(&fields, request).unwrap(),
        fields,
        sharing: Sharing::Stored,
        length: None,
        fresh_until: Tick::from_secs(60),
        ttfb_us: 1,
        origin: 7,
        path_class: 0,
    }
}

/// Stores a body under a key, without header lines.
pub(super) fn put(repository: &Arc<Repository>, key: &str, body: &[u8]) -> Result<Arc<Stored>, Unstored> {
    put_fetched(repository, key, fetched(&[], &Fields::new(), 0), body)
}

pub(super) fn put_fetched(
    repository: &Arc<Repository>,
    key: &str,
    fetched: Fetched,
    body: &[u8],
) -> Result<Arc<Stored>, Unstored> {
    let (mut lead, _) = repository.fetch_alone(key);
    lead.head(Fetched { length: Some(body.len() as u64), ..fetched })?;
    lead.append(body);
    lead.finish(Fields::new(), Tick::default(), 1)
}

pub(super) fn get(repository: &Repository, key: &str) -> Option<Arc<Stored>> {
    repository.get(key, &Fields::new())
}

/// Join as the request without fields that found nothing.
pub(super) fn join(repository: &Arc<Repository>, key: &str) -> Join {
    repository.join(key, &Fields::new(), None)
}

pub(super) fn lead(repository: &Arc<Repository>, key: &str) -> (FillLead, FillReader) {
    match join(repository, key) {
        Join::Lead(lead, reader) => (lead, reader),
        Join::Stored(_) | Join::Follow(_) => panic!("{key} is stored or being fetched"),
    }
}

pub(super) fn follow(repository: &Arc<Repository>, key: &str) -> FillReader {
    match join(repository, key) {
        Join::Follow(reader) => reader,
        Join::Stored(_) | Join::Lead(..) => panic!("{key} is not being fetched"),
    }
}

pub(super) fn body_of(stored: &Stored) -> Vec<u8> {
    stored.body().slices(0..u64::MAX).collect::<Vec<_>>().concat()
}

/// Counts how often it is woken.
#[derive(Default)]
pub(super) struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Bell {
    pub(super) fn rung(&self) -> usize {
        self.0.load(Relaxed)
    }

    pub(super) fn poll<T>(self: &Arc<Self>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let waker = Waker::from(Arc::clone(self));
        poll(&mut Context::from_waker(&waker))
    }
}

/// Polls once, with a bell nobody hears.
pub(super) fn once<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    match Arc::new(Bell::default()).poll(poll) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// What a reader gets until it would wait, and how it ended if it did.
pub(super) fn read_on(reader: &mut FillReader) -> (Vec<u8>, Option<Result<(), FillError>>) {
    let mut bytes = Vec::new();
    loop {
        match once(|context| reader.poll_part(context, usize::MAX)) {
            Some(FillPart::Bytes(part)) => bytes.extend_from_slice(&part),
            Some(FillPart::End(_)) => return (bytes, Some(Ok(()))),
            Some(FillPart::Failed(error)) => return (bytes, Some(Err(error))),
            None => return (bytes, None),
        }
    }
}
