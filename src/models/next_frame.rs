//! The next-frame network ỹ(x, z): a heavy look at the past, h(x), and a
//! light decoder.
//!
//! m(x) = x_T + σ·(what the backbone says), where x_T is the last frame of the
//! past and σ the typical change from frame to frame, is the least-squares
//! prediction of the next frame. ŷ(x, z) is what a [`Decoder`] makes of it.

use super::backbone::BackboneConfig;
use super::convolutional::Convolutional;
use super::decoder::{Decoder, InZ, Light};
use super::layers::Linear;
use super::objects::{self, Layers};
use super::observed::Observed;
use super::stem::Stem;
use super::weights::Scope;
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
    /// How z acts on the next frame.
    pub decoder: Decoder,
    /// The longest move of a pixel from one frame to the next, down and across.
    pub reach: usize,
    /// How wide the shares' peak at no move is before training, in pixels: a
    /// move by n pixels starts with a logit of −n²/2·peak². Little leaks to
    /// neighbours with a narrow one; long moves are found faster with a wide one.
    pub peak: f64,
    /// Objects that move as wholes, where the decoder moves objects.
    pub objects: usize,
    /// Parts of the frame a side, each with numbers of z of its own, which paint it.
    pub cells: usize,
    /// Width of the features u(x) on which z acts.
    pub basis: usize,
    /// Size of a single dimension of z's effect on a patch before training, in
    /// units of σ.
    pub latent_start: f64,
    /// The part that turns patches into features.
    pub backbone: BackboneConfig,
}

impl NextFrameConfig {
    /// How many shifted copies a moved patch is a mixture of.
    pub fn copies(&self) -> usize {
        super::movement::copies(self)
    }
}

