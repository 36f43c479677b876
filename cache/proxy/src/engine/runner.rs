//! The executor's thread: turns, slices, commands, and what to do when a policy fails.
//!
//! ```text
//!   sleep <-> turn (events, victims) -> commands -> slice of carrying over -> answers due -> sleep
//!                  | panic: start over from the columns with another policy
//!                  | unfit: roll back
//! ```

use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::thread;
use std::time::Duration;

use cnn_core::policy::{
    Budget, Cause, Executor, HitListener, Moment, Prepared, Reevaluate, Retired, SlotId, Switch,
    SwitchRefused, Turn, Updated,
};

use super::limits::{BUSY_WAIT_MAX, HEARING_TIME_MAX, HEARING_TURNS_MAX, REEVALUATE_WAIT_MAX, SLEEP_MIN};
use super::pace::{Carrying, Pace};
use super::{Surroundings, prepare};
use crate::report;

/// What the handle asks for.
pub(super) enum Command {
    /// A question, answered between two turns.
    Ask(Box<dyn FnOnce(&Executor) + Send>),
    /// A switch, a re-evaluation of documents by name, or one after the other.
    Switch(SwitchAsked),
    /// Who is told of hits besides the policy.
    Listen(Option<HitListener>),
    /// The end.
    Stop,
}

/// Who is to decide.
pub(super) enum Next {
    /// This policy.
    Use(Prepared),
    /// The one before.
    Before,
    /// Whoever does.
    Same,
}

/// A switch that somebody waits for.
pub(super) struct SwitchAsked {
    pub(super) next: Next,
    pub(super) cause: Cause,
    pub(super) reevaluate: Reevaluate,
    /// Documents re-evaluated by the deciding policy after that.
    pub(super) update: Vec<SlotId>,
    pub(super) moment: Moment,
    pub(super) reply: SyncSender<Result<Switched, SwitchRefused>>,
}

/// The last switch, and what became of the documents named.
pub type Switched = (Switch, Updated);

/// A switch made, whose documents are being re-evaluated.
struct Awaited {
    reply: SyncSender<Result<Switched, SwitchRefused>>,
    until: Duration,
}

/// The thread's state.
pub(super) struct Runner {
    executor: Executor,
    commands: Receiver<Command>,
    surroundings: Arc<Surroundings>,
    /// The configured policy, which decides when another one has panicked and there is none before it.
    first: String,
    pace: Pace,
    /// Switches not made yet, with the time at which they are refused.
    asked: VecDeque<(SwitchAsked, Duration)>,
    awaited: Vec<Awaited>,
}

impl Runner {
    pub(super) fn new(
        executor: Executor,
        commands: Receiver<Command>,
        surroundings: Arc<Surroundings>,
        first: String,
    ) -> Self {
        let (asked, awaited) = (VecDeque::new(), Vec::new());
        Self { executor, commands, surroundings, first, pace: Pace::new(), asked, awaited }
    }

    /// Runs until it is stopped or nobody can ask any more.
    pub(super) fn run(mut self) {
        loop {
            // A panic in a policy must not end eviction by policy: the panic hook has reported it.
            let round = catch_unwind(AssertUnwindSafe(|| self.round()));
            match round {
                Ok(Some(Rest::Sleep(time))) => thread::park_timeout(time),
                Ok(Some(Rest::No)) => {}
                Ok(None) => return,
                Err(_) => {
                    self.start_over();
                    // Should the next policy panic as well, then not all the time.
                    thread::park_timeout(SLEEP_MIN);
                }
            }
        }
    }

    /// One turn with all that belongs to it; `None` when it was the last.
    fn round(&mut self) -> Option<Rest> {
        let turn = self.turn();
        loop {
            match self.commands.try_recv() {
                Ok(Command::Ask(question)) => {
                    self.hear_all();
                    question(&self.executor);
                }
                Ok(Command::Switch(switch)) => {
                    self.asked.push_back((switch, self.surroundings.clock.elapsed() + BUSY_WAIT_MAX));
                }
                Ok(Command::Listen(listener)) => self.executor.listen(listener),
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => break,
            }
        }
        self.switch_next();
        let carrying = self.slice();
        self.answer();
        if let Some(retired) = self.executor.take_retired() {
            drop_elsewhere(retired);
        }
        if turn.is_unfit || self.pace.is_too_slow() {
            self.replace_unfit();
        }
        Some(self.pace.after(turn, carrying).map_or(Rest::No, Rest::Sleep))
    }

    /// Events and victims, no carrying over.
    fn turn(&mut self) -> Turn {
        let clock = self.surroundings.clock;
        let (now, begin) = (clock.now(), clock.elapsed());
        let (events, picks) = (self.pace.events(), self.pace.picks());
        let turn = self.executor.turn(now, Budget { events, picks, reevaluate: 0, background: 0 });
        self.pace.turned(turn, clock.elapsed().saturating_sub(begin));
        turn
    }

    /// Hears of everything told before a question or a switch, so that the answer is about what the asker knows.
    fn hear_all(&mut self) {
        let until = self.surroundings.clock.elapsed() + HEARING_TIME_MAX;
        for _ in 0..HEARING_TURNS_MAX {
            if !self.turn().is_pressed || self.surroundings.clock.elapsed() >= until {
                return;
            }
        }
    }

    /// Carries documents over for the time of a slice.
    fn slice(&mut self) -> Carrying {
        let is_asked = self.executor.is_reevaluating();
        let (now, begin) = (self.surroundings.clock.now(), self.surroundings.clock.elapsed());
        let slice = self.pace.slice();
        let turn =
            self.executor.turn(now, Budget { events: 0, picks: 0, reevaluate: slice, background: slice });
        self.pace.sliced(turn.carried, self.surroundings.clock.elapsed().saturating_sub(begin));
        match turn.is_draining {
            // A switch that waits for room waits for the background.
            true if is_asked || !self.asked.is_empty() => Carrying::Asked,
            true => Carrying::Background,
            false => Carrying::Nothing,
        }
    }

