//! A decoder that moves pixels: a patch of ŷ(x, z) is a mixture of shifted
//! copies of the last frame x_T, of x_T sharpened, and of m(x).
//!
//! The mixture's shares are softmax(ℓ(x) + Φ v(x, z)): ℓ gives each copy's
//! share where z = 0, and z tilts them, v = (Σ_d z_d W_d) u(x), along a few
//! effects Φ: further down, further right, more of m(x), narrower. A tilt along
//! a direction moves a peak of the shares that way and leaves it a peak. So
//! whatever z is drawn, the frame is made of pixels that are there or expected:
//! it can be wrong, but it is no noise. (Shifted copies, mixed: Finn, Goodfellow and
//! Levine 2016; De Brabandere et al. 2016, "Dynamic filter networks".)

use super::decoder::{InZ, no_latent};
use super::layers::Linear;
use super::next_frame::NextFrameConfig;
use super::paint::DICTIONARIES;
use super::weights::{Init, Scope};
use crate::error::Result;
use crate::ops::{self, Patches, Scene};
use candle_core::{Device, Tensor};

/// x_T, m(x), x_T sharpened.
const SOURCES: usize = 3;
/// Down, right, down and right for m(x), more of m(x), narrower.
pub const EFFECTS: usize = 6;
/// How far beyond its copies a drawn frame may reach, in σ.
const ROOM: f64 = 2.0;
/// How much of what blurring takes away is added to sharpen.
const SHARPENING: f64 = 3.0;
/// What m(x) has ahead of other copies before training, as a logit.
const ADVANTAGE: f64 = 3.0;

/// The longest shifts of the sources: what moves far is x_T. m(x) has moved
/// already, and sharpened pixels are for what stays near.
fn reaches(config: &NextFrameConfig) -> [usize; SOURCES] {
    [config.reach, config.reach.min(1), config.reach.min(1)]
}

/// K: copies of all sources.
pub(super) fn copies(config: &NextFrameConfig) -> usize {
    reaches(config).into_iter().map(ops::shifts).sum()
}

/// What of the past the decoder works on, once for all z.
#[derive(Debug, Clone)]
pub(super) struct Moving {
    /// Of [`SOURCES`] frames, untracked.
    scene: Scene,
    /// ℓ(x), (B, N, K).
    logits: Tensor,
    /// u(x), (B, N, basis), where there is a latent.
    basis: Option<Tensor>,
}

impl Moving {
    /// The same after `f` on each tensor.
    pub(super) fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            scene: self.scene.map(&f)?,
            logits: f(&self.logits)?,
            basis: self.basis.as_ref().map(&f).transpose()?,
        })
    }
}

/// The part that z acts on.
#[derive(Debug, Clone)]
struct Tilt {
    features: Linear,
    /// W: (d, [`EFFECTS`]·basis).
    dictionaries: Tensor,
}

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Movement {
    along: Patches,
    reaches: [usize; SOURCES],
    logits: Linear,
    /// Logits before training, (K,).
    start: Tensor,
    /// Φ, (K, [`EFFECTS`]).
    effects: Tensor,
    tilt: Option<Tilt>,
    basis: usize,
}

impl Movement {
    /// Without a z where `latent` is 0.
    pub(super) fn new(
        config: &NextFrameConfig,
        (grid, channels): ((usize, usize), usize),
        latent: usize,
        mut scope: Scope,
    ) -> Result<Self> {
        let along = Patches {
            grid,
            patch: config.patch,
            channels,
        };
        let reaches = reaches(config);
        let (width, basis) = (config.backbone.width, config.basis);
        let copies = copies(config);
        let tilt = (latent > 0)
            .then(|| -> Result<Tilt> {
                let std = config.latent_start / (basis as f64).sqrt();
                let mut scope = scope.scope("latent");
                let features = Linear::new(width, basis, 1.0, scope.scope("features"))?;
                let shape = (latent, EFFECTS * basis);
                Ok(Tilt {
                    features,
                    dictionaries: scope.get(DICTIONARIES, shape, Init::Normal { std })?,
                })
            })
            .transpose()?;
        let device = scope.device().clone();
        let (start, effects) = tables(reaches, config.peak, &device)?;
        Ok(Self {
            logits: Linear::new(width, copies, 0.1, scope.scope("logits"))?,
            start,
            effects,
            tilt,
            along,
            reaches,
            basis,
        })
    }