impl Default for NextFrameConfig {
    fn default() -> Self {
        Self {
            context: 4,
            patch: 4,
            hidden: 96,
            decoder: Decoder::Move,
            reach: 2,
            peak: 0.35,
            objects: 2,
            cells: 1,
            basis: 32,
            latent_start: 0.1,
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

/// The next-frame network; see the module's head.
#[derive(Debug, Clone)]
pub struct NextFrame {
    config: NextFrameConfig,
    shape: FrameShape,
    stem: Stem,
    backbone: Convolutional,
    mean_features: Linear,
    mean: Linear,
    decoder: Light,
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
        let pixels = patch * patch * shape.channels;
        let (width, hidden) = (config.backbone.width, config.hidden);
        let decoder = Light::new(config, shape, latent, &mut scope)?;
        let mut backbone = scope.scope("backbone");
        let frames = (config.context, patch);
        let stem = Stem::new(frames, shape, width, backbone.scope("stem"))?;
        Ok(Self {
            stem,
            backbone: Convolutional::new(&config.backbone, backbone)?,
            mean_features: Linear::new(width, hidden, 1.0, scope.scope("mean_features"))?,
            mean: Linear::new(hidden, pixels, 0.0, scope.scope("mean"))?,
            decoder,
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
        self.decoder.latent
    }

    /// Whether ŷ(x, 0) is m(x) itself.
    pub fn expects_mean(&self) -> bool {
        self.config.decoder != Decoder::Move
    }

    /// Whether z adds to m(x), where it could explain damage in the past's last frame.
    pub fn paints(&self) -> bool {
        self.latent_dimension() > 0 && self.config.decoder != Decoder::Objects
    }

    /// How many numbers a prior sees in each place ([`Observed::sights`]).
    pub fn sight(&self) -> usize {
        match self.config.decoder {
            Decoder::Objects => objects::sights(&self.config, self.shape),
            _ => self.config.backbone.width,
        }
    }

    /// h(x): x is (B, T, C, H, W) with T = context, in [0, 1].
    pub fn observe(&self, x: &Tensor) -> Result<Observed> {
        self.observe_after(x, &x.narrow(1, x.dim(1)? - 1, 1)?.squeeze(1)?)
    }

    /// h(x), with the next frame made of `last` (B, C, H, W) where that is not
    /// quite the last frame that is seen.
    pub fn observe_after(&self, x: &Tensor, last: &Tensor) -> Result<Observed> {
        let mut past = vec![self.tokens(last)?];
        if self.config.decoder == Decoder::Objects {
            // Only these see more of the past than its features.
            let before = (0..x.dim(1)? - 1).map(|t| self.tokens(&x.narrow(1, t, 1)?.squeeze(1)?));
            past.splice(0..0, before.collect::<Result<Vec<_>>>()?);
        }
        self.look(&self.stem.forward(x)?, &past, None)
    }

    /// h(x) of frames as [`Self::tokens`], the last one last: as many as the context, or
    /// more, of which objects are looked for in all.
    ///
    /// # Errors
    /// Fewer frames than the context.
    pub fn observe_tokens(&self, past: &[Tensor]) -> Result<Observed> {
        self.look(&self.features(past)?, past, None)
    }

    /// [`Self::observe_tokens`] where the last frame is that of `z`, drawn after `before`:
    /// what z moved is known.
    ///
    /// # Errors
    /// Fewer frames than the context.
    pub fn observe_drawn(
        &self,
        past: &[Tensor],
        before: &Observed,
        z: Option<&Tensor>,
    ) -> Result<Observed> {
        let known = z
            .map(|z| self.decoder.follow(&before.seen, z))
            .transpose()?;
        self.look(&self.features(past)?, past, known.flatten())
    }

    /// The stem's, (B, h, w, width), of the last frames.
    fn features(&self, past: &[Tensor]) -> Result<Tensor> {
        let first = past.len().saturating_sub(self.config.context);
        let features = self.stem.forward_tokens(&past[first..])?;
        let (batch, _, width) = features.dims3()?;
        let (rows, columns) = self.grid();
        Ok(features.reshape((batch, rows, columns, width))?)
    }

    /// From the stem's features (B, h, w, width) and the tokens of the past's frames, or
    /// of the last one where no more are looked at.
    fn look(&self, features: &Tensor, past: &[Tensor], known: Option<Layers>) -> Result<Observed> {
        let last = past.last().expect("the past has a last frame");
        let features = self.backbone.forward(features)?.flatten(1, 2)?;
        let hidden = self.mean_features.forward_gelu(&features)?;
        let mean = self.mean.forward_add(&hidden, last)?;
        let seen = self.decoder.look(past, (&mean, &features), known)?;
        Ok(Observed {
            mean,
            features,
            seen,
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

    /// ŷ(x, z) in tokens, (B, N, p·p·C); z is (B, d), and 0 where there is
    /// none. No gradient goes back into m(x): it is trained on its own, as the
    /// least-squares prediction, so that z explains only what is left and does
    /// not take over what x already says (Henaff, Zhao and LeCun 2017,
    /// "Prediction under uncertainty with error-encoding networks").
    ///
    /// # Errors
    /// A z for a network without a latent.
    pub fn decode(&self, observed: &Observed, z: Option<&Tensor>) -> Result<Tensor> {
        match z {
            Some(z) => self.decoder.decode(&observed.seen, z),
            None => Ok(observed.expected().clone()),
        }
    }

    /// A frame in tokens as it may be drawn: where pixels move, at most 2σ beyond
    /// the least and the most of the copies that they are mixtures of. So what a z
    /// that does not fit paints stays small, and detail is left alone.
    pub fn within(&self, observed: &Observed, tokens: &Tensor) -> Result<Tensor> {
        self.decoder.within(&observed.seen, tokens)
    }

    /// The squared error as a quadratic in z, ‖y − ŷ(x, z)‖² = c − 2 qᵀz + zᵀG z: c (B,),
    /// q (B, d) and G (B, d, d); where the frame has parts, of each as of an example of its
    /// own. y is in tokens. It is made for solvers over z, so nothing of it is tracked.
    ///
    /// # Errors
    /// A network without a latent.
    pub fn squared_error(&self, observed: &Observed, y: &Tensor) -> Result<InZ> {
        self.decoder.squared_error(&observed.seen, y)
    }

    /// (rows, columns) of patches.
    pub fn grid(&self) -> (usize, usize) {
        let patch = self.config.patch;
        (self.shape.height / patch, self.shape.width / patch)
    }
}

#[cfg(test)]
mod tests;
