//! How futures of the saved model are drawn.

use super::Plan;
use crate::error::Result;
use crate::evaluation::persistence;
use crate::outputs::model::{Model, UNITS};
use crate::outputs::run::Run;

/// Chooses it on the validation part, and writes it to the run's config.json.
pub(super) fn calibrate(plan: &Plan, run: &Run) -> Result<()> {
    let mut model = Model::load(run.folder(), &plan.device)?;
    let Some(latent) = &mut model.latent else {
        return Ok(());
    };
    let part = (&plan.footage[..], &plan.split.validation);
    let horizon = plan.settings.evaluation.horizon;
    let found = persistence::choose(latent, part, horizon, plan.seed, &plan.device)?;
    if let Some(found) = found {
        model.config.persistence = found.persistence;
        run.describe(&plan.settings, &model.config, UNITS)?;
        tracing::info!("on the validation part: {found}");
    }
    Ok(())
}
