//! Who is compared: copying, and the models of one or more runs.

use super::{CompareArgs, looks};
use crate::cli::lasting::lasting;
use crate::data::{Footage, Part, Split, ValidationPlaces};
use crate::error::{Error, Result};
use crate::evaluation::comparison::{Plan, Predictor, TrueFutures};
use crate::evaluation::real_or_drawn::Samples;
use crate::hub;
use crate::inference::Forecaster;
use crate::memory;
use crate::outputs::horizon::HORIZON;
use crate::outputs::model::{Model, ModelConfig, Trained};
use crate::rng::Seed;
use crate::training::Settings;
use candle_core::Device;
use std::path::Path;

/// The whole-horizon model's decoder as least squares has it.
const MEAN: &str = "horizon mean";

/// A run that is compared.
pub(super) struct Run {
    /// Its folder's name; its path where two are the same.
    pub label: String,
    pub model: Model,
}

/// One that predicts.
pub(super) struct Contender<'a> {
    /// `copy`, `truth`, `mse`, `latent`, `horizon mean`, `horizon`; with several runs after the run's label.
    pub name: String,
    pub predictor: Predictor<'a>,
    pub parameters: usize,
    /// How its run was trained, where that is known.
    pub trained: Option<Trained>,
    /// What it shares with others that differ in their seed alone: its model's name and
    /// its run's recipe.
    pub recipe: Option<(&'static str, &'a Settings)>,
    /// The least-squares model of the same run.
    pub mse: Option<&'a Forecaster>,
}

/// Loads all runs.
///
/// # Errors
/// Those of [`Model::load`], and runs whose frames were read otherwise than the first's,
/// or, unless it `moved`, from other footage.
pub(super) fn load(paths: &[impl AsRef<Path>], moved: bool, device: &Device) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        let model = Model::load(&hub::locate(path)?, device)?;
        if let Some(first) = runs.first() {
            let (first, other) = (&first.model.config, &model.config);
            let as_read = first.settings.data == other.settings.data;
            if !(as_read && (moved || lasting(&first.inputs) == lasting(&other.inputs))) {
                let words = |config: &ModelConfig| {
                    let data = serde_json::to_string(&config.settings.data).unwrap_or_default();
                    format!("{} read with {data}", config.inputs.join(", "))
                };
                return Err(Error::input(
                    path.display().to_string(),
                    format!(
                        "trained on {}; {} on {}",
                        words(other),
                        paths[0].as_ref().display(),
                        words(first)
                    ),
                    "compare runs on the same footage, read the same way",
                ));
            }
        }
        let folder = super::folder(path);
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        runs.push(Run {
            label: name.to_string_lossy().into_owned(),
            model,
        });
    }
    let labels: Vec<String> = runs.iter().map(|run| run.label.clone()).collect();
    for (index, run) in runs.iter_mut().enumerate() {
        if labels.iter().filter(|label| **label == run.label).count() > 1 {
            run.label = paths[index].as_ref().display().to_string();
        }
    }
    Ok(runs)
}

/// The parts of footage as each run's training would have them.
pub(super) fn parts(runs: &[Run], footage: &[Footage]) -> Vec<Result<Split>> {
    let configs = runs.iter().map(|run| &run.model.config);
    let split = |config: &ModelConfig| {
        let settings = &config.settings;
        Split::at(
            config.validation,
            footage,
            settings.window(),
            settings.longest(),
        )
    };
    configs.map(split).collect()
}

/// The parts of footage with the test part that all runs are compared on.
///
/// # Errors
/// If a part has no window, or the footage cannot be read.
pub(super) fn test_split(runs: &[Run], footage: &[Footage], plan: &Plan) -> Result<Split> {
    let windows = runs.iter().map(|run| run.model.config.settings.window());
    let window = windows.max().unwrap_or(1);
    Split::at(ValidationPlaces::End, footage, window, plan.length())
}

/// What all runs validated on.
///
/// # Errors
/// Where they did so on different frames: one's validation part is another's training part.
pub(super) fn validation(parts: Vec<Result<Split>>, args: &CompareArgs) -> Result<Part> {
    let splits = parts.into_iter().collect::<Result<Vec<_>>>()?;
    let mut parts = splits.into_iter().map(|split| split.validation);
    let first = parts.next().unwrap_or_default();
    match parts.position(|part| part != first) {
        None => Ok(first),
        Some(other) => Err(Error::input(
            args.runs[other + 1].display().to_string(),
            format!(
                "its validation part is not that of {}: it was made by another version, or with \
                 another model.context or evaluation.horizon",
                args.runs[0].display()
            ),
            "compare them on the test part, or each by itself",
        )),
    }
}

pub(super) fn untrained<'a>(name: &str, predictor: Predictor<'a>) -> Contender<'a> {
    Contender {
        name: name.to_owned(),
        predictor,
        parameters: 0,
        trained: None,
        recipe: None,
        mse: None,
    }
}

/// What is compared, always in this order: copying, a perfect sampler where there is one,
/// then each run's models.
pub(super) fn contenders<'a>(
    runs: &'a [Run],
    truth: Option<&'a TrueFutures<'a>>,
) -> Vec<Contender<'a>> {
    let mut all = vec![untrained("copy", Predictor::Copy)];
    all.extend(truth.map(|truth| untrained("truth", Predictor::Truth(truth))));
    for Run { label, model } in runs {
        for (name, members, parameters) in model.each() {
            all.push(Contender {
                name: match runs.len() {
                    1 => name.to_owned(),
                    _ => format!("{label} {name}"),
                },
                predictor: Predictor::Model(members),
                parameters,
                trained: model.config.trained,
                recipe: Some((name, &model.config.settings)),
                mse: model.mse.as_ref(),
            });
        }
        if let Some(horizon) = &model.horizon {
            let both = [
                (MEAN, Predictor::Mean(horizon)),
                (HORIZON, Predictor::Horizon(horizon)),
            ];
            all.extend(both.map(|(name, predictor)| Contender {
                name: match runs.len() {
                    1 => name.to_owned(),
                    _ => format!("{label} {name}"),
                },
                predictor,
                parameters: horizon.parameters(),
                trained: model.config.trained,
                recipe: Some((name, &model.config.settings)),
                mse: model.mse.as_ref(),
            }));
        }
    }
    all
}

/// How all are compared: as the first run says, with the longest context of any.
pub(super) fn plan(runs: &[Run], args: &CompareArgs) -> Result<Plan> {
    let contexts = runs
        .iter()
        .map(|run| run.model.config.settings.model.context);
    let evaluation = &runs[0].model.config.settings.evaluation;
    let asked = args.horizon.map(|frames| usize::from(frames.get()));
    let horizons = Plan::horizons(asked.unwrap_or(evaluation.horizon))?;
    // A window's futures at the horizons, or those that are looked at with the frames before
    // each, a few times over.
    let frame = runs[0].model.config.settings.data.frame_bytes() as f64;
    let looked_at = args.futures.get().min(looks::ASKED_FUTURES) * Samples::times(&horizons).len();
    let frames = looked_at.max(args.futures.get().saturating_mul(horizons.len()));
    let numbers = 4.0 * frames as f64 * frame;
    let subject = format!("--futures {}", args.futures);
    memory::check(numbers * size_of::<f32>() as f64, &subject, || {
        "give fewer; 100 is the default".to_owned()
    })?;
    Ok(Plan {
        context: contexts.max().unwrap_or(1),
        horizons,
        futures: args.futures.get(),
        temperature: evaluation.temperature,
        seed: Seed(args.seed),
    })
}