    /// Makes the next switch asked for, if there is room for it.
    fn switch_next(&mut self) {
        let begin = self.surroundings.clock.elapsed();
        let has_room = self.executor.has_room_for_switch();
        let is_ready = |(switch, until): &mut (SwitchAsked, Duration)| {
            has_room || !matches!(switch.next, Next::Use(_)) || begin >= *until
        };
        let Some((switch, _)) = self.asked.pop_front_if(is_ready) else { return };
        let SwitchAsked { next, cause, reevaluate, update, moment, reply } = switch;
        if !matches!(next, Next::Same) {
            // A switch on top of another ends the other's re-evaluation.
            self.answer_now();
        }
        self.hear_all();
        let begin = self.surroundings.clock.elapsed();
        let made = match next {
            Next::Same => Ok(None),
            Next::Before => self.executor.roll_back(reevaluate, cause, moment).map(Some),
            Next::Use(next) => {
                self.executor.hand_over(next, reevaluate, moment).map(Some).map_err(|(_, refused)| refused)
            }
        };
        let took = self.surroundings.clock.elapsed().saturating_sub(begin);
        match made {
            Ok(token) => {
                self.pace.begin_anew();
                if token.is_some() {
                    let handover_us = u64::try_from(took.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
                    self.executor.note_handover(handover_us);
                }
                self.executor.update(update);
                self.awaited.push(Awaited { reply, until: begin + REEVALUATE_WAIT_MAX });
            }
            Err(refused) => {
                // Whoever asked may have gone.
                let _ = reply.send(Err(refused));
            }
        }
    }

    /// Answers whoever waits when the re-evaluation is done, or has taken too long.
    fn answer(&mut self) {
        let now = self.surroundings.clock.elapsed();
        if !self.executor.is_reevaluating() || self.awaited.iter().any(|awaited| now >= awaited.until) {
            self.answer_now();
        }
    }

    fn answer_now(&mut self) {
        for awaited in self.awaited.drain(..) {
            let _ = awaited.reply.send(Ok((self.executor.last_switch(), self.executor.updated_so_far())));
        }
    }

    /// The deciding policy keeps returning wrong victims: back to the one before, or to the configured one.
    fn replace_unfit(&mut self) {
        let name = self.executor.status().policy.name.clone();
        let records = self.surroundings.library.ledger().records();
        let stopped = records.into_iter().find_map(|it| it.quarantine.filter(|_| it.name == name));
        let why = match stopped {
            Some(why) => format!("stopped after {why}"),
            None if self.pace.is_too_slow() => "it was too slow".to_owned(),
            None => "it kept naming wrong victims".to_owned(),
        };
        let by = format!("the executor: {name}: {why}");
        if self.executor.roll_back(Reevaluate::All, Cause::Fault, self.moment(by.clone())).is_err()
            && !self.start_again(&by)
        {
            return;
        }
        self.pace.begin_anew();
        let now = self.executor.last_switch();
        report_elsewhere(format!("policy {name}: {why}; {} decides, token {}", now.to, now.token));
    }

    /// The configured policy decides, or one that cannot fail where that is what failed; whether one does.
    fn start_again(&mut self, by: &str) -> bool {
        let next = [self.first.as_str(), LAST_RESORT]
            .into_iter()
            .find_map(|spec| prepare(self.executor.board(), &self.surroundings, spec, EXECUTOR).ok());
        // Refused only while there are too many orders, and then it is tried again.
        next.is_some_and(|next| self.executor.replace_failed(next, self.moment(by.to_owned())).is_ok())
    }

    /// A policy panicked: its order and all counts are in doubt, so everything is read again from the columns.
    fn start_over(&mut self) {
        let status = catch_unwind(AssertUnwindSafe(|| self.executor.status())).ok();
        let before = status.and_then(|status| status.previous).map(|manifest| manifest.name.clone());
        let names = [before.unwrap_or_default(), Cow::Owned(self.first.clone()), Cow::Borrowed(LAST_RESORT)];
        let next = names
            .iter()
            .find_map(|name| prepare(self.executor.board(), &self.surroundings, name, EXECUTOR).ok());
        let Some(next) = next else { return };
        let (_, retired) = self.executor.start_over(next, self.moment("the executor: a policy panicked"));
        drop_elsewhere(retired);
    }

    fn moment(&self, by: impl Into<Cow<'static, str>>) -> Moment {
        let Surroundings { clock, traffic, .. } = &*self.surroundings;
        Moment { by: by.into(), at: clock.wall(), counted: traffic(), prepare_us: 0 }
    }
}

/// Who asks for a module where it is the configured policy that is to decide again.
const EXECUTOR: &str = "the executor";

/// The policy that decides when the configured one is a module that was stopped.
const LAST_RESORT: &str = "lru";

/// Tells the operator, without the executor waiting for whoever reads it.
fn report_elsewhere(message: String) {
    let tell = move || report::warning(format_args!("{message}"));
    // Without a thread it goes unsaid; the history has it.
    drop(thread::Builder::new().name("cnn-report".to_owned()).spawn(tell));
}

/// What follows a round.
enum Rest {
    Sleep(Duration),
    No,
}

/// Frees the tables of policies that are no longer needed, which takes milliseconds for a million documents, and where
/// a panic of theirs harms nobody.
fn drop_elsewhere(retired: Retired) {
    let spawned = thread::Builder::new().name("cnn-retire".to_owned()).spawn(move || drop(retired));
    // Without a thread it was dropped here: the closure was not taken.
    drop(spawned);
}
