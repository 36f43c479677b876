//! What modules did wrong in this process, by module: counted for metrics and replies, remembered by digest so that a
//! module that was stopped is not taken again by mistake, and told to whoever writes it down.
//!
//! The thread that runs the modules only counts and puts a notice into a bounded queue; saying it and saving the
//! reproducer is for another thread, because a disk and a terminal can be slow.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Digest;
use crate::fault::{Fault, FaultKind};
use crate::limits::{LEDGER_MODULES_MAX, NOTICES_MAX};
use crate::reproducer::{Inputs, Reproducer, Subject};

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    /// Guards the accounts; held to look one up.
    accounts: Mutex<Accounts>,
    notices: SyncSender<Notice>,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Accounts {
    by_digest: HashMap<Digest, Account>,
    /// Numbers the faults, to tell whose last one is the longest ago.
    faults: u64,
}

/// What one module has done, whatever its instances.
#[derive(Clone, Debug)]
struct Account {
    name: String,
    faults: u64,
    by_kind: Vec<(FaultKind, u64)>,
    last: String,
    last_number: u64,
    /// The functions and kinds that were told.
    told: Vec<(FaultKind, &'static str)>,
    quarantine: Option<String>,
    reproducer: Option<PathBuf>,
}

/// What the ledger says of one module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The module's name.
    pub name: String,
    /// Its file.
    pub digest: Digest,
    /// Its faults.
    pub faults: u64,
    /// The same by kind, for the kinds there were.
    pub by_kind: Vec<(FaultKind, u64)>,
    /// What was wrong the last time.
    pub last: String,
    /// Why it is not taken any more, if so.
    pub quarantine: Option<String>,
    /// Where the last reproducer was saved.
    pub reproducer: Option<PathBuf>,
}

/// News for the operator: the first fault of its kind, or the end of a module.
#[derive(Debug)]
pub struct Notice {
    /// The module.
    pub name: String,
    /// Its file.
    pub digest: Digest,
    /// What was wrong.
    pub fault: Fault,
    /// Faults of the module so far.
    pub faults: u64,
    /// Whether it was the one too many.
    pub is_last: bool,
    /// What it takes to do it again, where that is known.
    pub reproducer: Option<Box<Reproducer>>,
}

/// Tells one instance's faults to a ledger.
#[derive(Clone)]
pub struct Reporter {
    ledger: Arc<Ledger>,
    subject: Arc<Subject>,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reporter").field(&self.subject.name).finish()
    }
}

impl Ledger {
    /// An empty ledger, and where its news come out.
    pub fn new() -> (Arc<Self>, Receiver<Notice>) {
        let (notices, news) = sync_channel(NOTICES_MAX);
        (Arc::new(Self { accounts: Mutex::default(), notices, lost: AtomicU64::new(0) }), news)
    }

    /// Who tells the faults of an instance.
    pub fn reporter(self: &Arc<Self>, subject: Subject) -> Reporter {
        Reporter { ledger: Arc::clone(self), subject: Arc::new(subject) }
    }

    /// What each module with faults has done, by name.
    pub fn records(&self) -> Vec<Record> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records: Vec<_> =
            accounts.by_digest.iter().map(|(&digest, account)| account.record(digest)).collect();
        records.sort_unstable_by(|a, b| (&a.name, a.digest).cmp(&(&b.name, b.digest)));
        records
    }

    /// What a module has done; nothing when it has done nothing wrong.
    pub fn record(&self, digest: Digest) -> Option<Record> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.by_digest.get(&digest).map(|account| account.record(digest))
    }

    /// Why a module is not to be taken, if so.
    pub fn quarantine(&self, digest: Digest) -> Option<String> {
        self.record(digest)?.quarantine
    }

    /// Lets a module try again, and has its faults told anew.
    pub fn release(&self, digest: Digest) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.by_digest.get_mut(&digest) {
            account.quarantine = None;
            account.told.clear();
        }
    }

    /// Notes where a reproducer was saved.
    pub fn saved(&self, digest: Digest, path: &Path) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.by_digest.get_mut(&digest) {
            account.reproducer = Some(path.to_owned());
        }
    }

    /// News that nobody took in time.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

impl Reporter {
    /// Counts a fault, and tells it when it is news.
    pub(crate) fn fault(&self, fault: Fault, is_last: bool, inputs: impl FnOnce() -> Option<Inputs>) {
        let (name, digest) = (&self.subject.name, self.subject.code.digest());
        let (faults, is_news) = {
            let mut accounts = self.ledger.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            accounts.note(name, digest, &fault, is_last)
        };
        if !is_news && !is_last {
            return;
        }
        let reproducer = inputs().filter(|_| is_news);
        let reproducer = reproducer.map(|inputs| Box::new(Reproducer::new(&self.subject, &fault, inputs)));
        let notice = Notice { name: name.clone(), digest, fault, faults, is_last, reproducer };
        if self.ledger.notices.try_send(notice).is_err() {
            self.ledger.lost.fetch_add(1, Relaxed);
        }
    }
}

