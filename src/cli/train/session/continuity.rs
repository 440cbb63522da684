//! Whether a run can go on: as it was begun.

use crate::error::{Error, Result};
use crate::outputs::model::ModelConfig;
use crate::rng::Seed;
use std::path::Path;

/// A resumed run must be of the same model on the same frames.
pub(super) fn same_model(out: &Path, old: &ModelConfig, new: &ModelConfig) -> Result<()> {
    let differs = [
        (
            "the recipe's [data]",
            old.settings.data != new.settings.data,
        ),
        (
            "the recipe's [model]",
            old.settings.model != new.settings.model,
        ),
        (
            "the recipe's [latent]",
            (&old.settings.latent, &old.settings.energy)
                != (&new.settings.latent, &new.settings.energy),
        ),
        ("the frames to train on", old.shape != new.shape),
        ("--only, or training.members", old.models != new.models),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((what, _)) => Err(Error::input(
            out.display().to_string(),
            format!("cannot be resumed: not as when it was begun: {what}"),
            "give the same inputs, --recipe and --set, or another --out",
        )),
    }
}

/// Steps draw from the seed and their number.
pub(in crate::cli) fn same_seed(out: &Path, old: u64, new: Seed) -> Result<()> {
    if old == new.0 {
        return Ok(());
    }
    Err(Error::input(
        out.display().to_string(),
        format!(
            "cannot be resumed with seed {}: it was begun with {old}",
            new.0
        ),
        format!("give --seed {old}, or another --out"),
    ))
}
