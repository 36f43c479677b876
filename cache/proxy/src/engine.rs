//! The policy engine of a running proxy: the executor on a thread of its own, and the handle by which the rest of the
//! proxy asks and switches.
//!
//! No call here is made by a worker serving a request; they talk to the executor through the [`Board`]. Calls wait
//! for the executor's thread (microseconds, or up to [`limits::REEVALUATE_WAIT_MAX`] for a switch that re-evaluates
//! much), so an event loop makes them from a thread that may block. Preparing a policy is done on the caller's thread:
//! the old policy decides until the new one is ready.

mod limits;
mod pace;
mod runner;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle, Thread};
use std::{io, mem};

use cnn_core::policy::{
    Board, Cause, Choice, Executor, Factory, HitListener, Line, Moment, PrepareError, Prepared, Rank,
    Reevaluate, Settings, SlotId, Spec, SpecError, Status, Switch, SwitchRefused, Traffic, Updated,
};
use cnn_core::time::Tick;
use cnn_modules::{
    BuiltMonitor, Change, Chosen, Code, Filed, Inherited, Library, LibraryError, Loaded, Loading, Ready,
    Source, SourceError,
};
use parking_lot::Mutex;
use thiserror::Error;

use self::runner::{Command, Next, Runner, SwitchAsked};

pub use self::runner::Switched;
use crate::clock::Clock;

/// What the engine needs to know of the proxy around it.
pub struct Surroundings {
    /// The clocks.
    pub clock: Clock,
    /// Bytes the repository may take; policies that have queues of a share of it are built for this.
    pub capacity: u64,
    /// Reads the traffic counted so far.
    pub traffic: Box<dyn Fn() -> Traffic + Send + Sync>,
    /// The policies there are.
    pub policies: &'static [Factory],
    /// The modules that are loaded, and by which files become policies.
    pub library: Arc<Library>,
}

