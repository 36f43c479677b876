//! Monitors on their threads: what is counted of what was told, and that a bad one takes nothing from anybody else.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use cnn_core::monitor::{Declared, Monitor, Request};

use super::limits::WAITING_MAX;
use super::*;

/// Counts requests; does something else before, if told.
struct Counting {
    metrics: Metrics,
    before: Box<dyn FnMut() + Send>,
    is_fit: bool,
}

impl Monitor for Counting {
    fn observe(&mut self, records: &Records) {
        (self.before)();
        let counted = self.metrics.count(0, &[], records.len() as f64);
        assert!(counted.is_ok());
    }

    fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    fn is_fit(&self) -> bool {
        self.is_fit
    }
}

fn counting(name: &str, metric: &str, before: impl FnMut() + Send + 'static) -> BuiltMonitor {
    let metrics = Metrics::new([Declared::parse(metric).unwrap()]);
    let monitor = Box::new(Counting { metrics, before: Box::new(before), is_fit: true });
    BuiltMonitor { name: name.to_owned(), summary: String::new(), monitor, health: None }
}

const REQUESTS: &str = "requests counter Requests";

fn monitors(workers: usize) -> Monitors {
    Monitors::new(Clock::start(), workers)
}

fn tell(worker: &WorkerStream, count: u64) {
    (0..count).for_each(|time| worker.tell(Request { time, ..Request::default() }, "a.test", "/"));
}

fn counted(account: &Account) -> f64 {
    match account.metrics.value("requests", &[]) {
        Some(Value::Number(number)) => *number,
        _ => 0.0,
    }
}

/// Waits until a thread has done what it does by itself.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("never: {what}");
}

#[test]
fn every_request_told_is_counted_while_attached_and_none_after() {
    let monitors = monitors(2);
    let (one, two) = (monitors.worker(0), monitors.worker(1));
    assert!(!one.is_on());
    monitors.attach(counting("a", REQUESTS, || {}), "a.rhai", "me").unwrap();
    assert!(one.is_on());
    tell(&one, 1000);
    tell(&two, 500);
    let account = monitors.show("a").unwrap();
    assert_eq!((counted(&account), account.seen, account.lost), (1500.0, 1500, 0));
    assert_eq!((&*account.spec, &*account.by, &account.state), ("a.rhai", "me", &State::Running));
    assert_eq!(monitors.signal("a", "requests", &[]), Some(Value::Number(1500.0)));
    let last = monitors.detach("a").unwrap();
    assert_eq!(counted(&last), 1500.0);
    assert!(!one.is_on() && monitors.list().is_empty());
    assert_eq!(monitors.signal("a", "requests", &[]), None);
    assert_eq!(monitors.detach("a").unwrap_err().to_string(), "no monitor called a is attached");
}

#[test]
fn a_monitor_that_hangs_loses_requests_and_another_counts_them_all() {
    let monitors = monitors(1);
    let worker = monitors.worker(0);
    let (go, waits): (Sender<()>, Receiver<()>) = channel();
    // Hangs in its first call until the test lets it go.
    let hangs = move || {
        let _ = waits.recv();
    };
    monitors.attach(counting("hangs", REQUESTS, hangs), "", "").unwrap();
    monitors.attach(counting("counts", REQUESTS, || {}), "", "").unwrap();
    let most = WAITING_MAX as u64;
    tell(&worker, 1);
    eventually("it hangs", || {
        let hanging = monitors.show("hangs").unwrap();
        hanging.seen == 0 && monitors.show("counts").unwrap().seen == 1
    });
    for round in 1..4 {
        tell(&worker, most);
        let all = 1 + round * most;
        eventually("all counted", || counted(&monitors.show("counts").unwrap()) == all as f64);
    }
    let hanging = monitors.list().into_iter().find(|it| it.name == "hangs").unwrap();
    assert!(hanging.lost >= 2 * most, "{}", hanging.lost);
    assert_eq!(monitors.show("counts").unwrap().lost, 0);
    drop(go);
    eventually("what was waiting is counted", || {
        let hanging = monitors.show("hangs").unwrap();
        hanging.seen + hanging.lost == 1 + 3 * most
    });
}

#[test]
fn a_monitor_that_panics_or_gives_up_is_told_nothing_more() {
    let monitors = monitors(1);
    let worker = monitors.worker(0);
    monitors.attach(counting("panics", REQUESTS, || panic!("as it should")), "", "").unwrap();
    let unfit = Counting {
        metrics: Metrics::new([Declared::parse(REQUESTS).unwrap()]),
        before: Box::new(|| {}),
        is_fit: false,
    };
    let unfit = BuiltMonitor {
        name: "unfit".to_owned(),
        summary: String::new(),
        monitor: Box::new(unfit),
        health: None,
    };
    monitors.attach(unfit, "", "").unwrap();
    tell(&worker, 1);
    let state = |name: &str| monitors.show(name).unwrap().state;
    eventually("quarantined", || state("panics") != State::Running && state("unfit") != State::Running);
    assert_eq!(state("panics"), State::Quarantined("it panicked".to_owned()));
    assert_eq!(state("unfit"), State::Quarantined("it gave up".to_owned()));
    assert!(!worker.is_on());
    assert!(monitors.list().iter().all(|account| account.metrics.families().is_empty()));
    monitors.detach("panics").unwrap();
    monitors.attach(counting("panics", REQUESTS, || {}), "", "").unwrap();
}

#[test]
fn what_could_not_be_told_apart_is_not_attached() {
    let monitors = monitors(1);
    monitors.attach(counting("a", REQUESTS, || {}), "", "").unwrap();
    let check = |built: BuiltMonitor, expected: &str| {
        let said = monitors.attach(built, "", "").unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    };
    check(counting("a", REQUESTS, || {}), "a monitor called a is attached already");
    check(
        counting("b", "requests gauge Requests", || {}),
        "its metric requests is a gauge, and that of the monitor a, which is attached, is not",
    );
    for number in 1..MONITORS_MAX {
        monitors.attach(counting(&format!("m{number}"), REQUESTS, || {}), "", "").unwrap();
    }
    check(counting("b", REQUESTS, || {}), "16 monitors are attached");
    monitors.shutdown();
    assert!(monitors.list().is_empty() && !monitors.worker(0).is_on());
}