    /// Of the last frame and m(x) as patches, and the backbone's features.
    /// Neither frame gets a gradient: m(x) is trained on its own.
    pub(super) fn look(&self, last: &Tensor, mean: &Tensor, features: &Tensor) -> Result<Moving> {
        let (last, mean) = (last.detach(), mean.detach());
        let sharp = ops::sharpen(&last, self.along, SHARPENING)?;
        let [a, b, c] = self.reaches;
        let sources = [(&last, a), (&mean, b), (&sharp, c)];
        let basis = self
            .tilt
            .as_ref()
            .map(|tilt| tilt.features.forward_gelu(features));
        Ok(Moving {
            scene: Scene::new(&sources, self.along)?,
            logits: self.logits.forward_from(features, &self.start)?,
            basis: basis.transpose()?,
        })
    }

    /// A frame within what some mixture of the copies could be, and [`ROOM`] beyond;
    /// untracked.
    pub(super) fn within(&self, moving: &Moving, frame: &Tensor) -> Result<Tensor> {
        ops::within(&moving.scene, frame, ROOM)
    }

    /// ŷ(x, z), (B, N, pixels), of z (B, d); without z, ŷ(x, 0).
    pub(super) fn decode(&self, moving: &Moving, z: Option<&Tensor>) -> Result<Tensor> {
        let (logits, tilts) = match z {
            None => {
                let (batch, places, _) = moving.logits.dims3()?;
                let (dtype, device) = (moving.logits.dtype(), moving.logits.device());
                let none = Tensor::zeros((batch, places, EFFECTS), dtype, device)?;
                (moving.logits.clone(), none)
            }
            // ℓ is trained on its own, as m(x) is.
            Some(z) => (moving.logits.detach(), self.tilts(moving, z)?),
        };
        ops::transport(&moving.scene, &logits, &tilts, &self.effects)
    }

    /// The squared error linearised in z, as a function of where: at z (B, d)
    /// a quadratic c (B,), q (B, d), G (B, d, d). Nothing of it is tracked.
    pub(super) fn squared_error<'a>(
        &'a self,
        moving: &'a Moving,
        y: &'a Tensor,
    ) -> Result<impl Fn(&Tensor) -> Result<InZ> + 'a> {
        let frozen = moving.map(|t| Ok(t.detach()))?;
        let (tilt, basis) = self.acting(&frozen)?;
        let (batch, places, _) = y.dims3()?;
        let latent = tilt.dictionaries.dim(0)?;
        // V_n = u_n W, effect by effect.
        let dictionaries = tilt
            .dictionaries
            .detach()
            .reshape((latent, EFFECTS, self.basis))?
            .permute((2, 1, 0))?
            .contiguous()?
            .reshape((self.basis, EFFECTS * latent))?;
        let directions = basis
            .reshape((batch * places, self.basis))?
            .matmul(&dictionaries)?
            .reshape((batch, places, EFFECTS, latent))?;
        Ok(move |z: &Tensor| {
            let by = (&self.effects, &directions);
            ops::transport_form(&frozen.scene, &frozen.logits, by, z, y)
        })
    }

    /// What z acts on, and u(x).
    fn acting<'a>(&'a self, moving: &'a Moving) -> Result<(&'a Tilt, &'a Tensor)> {
        let both = self.tilt.as_ref().zip(moving.basis.as_ref());
        both.ok_or_else(no_latent)
    }

    /// What z adds along each effect, (B, N, [`EFFECTS`]).
    fn tilts(&self, moving: &Moving, z: &Tensor) -> Result<Tensor> {
        let (tilt, basis) = self.acting(moving)?;
        let (batch, places, _) = basis.dims3()?;
        let mixture = z
            .matmul(&tilt.dictionaries)?
            .reshape((batch, EFFECTS, self.basis))?;
        let none = Tensor::zeros((batch, places, EFFECTS), z.dtype(), z.device())?;
        ops::each_product(basis, &mixture, &none)
    }
}

/// Logits before training (K,) and Φ (K, [`EFFECTS`]).
fn tables(reaches: [usize; SOURCES], peak: f64, device: &Device) -> Result<(Tensor, Tensor)> {
    let (mut start, mut effects) = (Vec::new(), Vec::new());
    for (source, reach) in reaches.into_iter().enumerate() {
        let reach = reach as i32;
        for down in -reach..=reach {
            for right in -reach..=reach {
                let far = f64::from(down * down + right * right) / (2.0 * peak * peak);
                let (y, x) = (down as f32, right as f32);
                start.push(match source {
                    1 => (ADVANTAGE - far) as f32,
                    _ => -far as f32,
                });
                let near = -(x * x + y * y);
                effects.extend(match source {
                    0 => [y, x, 0.0, 0.0, 0.0, near],
                    1 => [0.0, 0.0, y, x, 1.0, near],
                    _ => [y, x, 0.0, 0.0, 0.0, near],
                });
            }
        }
    }
    let copies = start.len();
    Ok((
        Tensor::from_vec(start, copies, device)?,
        Tensor::from_vec(effects, (copies, EFFECTS), device)?,
    ))
}
