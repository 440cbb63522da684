//! A trained model on disk: `model.safetensors` and its `config.json`.

use super::horizon::{HORIZON, load_horizon};
use super::run::{CONFIG, MODEL, Run};
use crate::data::ValidationPlaces;
use crate::error::{Error, Result};
use crate::horizon::WholeHorizon;
use crate::inference::{Beside, Forecaster, LatentConfig, Learning};
use crate::models::{FrameShape, Sizes, Weights};
use crate::rng::Seed;
use crate::training::checkpoint::{self, Checkpoint};
use crate::training::{Settings, deleted};
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The least-squares model's name.
pub const MSE: &str = "mse";
/// The latent-variable model's name.
pub const LATENT: &str = "latent";

/// The name of an energy over frames, which takes the latent model's place.
pub const ENERGY: &str = "energy";

/// What the model of a recipe whose futures differ is called.
pub fn uncertain(settings: &Settings) -> &'static str {
    match settings.energy.learning {
        Learning::None => LATENT,
        _ => ENERGY,
    }
}

/// What the models of a recipe are called: least squares, then the members of the one whose
/// futures differ (`latent`, `latent-2`, `latent-3` and so on).
pub fn names(settings: &Settings) -> impl Iterator<Item = String> {
    let uncertain = uncertain(settings);
    let members = (1..=settings.training.members).map(move |member| match member {
        1 => uncertain.to_owned(),
        _ => format!("{uncertain}-{member}"),
    });
    std::iter::once(MSE.to_owned()).chain(members)
}

/// All that loading a model needs beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The resolved recipe.
    pub settings: Settings,
    /// The frames it was trained on.
    pub shape: FrameShape,
    /// Frames per second of the footage it was trained on.
    pub frame_rate: f64,
    /// What it was trained on, as given.
    pub inputs: Vec<String>,
    /// Which models the weights hold.
    pub models: Vec<String>,
    /// Where the windows come from that training watches.
    #[serde(default)]
    pub validation: ValidationPlaces,
    /// See [`Forecaster::persistence`], of the latent model; chosen on the validation
    /// part when training is done.
    #[serde(default)]
    pub persistence: f64,
    /// How it was trained, when a session of training has ended.
    #[serde(default)]
    pub trained: Option<Trained>,
    /// Which model draws futures where none is named; chosen on the validation part when training
    /// is done.
    #[serde(default)]
    pub draws: Draws,
}

/// A model whose futures differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Draws {
    /// The one that draws frame by frame
    #[default]
    Frames,
    /// The one that draws the whole horizon
    Horizon,
}

/// How the models of a run were trained, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Steps of each model.
    pub steps: u64,
    /// Wall-clock time of all models together, all sessions.
    pub seconds: f64,
    /// Of weights, batches and draws.
    pub seed: u64,
    /// Of the last session, on the CPU.
    pub threads: usize,
    /// Whether the budget was used up, and what is chosen after the last step was chosen.
    #[serde(default)]
    pub done: bool,
}

/// What the numbers in a model's files mean.
pub const UNITS: &[(&str, &str)] = &[
    ("frames", "(B, T, C, H, W), 0 to 1"),
    (
        "shape.change",
        "standard deviation of a pixel's change, frames' units",
    ),
    ("unexplained", "variance in units of shape.change squared"),
    (
        "remainder",
        "weights of log variance in units of shape.change squared",
    ),
    ("frame_rate", "frames per second"),
    (
        "persistence",
        "correlation of a frame's noise with the next frame's",
    ),
];

/// A trained model, ready to forecast.
pub struct Model {
    /// What it is.
    pub config: ModelConfig,
    /// The least-squares model, if it was trained.
    pub mse: Option<Forecaster>,
    /// The members of the latent-variable model, or of the energy over frames, if it was
    /// trained.
    pub latent: Vec<Forecaster>,
    /// The whole-horizon model, if it was learned.
    pub horizon: Option<WholeHorizon>,
    /// Parameters of the two, all members together.
    parameters: [usize; 2],
}

impl ModelConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// Those of [`checkpoint::load_config`], what asks for a part that was deleted, and
    /// numbers that no training writes.
    pub fn read(path: &Path) -> Result<Self> {
        let whole: serde_json::Value = checkpoint::load_config(path)?;
        deleted::check(&path.display().to_string(), &whole["settings"])?;
        let config: Self = checkpoint::load_config(path)?;
        let about = |error| match error {
            Error::Input {
                subject, problem, ..
            } => Error::input(
                path.display().to_string(),
                format!("key '{subject}' {problem}"),
                "use the config.json that training wrote",
            ),
            error => error,
        };
        config.check().map_err(about)?;
        Ok(config)
    }

    /// Refuses what no training writes.
    fn check(&self) -> Result<()> {
        self.settings.check()?;
        let FrameShape {
            channels,
            height,
            width,
            change,
        } = self.shape;
        let refuse = |key: &str, problem: String| Err(Error::input(key, problem, ""));
        let read = self.settings.data.shape();
        if (channels, height, width) != read {
            return refuse(
                "shape",
                format!("is ({channels}, {height}, {width}), and frames are read as {read:?}"),
            );
        }
        if !(change > 0.0 && change <= 1.0) {
            return refuse(
                "shape.change",
                format!("is {change}, expected above 0 to 1"),
            );
        }
        let rate = self.frame_rate;
        if !(rate > 0.0 && rate.is_finite()) {
            return refuse("frame_rate", format!("is {rate}, expected above 0"));
        }
        if !(0.0..1.0).contains(&self.persistence) {
            let found = self.persistence;
            return refuse("persistence", format!("is {found}, expected 0 to below 1"));
        }
        Ok(())
    }

    /// The models that the weights hold, in the order of [`names`].
    fn names(&self) -> impl Iterator<Item = String> {
        names(&self.settings).filter(|name| self.models.contains(name))
    }

    /// What stands beside the network of one of the models.
    pub fn beside(&self, name: &str) -> Beside {
        match name {
            MSE => Beside::Latent(LatentConfig::none()),
            _ => self.settings.beside(),
        }
    }
}

