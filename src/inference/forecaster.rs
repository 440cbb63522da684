//! A next-frame predictor with all that belongs to it: network, inference of
//! z and prior p(z | x), or an energy over frames. With neither it is the least-squares
//! baseline.

use super::config::LatentConfig;
use super::energy_part::{EnergyConfig, EnergyPart};
use super::latent_part::LatentPart;
use super::{Inferred, Noise, Prior, Remainder};
use crate::energy::Quadratic;
use crate::error::{Error, Result};
use crate::models::{FrameShape, NextFrame, NextFrameConfig, Observed, Source};
use crate::ops;
use crate::rng::Rng;
use candle_core::Tensor;

/// See the module's head.
pub struct Forecaster {
    network: NextFrame,
    latent: Option<LatentPart>,
    energy: Option<EnergyPart>,
    persistence: f64,
}

/// The name of s² among a forecaster's weights.
pub const UNEXPLAINED: &str = "unexplained";
/// Among a forecaster's weights, what the names of an energy's over frames hold.
pub const ENERGY_WEIGHTS: &str = ".energy.";

/// What stands beside a network, by which futures differ.
#[derive(Debug, Clone, PartialEq)]
pub enum Beside {
    /// z, where its family is not none.
    Latent(LatentConfig),
    /// An energy over frames, where it is learned.
    Energy(EnergyConfig),
}

impl From<&LatentConfig> for Beside {
    fn from(config: &LatentConfig) -> Self {
        Self::Latent(config.clone())
    }
}

/// A next frame that was drawn.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its tokens (B, N, p·p·C), within [0, 1] as pixels.
    pub tokens: Tensor,
    /// The z that was drawn (B, d), where there is one.
    pub z: Option<Tensor>,
}

impl Forecaster {
    /// Takes its weights from `source`, all names below `name`.
    pub fn new(
        model: &NextFrameConfig,
        beside: impl Into<Beside>,
        shape: FrameShape,
        name: &str,
        source: &mut impl Source,
    ) -> Result<Self> {
        let mut root = source.root();
        let mut scope = root.scope(name);
        let (latent, energy) = match beside.into() {
            Beside::Latent(latent) => (latent, None),
            Beside::Energy(energy) => (LatentConfig::none(), Some(energy)),
        };
        let all = latent.width()? * model.cells.pow(2);
        let network = NextFrame::new(model, shape, all, scope.scope("network"))?;
        let latent = LatentPart::new((model, &network), &latent, &mut scope)?;
        let energy = energy
            .map(|energy| EnergyPart::new(&network, &energy, scope.scope("energy")))
            .transpose()?;
        Ok(Self {
            network,
            latent,
            energy,
            persistence: 0.0,
        })
    }

    /// The network.
    pub fn network(&self) -> &NextFrame {
        &self.network
    }

    /// What one frame of a future has in common with the next one, see [`Noise`]; 0
    /// unless [set](Self::set_persistence).
    pub fn persistence(&self) -> f64 {
        self.persistence
    }

    /// How futures are drawn from now on, in [0, 1).
    ///
    /// # Errors
    /// A number out of that range.
    pub fn set_persistence(&mut self, persistence: f64) -> Result<()> {
        if !(0.0..1.0).contains(&persistence) {
            return Err(Error::input(
                "persistence",
                format!("it is {persistence}; expected a number from 0 to below 1"),
                "0 draws each frame's z on its own",
            ));
        }
        self.persistence = persistence;
        Ok(())
    }

    /// Whether there is a z.
    pub fn has_latent(&self) -> bool {
        self.latent.is_some()
    }

    /// Whether all its futures are the same.
    pub fn is_certain(&self) -> bool {
        self.latent.is_none() && self.energy.is_none()
    }

    /// The energy over frames, where there is one.
    pub fn frame_energy(&self) -> Option<&EnergyPart> {
        self.energy.as_ref()
    }

    /// p(z | x), where there is a z.
    pub fn prior(&self) -> Option<&dyn Prior> {
        self.latent.as_ref().map(|part| &*part.prior)
    }

    /// What the prior sees of the past, (B, N, width), [`Observed::sights`]; no gradient
    /// goes back into the network, so a prior that learns slowly cannot spoil h(x).
    pub fn context(&self, observed: &Observed) -> Tensor {
        observed.sights().detach()
    }

    /// E(x, y, ·) without R(z), y in tokens; where the frame has parts with a z each, of
    /// each part: E is their sum. Solvers need no gradient of the weights, so none is
    /// kept.
    pub fn energy(&self, observed: &Observed, y: &Tensor) -> Result<Quadratic> {
        let (c, q, g) = self.network.squared_error(observed, y)?;
        Quadratic::new(self.precision()?, &c, &q, &g)
    }

