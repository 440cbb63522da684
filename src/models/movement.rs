//! A decoder that moves pixels: a patch of M(x) is a mixture of shifted copies of the last
//! frame x_T, of x_T sharpened, and of m(x).
//!
//! The mixture's shares are softmax(ℓ(x)). So the frame is made of pixels that are there or
//! expected: it can be wrong, but it is no noise. (Shifted copies, mixed: Finn, Goodfellow
//! and Levine 2016; De Brabandere et al. 2016, "Dynamic filter networks".)

use super::layers::Linear;
use super::next_frame::NextFrameConfig;
use super::weights::Scope;
use crate::error::Result;
use crate::ops::{self, Patches, Scene};
use candle_core::{Device, Tensor};

/// x_T, m(x), x_T sharpened.
const SOURCES: usize = 3;
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

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Movement {
    along: Patches,
    reaches: [usize; SOURCES],
    logits: Linear,
    /// Logits before training, (K,).
    start: Tensor,
}

impl Movement {
    pub(super) fn new(
        config: &NextFrameConfig,
        (grid, channels): ((usize, usize), usize),
        mut scope: Scope,
    ) -> Result<Self> {
        let reaches = reaches(config);
        Ok(Self {
            along: Patches {
                grid,
                patch: config.patch,
                channels,
            },
            reaches,
            start: start(reaches, config.peak, scope.device())?,
            logits: Linear::new(
                config.backbone.width,
                copies(config),
                0.1,
                scope.scope("logits"),
            )?,
        })
    }

    /// M(x), (B, N, pixels), and what it is made of: [`SOURCES`] frames, untracked. From the
    /// last frame and m(x) as patches, and the backbone's features. Neither frame gets a
    /// gradient: m(x) is trained on its own.
    pub(super) fn look(
        &self,
        last: &Tensor,
        mean: &Tensor,
        features: &Tensor,
    ) -> Result<(Tensor, Scene)> {
        let (last, mean) = (last.detach(), mean.detach());
        let sharp = ops::sharpen(&last, self.along, SHARPENING)?;
        let [a, b, c] = self.reaches;
        let scene = Scene::new(&[(&last, a), (&mean, b), (&sharp, c)], self.along)?;
        let logits = self.logits.forward_from(features, &self.start)?;
        Ok((ops::transport(&scene, &logits)?, scene))
    }
}

/// A frame within what some mixture of the copies could be, and [`ROOM`] beyond;
/// untracked.
pub(super) fn within(scene: &Scene, frame: &Tensor) -> Result<Tensor> {
    ops::within(scene, frame, ROOM)
}

/// Logits before training, (K,).
fn start(reaches: [usize; SOURCES], peak: f64, device: &Device) -> Result<Tensor> {
    let mut start = Vec::new();
    for (source, reach) in reaches.into_iter().enumerate() {
        let reach = reach as i32;
        for down in -reach..=reach {
            for right in -reach..=reach {
                let far = f64::from(down * down + right * right) / (2.0 * peak * peak);
                start.push(match source {
                    1 => (ADVANTAGE - far) as f32,
                    _ => -far as f32,
                });
            }
        }
    }
    let copies = start.len();
    Ok(Tensor::from_vec(start, copies, device)?)
}