/// Why the engine does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configured policy cannot be used.
    #[error(transparent)]
    Policy(#[from] UseError),
    /// The system gives no thread.
    #[error("cannot start the policy executor's thread: {0}")]
    Thread(#[source] io::Error),
}

/// Why a policy is not used. Nothing has changed.
#[derive(Debug, Error)]
pub enum UseError {
    /// No policy has this name.
    #[error("there is no policy {0:?}")]
    Unknown(String),
    /// It does not take what it was given.
    #[error(transparent)]
    Given(SpecError),
    /// The file is no policy.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is a module that was stopped, and nobody insists.
    #[error("{name} was stopped: {why}; use it with --force to try again, or change its file")]
    WasStopped {
        /// The module.
        name: String,
        /// What was wrong the last time.
        why: String,
    },
    /// The file is no module, or there are too many.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// It cannot be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Not now.
    #[error(transparent)]
    Refused(#[from] SwitchRefused),
    /// The proxy is on its way down.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// The engine has been shut down.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the policy engine has stopped")]
pub struct Stopped;

/// The handle. The thread ends when the last handle is dropped, or at [`Engine::shutdown`].
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    board: Arc<Board>,
    surroundings: Arc<Surroundings>,
    commands: SyncSender<Command>,
    thread: Thread,
    /// Guards the end: whoever takes it waits for the thread.
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the executor's thread with the policy of this name, and hangs it onto the board.
    ///
    /// # Errors
    /// When there is no such policy, or no thread.
    pub fn start(board: Arc<Board>, first: &str, surroundings: Surroundings) -> Result<Self, StartError> {
        let surroundings = Arc::new(surroundings);
        let prepared = prepare(&board, &surroundings, first, "the configuration")?;
        let executor = Executor::new(Arc::clone(&board), prepared, surroundings.clock.wall());
        let (commands, orders) = sync_channel(limits::COMMANDS_MAX);
        let runner = Runner::new(executor, orders, Arc::clone(&surroundings), first.to_owned());
        let handle = thread::Builder::new()
            .name("cnn-executor".to_owned())
            .spawn(move || runner.run())
            .map_err(StartError::Thread)?;
        let thread = handle.thread().clone();
        board.set_waker({
            let thread = thread.clone();
            Arc::new(move || thread.unpark())
        });
        let handle = Mutex::new(Some(handle));
        Ok(Self { inner: Arc::new(Inner { board, surroundings, commands, thread, handle }) })
    }

    /// The policies there are.
    pub fn policies(&self) -> &'static [Factory] {
        self.inner.surroundings.policies
    }

    /// The modules that are loaded.
    pub fn library(&self) -> &Arc<Library> {
        &self.inner.surroundings.library
    }

    /// The monitor that is written so, made ready and not attached to anything.
    ///
    /// # Errors
    /// When there is none, or it cannot be put to work.
    pub fn monitor(&self, spec: &str) -> Result<BuiltMonitor, UseError> {
        Ok(self.library().monitor(spec)?)
    }

    /// The policy that is written so: a module that is loaded, one that is built in, or a file, which is loaded.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, spec: &str, by: &str) -> Result<Found<'_>, UseError> {
        find(&self.inner.surroundings, spec, by)
    }

    /// Makes the policy that is written so decide: a name, or a name with parameters like `s3-fifo(small=0.2)`. Answers
    /// when what is to be re-evaluated at once is done, or after a
    /// bounded time; the rest is then `pending` and follows by itself. `by` is who asks, for the history.
    ///
    /// # Errors
    /// When there is no such policy, it cannot be prepared, or too many earlier switches are still being carried
    /// over. Nothing has changed then.
    pub fn use_policy(
        &self,
        spec: &str,
        reevaluate: Reevaluate,
        by: impl Into<Cow<'static, str>>,
    ) -> Result<Switch, UseError> {
        let by = by.into();
        let begin = self.inner.surroundings.clock.now();
        let found = self.find(spec, &by)?;
        Ok(self.use_found(found, begin, reevaluate, by)?.0)
    }

    /// Makes a policy decide that was found by its spec, which was begun at this time. See [`Engine::use_policy`]. Another
    /// version of the module that decides begins with what that one has learned, where both know how; says what became
    /// of that.
    ///
    /// # Errors
    /// When it cannot be prepared, or too many earlier switches are still being carried over. Nothing has changed
    /// then.
    pub fn use_found(
        &self,
        found: Found<'_>,
        begin: Tick,
        reevaluate: Reevaluate,
        by: impl Into<Cow<'static, str>>,
    ) -> Result<(Switch, Inherited), UseError> {
        let surroundings = &self.inner.surroundings;
        let state = self.state_for(&found)?;
        let made = succeed_found(&self.inner.board, surroundings, &found.source, state.as_deref());
        let made = made.and_then(|(next, inherited)| {
            let prepare_us = surroundings.clock.now().since(begin);
            let switch =
                self.switch(Next::Use(next), Cause::Use, reevaluate, Vec::new(), prepare_us, by.into())?.0;
            Ok((switch, inherited))
        });
        found.settle(surroundings, made.is_ok());
        made
    }

    /// What the deciding policy has learned, if it is an earlier version of the module that was found.
    fn state_for(&self, found: &Found<'_>) -> Result<Option<Vec<u8>>, Stopped> {
        let Pending::Changed(change) = &found.module else { return Ok(None) };
        let before = Arc::clone(change.before());
        self.ask(move |executor| {
            let is_before = before.instance_of(&executor.status().policy).is_some();
            is_before.then(|| executor.deciding_state()).flatten()
        })
    }

    /// Whether a policy could decide here; changes nothing.
    ///
    /// # Errors
    /// When it cannot be prepared.
    pub fn try_source(&self, source: &Source) -> Result<(), UseError> {
        prepare_found(&self.inner.board, &self.inner.surroundings, source).map(drop)
    }

    /// Makes the policy before this one decide again, with the order it still has, and re-evaluates `reevaluate` of
    /// the documents by it. Answers as [`Engine::use_policy`] does.
    ///
    /// # Errors
    /// When there is no policy before.
    pub fn roll_back(
        &self,
        reevaluate: Reevaluate,
        by: impl Into<Cow<'static, str>>,
    ) -> Result<Switch, UseError> {
        Ok(self.switch(Next::Before, Cause::Rollback, reevaluate, Vec::new(), 0, by.into())?.0)
    }

    /// Makes a policy ready to decide here: a name, a file, or a function of a script.
    ///
    /// # Errors
    /// When there is no such policy, or it cannot be prepared.
    pub fn ready(&self, policy: Chosen<'_>) -> Result<Ready, UseError> {
        let (board, surroundings) = (&self.inner.board, &self.inner.surroundings);
        let begin = surroundings.clock.now();
        let prepared = match policy {
            Chosen::Spec(spec) if cnn_modules::is_file(spec) => {
                // A file that a script names is used and not loaded: a script that fails has loaded nothing.
                let host = surroundings.library.host().map_err(SourceError::from)?;
                prepare_found(board, surroundings, &host.source(spec)?)?
            }
            Chosen::Spec(spec) => prepare(board, surroundings, spec, "a script")?,
            Chosen::Script(script) => {
                let name = script.manifest().name.clone();
                let code = Arc::new(Code::Script(Box::new(script.clone())));
                let source = Source::of(name, code, Settings::defaults(&[]))?;
                prepare_found(board, surroundings, &source)?
            }
        };
        Ok(Ready { prepared, prepare_us: surroundings.clock.now().since(begin) })
    }

    /// Makes a policy decide that was made ready, and then re-evaluates the documents named, whether or not they are
    /// among those that the switch re-evaluates. Answers as [`Engine::use_policy`] does.
    ///
    /// # Errors
    /// When too many earlier switches are still being carried over. Nothing has changed then.
    pub fn use_ready(
        &self,
        ready: Ready,
        reevaluate: Reevaluate,
        update: Vec<SlotId>,
        by: impl Into<Cow<'static, str>>,
    ) -> Result<Switched, UseError> {
        let Ready { prepared, prepare_us } = ready;
        self.switch(Next::Use(prepared), Cause::Use, reevaluate, update, prepare_us, by.into())
    }

    /// Re-evaluates documents by the policy that decides.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn update(&self, documents: Vec<SlotId>) -> Result<Updated, UseError> {
        let by = Cow::Borrowed("");
        Ok(self.switch(Next::Same, Cause::Use, Reevaluate::Count(0), documents, 0, by)?.1)
    }

    /// What the executor is doing, and which policy is really deciding.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn status(&self) -> Result<Status, Stopped> {
        self.ask(|executor| executor.status())
    }

    /// The switches so far, oldest first, with the traffic before and after each.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn history(&self) -> Result<Vec<Switch>, Stopped> {
        let counted = (self.inner.surroundings.traffic)();
        self.ask(move |executor| executor.history(counted))
    }

    /// The documents that go next.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn worst(&self, count: usize) -> Result<Vec<Line>, Stopped> {
        self.ask(move |executor| executor.worst(count))
    }

    /// A document's place in the line to be evicted, with the policy that orders it; `None` when it is not there.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn rank_of(&self, id: SlotId) -> Result<Option<Rank>, Stopped> {
        self.ask(move |executor| executor.rank_of(id))
    }

    /// Asks the executor something on its thread, between two turns and after it has heard of everything told so far.
    /// Must take no longer than a turn does.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Executor) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (reply, answer) = sync_channel(1);
        self.send(Command::Ask(Box::new(move |executor| {
            // Whoever asked may have gone.
            let _ = reply.send(question(executor));
        })))?;
        answer.recv().map_err(|_| Stopped)
    }

    /// Tells somebody of hits from now on besides the policy, or nobody any more.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub fn listen(&self, listener: Option<HitListener>) -> Result<(), Stopped> {
        self.send(Command::Listen(listener))
    }

    /// Ends the executor's thread and waits for it. Requests go on with the built-in fallback.
    pub fn shutdown(&self) {
        let handle = self.inner.handle.lock().take();
        if let Some(handle) = handle {
            let _ = self.send(Command::Stop);
            // A panic on that thread has been reported where it happened.
            let _ = handle.join();
        }
    }

    fn switch(
        &self,
        next: Next,
        cause: Cause,
        reevaluate: Reevaluate,
        update: Vec<SlotId>,
        prepare_us: u64,
        by: Cow<'static, str>,
    ) -> Result<Switched, UseError> {
        let surroundings = &self.inner.surroundings;
        let moment =
            Moment { by, at: surroundings.clock.wall(), counted: (surroundings.traffic)(), prepare_us };
        let (reply, answer) = sync_channel(1);
        self.send(Command::Switch(SwitchAsked { next, cause, reevaluate, update, moment, reply }))?;
        Ok(answer.recv().map_err(|_| Stopped)??)
    }

    fn send(&self, command: Command) -> Result<(), Stopped> {
        self.inner.commands.send(command).map_err(|_| Stopped)?;
        self.inner.thread.unpark();
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // With the channel closed the thread ends; without a bell it would notice late.
        let (closed, _) = sync_channel(1);
        drop(mem::replace(&mut self.commands, closed));
        self.thread.unpark();
    }
}

