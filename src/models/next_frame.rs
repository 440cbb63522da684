//! The next-frame network ỹ(x, z): a heavy look at the past, h(x), and a
//! light decoder that is linear in z.
//!
//! ŷ(x, z) = x_T + σ·(m(x) + D(x) z), where x_T is the last frame of the past
//! and σ the typical change from frame to frame. A patch's part of D(x) z is
//! (Σ_d z_d W_d) u(x): each z chooses one mixture of d dictionaries W_d for
//! the features u of the patch. So squared error is a quadratic function of z
//! whose coefficients cost three small matrix products, whatever d is, and
//! min over z needs no further pass through the network.

use super::backbone::{Backbone, BackboneConfig};
use super::layers::Linear;
use super::stem::Stem;
use super::weights::{Init, Scope};
use crate::error::{Error, Result};
use crate::ops;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// All that defines a next-frame network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NextFrameConfig {
    /// Frames of the past that are seen.
    pub context: usize,
    /// Pixels along a patch's side; the frame is a grid of patches.
    pub patch: usize,
    /// Width of the features from which the mean m(x) is read.
    pub hidden: usize,
    /// Width of the features u(x) on which z acts.
    pub basis: usize,
    /// Size of a single dimension of z's effect on a patch before training, in
    /// units of σ.
    pub latent_start: f64,
    /// The part that turns patches into features.
    pub backbone: BackboneConfig,
}

impl Default for NextFrameConfig {
    fn default() -> Self {
        Self {
            context: 4,
            patch: 4,
            hidden: 96,
            basis: 32,
            latent_start: 0.05,
            backbone: BackboneConfig::default(),
        }
    }
}

/// The frames a network is built for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrameShape {
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// σ: the standard deviation of a pixel's change between two frames of
    /// the training part, on the scale where pixels lie in [0, 1].
    pub change: f64,
}

/// What the network makes of the past, once for all z.
#[derive(Debug, Clone)]
pub struct Observed {
    /// m(x) relative to black instead of x_T, in units of σ: (B, N, p·p·C).
    pub mean: Tensor,
    /// u(x), (B, N, basis); without a latent, empty.
    pub basis: Option<Tensor>,
    /// Features of the backbone, (B, N, width).
    pub features: Tensor,
}

impl Observed {
    /// Each sample `times` times in a row: (B, …) → (B·times, …).
    pub fn repeat(&self, times: usize) -> Result<Self> {
        let repeat = |t: &Tensor| repeat_each(t, times);
        Ok(Self {
            mean: repeat(&self.mean)?,
            basis: self.basis.as_ref().map(repeat).transpose()?,
            features: repeat(&self.features)?,
        })
    }
}

/// Each row `times` times in a row: (B, …) → (B·times, …).
pub fn repeat_each(t: &Tensor, times: usize) -> Result<Tensor> {
    let mut shape = t.dims().to_vec();
    shape.insert(1, times);
    Ok(t.unsqueeze(1)?.broadcast_as(shape)?.flatten(0, 1)?)
}

/// The name of W among a network's weights.
pub const DICTIONARIES: &str = "dictionaries";

/// The light decoder's part that depends on z.
#[derive(Debug, Clone)]
struct LatentHead {
    features: Linear,
    /// W: (d, p·p·C·basis).
    dictionaries: Tensor,
}

/// The next-frame network; see the module's head.
#[derive(Debug, Clone)]
pub struct NextFrame {
    config: NextFrameConfig,
    shape: FrameShape,
    stem: Stem,
    backbone: Backbone,
    mean_features: Linear,
    mean: Linear,
    latent: Option<LatentHead>,
}

impl NextFrame {
    /// `latent` is the dimension of z; 0 makes the deterministic network.
    ///
    /// # Errors
    /// A frame that is no whole number of patches.
    pub fn new(
        config: &NextFrameConfig,
        shape: FrameShape,
        latent: usize,
        mut scope: Scope,
    ) -> Result<Self> {
        let patch = config.patch;
        if patch == 0 || !shape.height.is_multiple_of(patch) || !shape.width.is_multiple_of(patch) {
            return Err(Error::input(
                "model.patch",
                format!(
                    "frames of {}×{} are no whole number of patches of {patch}",
                    shape.width, shape.height
                ),
                "choose a size that is a multiple of the patch",
            ));
        }
        if config.context == 0 {
            return Err(Error::input(
                "model.context",
                "0 frames of the past leave nothing to predict from",
                "use at least 1; 4 is the default",
            ));
        }
        let grid = (shape.height / patch, shape.width / patch);
        let pixels = patch * patch * shape.channels;
        let (width, hidden) = (config.backbone.width, config.hidden);
        let head = (latent > 0)
            .then(|| -> Result<LatentHead> {
                let std = config.latent_start / (config.basis as f64).sqrt();
                let mut scope = scope.scope("latent");
                Ok(LatentHead {
                    features: Linear::new(width, config.basis, 1.0, scope.scope("features"))?,
                    dictionaries: scope.get(
                        DICTIONARIES,
                        (latent, pixels * config.basis),
                        Init::Normal { std },
                    )?,
                })
            })
            .transpose()?;
        let mut backbone = scope.scope("backbone");
        let frames = (config.context, patch);
        let stem = Stem::new(frames, shape, width, backbone.scope("stem"))?;
        Ok(Self {
            stem,
            backbone: Backbone::new(&config.backbone, grid, backbone)?,
            mean_features: Linear::new(width, hidden, 1.0, scope.scope("mean_features"))?,
            mean: Linear::new(hidden, pixels, 0.0, scope.scope("mean"))?,
            latent: head,
            config: config.clone(),
            shape,
        })
    }

