//! Ctrl-C: the first asks for a clean end, the second ends at once.

use crate::error::{Error, Result};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);
static INSTALLED: Once = Once::new();

/// Catches Ctrl-C (and SIGTERM and SIGHUP) from here on. A second call does
/// nothing.
///
/// # Errors
/// If the system refuses a signal handler.
pub fn install() -> Result<()> {
    let mut result = Ok(());
    INSTALLED.call_once(|| {
        result = ctrlc::set_handler(|| {
            if ASKED.swap(true, Ordering::SeqCst) {
                // 128 + SIGINT, as a shell reports it.
                std::process::exit(130);
            }
        })
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
