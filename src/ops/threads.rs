//! One pool of threads.

/// Turns candle's own pool off, so that rayon's is the only one: candle's
/// element-wise operations use a second, spinning pool that takes the cores
/// from rayon's threads. A number that the user set is left alone.
///
/// Call it first thing in `main`: candle reads the number once, and the
/// environment may only be changed while no other thread runs.
pub fn use_one_pool() {
    const KEY: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(KEY).is_none() {
        // SAFETY: the doc above asks callers to be in `main` before any other
        // thread is started, so nothing reads the environment meanwhile.
        unsafe { std::env::set_var(KEY, "1") }
    }
}