    /// The settings.
    pub fn config(&self) -> &NextFrameConfig {
        &self.config
    }

    /// The frames it is built for.
    pub fn shape(&self) -> FrameShape {
        self.shape
    }

    /// The dimension of z; 0 where there is none.
    pub fn latent_dimension(&self) -> usize {
        self.latent
            .as_ref()
            .map_or(0, |head| head.dictionaries.dims()[0])
    }

    /// h(x): x is (B, T, C, H, W) with T = context, in [0, 1].
    pub fn observe(&self, x: &Tensor) -> Result<Observed> {
        let last = self.tokens(&x.narrow(1, x.dim(1)? - 1, 1)?.squeeze(1)?)?;
        self.look(&self.stem.forward(x)?, &last)
    }

    /// h(x) of frames as [`Self::tokens`], the last one last.
    ///
    /// # Errors
    /// Not as many frames as the context.
    pub fn observe_tokens(&self, past: &[Tensor]) -> Result<Observed> {
        let features = self.stem.forward_tokens(past)?;
        let (batch, _, width) = features.dims3()?;
        let (rows, columns) = self.grid();
        let features = features.reshape((batch, rows, columns, width))?;
        let last = past
            .last()
            .expect("the stem refuses a past of another length");
        self.look(&features, last)
    }

    /// From the stem's features (B, h, w, width) and the last frame's tokens.
    fn look(&self, features: &Tensor, last: &Tensor) -> Result<Observed> {
        let features = self.backbone.forward(features)?.flatten(1, 2)?;
        let hidden = self.mean_features.forward_gelu(&features)?;
        let basis = self
            .latent
            .as_ref()
            .map(|head| head.features.forward_gelu(&features))
            .transpose()?;
        Ok(Observed {
            mean: self.mean.forward_add(&hidden, last)?,
            basis,
            features,
        })
    }

    /// Frames (B, C, H, W) in [0, 1] as patches (B, N, p·p·C) in units of σ.
    pub fn tokens(&self, frames: &Tensor) -> Result<Tensor> {
        let tokens = ops::patchify(frames, self.config.patch)?.flatten(1, 2)?;
        Ok((tokens / self.shape.change)?)
    }

    /// The inverse of [`Self::tokens`], not clamped.
    pub fn frames(&self, tokens: &Tensor) -> Result<Tensor> {
        let (batch, _, pixels) = tokens.dims3()?;
        let FrameShape {
            channels,
            height,
            width,
            change,
        } = self.shape;
        let patch = self.config.patch;
        let grid = (tokens * change)?.reshape((batch, height / patch, width / patch, pixels))?;
        ops::unpatchify(&grid, patch, channels)
    }

    /// ŷ(x, z) in tokens, (B, N, p·p·C); z is (B, d). No gradient goes back
    /// into m(x): it is trained on its own, as the least-squares prediction,
    /// so that z explains only what is left and does not take over what x
    /// already says (Henaff, Zhao and LeCun 2017, "Prediction under
    /// uncertainty with error-encoding networks").
    pub fn decode(&self, observed: &Observed, z: &Tensor) -> Result<Tensor> {
        let (head, basis) = self.latent_parts(observed)?;
        let (batch, _, pixels) = observed.mean.dims3()?;
        let mixture = z
            .matmul(&head.dictionaries)?
            .reshape((batch, pixels, self.config.basis))?;
        ops::each_product(basis, &mixture, &observed.mean.detach())
    }

    /// The squared error as a quadratic in z:
    /// ‖y − ŷ(x, z)‖² = c − 2 qᵀz + zᵀG z. Returns (c (B,), q (B, d),
    /// G (B, d, d)) for y in tokens. Its cost does not grow with the number
    /// of z's that are tried. It is made for solvers over z, so nothing of it
    /// is tracked.
    pub fn squared_error_in_z(
        &self,
        observed: &Observed,
        y: &Tensor,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let (head, basis) = self.latent_parts(observed)?;
        let (batch, _, pixels) = y.dims3()?;
        let (latent, hidden) = (head.dictionaries.dims()[0], self.config.basis);
        let (basis, dictionaries) = (&basis.detach(), &head.dictionaries.detach());
        let residual = (y - observed.mean.detach())?;
        let constant = residual.sqr()?.sum((1, 2))?;

        // q_d = ⟨W_d, rᵀu⟩.
        let correlation = ops::each_overlap(&residual, basis)?;
        let slope = correlation
            .reshape((batch, pixels * hidden))?
            .matmul(&dictionaries.t()?)?;

        // G_de = tr(W_d (uᵀu) W_eᵀ).
        let gram = ops::each_overlap(basis, basis)?;
        let curvature = ops::trace_form(&gram, &dictionaries.reshape((latent, pixels, hidden))?)?;
        Ok((constant, slope, curvature))
    }

    /// (rows, columns) of patches.
    pub fn grid(&self) -> (usize, usize) {
        let patch = self.config.patch;
        (self.shape.height / patch, self.shape.width / patch)
    }

    fn latent_parts<'a>(&'a self, observed: &'a Observed) -> Result<(&'a LatentHead, &'a Tensor)> {
        match (&self.latent, &observed.basis) {
            (Some(head), Some(basis)) => Ok((head, basis)),
            _ => Err(Error::input(
                "the next-frame network",
                "it has no latent",
                "use its mean, or a network with a latent of at least 1 dimension",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