    /// 1/s² of a latent model, per squared unit of tokens: its E(x, y, z) is half of it
    /// times the squared error, and R(z). 1 without a z.
    pub fn precision(&self) -> Result<f64> {
        let unexplained = self.latent.as_ref().map(|part| &part.unexplained);
        Ok(match unexplained {
            Some(unexplained) => 1.0 / f64::from(unexplained.to_vec1::<f32>()?[0]),
            None => 1.0,
        })
    }

    /// What futures leave unexplained, as noise, where it is learned.
    pub fn remainder(&self) -> Option<&Remainder> {
        self.latent.as_ref()?.remainder.as_ref()
    }

    /// z for each sample; see [`super::Inference::infer`].
    pub fn infer(&self, energy: &Quadratic, beta: f64, rng: &mut Rng) -> Result<Inferred> {
        let part = self.latent.as_ref().ok_or_else(no_latent)?;
        let found = part.inference.infer(energy, beta, rng)?;
        Ok(match part.parts {
            1 => found,
            count => found.of_parts(count),
        })
    }

    /// ŷ(x, z) as frames (B, C, H, W) in [0, 1]; without z, ŷ(x, 0).
    pub fn frames(&self, observed: &Observed, z: Option<&Tensor>) -> Result<Tensor> {
        let tokens = self.network.decode(observed, z)?;
        self.network.frames(&self.shown(&tokens)?)
    }

    /// Frames (B, C, H, W) in [0, 1] that are off ŷ(x) by r = (y − ŷ(x))/σ in tokens.
    pub fn frames_off(&self, observed: &Observed, r: &Tensor) -> Result<Tensor> {
        self.network.frames(&self.shown_off(observed, r)?)
    }

    fn shown_off(&self, observed: &Observed, r: &Tensor) -> Result<Tensor> {
        self.shown(&(observed.expected() + r)?)
    }

    /// Tokens of frames whose values lie within [0, 1].
    fn shown(&self, tokens: &Tensor) -> Result<Tensor> {
        // White in units of σ, and not a bit more when taken back.
        let change = self.network.shape().change as f32;
        let white = (1.0 / change).next_down();
        ops::clamp(tokens, 0.0, white)
    }

    /// One next frame (B, C, H, W) for each sample, drawn as [`Self::next`] does.
    pub fn sample(
        &self,
        observed: &Observed,
        temperature: f64,
        noise: &mut Noise,
    ) -> Result<Tensor> {
        (self.network).frames(&self.next(observed, temperature, noise)?.tokens)
    }

    /// A next frame for each sample, z drawn from p(z | x), or the frame from
    /// exp(−F(x, ·)); least squares has only one.
    ///
    /// # Errors
    /// A chain of frames that diverges.
    pub fn next(&self, observed: &Observed, temperature: f64, noise: &mut Noise) -> Result<Drawn> {
        if let Some(energy) = &self.energy {
            let off = energy.draw(observed, temperature, noise.rng())?;
            let tokens = self.shown_off(observed, &off)?;
            return Ok(Drawn { tokens, z: None });
        }
        let z = self.draw(&self.context(observed), temperature, noise)?;
        Ok(Drawn {
            tokens: self.frame_tokens(observed, z.as_ref())?,
            z,
        })
    }

    /// −log p of what was drawn, (B,), where it can be told.
    pub fn surprise(&self, observed: &Observed, drawn: &Drawn) -> Result<Option<Tensor>> {
        match (self.prior(), &drawn.z) {
            (Some(prior), Some(z)) => prior.surprise(&self.context(observed), z),
            _ => Ok(None),
        }
    }

    /// A draw from p(z | x), (B, d), given [`Self::context`]; none where there
    /// is no z.
    pub fn draw(
        &self,
        context: &Tensor,
        temperature: f64,
        noise: &mut Noise,
    ) -> Result<Option<Tensor>> {
        let draw = |part: &LatentPart| part.prior.sample(context, temperature, noise);
        self.latent.as_ref().map(draw).transpose()
    }

    /// The frame of a drawn z (B, d) as tokens, for a rollout that goes on from them.
    pub fn frame_tokens(&self, observed: &Observed, z: Option<&Tensor>) -> Result<Tensor> {
        let tokens = self.network.decode(observed, z)?;
        self.shown(&self.network.within(observed, &tokens)?)
    }
}

fn no_latent() -> Error {
    Error::input(
        "the least-squares model",
        "it has no latent z",
        "use the latent model of the run",
    )
}

#[cfg(test)]
mod tests;
