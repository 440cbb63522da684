//! Ctrl-C: the first asks for a clean end, the second ends at once.

use crate::error::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Once};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
static INSTALLED: Once = Once::new();

/// Catches Ctrl-C and SIGTERM from here on. A second call does nothing.
/// SIGHUP is left alone, so that `nohup` works.
///
/// # Errors
/// If the system refuses a signal handler.
pub fn install() -> Result<()> {
    let mut result = Ok(());
    INSTALLED.call_once(|| {
        let register = |signal: i32| {
            // The order matters: the first Ctrl-C finds the flag down, the
            // second finds it up and exits as a shell reports a signal.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&ASKED))?;
            flag::register(signal, Arc::clone(&ASKED))
        };
        result = [SIGINT, SIGTERM]
            .into_iter()
            .try_for_each(|signal| register(signal).map(drop))
            .map_err(|error| {
                Error::input(
                    "Ctrl-C",
                    format!("cannot be caught ({error})"),
                    "report this with the name of your system",
                )
            });
    });
    result
}

/// Whether the user has asked for the end. Loops look at it once a step.
pub fn interrupted() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// [`Error::Interrupted`] once the user has asked for the end, for `?` in
/// loops that have nothing to save.
pub fn check() -> Result<()> {
    if interrupted() {
        return Err(Error::Interrupted);
    }
    Ok(())
}
