//! What a step is made on: a window as it is, or one that goes on from the
//! model's own frame, with noise.

use super::settings::TrainingConfig;
use crate::error::Result;
use crate::inference::Forecaster;
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
    /// From windows (B, context + 2, C, H, W). `forecaster` makes own frames,
    /// without gradients; `used` is the share of the budget that is used.
    pub(super) fn draw(
        forecaster: &Forecaster,
        windows: &Tensor,
        (settings, used): (&TrainingConfig, f64),
        rng: &mut Rng,
    ) -> Result<Self> {
        let network = forecaster.network();
        let context = network.config().context;
        let frame = |index: usize| windows.narrow(1, index, 1)?.squeeze(1);
        let own = rng.uniform() < settings.own_frames;
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
        let last = match network.expects_mean() {
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
