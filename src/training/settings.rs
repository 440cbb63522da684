//! All that a recipe may set.

use super::bounds::{self, out_of_range};
use crate::data::Views;
use crate::error::{Error, Result};
use crate::horizon::HorizonConfig;
use crate::inference::{Beside, EnergyConfig, LatentConfig, Learning};
use crate::models::NextFrameConfig;
use crate::video::ReadSettings;
use serde::{Deserialize, Serialize};

/// A recipe, resolved: what `config.toml` of a run holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How frames are read.
    pub data: ReadSettings,
    /// The network, the same for both models.
    pub model: NextFrameConfig,
    /// z of the latent model.
    pub latent: LatentConfig,
    /// An energy over frames; where it is learned, it takes the latent model's place.
    pub energy: EnergyConfig,
    /// A model of the whole horizon, beside the others.
    pub horizon: HorizonConfig,
    /// How both are trained.
    pub training: TrainingConfig,
    /// How they are judged.
    pub evaluation: EvaluationConfig,
}

/// How a model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainingConfig {
    /// So many models whose futures differ, trained as from several seeds, each of which draws its
    /// share of the futures: what one is sure of, but others are not, is uncertain
    /// (Lakshminarayanan et al. 2017). Each takes as long as one.
    pub members: usize,
    /// Samples in a step.
    pub batch: usize,
    /// The learning rate's peak; it rises over `rise` steps, then falls to
    /// 2% of it along a cosine over the budget.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises.
    pub rise: u64,
    /// AdamW's weight decay.
    pub weight_decay: f64,
    /// The largest norm of a step's gradient; larger ones are scaled down.
    pub clip: f64,
    /// Share of the budget that trains ŷ(x, 0) before z comes in: while the
    /// network still learns what is certain, z would split the data arbitrarily.
    pub without_latent: f64,
    /// Each window is moved by up to so many pixels, so that a short film is
    /// not learned by heart; 0 leaves all in place.
    pub shift: usize,
    /// Half of the windows are mirrored, left for right. Turn it off where the
    /// world knows left from right: writing, say.
    pub mirror: bool,
    /// Half of the windows are upside down too, and half have rows for columns: for square
    /// frames of worlds that know no above and below either.
    pub turn: bool,
    /// How differently windows are lit: brighter or darker by up to exp(±this), and channels
    /// by half of that against each other, so that what was seen in one colour is known in
    /// another; 0 leaves all as it is. (0.3 helps least squares with colours that it never
    /// saw; of futures it did no clear good.)
    pub light: f64,
    /// What one step keeps of the average of the weights, which is what is
    /// judged and becomes the model; 0 takes the weights of the last step.
    pub average: f64,
    /// Noise on the context, in units of σ: a rollout's frames are not perfect.
    /// (Where pixels are moved, on what the network sees, not on what it moves.)
    pub context_noise: f64,
    /// Share of steps whose last context frame is the model's own, given the
    /// z of that frame, or where pixels move a part of it: teaches to go on from
    /// what it makes. (Where z paints, ŷ(x, 0) alone is taught.)
    pub own_frames: f64,
    /// The inverse temperature β at which z is drawn in training.
    pub beta: f64,
    /// β when z comes in; it grows by equal factors to `beta`. Codes start
    /// low: all of them are drawn then, and each finds a part of the data.
    pub beta_start: f64,
    /// Share of the budget over which β grows.
    pub beta_rise: f64,
    /// Weight of −log p(z | x) per number of z beside the squared error in
    /// units of σ². The prior shares no weights with the rest.
    pub prior_weight: f64,
    /// How many windows of before p(z | x) learns from again beside each new one, which
    /// pays where to find z costs more than to learn from it; 0 for none. Their z is as it was
    /// drawn, so that `beta_start` had better be `beta`; they take up to 64 MiB, in checkpoints too.
    pub rehearsal: usize,
    /// Weight of the CRPS of two drawn next frames, in units of σ, which trains
    /// p(z | x) alone, through the decoder: what z's density does not say, how
    /// much each z matters in the picture. Not for codes, whose draws have no
    /// gradient.
    pub score_weight: f64,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            members: 1,
            batch: 32,
            learning_rate: 4e-3,
            rise: 50,
            weight_decay: 0.01,
            clip: 1.0,
            without_latent: 0.1,
            shift: 4,
            mirror: true,
            turn: false,
            light: 0.0,
            average: 0.99,
            context_noise: 0.3,
            own_frames: 0.4,
            beta: 1.0,
            beta_start: 1.0,
            beta_rise: 0.3,
            prior_weight: 0.1,
            rehearsal: 0,
            score_weight: 1.0,
        }
    }
}

impl TrainingConfig {
    /// How windows are seen.
    pub fn views(&self) -> Views {
        Views {
            shift: self.shift,
            mirror: self.mirror,
            turn: self.turn,
            light: self.light,
        }
    }

    /// β where `used` of the budget is used up.
    pub fn beta_at(&self, used: f64) -> f64 {
        let since = (used - self.without_latent).max(0.0);
        if since >= self.beta_rise {
            return self.beta;
        }
        self.beta_start * (self.beta / self.beta_start).powf(since / self.beta_rise)
    }
}

/// How models are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluationConfig {
    /// Frames of a rollout.
    pub horizon: usize,
    /// Futures in a validation picture.
    pub futures: usize,
    /// Temperature of the prior.
    pub temperature: f64,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            horizon: 16,
            futures: 4,
            temperature: 1.0,
        }
    }
}

impl Settings {
    /// Refuses values that no training could use.
    ///
    /// # Errors
    /// Names the key, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.data.check()?;
        bounds::check(self)?;
        self.horizon.check()?;
        let training = &self.training;
        let side = self.data.width.min(self.data.height);
        if training.shift > side / 2 {
            let range = format!("0 to {}, half a frame", side / 2);
            return Err(out_of_range("training.shift", training.shift, &range));
        }
        let (width, height) = (self.data.width, self.data.height);
        if training.turn && width != height {
            return Err(Error::input(
                "training.turn",
                format!("frames are {width} × {height}, and no square"),
                "leave it out, or give data.width and data.height alike",
            ));
        }
        let (most, least) = (self.energy.noise_most, self.energy.noise_least);
        if most < least {
            let range = format!("energy.noise_least, {least}, or more");
            return Err(out_of_range("energy.noise_most", most, &range));
        }
        Ok(())
    }

    /// What stands beside the network of the model whose futures differ.
    pub fn beside(&self) -> Beside {
        match self.energy.learning {
            Learning::None => Beside::Latent(self.latent.clone()),
            _ => Beside::Energy(self.energy.clone()),
        }
    }

    /// Frames of a training window: the context, the frame to predict, and
    /// one more for steps on the model's own frames.
    pub fn window(&self) -> usize {
        self.model.context + 2
    }

    /// Frames of a test window.
    pub fn longest(&self) -> usize {
        self.model.context + self.evaluation.horizon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_grows_by_equal_factors() {
        let training = TrainingConfig {
            without_latent: 0.2,
            beta_start: 0.01,
            beta: 1.0,
            beta_rise: 0.4,
            ..TrainingConfig::default()
        };
        for (used, beta) in [(0.0, 0.01), (0.2, 0.01), (0.4, 0.1), (0.6, 1.0), (1.0, 1.0)] {
            let found = training.beta_at(used);
            assert!((found / beta - 1.0).abs() < 1e-9, "{used}: {found}");
        }
        let at_once = TrainingConfig {
            beta_rise: 0.0,
            ..training
        };
        assert_eq!(at_once.beta_at(0.2), 1.0);
    }
}
