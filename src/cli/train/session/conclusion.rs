//! What is known of a model when training ends.

use super::Plan;
use crate::cli::train::checks::Checks;
use crate::cli::train::validation::windows;
use crate::error::Result;
use crate::evaluation::persistence;
use crate::inference::{Forecaster, Prior};
use crate::outputs::model::{Model, Trained, UNITS};
use crate::outputs::run::Run;

/// Writes to the run's config.json how it was trained and, where that is `done`, how
/// futures of the saved model are drawn, chosen on the validation part; the result is what
/// does not look right there of the model that was saved, whose weights are not the last.
pub(super) fn conclude(
    plan: &Plan,
    run: &Run,
    trained: Trained,
    done: bool,
) -> Result<Vec<String>> {
    let mut model = Model::load(run.folder(), &plan.device)?;
    model.config.trained = Some(trained);
    let persists = |latent: &Forecaster| latent.prior().is_some_and(Prior::persists);
    if done && model.latent.iter().any(persists) {
        let part = (&plan.footage[..], &plan.split.validation);
        let horizon = plan.settings.evaluation.horizon;
        let members = &mut model.latent;
        let found = persistence::choose(members, part, horizon, plan.seed, &plan.device)?;
        if let Some(found) = found {
            model.config.persistence = found.persistence;
            tracing::info!("on the validation part: {found}");
        }
    }
    run.describe(&plan.settings, &model.config, UNITS)?;
    match done {
        true => Ok(checks(plan, &model)?.notes()),
        false => Ok(Vec::new()),
    }
}

fn checks(plan: &Plan, model: &Model) -> Result<Checks> {
    let context = plan.settings.model.context;
    let windows = windows(&plan.footage, &plan.split, context, &plan.device)?;
    let mut checks = Checks::default();
    for (number, member) in model.latent.iter().enumerate() {
        let mut rng = plan.seed.stream("conclusion", number as u64);
        checks.add(member, model.mse.as_ref(), &windows, &mut rng)?;
    }
    Ok(checks)
}
