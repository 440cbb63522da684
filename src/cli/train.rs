//! `nextframe train`: learns from video, least squares and latent variables
//! side by side.

pub(super) mod best;
pub(super) mod lock;
mod memory;
pub(super) mod session;
mod validation;

use super::footage;
use crate::data::Split;
use crate::device;
use crate::error::{Error, Result};
use crate::outputs::model::{MSE, uncertain};
use crate::outputs::run::{Existing, Run};
use crate::rng::Seed;
use crate::training::Settings;
use crate::training::budget::{self, Budget};
use crate::training::recipe::{self, Recipe};
use lock::Lock;
use session::Session;
use std::path::PathBuf;

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
    /// Set a key of the recipe, such as training.batch=16; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The run's folder [default: runs/NAME-OF-THE-INPUT]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How long to train, both models together, such as 90s, 10m or 2h, all
    /// resumed parts together [default: 10m]
    #[arg(long, value_name = "TIME", conflicts_with = "steps")]
    pub time_budget: Option<String>,
    /// How many steps to train instead, all resumed parts together; the same
    /// steps give the same weights
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// The same seed, steps, threads and machine give the same run
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Go on with the run in --out, if there is one
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Replace the run in --out
    #[arg(long)]
    pub overwrite: bool,
    /// Train only one of the two
    #[arg(long, value_enum)]
    pub only: Option<Only>,
    /// Save so often, such as 30s or 5m
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub save_every: String,
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
    let settings: Settings = recipe::resolve(Some(&recipe), &args.set)?;
    settings.data.check()?;
    settings.check()?;
    let budget = budget_of(args.time_budget.as_deref(), args.steps)?;
    let save_every = budget::duration("--save-every", &args.save_every)?;
    let device = device::select(&args.device)?;
    memory::check(&settings, args.only, &device)?;
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| default_out(&args.inputs));
    let existing = existing_of(args.resume, args.overwrite);
    // Before an hour of film is decoded for nothing.
    Run::check(&out, existing)?;
    let footage = footage::prepare(&args.inputs, &settings.data, args.cache.as_deref())?;
    let split = Split::new(&footage, settings.window(), settings.longest())?;
    let _lock = Lock::take(&out)?;
    let mut session = Session::begin(
        session::Plan {
            settings,
            footage,
            split,
            inputs: args.inputs.clone(),
            only: args.only,
            budget,
            save_every,
            seed: Seed(args.seed),
            device,
        },
        &out,
        existing,
    )?;
    session.train()
}

/// What `--time-budget` and `--steps` ask for; ten minutes without either.
pub(super) fn budget_of(time: Option<&str>, steps: Option<u64>) -> Result<Budget> {
    match steps {
        Some(0) => Err(Error::input(
            "--steps 0",
            "no step is no training",
            "give at least 1",
        )),
        Some(steps) => Ok(Budget::Steps(steps)),
        None => {
            let time = time.unwrap_or("10m");
            Ok(Budget::Time(budget::duration("--time-budget", time)?))
        }
    }
}

/// What `--resume` and `--overwrite` ask for.
pub(super) fn existing_of(resume: bool, overwrite: bool) -> Existing {
    match (resume, overwrite) {
        (true, _) => Existing::Resume,
        (_, true) => Existing::Overwrite,
        _ => Existing::Refuse,
    }
}

impl Only {
    /// The names of the models to train.
    fn names(only: Option<Self>, settings: &Settings) -> Vec<&'static str> {
        match only {
            None => vec![MSE, uncertain(settings)],
            Some(Self::Mse) => vec![MSE],
            Some(Self::Latent) => vec![uncertain(settings)],
        }
    }
}

/// runs/NAME, after the first input.
pub(super) fn default_out(inputs: &[String]) -> PathBuf {
    let name = inputs.first().map_or("video", String::as_str);
    let stem = std::path::Path::new(name)
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let stem: String = stem
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let stem = stem.trim_matches(['.', '_', '-']);
    PathBuf::from("runs").join(if stem.is_empty() { "video" } else { stem })
}
