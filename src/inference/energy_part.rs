//! All that an energy over frames brings to a forecaster: F(x, y) and how y is drawn.

use crate::energy::{FrameEnergy, HeldFrame};
use crate::error::Result;
use crate::models::{NextFrame, Observed, ReconstructionShape, Scope, Sight};
use crate::rng::Rng;
use crate::sampling::{Cooled, Langevin, Sampler as _, State};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// How an energy over frames is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Learning {
    /// There is none: a latent model is trained.
    None,
    /// Low on the data, high on samples of its own, whose chains go on from step to step:
    /// persistent contrastive divergence with a replay buffer (Tieleman 2008, Du & Mordatch
    /// 2019).
    Contrastive,
    /// Its slope points from noisy frames to the data: denoising score matching at many
    /// levels of noise (Vincent 2011, Song & Ermon 2019).
    Score,
}

/// The settings of an energy over frames; lengths are in units of σ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnergyConfig {
    /// How it is learned.
    pub learning: Learning,
    /// Features of a patch; twice as many where four patches are one.
    pub width: usize,
    /// Residual blocks where four patches are one.
    pub depth: usize,
    /// g: what differs from the expected by less counts as the same.
    pub grain: f64,
    /// b: by how many grains a pixel may be off before more of it counts as its root only;
    /// a large number makes all of it count.
    pub bend: f64,
    /// The most that a layer's weights may stretch what they are given, their spectral
    /// norm; 0 leaves them free.
    pub norm: f64,
    /// Langevin steps to a frame.
    pub steps: usize,
    /// Score: the most noise; as much as frames that may come differ by.
    pub noise_most: f64,
    /// Score: the least noise.
    pub noise_least: f64,
    /// Score: how often the last step, which takes the noise off, is made again.
    pub settling: usize,
    /// Contrastive: noise on the expected frame, where chains begin.
    pub start: f64,
    /// Contrastive: ε of a Langevin step, which moves by ε²/2 times the slope.
    pub step_size: f64,
    /// Contrastive: T; frames are drawn from exp(−F/T) by steps with noise ε√T.
    pub temperature: f64,
    /// Contrastive: the most that a step moves a pixel but for its noise.
    pub bound: f64,
    /// Contrastive: chains that are kept.
    pub replay: usize,
    /// Contrastive: the share of chains that begin anew.
    pub restart: f64,
    /// Contrastive: weight of the squared energies, per number of a frame, that keeps them
    /// from running away.
    pub restraint: f64,
}

impl Default for EnergyConfig {
    fn default() -> Self {
        Self {
            learning: Learning::None,
            width: 32,
            depth: 2,
            grain: 1.0,
            bend: 3.0,
            norm: 0.0,
            steps: 20,
            noise_most: 20.0,
            noise_least: 0.3,
            settling: 4,
            start: 1.0,
            step_size: 0.45,
            temperature: 0.01,
            bound: 1.0,
            replay: 256,
            restart: 0.1,
            restraint: 0.1,
        }
    }
}

/// See the module's head.
pub struct EnergyPart {
    energy: FrameEnergy,
    config: EnergyConfig,
    /// σ.
    change: f64,
}

impl EnergyPart {
    /// Takes its weights from `scope`.
    ///
    /// # Errors
    /// Settings that do not go together.
    pub(super) fn new(network: &NextFrame, config: &EnergyConfig, scope: Scope) -> Result<Self> {
        let shape = network.shape();
        let pixels = network.config().patch.pow(2) * shape.channels;
        let shape_of = ReconstructionShape {
            grid: network.grid(),
            pixels,
            looks: 2,
            sight: network.config().backbone.width + pixels,
            width: config.width,
            depth: config.depth,
        };
        Ok(Self {
            energy: FrameEnergy::new(shape_of, (config.grain, config.bend), scope)?,
            config: config.clone(),
            change: shape.change,
        })
    }

    /// The settings.
    pub fn config(&self) -> &EnergyConfig {
        &self.config
    }

    /// What F sees of the past: the network's features and ŷ(x). No gradient goes back
    /// into these: ŷ(x) is trained on its own.
    pub fn look(&self, observed: &Observed) -> Result<Sight> {
        let expected = observed
            .expected()
            .detach()
            .affine(2.0 * self.change, -1.0)?;
        let past = Tensor::cat(&[&observed.features.detach(), &expected], 2)?;
        self.energy.look(&past)
    }

    /// F(x, ·) as a field of r = (y − ŷ(x))/σ (B, N, p·p·C), with noise of these levels.
    pub fn held<'a>(&'a self, sight: &'a Sight, levels: Vec<f64>) -> HeldFrame<'a> {
        self.energy.held(sight, levels)
    }

    /// F(x, ·) at the least noise it knows.
    pub fn settled<'a>(&'a self, sight: &'a Sight, samples: usize) -> HeldFrame<'a> {
        let level = match self.config.learning {
            Learning::Score => self.config.noise_least,
            _ => 0.0,
        };
        self.held(sight, vec![level; samples])
    }

    /// The steps by which frames are drawn where chains are kept.
    fn langevin(&self, temperature: f64) -> Langevin {
        Langevin {
            temperature: self.config.temperature * temperature,
            bound: Some(self.config.bound),
            ..Langevin::uncorrected(self.config.step_size)
        }
    }

    /// Where a chain begins: noise around ŷ(x), of this shape.
    pub fn start(&self, like: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let noise = rng.normal_tensor(like.shape(), like.device())?;
        Ok((noise * self.config.start)?)
    }

    /// Chains at r, so many steps further.
    ///
    /// # Errors
    /// A chain that diverges.
    pub fn walk(
        &self,
        sight: &Sight,
        r: &Tensor,
        temperature: f64,
        rng: &mut Rng,
    ) -> Result<State> {
        let field = self.settled(sight, r.dim(0)?);
        let langevin = self.langevin(temperature);
        let mut state = State::new(&field, r)?;
        for _ in 0..self.config.steps {
            langevin.step(&field, &mut state, rng)?;
        }
        Ok(state)
    }

    /// r of frames drawn from exp(−F(x, ·)), (B, N, p·p·C).
    ///
    /// # Errors
    /// A chain that diverges.
    pub fn draw(&self, observed: &Observed, temperature: f64, rng: &mut Rng) -> Result<Tensor> {
        let sight = self.look(observed)?.detached();
        let expected = observed.expected().zeros_like()?;
        let samples = expected.dim(0)?;
        match self.config.learning {
            Learning::Score => {
                let cooled = Cooled {
                    levels: self.config.steps,
                    most: self.config.noise_most,
                    least: self.config.noise_least,
                    settling: self.config.settling,
                };
                let field = |level| self.held(&sight, vec![level; samples]);
                cooled.draw(field, &expected, temperature, rng)
            }
            _ => {
                let start = self.start(&expected, rng)?;
                Ok(self.walk(&sight, &start, temperature, rng)?.place)
            }
        }
    }
}
