//! What a step is made on: a window as it is, or one that goes on from the
//! model's own frame, with noise.

use super::settings::TrainingConfig;
use crate::error::Result;
use crate::inference::Forecaster;
use crate::models::Decoder;
use crate::rng::Rng;
use candle_core::Tensor;
use rayon::prelude::*;

/// What a step is made on.
pub(super) struct Example {
    /// Context (B, T, C, H, W).
    pub(super) x: Tensor,
    /// Its last frame (B, C, H, W), of which the next is made. Without the
    /// noise where pixels are moved: else shares would learn to average it away,
    /// and blur.
    pub(super) last: Tensor,
    /// Next frame (B, C, H, W).
    pub(super) y: Tensor,
    /// Whether the context's last frame is the model's own. Where z paints, what
    /// is expected without z is then all that is trained, to mend such frames: z
    /// would learn to explain the damage, and futures drawn from it would add the
    /// damage again at each frame.
    pub(super) own: bool,
}

impl Example {
    /// From windows (B, context + 2, C, H, W). `forecaster` makes the model's
    /// `own` frames, without gradients; `used` is the share of the budget that is
    /// used.
    pub(super) fn draw(
        forecaster: &Forecaster,
        windows: &Tensor,
        own: bool,
        (settings, used): (&TrainingConfig, f64),
        rng: &mut Rng,
    ) -> Result<Self> {
        let network = forecaster.network();
        let context = network.config().context;
        let frame = |index: usize| windows.narrow(1, index, 1)?.squeeze(1);
        let (x, y) = if own {
            let x = windows.narrow(1, 0, context)?;
            let beta = settings.beta_at(used);
            let made = remake(forecaster, &x, &frame(context)?, beta, rng)?.unsqueeze(1)?;
            let x = match context {
                1 => made,
                _ => Tensor::cat(&[&windows.narrow(1, 1, context - 1)?, &made], 1)?,
            };
            (x, frame(context + 1)?)
        } else {
            (windows.narrow(1, 0, context)?, frame(context)?)
        };
        let sigma = network.shape().change * settings.context_noise;
        let clean = x.narrow(1, context - 1, 1)?.squeeze(1)?;
        let x = noisy(&x, sigma, rng)?;
        let last = match network.config().decoder == Decoder::Paint {
            true => x.narrow(1, context - 1, 1)?.squeeze(1)?,
            false => clean,
        };
        Ok(Self { x, last, y, own })
    }
}

/// The model's own version of y: ŷ(x, z) at the z that explains y. Where pixels
/// are moved, at a part of that z, uniform in [0, 1] for each sample: frames that
/// are drawn are less sharp than those of z*, and only one who has seen such
/// learns to mend them.
fn remake(
    forecaster: &Forecaster,
    x: &Tensor,
    y: &Tensor,
    beta: f64,
    rng: &mut Rng,
) -> Result<Tensor> {
    let network = forecaster.network();
    let observed = network.observe(x)?;
    if !forecaster.has_latent() {
        return forecaster.frames(&observed, None);
    }
    let field = forecaster.energy(&observed, &network.tokens(y)?)?;
    let inferred = forecaster.infer(&field, beta, rng)?;
    let mut z = inferred.sample_tensor(x.device())?;
    if !network.expects_mean() {
        let samples = z.dim(0)?;
        let part = rng.uniform_tensor(0.0, 1.0, (samples, 1), x.device())?;
        z = z.broadcast_mul(&part)?;
    }
    forecaster.frames(&observed, Some(&z))
}

/// x plus noise; each sample's amount is uniform in [0, `sigma`].
fn noisy(x: &Tensor, sigma: f64, rng: &mut Rng) -> Result<Tensor> {
    if sigma <= 0.0 {
        return Ok(x.clone());
    }
    let samples = x.dim(0)?;
    let each = x.elem_count() / samples.max(1);
    let mut values = x.flatten_all()?.to_vec1::<f32>()?;
    let rows: Vec<_> = values
        .chunks_exact_mut(each.max(1))
        .map(|row| (row, sigma * rng.uniform(), rng.branch()))
        .collect();
    rows.into_par_iter().for_each(|(row, amount, mut rng)| {
        rng.add_noise(row, amount as f32);
    });
    Ok(Tensor::from_vec(values, x.shape(), x.device())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::LatentConfig;
    use crate::models::{BackboneConfig, FrameShape, NextFrameConfig, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    /// How far from ŷ(x, 0) towards ŷ(x, z*) each own frame lies.
    fn parts(decoder: Decoder) -> Vec<f32> {
        let shape = FrameShape {
            channels: 1,
            height: 8,
            width: 16,
            change: 0.2,
        };
        let model = NextFrameConfig {
            decoder,
            context: 1,
            hidden: 8,
            backbone: BackboneConfig {
                width: 8,
                depth: 0,
                ..BackboneConfig::default()
            },
            ..NextFrameConfig::default()
        };
        let latent = LatentConfig {
            dimension: 3,
            ..LatentConfig::default()
        };
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let forecaster = Forecaster::new(&model, &latent, shape, "latent", &mut weights).unwrap();
        let mut rng = Seed(2).stream("test", 0);
        // Far from black and white, where frames would be cut off.
        let mut frames = |shape: &[usize]| rng.uniform_tensor(0.4, 0.6, shape, &Device::Cpu);
        let x = frames(&[16, 1, 1, 8, 16]).unwrap();
        let y = frames(&[16, 1, 8, 16]).unwrap();
        // So cold that what is drawn is z*.
        let cold = 1e12;
        let made = remake(&forecaster, &x, &y, cold, &mut rng).unwrap();
        let network = forecaster.network();
        let observed = network.observe(&x).unwrap();
        let field = (forecaster.energy(&observed, &network.tokens(&y).unwrap())).unwrap();
        let best = forecaster.infer(&field, cold, &mut rng).unwrap();
        let best = best.best_tensor(&Device::Cpu).unwrap();
        let start = forecaster.frames(&observed, None).unwrap();
        let whole = forecaster.frames(&observed, Some(&best)).unwrap();
        let from_start = |frames: Tensor| {
            let square = (frames - &start).unwrap().sqr().unwrap();
            square.sum((1, 2, 3)).unwrap().to_vec1::<f32>().unwrap()
        };
        let pairs = from_start(made).into_iter().zip(from_start(whole));
        pairs.map(|(made, whole)| (made / whole).sqrt()).collect()
    }

    #[test]
    fn own_frames_are_made_with_a_part_of_z_where_pixels_move() {
        let moved = parts(Decoder::Move);
        assert!(
            moved.iter().all(|part| (0.0..1.0).contains(part)),
            "{moved:?}"
        );
        assert!(moved.iter().any(|&part| part < 0.3), "{moved:?}");
        assert!(moved.iter().any(|&part| part > 0.7), "{moved:?}");
        let painted = parts(Decoder::Paint);
        let whole = |part: &f32| (part - 1.0).abs() < 1e-2;
        assert!(painted.iter().all(whole), "{painted:?}");
    }
}
