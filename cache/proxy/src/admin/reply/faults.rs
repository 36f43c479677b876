//! What is answered about modules that did wrong.

use std::collections::BTreeMap;

use cnn_modules::Record;
use serde::{Deserialize, Serialize};

/// The faults of one module, whatever its instances; each cost the decision it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleFaults {
    /// The name it goes by.
    pub name: String,
    /// The SHA-256 of its file.
    pub sha256: String,
    /// Faults so far.
    pub faults: u64,
    /// The same by kind: `trap`, `time`, `count`, `no-victim`, `out-of-range`, `absent`, `repeated`, `foreign`,
    /// `not-finite`, `script`.
    pub faults_by_kind: BTreeMap<String, u64>,
    /// What was wrong the last time.
    pub last_fault: String,
    /// Whether there were so many within a short time that it is not used any more.
    pub is_stopped: bool,
    /// The file from which the last new kind of fault can be done again, where it was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproducer: Option<String>,
}

impl From<Record> for ModuleFaults {
    fn from(record: Record) -> Self {
        let kinds = record.by_kind.iter().map(|&(kind, count)| (kind.as_str().to_owned(), count));
        Self {
            name: record.name,
            sha256: record.digest.to_string(),
            faults: record.faults,
            faults_by_kind: kinds.collect(),
            last_fault: record.last,
            is_stopped: record.quarantine.is_some(),
            reproducer: record.reproducer.map(|path| path.display().to_string()),
        }
    }
}
