//! A next-frame predictor with all that belongs to it: network, inference of
//! z and prior p(z | x). Without a latent it is the least-squares baseline.

use super::{Categorical, ClosedForm, Inference, Inferred, Mixture, Prior, Refine, Search};
use crate::energy::Quadratic;
use crate::error::{Error, Result};
use crate::latent::{Codes, Gaussian, Latent as _};
use crate::models::{FrameShape, Init, NextFrame, NextFrameConfig, Observed, Source};
use crate::rng::Rng;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// Features are averaged over a grid of so many cells a side for the prior.
const CELLS: usize = 4;

/// Which latent, and how z is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// No latent: least squares.
    None,
    /// Continuous z, exact in closed form.
    Gaussian,
    /// Continuous z, guessed by an encoder of the residual, then refined.
    Refined,
    /// One-hot (1 stage) or residual codes, by exact search.
    Codes,
}

/// The latent's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatentConfig {
    /// Which latent.
    pub family: Family,
    /// Numbers in a continuous z.
    pub dimension: usize,
    /// Stages of residual codes.
    pub stages: usize,
    /// Codes a stage.
    pub size: usize,
    /// Gradient steps after the encoder's guess (refined).
    pub refinement: usize,
    /// Gaussians in the prior of a continuous z.
    pub components: usize,
}

impl Default for LatentConfig {
    fn default() -> Self {
        Self {
            family: Family::Gaussian,
            dimension: 32,
            stages: 2,
            size: 16,
            refinement: 4,
            components: 6,
        }
    }
}

impl LatentConfig {
    /// The least-squares baseline's: no latent.
    pub fn none() -> Self {
        Self {
            family: Family::None,
            ..Self::default()
        }
    }

    /// d.
    fn width(&self) -> Result<usize> {
        Ok(match self.family {
            Family::None => 0,
            Family::Codes => Codes::new(self.stages, self.size)?.dimension(),
            Family::Gaussian | Family::Refined if self.dimension == 0 => {
                return Err(Error::input(
                    "latent.dimension",
                    "0 dimensions leave no latent",
                    "use at least 1, or latent.family = \"none\"",
                ));
            }
            Family::Gaussian | Family::Refined => self.dimension,
        })
    }
}

struct LatentPart {
    inference: Box<dyn Inference>,
    prior: Box<dyn Prior>,
    /// s², (1,).
    unexplained: Tensor,
}

/// See the module's head.
pub struct Forecaster {
    network: NextFrame,
    latent: Option<LatentPart>,
}

/// The name of s² among a forecaster's weights.
pub const UNEXPLAINED: &str = "unexplained";

impl Forecaster {
    /// Takes its weights from `source`, all names below `name`.
    pub fn new(
        model: &NextFrameConfig,
        latent: &LatentConfig,
        shape: FrameShape,
        name: &str,
        source: &mut impl Source,
    ) -> Result<Self> {
        let mut root = source.root();
        let mut scope = root.scope(name);
        let dimension = latent.width()?;
        let network = NextFrame::new(model, shape, dimension, scope.scope("network"))?;
        let inputs = CELLS * CELLS * model.backbone.width;
        let gaussian = Gaussian { dimension };
        let mixture = |scope| Mixture::new(inputs, dimension, latent.components, scope);
        let parts: Option<(Box<dyn Inference>, Box<dyn Prior>)> = match latent.family {
            Family::None => None,
            Family::Gaussian => Some((
                Box::new(ClosedForm { latent: gaussian }),
                Box::new(mixture(scope.scope("prior"))?),
            )),
            Family::Refined => Some((
                Box::new(Refine::new(
                    gaussian,
                    latent.refinement,
                    scope.scope("encoder"),
                )?),
                Box::new(mixture(scope.scope("prior"))?),
            )),
            Family::Codes => {
                let codes = Codes::new(latent.stages, latent.size)?;
                Some((
                    Box::new(Search { latent: codes }),
                    Box::new(Categorical::new(inputs, codes, scope.scope("prior"))?),
                ))
            }
        };
        let latent = parts
            .map(|(inference, prior)| {
                Ok::<_, Error>(LatentPart {
                    inference,
                    prior,
                    unexplained: scope.get(UNEXPLAINED, 1, Init::Ones)?,
                })
            })
            .transpose()?;
        Ok(Self { network, latent })
    }

    /// The network.
    pub fn network(&self) -> &NextFrame {
        &self.network
    }

    /// Whether there is a z.
    pub fn has_latent(&self) -> bool {
        self.latent.is_some()
    }

    /// p(z | x), where there is a z.
    pub fn prior(&self) -> Option<&dyn Prior> {
        self.latent.as_ref().map(|part| &*part.prior)
    }

    /// How z is inferred, where there is one.
    pub fn inference(&self) -> Option<&dyn Inference> {
        self.latent.as_ref().map(|part| &*part.inference)
    }

    /// What the prior sees of the past, (B, features); no gradient goes back
    /// into the network, so a prior that learns slowly cannot spoil h(x).
    pub fn context(&self, observed: &Observed) -> Result<Tensor> {
        Ok(self.network.pooled(observed, CELLS)?.detach())
    }

    /// E(x, y, ·) without R(z), y in tokens. Solvers need no gradient of the
    /// weights, so none is kept.
    pub fn energy(&self, observed: &Observed, y: &Tensor) -> Result<Quadratic> {
        let part = self.latent.as_ref().ok_or_else(no_latent)?;
        let (constant, slope, curvature) = self.network.squared_error_in_z(observed, y)?;
        let unexplained = f64::from(part.unexplained.to_vec1::<f32>()?[0]);
        Quadratic::new(1.0 / unexplained, &constant, &slope, &curvature)
    }

    /// z for each sample; see [`Inference::infer`].
    pub fn infer(&self, energy: &Quadratic, beta: f64, rng: &mut Rng) -> Result<Inferred> {
        let part = self.latent.as_ref().ok_or_else(no_latent)?;
        part.inference.infer(energy, beta, rng)
    }

    /// ŷ(x, z) as frames (B, C, H, W) in [0, 1]; without z, ŷ(x, 0).
    pub fn frames(&self, observed: &Observed, z: Option<&Tensor>) -> Result<Tensor> {
        let tokens = match z {
            Some(z) => self.network.decode(observed, z)?,
            None => observed.mean.clone(),
        };
        Ok(self.network.frames(&tokens.detach())?.clamp(0.0, 1.0)?)
    }

    /// One next frame (B, C, H, W) for each sample, z drawn from p(z | x);
    /// least squares has only one.
    pub fn sample(&self, observed: &Observed, temperature: f64, rng: &mut Rng) -> Result<Tensor> {
        let z = match &self.latent {
            Some(part) => {
                let context = self.context(observed)?;
                Some(part.prior.sample(&context, temperature, rng)?)
            }
            None => None,
        };
        self.frames(observed, z.as_ref())
    }
}

fn no_latent() -> Error {
    Error::input(
        "the least-squares model",
        "it has no latent z",
        "use the latent model of the run",
    )
}