impl Model {
    /// Loads a run's folder or a `.safetensors` that lies beside its
    /// `config.json`.
    ///
    /// # Errors
    /// No such file, a run that has saved nothing yet, a config or weights of
    /// another kind, shape or version.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let (path_of_config, weights) = locate(path)?;
        let config = ModelConfig::read(&path_of_config)?;
        let checkpoint = checkpoint::load(&weights)?;
        let FrameShape {
            channels,
            height,
            width,
            ..
        } = config.shape;
        let shape = [channels, height, width];
        let beside = path_of_config.with_file_name(format!("{HORIZON}.safetensors"));
        Ok(Self {
            horizon: load_horizon(&beside, (shape, config.settings.model.context))?,
            ..Self::build(config, &checkpoint, device)?
        })
    }

    fn build(config: ModelConfig, checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        // Before anything of that size is made: no more than the file holds.
        let mut sizes = Sizes::default();
        for name in config.names() {
            let (model, beside) = (&config.settings.model, config.beside(&name));
            Forecaster::new(model, beside, config.shape, &name, &mut sizes)?;
        }
        checkpoint.check(&sizes.tensors)?;
        let (mut pairs, mut parameters) = (Vec::new(), [0; 2]);
        let (mut mse, mut latent) = (None, Vec::new());
        for name in config.names() {
            let mut weights = Weights::new(Seed(0), device);
            let beside = config.beside(&name);
            let model = &config.settings.model;
            let _tracked =
                Forecaster::new(model, beside.clone(), config.shape, &name, &mut weights)?;
            pairs.extend(weights.pairs().iter().cloned());
            let mut frozen = weights.frozen();
            let mut forecaster = Forecaster::new(model, beside, config.shape, &name, &mut frozen)?;
            if name == MSE {
                parameters[0] = weights.count();
                mse = Some(forecaster);
            } else {
                parameters[1] += weights.count();
                forecaster.set_persistence(config.persistence)?;
                latent.push(forecaster);
            }
        }
        checkpoint.fill(&pairs)?;
        Ok(Self {
            config,
            mse,
            latent,
            horizon: None,
            parameters,
        })
    }

    /// Those that were trained, with name, members and number of parameters.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &[Forecaster], usize)> {
        let uncertain = uncertain(&self.config.settings);
        let both = [(MSE, self.mse.as_slice()), (uncertain, &self.latent)];
        let each = both.into_iter().zip(self.parameters);
        each.filter(|((_, members), _)| !members.is_empty())
            .map(|((name, members), parameters)| (name, members, parameters))
    }

    /// The members of the model whose futures differ, or the least-squares model where it is the
    /// only one.
    pub fn main(&self) -> Result<&[Forecaster]> {
        let trained = [self.latent.as_slice(), self.mse.as_slice()];
        let main = trained.into_iter().find(|members| !members.is_empty());
        main.ok_or_else(|| {
            Error::input(
                "config.json",
                "key 'models' names neither 'mse' nor another model of its settings",
                "use the config.json that training wrote",
            )
        })
    }
}

/// config.json and the weights of a model.
fn locate(path: &Path) -> Result<(PathBuf, PathBuf)> {
    if path.is_dir() {
        // The two files of a run, taken elsewhere, are enough.
        let pair = (path.join(CONFIG), path.join(format!("{MODEL}.safetensors")));
        if pair.0.exists() && pair.1.exists() {
            return Ok(pair);
        }
        let run = Run::open(path)?;
        if !run.model().exists() {
            // A process that ended as it saved for the first time may not have come so far.
            let first = run.latest().map(|saved| saved.path(MODEL));
            if let Some(first) = first.filter(|first| first.exists()) {
                return Ok((run.config(), first));
            }
            return Err(Error::input(
                path.display().to_string(),
                format!("has no {MODEL}.safetensors: nothing was saved yet"),
                "let `nextframe train` run on, or train anew",
            ));
        }
        return Ok((run.config(), run.model()));
    }
    if !path.exists() {
        return Err(Error::input(
            path.display().to_string(),
            "there is no such file or folder",
            "name a run's folder or its model.safetensors",
        ));
    }
    let config = path.with_file_name(CONFIG);
    if !config.exists() {
        return Err(Error::input(
            path.display().to_string(),
            "there is no config.json beside it",
            "keep the two files of a run together",
        ));
    }
    Ok((config, path.to_path_buf()))
}
