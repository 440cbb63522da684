//! All targets, in the order in which they take turns.

mod archives;
mod arrays;
mod berts;
mod films;
mod moving;
mod pictures;
mod recipes;
mod runs;
mod tokenizers;

use crate::target::FuzzTarget;

/// All targets.
pub const TARGETS: [&FuzzTarget; 14] = [
    &films::FRAMES,
    &films::TENSORS,
    &films::IDX,
    &arrays::ARRAYS,
    &pictures::PICTURES,
    &moving::ANIMATIONS,
    &recipes::RECIPES,
    &recipes::TEXT_RECIPES,
    &tokenizers::TOKENIZERS,
    &tokenizers::VOCABULARIES,
    &archives::CORPORA,
    &berts::BERTS,
    &runs::MODELS,
    &runs::RESUMED,
];

/// The target of a name.
pub fn find(name: &str) -> Option<&'static FuzzTarget> {
    TARGETS.into_iter().find(|target| target.name == name)
}
