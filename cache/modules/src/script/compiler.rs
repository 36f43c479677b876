//! When scripts are compiled: at once, where the same input must give the same answer on any machine, or on a thread of
//! their own, while they decide interpreted.

use std::fmt;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::execution::Execution;
use super::program::Program;

/// Scripts that may wait to be compiled; whoever brings one more compiles it.
const WAITING_MAX: usize = 64;

/// Who compiles scripts.
#[derive(Clone, Debug, Default)]
pub(crate) enum Compiler {
    /// Whoever makes an instance, before it decides.
    #[default]
    Now,
    /// Nobody: they stay interpreted.
    Never,
    /// A thread, which begins with the first script and ends when no script is left that could be compiled.
    Behind(Arc<Thread>),
}

/// The thread, once there is one.
#[derive(Default)]
pub(crate) struct Thread(OnceLock<Option<SyncSender<Arc<Program>>>>);

impl Compiler {
    /// A thread of its own, which does not run yet.
    pub(crate) fn behind() -> Self {
        Self::Behind(Arc::default())
    }

    /// Has a script compiled, once.
    pub(super) fn compile(&self, program: &Arc<Program>) {
        if !program.is_wanted() {
            return;
        }
        let line = match self {
            Self::Now => None,
            Self::Never => return,
            Self::Behind(thread) => thread.0.get_or_init(start).as_ref(),
        };
        let is_queued = line.is_some_and(|line| line.try_send(Arc::clone(program)).is_ok());
        if !is_queued {
            program.compile();
        }
    }

    /// How a script is run. Asking has it compiled, so that there is an answer in the end.
    pub(super) fn execution(&self, program: &Arc<Program>) -> Execution {
        self.compile(program);
        match self {
            Self::Never => Execution::Interpreted { why: "nothing is compiled here".to_owned(), place: None },
            Self::Now | Self::Behind(_) => program.execution(),
        }
    }
}

fn start() -> Option<SyncSender<Arc<Program>>> {
    let (line, waiting) = sync_channel::<Arc<Program>>(WAITING_MAX);
    let work = move || waiting.iter().for_each(|program| program.compile());
    thread::Builder::new().name("script-compiler".to_owned()).spawn(work).ok().map(|_| line)
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread").field("is_running", &self.0.get().is_some()).finish()
    }
}
