//! Categorical choices, one of K each: what they cost, and how they are drawn.

use super::noise::Noise;
use super::prior::sharpened;
use crate::error::Result;
use crate::latent::Codes;
use crate::ops;
use crate::rng::Rng;
use candle_core::Tensor;

/// −log p of the codes of z (B, M·K), each given its logits (B·M, K): (B, M).
pub(super) fn cost(latent: Codes, logits: &Tensor, z: &Tensor) -> Result<Tensor> {
    let batch = z.dim(0)?;
    let rows = z.to_vec2::<f32>()?;
    let chosen = rows.iter().flat_map(|row| latent.read(row));
    let chosen: Vec<u32> = chosen.map(|choice| choice as u32).collect();
    let places = chosen.len();
    let chosen = Tensor::from_vec(chosen, places, z.device())?;
    let costs = ops::cross_entropy(logits, &chosen)?;
    Ok(costs.reshape((batch, places / batch.max(1)))?)
}

/// Which of (B, M) choices are known, 1, where a random number m of each row's M are
/// masked, 0; and the weights of these, M ÷ m, by which what they cost is an unbiased
/// estimate of what all cost, one after another in any order.
pub(super) fn masked((rows, count): (usize, usize), rng: &mut Rng) -> (Vec<f32>, Vec<f32>) {
    let (mut known, mut weights) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let hidden = 1 + rng.below(count);
        let mut order: Vec<usize> = (0..count).collect();
        for place in 0..hidden {
            order.swap(place, place + rng.below(count - place));
        }
        let mut row = vec![1f32; count];
        order[..hidden].iter().for_each(|&place| row[place] = 0.0);
        let weight = count as f32 / hidden as f32;
        weights.extend(row.iter().map(|known| (1.0 - known) * weight));
        known.extend(row);
    }
    (known, weights)
}

/// A one-hot for each row of `logits` (rows, K), drawn at a temperature: (rows, K).
pub(super) fn draw(logits: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
    let (rows, size) = logits.dims2()?;
    let weights: Vec<Vec<f32>> = (logits.to_vec2::<f32>()?.iter())
        .map(|logits| sharpened(logits, temperature))
        .collect();
    let mut drawn = vec![0f32; rows * size];
    for (row, choice) in noise.choose(&weights).into_iter().enumerate() {
        drawn[row * size + choice] = 1.0;
    }
    let drawn = Tensor::from_vec(drawn, (rows, size), logits.device())?;
    Ok(drawn.to_dtype(logits.dtype())?)
}
