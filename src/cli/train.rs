//! `nextframe train`: learns from video, least squares and latent variables
//! side by side.

pub(super) mod best;
mod checks;
pub(super) mod course;
pub(super) mod lock;
mod memory;
pub(super) mod run_args;
pub(super) mod session;
mod validation;

use super::footage::{self, StrictArgs};
use super::lasting::lasting;
use crate::data::{PartMotion, Split, ValidationPlaces};
use crate::device;
use crate::error::Result;
use crate::outputs::model::{MSE, ModelConfig, names};
use crate::outputs::run::{Existing, Run};
use crate::rng::Seed;
use crate::training::recipe::{self, Recipe};
use crate::training::{Settings, checkpoint};
use lock::Lock;
use run_args::RunArgs;
use session::Session;
use std::path::{Path, PathBuf};

/// Learn from video: a least-squares model and a latent-variable model, side
/// by side on the same batches
#[derive(Debug, Clone, clap::Args)]
pub struct TrainArgs {
    /// Videos, GIFs, folders, globs, .safetensors, prepared .frames, or - for
    /// standard input
    #[arg(required = true)]
    pub inputs: Vec<String>,
    /// A recipe: a TOML file, or the name of a bundled one
    #[arg(long, value_name = "FILE", default_value = "default")]
    pub recipe: String,
    /// The run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Train only one of the two
    #[arg(long, value_enum)]
    pub only: Option<Only>,
    /// What becomes of files that cannot be used.
    #[command(flatten)]
    pub found: StrictArgs,
    /// Where decoded frames are kept [default: $NEXTFRAME_CACHE, or the
    /// user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// One of the two models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// The least-squares baseline
    Mse,
    /// The latent-variable model, or the energy over frames
    #[value(alias = "energy")]
    Latent,
}

/// Trains until the budget is used or Ctrl-C, saving on the way.
pub fn run(args: &TrainArgs) -> Result<()> {
    let recipe = Recipe::find(&args.recipe)?;
    let settings: Settings = recipe::resolve(Some(&recipe), &args.run.set)?;
    settings.check()?;
    let budget = args.run.budget()?;
    let save_every = args.run.save_every()?;
    let device = device::select(&args.run.device)?;
    memory::check(&settings, args.only, &device)?;
    let out = args.run.out(&args.inputs);
    let existing = args.run.existing();
    // Before an hour of film is decoded for nothing.
    Run::check(&out, existing)?;
    let footage = footage::prepare(
        &args.found.expand(&args.inputs)?,
        &settings.data,
        args.cache.as_deref(),
    )?;
    let validation = places(&out, existing)?;
    let split = Split::at(validation, &footage, settings.window(), settings.longest())?;
    tell_of_motion(footage[0].name(), &split.motion(&footage)?);
    let _lock = Lock::take(&out)?;
    let mut session = Session::begin(
        session::Plan {
            settings,
            footage,
            split,
            validation,
            inputs: lasting(&args.inputs),
            only: args.only,
            budget,
            save_every,
            seed: Seed(args.run.seed),
            device,
        },
        &out,
        existing,
    )?;
    session.train()
}

/// Says how much the parts move, and warns of those that hardly do.
fn tell_of_motion(name: &str, parts: &[PartMotion]) {
    for PartMotion { part, share } in parts.iter().filter(|part| part.hardly()) {
        tracing::warn!(
            "{name}: hardly anything moves in its {part} part, {:.1}% as much as in its training \
             part: what is found there says little",
            100.0 * share
        );
    }
    if let [validation, test] = parts
        && parts.iter().all(|part| part.share.is_finite())
    {
        tracing::info!(
            "motion beside the training part: validation {:.2}, test {:.2}",
            validation.share,
            test.share
        );
    }
}

/// Where validation windows come from: in a run that goes on, from where they came.
fn places(out: &Path, existing: Existing) -> Result<ValidationPlaces> {
    let run = match existing {
        Existing::Resume => Run::open(out).ok(),
        _ => None,
    };
    match run.filter(|run| run.latest().is_some()) {
        Some(run) => Ok(checkpoint::load_config::<ModelConfig>(&run.config())?.validation),
        None => Ok(ValidationPlaces::Spread),
    }
}

impl Only {
    /// The names of the models to train.
    fn names(only: Option<Self>, settings: &Settings) -> Vec<String> {
        let wanted = |name: &String| match only {
            None => true,
            Some(Self::Mse) => name == MSE,
            Some(Self::Latent) => name != MSE,
        };
        names(settings).filter(wanted).collect()
    }
}
