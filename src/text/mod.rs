//! Text: what is read, how it becomes tokens, and which of them are hidden.

mod corpus;
mod letters;
mod masking;
mod restore;
mod stream;
mod tokenizer;

pub use corpus::{Document, read_all, read_within};
pub use masking::{Masked, Masking};
pub use stream::Stream;
pub use tokenizer::{Tokenizer, Word};
