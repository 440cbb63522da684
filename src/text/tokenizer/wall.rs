//! A wall around the crate `tokenizers`: where it panics, an error comes back.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread is behind the wall, where a panic says nothing.
    static BEHIND: Cell<bool> = const { Cell::new(false) };
}

static QUIET: Once = Once::new();

/// What `work` gives. A panic in it is an error with the panic's message; nothing is
/// printed of it.
pub(super) fn behind<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    QUIET.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !BEHIND.get() {
                before(info);
            }
        }));
    });
    BEHIND.set(true);
    // Nothing of what a panic leaves half done is used again.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    BEHIND.set(false);
    match result {
        Ok(result) => result.map_err(|error| one_line(&error.to_string())),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(match said {
                Some(said) => format!("it makes the tokenizer fail ({})", one_line(said)),
                None => "it makes the tokenizer fail".to_owned(),
            })
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(behind(|| Ok(3)), Ok(3));
        let said = behind(|| Err::<(), _>("a\nb".into())).unwrap_err();
        assert_eq!(said, "a b");
        let none: Vec<u8> = Vec::new();
        let said = behind(|| Ok(none[std::hint::black_box(7)])).unwrap_err();
        assert!(said.contains("the len is 0 but the index is 7"), "{said}");
    }
}
