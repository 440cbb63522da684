//! The worker: a process that reads cases and says what became of each.

use crate::case::Case;
use crate::target::FuzzTarget;
use crate::targets::find;
use crate::verdict::{Fault, Verdict};
use std::backtrace::Backtrace;
use std::fs;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// What a verdict's line on standard output begins with; targets print lines of their own.
pub const MARK: &str = "@fuzz ";

/// In the environment: which of the two a process is to do, for which target, where.
pub const ROLE: &str = "NEXTFRAME_FUZZ_ROLE";
pub const TARGET: &str = "NEXTFRAME_FUZZ_TARGET";
pub const FOLDER: &str = "NEXTFRAME_FUZZ_FOLDER";
/// Judge cases.
pub const SERVE: &str = "serve";
/// Write the target's seeds.
pub const SOW: &str = "sow";

/// Memory that one case may leave taken, in bytes.
const MOST_KEPT: u64 = 512 << 20;

static HOOKED: Once = Once::new();
/// Whether a target is reading, so that a panic is its own.
static READING: AtomicBool = AtomicBool::new(false);
/// Where the first panic of this case was and what it said, on whichever thread.
static PANIC: Mutex<Option<(String, String)>> = Mutex::new(None);

/// Writes the seeds of a target below a folder, each into one of its own.
fn sow(target: &FuzzTarget, folder: &Path) -> io::Result<()> {
    let seeds = (target.seeds)().map_err(io::Error::other)?;
    for (index, seed) in seeds.iter().enumerate() {
        seed.keep(&folder.join(format!("{index:03}")))?;
    }
    Ok(())
}

/// Does what the environment asks this process to do; nothing where it asks nothing.
pub fn asked() -> Option<io::Result<()>> {
    let role = std::env::var(ROLE).ok()?;
    let name = std::env::var(TARGET).unwrap_or_default();
    let folder = PathBuf::from(std::env::var_os(FOLDER)?);
    let Some(target) = find(&name) else {
        return Some(Err(io::Error::other(format!("no target '{name}'"))));
    };
    // As in the program: on a thread with as much room as it gives.
    Some(nextframe::ops::in_pool(|| match role.as_str() {
        SOW => sow(target, &folder),
        _ => serve(target, &folder),
    }))
}

/// Judges the cases that come through standard input until it ends, each in an empty
/// folder inside of `folder`.
fn serve(target: &FuzzTarget, folder: &Path) -> io::Result<()> {
    // What is logged is put into words, too, and goes nowhere.
    let sink = tracing_subscriber::fmt().with_writer(io::sink);
    sink.with_max_level(tracing::Level::WARN).init();
    let mut input = io::stdin().lock();
    while let Some(case) = Case::receive(&mut input)? {
        let verdict = judge(target, &case, folder)?;
        let line = serde_json::to_string(&verdict)?;
        let mut output = io::stdout().lock();
        write!(output, "\n{MARK}{line}\n")?;
        output.flush()?;
    }
    Ok(())
}

/// Has the target read a case in `folder`, which is emptied before.
fn judge(target: &FuzzTarget, case: &Case, folder: &Path) -> io::Result<Verdict> {
    watch_panics();
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    if let Err(error) = case.write(folder) {
        // A changed case never has names that no folder takes; a replayed one may.
        return Ok(Verdict::Refused(format!("the case: {error}")));
    }
    let before = resident();
    READING.store(true, Ordering::SeqCst);
    let read = panic::catch_unwind(AssertUnwindSafe(|| (target.read)(folder)));
    READING.store(false, Ordering::SeqCst);
    let panic = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
    let kept = resident().saturating_sub(before);
    let verdict = match (panic, read) {
        (Some((place, says)), _) => Verdict::Failed(Fault::Panic, place, says),
        (None, Err(_)) => failed(Fault::Panic, "without a word"),
        _ if kept > MOST_KEPT => failed(Fault::Growth, &format!("{} MB stay taken", kept >> 20)),
        (None, Ok(Ok(holds))) => Verdict::Read(holds),
        (None, Ok(Err(error))) => {
            let says = error.to_string();
            match says.contains(char::is_control) {
                true => failed(Fault::Lines, &says),
                false => Verdict::Refused(says),
            }
        }
    };
    Ok(verdict)
}

/// Notes panics of targets instead of printing them.
fn watch_panics() {
    HOOKED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !READING.load(Ordering::SeqCst) {
                return before(info);
            }
            let says = info.to_string().replace('\n', " ");
            let trace = Backtrace::force_capture().to_string();
            let mut first = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert((culprit(&trace), says));
        }));
    });
}

fn failed(fault: Fault, says: &str) -> Verdict {
    Verdict::Failed(fault, String::new(), says.to_owned())
}

/// The file and line of the project in which a backtrace ends; empty where there is none.
pub fn culprit(trace: &str) -> String {
    let places = trace
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("at "));
    // Neither the standard library's nor a dependency's.
    let mut own =
        places.filter(|place| !["/rustc/", "/registry/"].iter().any(|p| place.contains(p)));
    let place = own.find_map(|place| place.split_once("/src/"));
    place.map_or_else(String::new, |(_, file)| format!("src/{}", file.trim_end()))
}

/// Memory of this process, in bytes, with pages as most systems have them; 0 where the
/// system does not say.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4096
}
