//! The thread beside an admission policy that wants to know more than the misses it is asked about: it tells the policy
//! of hits and asks it which origins to pass by. What it cannot keep up with is lost.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use cnn_core::policy::{Admission, Document};
use cnn_core::time::Tick;

use super::Seat;
use super::bypass::Bypass;
use crate::limits::{FOLLOWED_MAX, HITS_AT_ONCE};

/// What the follower is told.
pub(super) enum Told {
    /// Documents that were used.
    Hits(Box<[Document]>),
    /// An origin that a candidate came from.
    Origin { number: u32, host: Box<str>, now: Tick },
}

/// Starts a follower. It ends when nobody can tell it anything any more.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(
    seat: Arc<Seat<dyn Admission>>,
    bypass: Option<Arc<Bypass>>,
) -> io::Result<SyncSender<Told>> {
    let (sender, told) = sync_channel(FOLLOWED_MAX);
    let follow = move || follow(&seat, bypass.as_deref(), &told);
    thread::Builder::new().name("cnn-admission".to_owned()).spawn(follow)?;
    Ok(sender)
}

fn follow(seat: &Seat<dyn Admission>, bypass: Option<&Bypass>, told: &Receiver<Told>) {
    while let Ok(told) = told.recv() {
        match (told, bypass) {
            (Told::Hits(hits), _) => {
                // The seat is given up between some hits and the next, so that workers get to ask.
                for hits in hits.chunks(HITS_AT_ONCE) {
                    let _ = seat.ask_slowly(|policy| hits.iter().for_each(|document| policy.hit(document)));
                }
            }
            (Told::Origin { number, host, now }, Some(bypass)) => {
                let answer = seat.ask_slowly(|policy| policy.bypass(number, &host));
                bypass.set(number, &host, now, answer == Ok(true));
            }
            (Told::Origin { .. }, None) => {}
        }
    }
}
