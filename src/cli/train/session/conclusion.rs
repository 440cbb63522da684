//! What is known of a model when training ends.

use super::{Plan, horizon};
use crate::cli::train::checks::Checks;
use crate::cli::train::validation::windows;
use crate::error::{Error, Result};
use crate::evaluation::persistence;
use crate::inference::{Forecaster, Prior};
use crate::outputs::model::{Model, Trained, UNITS};
use crate::outputs::run::Run;

/// Writes to the run's config.json how it was trained and, where that is done, how
/// futures of the saved model are drawn, chosen on the validation part; the result is what
/// does not look right there of the model that was saved, whose weights are not the last.
/// None where that was broken off, or not begun, by an interrupt.
///
/// # Errors
/// A model with numbers that are not finite, what the system refuses.
pub(super) fn conclude(
    plan: &Plan,
    run: &Run,
    mut trained: Trained,
) -> Result<Option<Vec<String>>> {
    let mut model = Model::load(run.folder(), &plan.device)?;
    if trained.done {
        trained.done = unless_interrupted(choose(plan, &mut model))?.is_some();
    }
    model.config.trained = Some(trained);
    run.describe(&plan.settings, &model.config, UNITS)?;
    match trained.done {
        true => {
            let checks = unless_interrupted(checks(plan, &model))?;
            Ok(Some(checks.map_or_else(Vec::new, |checks| checks.notes())))
        }
        false => Ok(None),
    }
}

fn unless_interrupted<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::Interrupted) => Ok(None),
        result => result.map(Some),
    }
}

/// Chooses how futures are drawn.
fn choose(plan: &Plan, model: &mut Model) -> Result<()> {
    horizon::choose(plan, model)?;
    let persists = |latent: &Forecaster| latent.prior().is_some_and(Prior::persists);
    if !model.latent.iter().any(persists) {
        return Ok(());
    }
    let part = (&plan.footage[..], &plan.split.validation);
    let horizon = plan.settings.evaluation.horizon;
    let members = &mut model.latent;
    let found = persistence::choose(members, part, horizon, plan.seed, &plan.device)?;
    if let Some(found) = found {
        model.config.persistence = found.persistence;
        tracing::info!("on the validation part: {found}");
    }
    Ok(())
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
