//! Freed memory stays with the process.

/// `mi_option_purge_delay`, which the bindings do not name (mimalloc.h).
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps the allocator (mimalloc, where the program uses it) from giving freed
/// buffers back: a training step frees and asks for the same hundreds of
/// megabytes over and over, and pages that come back have to be cleared first,
/// on one thread. The process's peak stays what it is. A delay that the user
/// set (`MIMALLOC_PURGE_DELAY`) is left alone.
///
/// Call it first thing in `main`.
pub fn keep_memory() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        // SAFETY: sets a number that mimalloc reads; it may be called any time.
        unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_is_the_option_that_is_set() {
        let delay = || {
            // SAFETY: reads a number; it may be called any time.
            unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }
        };
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
            assert_eq!(delay(), 1000, "not mimalloc's default");
            keep_memory();
            assert_eq!(delay(), -1);
        }
    }
}
