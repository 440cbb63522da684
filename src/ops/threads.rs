//! One pool of threads.

/// Room for a whole program on each thread of the pool, as `main` has.
const STACK: usize = 16 << 20;

/// Turns candle's own pool off, so that rayon's is the only one: candle's
/// element-wise operations use a second, spinning pool that takes the cores
/// from rayon's threads. A number that the user set is left alone. And gives
/// rayon's threads room enough for [`in_pool`].
///
/// Call it first thing in `main`: candle reads the number once, and the
/// environment may only be changed while no other thread runs. Where one does,
/// candle's pool stays.
pub fn use_one_pool() {
    const KEY: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(KEY).is_none() && alone() {
        // SAFETY: no other thread reads the environment meanwhile: there is none,
        // or on systems that do not say so, none when `main` starts.
        unsafe { std::env::set_var(KEY, "1") }
    }
    // Refused only where a pool is there already, which then is the one.
    let _ = rayon::ThreadPoolBuilder::new()
        .stack_size(STACK)
        .build_global();
}

/// Whether this is the process's only thread, where the system tells.
fn alone() -> bool {
    std::fs::read_dir("/proc/self/task").map_or(true, |tasks| tasks.count() == 1)
}

/// Runs `f` on one of the pool's threads. Each parallel piece of work that is
/// started from elsewhere first has to wake one, and the thread that started it
/// sleeps meanwhile: some two hundred times a training step.
pub fn in_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| f())
}