impl Accounts {
    /// Counts a fault; how many there were, and whether one of its kind in this function is the first.
    fn note(&mut self, name: &str, digest: Digest, fault: &Fault, is_last: bool) -> (u64, bool) {
        self.faults += 1;
        let number = self.faults;
        if self.by_digest.len() >= LEDGER_MODULES_MAX && !self.by_digest.contains_key(&digest) {
            let oldest = self.by_digest.iter().min_by_key(|(_, account)| account.last_number);
            if let Some(oldest) = oldest.map(|(&digest, _)| digest) {
                self.by_digest.remove(&oldest);
            }
        }
        let account = match self.by_digest.entry(digest) {
            Occupied(account) => account.into_mut(),
            Vacant(place) => place.insert(Account::new(name)),
        };
        account.faults += 1;
        account.last = fault.to_string();
        account.last_number = number;
        match account.by_kind.iter_mut().find(|(kind, _)| *kind == fault.kind) {
            Some((_, count)) => *count += 1,
            None => account.by_kind.push((fault.kind, 1)),
        }
        if is_last {
            account.quarantine = Some(account.last.clone());
        }
        let place = (fault.kind, fault.function);
        let is_news = !account.told.contains(&place);
        if is_news {
            account.told.push(place);
        }
        (account.faults, is_news)
    }
}

impl Account {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            faults: 0,
            by_kind: Vec::new(),
            last: String::new(),
            last_number: 0,
            told: Vec::new(),
            quarantine: None,
            reproducer: None,
        }
    }

    fn record(&self, digest: Digest) -> Record {
        let Self { name, faults, by_kind, last, quarantine, reproducer, .. } = self.clone();
        Record { name, digest, faults, by_kind, last, quarantine, reproducer }
    }
}

#[cfg(test)]
mod tests {
    use cnn_core::policy::Settings;

    use super::*;
    use crate::{Code, Script};

    fn reporter(ledger: &Arc<Ledger>, name: &str) -> Reporter {
        let script = Script::compile(Path::new("x.rhai"), &format!("doc.size // {name}")).unwrap();
        ledger.reporter(Subject {
            name: name.to_owned(),
            path: "x.rhai".into(),
            code: Arc::new(Code::Script(Box::new(script))),
            settings: Settings::default(),
            capacity: 0,
            slots_max: 0,
        })
    }

    fn fault(reporter: &Reporter, kind: FaultKind, is_last: bool) {
        reporter.fault(Fault::new(kind, "key", "wrong"), is_last, || None);
    }

    #[test]
    fn all_faults_are_counted_and_the_first_of_each_kind_is_news() {
        let (ledger, news) = Ledger::new();
        let one = reporter(&ledger, "one");
        for _ in 0..3 {
            fault(&one, FaultKind::Trap, false);
        }
        fault(&one, FaultKind::Time, false);
        fault(&one, FaultKind::Trap, true);
        let told: Vec<_> = news.try_iter().map(|it| (it.fault.kind, it.faults, it.is_last)).collect();
        use FaultKind::{Time, Trap};
        assert_eq!(told, [(Trap, 1, false), (Time, 4, false), (Trap, 5, true)]);
        let record = ledger.records().remove(0);
        assert_eq!((record.name.as_str(), record.faults), ("one", 5));
        assert_eq!(record.by_kind, [(Trap, 4), (Time, 1)]);
    }

    #[test]
    fn who_was_stopped_is_remembered_until_it_is_released() {
        let (ledger, news) = Ledger::new();
        let one = reporter(&ledger, "one");
        let digest = Digest::of(b"doc.size // one");
        assert_eq!(ledger.quarantine(digest), None);
        fault(&one, FaultKind::Trap, true);
        assert_eq!(ledger.quarantine(digest).as_deref(), Some("key: wrong"));
        ledger.release(digest);
        assert_eq!(ledger.quarantine(digest), None);
        fault(&one, FaultKind::Trap, false);
        assert_eq!(news.try_iter().count(), 2);
    }

    #[test]
    fn neither_modules_nor_news_are_kept_without_bound() {
        let (ledger, news) = Ledger::new();
        for number in 0..LEDGER_MODULES_MAX + 5 {
            fault(&reporter(&ledger, &format!("m{number}")), FaultKind::Trap, false);
        }
        assert_eq!(ledger.records().len(), LEDGER_MODULES_MAX);
        assert_eq!(ledger.record(Digest::of(b"doc.size // m0")), None);
        assert_eq!(news.try_iter().count(), NOTICES_MAX);
        assert_eq!(ledger.lost(), (LEDGER_MODULES_MAX + 5 - NOTICES_MAX) as u64);
    }
}