/// A policy that was found by its spec, and what becomes of its module when it decides, or does not.
pub struct Found<'a> {
    /// The policy.
    pub source: Source,
    module: Pending<'a>,
}

/// What is to be done about a module.
enum Pending<'a> {
    /// Nothing.
    Nothing,
    /// It was loaded for this; where it comes to nothing, it is unloaded again.
    New(String),
    /// Its file has changed: where it decides, it becomes what the file is now.
    Changed(Box<Change<'a>>),
}

impl<'a> Found<'a> {
    /// The policy a module is to become.
    ///
    /// # Errors
    /// When it decides something else.
    pub fn changed(change: Change<'a>) -> Result<Self, SourceError> {
        Ok(Self { source: change.next().source()?, module: Pending::Changed(Box::new(change)) })
    }

    fn settle(self, surroundings: &Surroundings, decides: bool) {
        match self.module {
            Pending::Changed(change) if decides => drop(change.commit()),
            // Whoever has begun to use it in between keeps it.
            Pending::New(name) if !decides => drop(surroundings.library.unload(&name)),
            Pending::Nothing | Pending::New(_) | Pending::Changed(_) => {}
        }
    }
}

/// Builds the policy that is written so: a name or a file, and in parentheses what it is given.
fn prepare(board: &Board, surroundings: &Surroundings, spec: &str, by: &str) -> Result<Prepared, UseError> {
    let found = find(surroundings, spec, by)?;
    let prepared = prepare_found(board, surroundings, &found.source);
    found.settle(surroundings, prepared.is_ok());
    prepared
}

