//! Signals of an operator or a service manager, as words. What is done about them is the caller's business; here is
//! only the thread that waits for them.

use std::{io, thread};

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: finish; a second one means now.
    Terminate,
    /// SIGHUP: read the configuration again and open the access log anew.
    Reload,
}

/// From now on signals do not end the process but are told to `act`, one after the other, on a thread of their own.
///
/// # Errors
/// When the handlers cannot be installed or the thread cannot be made.
pub fn listen(mut act: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let guard = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(guard);
    thread::Builder::new().name("cnn-signals".into()).spawn(move || {
        loop {
            act(runtime.block_on(async {
                tokio::select! {
                    _ = terminate.recv() => Signal::Terminate,
                    _ = interrupt.recv() => Signal::Terminate,
                    _ = hangup.recv() => Signal::Reload,
                }
            }));
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use rustix::process::{Signal as Sent, getpid, kill_process};

    use super::*;

    #[test]
    fn signals_are_told_and_do_not_end_the_process() {
        let (told, tell) = mpsc::channel();
        listen(move |signal| told.send(signal).expect("the test waits")).unwrap();
        let check = |sent, expected| {
            kill_process(getpid(), sent).unwrap();
            assert_eq!(tell.recv().unwrap(), expected);
        };
        check(Sent::HUP, Signal::Reload);
        check(Sent::TERM, Signal::Terminate);
        check(Sent::INT, Signal::Terminate);
        check(Sent::TERM, Signal::Terminate);
    }
}
