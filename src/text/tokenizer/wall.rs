//! A wall around the crate `tokenizers`: where it panics, an error comes back.

use crate::panics::caught;

/// What `work` gives. A panic in it is an error with the panic's message.
pub(super) fn behind<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match caught(work) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(said) => Err(format!("it makes the tokenizer fail ({said})")),
    }
}
