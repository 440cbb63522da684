//! The first layer: what each patch shows of the past, as features.

use super::layers::Linear;
use super::next_frame::FrameShape;
use super::weights::Scope;
use crate::error::{Error, Result};
use crate::ops;
use candle_core::Tensor;

/// A linear map of each patch's pixels in [-1, 1] and of their changes from
/// frame to frame in units of σ. Both are linear in x, so the weight is first
/// taken through that map, (2T − 1)·C numbers a pixel to T·C: the changes are
/// never stored, and the product is about half as wide.
#[derive(Debug, Clone)]
pub struct Stem {
    linear: Linear,
    patch: usize,
    context: usize,
    /// σ.
    change: f64,
    /// From pixels in [0, 1] to what the weight sees of them:
    /// ((2T − 1)·C, T·C).
    seen: Tensor,
    /// What it sees of a black pixel, for each of a patch: (p·p·(2T − 1)·C, 1).
    black: Tensor,
}

impl Stem {
    /// Of `context` = T frames in patches of `patch` × `patch`, to `width`
    /// features.
    pub fn new(
        (context, patch): (usize, usize),
        shape: FrameShape,
        width: usize,
        scope: Scope,
    ) -> Result<Self> {
        let channels = shape.channels;
        let (pixels, inputs) = (context * channels, (2 * context - 1) * channels);
        let mut seen = vec![0f32; inputs * pixels];
        let mut black = vec![0f32; inputs];
        for pixel in 0..pixels {
            seen[pixel * pixels + pixel] = 2.0;
            black[pixel] = -1.0;
        }
        let step = (1.0 / shape.change) as f32;
        for change in 0..inputs - pixels {
            let row = (pixels + change) * pixels;
            seen[row + change] = -step;
            seen[row + change + channels] = step;
        }
        let device = scope.device().clone();
        Ok(Self {
            linear: Linear::new(patch * patch * inputs, width, 1.0, scope)?,
            patch,
            context,
            change: shape.change,
            seen: Tensor::from_vec(seen, (inputs, pixels), &device)?,
            black: Tensor::from_vec(
                black.repeat(patch * patch),
                (patch * patch * inputs, 1),
                &device,
            )?,
        })
    }

    /// (B, T, C, H, W) in [0, 1] → (B, H/p, W/p, width).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = self.folded()?;
        let weight = weight.flatten_from(1)?;
        let patches = ops::patchify(x, self.patch)?;
        ops::linear(&patches, &weight, &bias)
    }

    /// The same for frames as tokens (B, N, p·p·C) in units of σ, the last one
    /// last: (B, N, width). A rollout cuts each frame into patches once.
    pub fn forward_tokens(&self, past: &[Tensor]) -> Result<Tensor> {
        if past.len() != self.context {
            return Err(Error::input(
                "the past",
                format!("it has {} frames, expected {}", past.len(), self.context),
                "give as many as the network's context",
            ));
        }
        let (weight, bias) = self.folded()?;
        let none = bias.zeros_like()?;
        let of_frame = |time: usize| -> Result<Tensor> {
            Ok((weight.narrow(2, time, 1)?.flatten_from(1)? * self.change)?)
        };
        let mut sum = ops::linear(&past[0], &of_frame(0)?, &bias)?;
        for (time, tokens) in past.iter().enumerate().skip(1) {
            sum = ops::linear_add(tokens, &of_frame(time)?, &none, &sum)?;
        }
        Ok(sum)
    }

    /// The weight for pixels in [0, 1], (width, p·p, T, C), and its bias.
    fn folded(&self) -> Result<(Tensor, Tensor)> {
        let (weight, bias) = self.linear.parts();
        let width = weight.dim(0)?;
        let (inputs, pixels) = self.seen.dims2()?;
        let folded = weight
            .reshape((weight.elem_count() / inputs, inputs))?
            .matmul(&self.seen)?
            .reshape((
                width,
                self.patch * self.patch,
                self.context,
                pixels / self.context,
            ))?;
        let bias = (bias + weight.matmul(&self.black)?.squeeze(1)?)?;
        Ok((folded, bias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn it_sees_pixels_and_changes() {
        let shape = FrameShape {
            channels: 3,
            height: 4,
            width: 6,
            change: 0.05,
        };
        let mut rng = Seed(1).stream("test", 0);
        for context in [1, 3] {
            let mut weights = Weights::new(Seed(2), &Device::Cpu);
            let stem = Stem::new((context, 2), shape, 5, weights.root()).unwrap();
            let x = rng
                .uniform_tensor(0.0, 1.0, (2, context, 3, 4, 6), &Device::Cpu)
                .unwrap();
            // Pixels and changes, stored.
            let mut seen = vec![x.affine(2.0, -1.0).unwrap()];
            if context > 1 {
                let frames = |from| x.narrow(1, from, context - 1).unwrap();
                seen.push(((frames(1) - frames(0)).unwrap() / 0.05).unwrap());
            }
            let seen = Tensor::cat(&seen, 1).unwrap().flatten(1, 2).unwrap();
            let patches = ops::patchify(&seen, 2).unwrap();
            let truth = stem.linear.forward(&patches).unwrap();
            let off = (stem.forward(&x).unwrap() - truth).unwrap().abs().unwrap();
            let off = off.max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(off < 1e-4, "{off}");
            // Frame by frame, in units of σ.
            let frames = (0..context).map(|time| {
                let frame = x.narrow(1, time, 1).unwrap().squeeze(1).unwrap();
                let tokens = ops::patchify(&frame, 2).unwrap().flatten(1, 2).unwrap();
                (tokens / 0.05).unwrap()
            });
            let frames: Vec<Tensor> = frames.collect();
            assert!(
                stem.forward_tokens(&frames[1..]).is_err(),
                "a frame too few"
            );
            let found = stem.forward_tokens(&frames).unwrap();
            let off = (found - stem.forward(&x).unwrap().flatten(1, 2).unwrap()).unwrap();
            let off = off
                .abs()
                .unwrap()
                .max_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap();
            assert!(off < 1e-4, "{off}");
        }
    }
}