/// Makes an instance of a policy, unless it is a module that was stopped, and has its faults told.
fn prepare_found(board: &Board, surroundings: &Surroundings, source: &Source) -> Result<Prepared, UseError> {
    Ok(succeed_found(board, surroundings, source, None)?.0)
}

/// The same with what an earlier version of the module has learned, and what became of that.
fn succeed_found(
    board: &Board,
    surroundings: &Surroundings,
    source: &Source,
    state: Option<&[u8]>,
) -> Result<(Prepared, Inherited), UseError> {
    let ledger = surroundings.library.ledger();
    if let Some(why) = source.digest().and_then(|digest| ledger.quarantine(digest)) {
        return Err(UseError::WasStopped { name: source.manifest().name.clone().into_owned(), why });
    }
    let (capacity, slots_max) = (surroundings.capacity, board.documents().slots_max());
    let (prepared, health, inherited) = source.succeed(capacity, slots_max, state)?;
    if let (Some(health), Some(subject)) = (health, source.subject(capacity, slots_max)) {
        health.report_to(ledger.reporter(subject));
    }
    Ok((prepared, inherited))
}

fn find<'a>(surroundings: &'a Surroundings, spec: &str, by: &str) -> Result<Found<'a>, UseError> {
    let library = &*surroundings.library;
    if cnn_modules::is_file(spec) {
        let Spec { name, assignments } = Spec::parse(spec).map_err(UseError::Given)?;
        let loading = Loading { by: by.to_owned(), at: surroundings.clock.wall() };
        let of = |loaded: &Loaded| Source::of_loaded(loaded, &Spec { name: &loaded.name, assignments });
        return match library.file(Path::new(name), loading)? {
            Filed::Known(loaded) => Ok(Found { source: of(&loaded)?, module: Pending::Nothing }),
            Filed::Changed(change) => {
                Ok(Found { source: of(change.next())?, module: Pending::Changed(Box::new(change)) })
            }
            Filed::New(loaded) => match of(&loaded) {
                Ok(source) => Ok(Found { source, module: Pending::New(loaded.name.clone()) }),
                Err(error) => {
                    let _ = library.unload(&loaded.name);
                    Err(error.into())
                }
            },
        };
    }
    let source = match library.source(spec)? {
        Some(source) => source,
        None => Source::native(choose(surroundings, spec)?),
    };
    Ok(Found { source, module: Pending::Nothing })
}

fn choose(surroundings: &Surroundings, spec: &str) -> Result<Choice, UseError> {
    Choice::parse(surroundings.policies, spec).map_err(|error| match error {
        SpecError::NoPolicy(name) => UseError::Unknown(name),
        error => UseError::Given(error),
    })
}
