//! How widely p(z | x) should draw. It is trained on frames that the network has
//! stepped on, which it explains better than new ones: on a short film the z's that it
//! expects are too small. One number, the temperature at which z is drawn, is fitted to
//! frames that were not stepped on (Guo et al. 2017, "On calibration of modern neural
//! networks"), by the energy score of the frames drawn instead of the likelihood of z:
//! it is the frames that are to be right.

use super::energy_score::energy_score;
use crate::error::Result;
use crate::inference::Forecaster;
use crate::models::Observed;
use crate::rng::Rng;
use candle_core::Tensor;

/// Next frames drawn for the energy score.
const DRAWS: usize = 8;

/// Half to 2.8 times as wide as it was learned.
const TEMPERATURES: [f64; 6] = [0.5, 0.71, 1.0, 1.41, 2.0, 2.83];

/// The mean over samples of the energy score of next frames drawn from a model, whole
/// frames, pixels in [0, 1]; of least squares, the root mean square error. x is (B, T, C,
/// H, W), y (B, C, H, W).
pub fn next_frame_score(
    model: &Forecaster,
    (x, y): (&Tensor, &Tensor),
    rng: &mut Rng,
) -> Result<f64> {
    score(model, (&model.network().observe(x)?, y), 1.0, rng)
}

/// The factor on a model's temperature with which its next frames score best; 1 for a
/// model without a latent. Shapes are those of [`next_frame_score`].
pub fn best_temperature(
    model: &Forecaster,
    (x, y): (&Tensor, &Tensor),
    rng: &mut Rng,
) -> Result<f64> {
    if !model.has_latent() {
        return Ok(1.0);
    }
    let observed = model.network().observe(x)?;
    let (mut best, mut least) = (1.0, f64::INFINITY);
    for temperature in TEMPERATURES {
        // The same noise for each, so that it does not decide.
        let score = score(model, (&observed, y), temperature, &mut rng.clone())?;
        if score < least {
            (best, least) = (temperature, score);
        }
    }
    Ok(best)
}

fn score(
    model: &Forecaster,
    (observed, y): (&Observed, &Tensor),
    temperature: f64,
    rng: &mut Rng,
) -> Result<f64> {
    let draws = if model.has_latent() { DRAWS } else { 1 };
    let rows = |t: &Tensor| t.flatten_from(1)?.to_vec2::<f32>();
    let frames: Vec<Vec<Vec<f32>>> = (0..draws)
        .map(|_| Ok::<_, crate::Error>(rows(&model.sample(observed, temperature, rng)?)?))
        .collect::<Result<_>>()?;
    let truth = rows(y)?;
    let scores = truth.iter().enumerate().map(|(row, truth)| {
        let drawn: Vec<&[f32]> = frames.iter().map(|draw| draw[row].as_slice()).collect();
        energy_score(&drawn, truth, None).unwrap_or(f64::NAN)
    });
    Ok(scores.sum::<f64>() / truth.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{LatentConfig, TEMPERATURE};
    use crate::models::{BackboneConfig, FrameShape, NextFrameConfig, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    /// Frames that the model itself draws at `spread` are drawn best at `spread`.
    #[test]
    fn what_it_was_drawn_with_is_found() {
        let shape = FrameShape {
            channels: 1,
            height: 8,
            width: 12,
            change: 0.05,
        };
        let model = NextFrameConfig {
            context: 2,
            hidden: 8,
            latent_start: 0.5,
            backbone: BackboneConfig {
                width: 8,
                ..BackboneConfig::default()
            },
            ..NextFrameConfig::default()
        };
        let latent = LatentConfig {
            dimension: 6,
            components: 1,
            ..LatentConfig::default()
        };
        for spread in [0.5, 1.0, 2.0] {
            let mut weights = Weights::new(Seed(2), &Device::Cpu);
            let forecaster =
                Forecaster::new(&model, &latent, shape, "latent", &mut weights).unwrap();
            let mut rng = Seed(1).stream("test", 0);
            let x = rng.uniform_tensor(0.45, 0.55, (192, 2, 1, 8, 12), &Device::Cpu);
            let x = x.unwrap();
            let observed = forecaster.network().observe(&x).unwrap();
            let y = forecaster.sample(&observed, spread, &mut rng).unwrap();
            let found = best_temperature(&forecaster, (&x, &y), &mut rng).unwrap();
            assert_eq!(found, spread);
            // Kept as the model's own, nothing is left to fit.
            let own = weights
                .pairs()
                .iter()
                .find(|(n, _)| n.ends_with(TEMPERATURE));
            let factor = Tensor::new(&[spread as f32], &Device::Cpu).unwrap();
            own.unwrap().1.set(&factor).unwrap();
            let found = best_temperature(&forecaster, (&x, &y), &mut rng).unwrap();
            assert_eq!(found, 1.0, "after {spread}");
        }
    }

    #[test]
    fn least_squares_has_none() {
        let shape = FrameShape {
            channels: 1,
            height: 8,
            width: 8,
            change: 0.05,
        };
        let model = NextFrameConfig {
            context: 1,
            ..NextFrameConfig::default()
        };
        let mut weights = Weights::new(Seed(2), &Device::Cpu);
        let none = LatentConfig::none();
        let forecaster = Forecaster::new(&model, &none, shape, "mse", &mut weights).unwrap();
        let mut rng = Seed(1).stream("test", 0);
        let x = rng.uniform_tensor(0.4, 0.6, (2, 1, 1, 8, 8), &Device::Cpu);
        let y = rng.uniform_tensor(0.4, 0.6, (2, 1, 8, 8), &Device::Cpu);
        let pair = (&x.unwrap(), &y.unwrap());
        assert_eq!(best_temperature(&forecaster, pair, &mut rng).unwrap(), 1.0);
        assert!(next_frame_score(&forecaster, pair, &mut rng).unwrap() > 0.0);
    }
}
