//! Steps of the executor and of whoever changes its policy: turns, switches, rollbacks, panics.

use super::*;

impl World {
    pub(super) fn turn(&mut self) -> String {
        let mut some = |most: usize| if self.rng.u32(..3) == 0 { 0 } else { self.rng.usize(..most) };
        let budget =
            Budget { events: some(100), picks: some(40), reevaluate: some(30), background: some(10) };
        let turn = self.turn_within(budget);
        self.heed(turn);
        format!("{budget:?}: {turn:?}")
    }

    /// The executor hears of everything, and does what a switch has asked for.
    pub(super) fn settle(&mut self) -> String {
        loop {
            let turn = self.turn_within(Budget::UNBOUNDED);
            self.heed(turn);
            if !turn.is_pressed && !turn.is_unfit {
                break;
            }
        }
        self.is_settled = true;
        "everything is heard".to_owned()
    }

    /// A policy that lies is replaced, as the proxy's engine does.
    fn heed(&mut self, turn: Turn) {
        if !turn.is_unfit {
            return;
        }
        assert_eq!(self.kind, Kind::Hostile, "{} is said to be unfit", self.deciding);
        match self.with(|executor| executor.roll_back(Reevaluate::All, Cause::Fault, Moment::default())) {
            Ok(_) => {
                self.rolled_back();
                // Nobody goes back to a policy that failed.
                self.previous = None;
            }
            Err(_) => {
                let lru = *cnn_policies::find("lru").expect("it is built in");
                self.hand_over(&lru, Reevaluate::All);
            }
        }
    }

    fn any_reevaluate(&mut self) -> Reevaluate {
        match self.rng.u32(..3) {
            0 => Reevaluate::Count(self.rng.usize(..20)),
            1 => Reevaluate::Percent(self.rng.f64() * 100.0),
            _ => Reevaluate::All,
        }
    }

    pub(super) fn switch(&mut self) -> String {
        let factory = self.policies[self.rng.usize(..self.policies.len())];
        let reevaluate = self.any_reevaluate();
        self.hand_over(&factory, reevaluate)
    }

    fn hand_over(&mut self, factory: &Factory, reevaluate: Reevaluate) -> String {
        let next = prepared(factory, self.repository.usage().limit, self.board());
        let name = next.manifest().name.clone().into_owned();
        let has_room = self.with(|executor| executor.has_room_for_switch());
        match self.with(|executor| executor.hand_over(next, reevaluate, Moment::default())) {
            Ok(token) => {
                assert!(has_room && token == self.token + 1);
                self.token = token;
                self.previous = Some(std::mem::replace(&mut self.deciding, name));
                self.check_no_old_offer();
                format!("{} decides, {reevaluate:?}", self.deciding)
            }
            Err((_, why)) => {
                assert!(!has_room && matches!(why, SwitchRefused::Busy(_)));
                format!("{name} is refused: {why}")
            }
        }
    }

    /// What was picked before a switch and not taken is not decided any more.
    fn check_no_old_offer(&mut self) {
        if self.kind != Kind::Inline
            && let Some(offer) = self.board().take_victim()
        {
            assert_eq!(offer.picker, Picker::Fallback, "a victim of the policy before");
            self.board().give_back(offer);
        }
    }

    pub(super) fn roll_back(&mut self) -> String {
        let reevaluate = self.any_reevaluate();
        match self.with(|executor| executor.roll_back(reevaluate, Cause::Rollback, Moment::default())) {
            Ok(_) => {
                self.rolled_back();
                format!("back to {}", self.deciding)
            }
            Err(why) => {
                assert_eq!((why, &self.previous), (SwitchRefused::NothingBefore, &None));
                "there is no way back".to_owned()
            }
        }
    }

    fn rolled_back(&mut self) {
        self.token += 1;
        let back = self.previous.take().expect("there was one");
        self.previous = Some(std::mem::replace(&mut self.deciding, back));
        self.check_no_old_offer();
    }

    /// A policy has panicked, say.
    pub(super) fn start_over(&mut self) -> String {
        let factory = self.policies[self.rng.usize(..self.policies.len())];
        let next = prepared(&factory, self.repository.usage().limit, self.board());
        self.deciding = next.manifest().name.clone().into_owned();
        self.previous = None;
        self.token += 1;
        let (token, retired) = self.with(|executor| executor.start_over(next, Moment::default()));
        drop(retired);
        assert_eq!(token, self.token);
        format!("{} starts over", self.deciding)
    }
}
