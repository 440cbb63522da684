//! What `train` and `text train` are told of a run.

use crate::error::{Error, Result};
use crate::outputs::run::Existing;
use crate::training::budget::{self, Budget};
use std::path::PathBuf;
use std::time::Duration;

/// What a run of either kind is told, beside what it learns from.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Set a key of the recipe, such as training.batch=16; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The run's folder [default: runs/NAME-OF-THE-INPUT]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How long to train, all models of the run together, such as 90s, 10m or 2h, all
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
    /// Save so often, such as 30s or 5m
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub save_every: String,
}

impl RunArgs {
    /// What `--time-budget` and `--steps` ask for; ten minutes without either.
    pub(in crate::cli) fn budget(&self) -> Result<Budget> {
        match self.steps {
            Some(0) => Err(Error::input(
                "--steps 0",
                "no step is no training",
                "give at least 1",
            )),
            Some(steps) => Ok(Budget::Steps(steps)),
            None => {
                let time = self.time_budget.as_deref().unwrap_or("10m");
                Ok(Budget::Time(budget::duration("--time-budget", time)?))
            }
        }
    }

    /// What `--save-every` asks for.
    pub(in crate::cli) fn save_every(&self) -> Result<Duration> {
        budget::duration("--save-every", &self.save_every)
    }

    /// What `--resume` and `--overwrite` ask for.
    pub(in crate::cli) fn existing(&self) -> Existing {
        match (self.resume, self.overwrite) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Overwrite,
            _ => Existing::Refuse,
        }
    }

    /// The run's folder, by default after the first of `inputs`.
    pub(in crate::cli) fn out(&self, inputs: &[String]) -> PathBuf {
        self.out.clone().unwrap_or_else(|| default_out(inputs))
    }
}

/// runs/NAME, after the first input.
fn default_out(inputs: &[String]) -> PathBuf {
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
