//! p(z | x) where each part of the frame has codes of its own, by masked prediction.

use super::choices;
use super::noise::Noise;
use super::prior::Prior;
use crate::error::{Error, Result};
use crate::latent::{Codes, Latent};
use crate::models::{Cells, Linear, Scope, Transformer};
use crate::rng::Rng;
use candle_core::Tensor;

/// Width of the transformer.
const WIDTH: usize = 128;
const DEPTH: usize = 3;
const HEADS: usize = 4;

/// One transformer over the parts of a frame says the code of every stage of every part
/// given those of any others, and the past: in training a random number of codes are
/// masked and it tells what they are (BERT's task, on a frame's tokens). A frame's codes
/// are drawn in rounds: in each some are drawn at once, given those of the rounds before,
/// few at first and ever more (Chang et al. 2022, MaskGIT). Which, is the same each
/// time: coarse stages first, parts spread evenly (Besnier et al. 2025, "Halton scheduler
/// for masked generative image transformer"); so log p(z | x) of these rounds is
/// known. As many rounds as codes are an autoregressive model.
pub struct Tokens {
    latent: Codes,
    cells: Cells,
    seen: Linear,
    transformer: Transformer,
    logits: Linear,
    /// The codes, part by part and stage by stage, that each round draws.
    rounds: Vec<Vec<usize>>,
}

impl Tokens {
    /// Given features of width `width`; `rounds` to a frame.
    ///
    /// # Errors
    /// No round.
    pub fn new(
        (width, rounds): (usize, usize),
        latent: Codes,
        cells: Cells,
        mut scope: Scope,
    ) -> Result<Self> {
        if rounds == 0 {
            return Err(Error::input(
                "latent.rounds",
                "0 rounds draw no code",
                "use at least 1; 8 is the default",
            ));
        }
        let (stages, side) = (latent.stages(), cells.side());
        let (rows, columns) = cells.part();
        let inputs = rows * columns * width + latent.dimension() + stages;
        Ok(Self {
            latent,
            cells,
            seen: Linear::new(inputs, WIDTH, 1.0, scope.scope("seen"))?,
            transformer: Transformer::new(
                (WIDTH, HEADS, DEPTH),
                (side, side),
                scope.scope("transformer"),
            )?,
            logits: Linear::new(WIDTH, latent.dimension(), 0.1, scope.scope("logits"))?,
            rounds: rounds_of(order(side, stages), rounds),
        })
    }

    /// Codes of a frame.
    fn count(&self) -> usize {
        self.cells.count() * self.latent.stages()
    }

    /// What is seen of the past in each part: (B, N, width) → (B, parts, width of a part).
    fn past(&self, context: &Tensor) -> Result<Tensor> {
        let (batch, parts) = (context.dim(0)?, self.cells.count());
        Ok(self.cells.split(context)?.reshape((batch, parts, ()))?)
    }

    /// Logits (B·codes, K) given z (B, codes·K) where `known` (B·codes) is 1.
    fn logits(&self, past: &Tensor, z: &Tensor, known: &[f32]) -> Result<Tensor> {
        let (batch, parts) = (z.dim(0)?, self.cells.count());
        let (stages, size) = (self.latent.stages(), self.latent.size());
        let known = Tensor::from_slice(known, (batch, parts, stages), z.device())?;
        let known = known.to_dtype(z.dtype())?;
        let shown = z.reshape((batch, parts, stages, size))?;
        let shown = shown.broadcast_mul(&known.unsqueeze(3)?)?;
        let seen = Tensor::cat(&[past, &shown.flatten_from(2)?, &known], 2)?;
        let side = self.cells.side();
        let seen = self
            .seen
            .forward(&seen)?
            .reshape((batch, side, side, WIDTH))?;
        let told = self.logits.forward(&self.transformer.forward(&seen)?)?;
        Ok(told.reshape((batch * parts * stages, size))?)
    }

    /// What `each` makes of every round, given which codes are known before it, of a
    /// sample, and which it draws.
    fn by_rounds(&self, mut each: impl FnMut(&[f32], &[usize]) -> Result<()>) -> Result<()> {
        let mut known = vec![0f32; self.count()];
        for round in &self.rounds {
            each(&known, round)?;
            round.iter().for_each(|&code| known[code] = 1.0);
        }
        Ok(())
    }
}

/// Codes of a frame of `side` × `side` parts with `stages` each, numbered part by part
/// and in each stage by stage: first stages first, parts in the order of bits reversed and
/// interleaved, so that the first few lie far apart.
fn order(side: usize, stages: usize) -> Vec<usize> {
    let bits = usize::BITS - side.saturating_sub(1).leading_zeros();
    let rank = |part: usize| {
        let (row, column) = (part / side, part % side);
        (0..bits).fold(0, |rank, bit| {
            let (row, column) = (row >> bit & 1, column >> bit & 1);
            rank << 2 | (row ^ column) << 1 | row
        })
    };
    let mut parts: Vec<usize> = (0..side * side).collect();
    parts.sort_by_key(|&part| rank(part));
    (0..stages)
        .flat_map(|stage| parts.iter().map(move |part| part * stages + stage))
        .collect()
}

/// `order` in at most so many rounds, of a number that grows along a cosine.
fn rounds_of(order: Vec<usize>, rounds: usize) -> Vec<Vec<usize>> {
    let count = order.len();
    let rounds = rounds.min(count);
    let left = |round: usize| {
        let share = (std::f64::consts::FRAC_PI_2 * round as f64 / rounds as f64).cos();
        // At least one in each round.
        ((count as f64 * share).floor() as usize).min(count - round)
    };
    let mut ends: Vec<usize> = (1..=rounds).map(|round| count - left(round)).collect();
    if rounds == count {
        ends = (1..=count).collect();
    }
    let mut first = 0;
    ends.into_iter()
        .map(|end| {
            let round = order[first..end.max(first)].to_vec();
            first = end.max(first);
            round
        })
        .collect()
}

impl Prior for Tokens {
    fn surprise(&self, context: &Tensor, z: &Tensor) -> Result<Option<Tensor>> {
        let (past, batch) = (self.past(context)?, z.dim(0)?);
        let mut sum: Option<Tensor> = None;
        self.by_rounds(|known, round| {
            let logits = self.logits(&past, z, &known.repeat(batch))?;
            let costs = choices::cost(self.latent, &logits, z)?;
            let mut here = vec![0f32; self.count()];
            round.iter().for_each(|&code| here[code] = 1.0);
            let here = Tensor::from_vec(here, (1, self.count()), z.device())?;
            let costs = costs.broadcast_mul(&here.to_dtype(z.dtype())?)?.sum(1)?;
            sum = Some(match sum.take() {
                Some(sum) => (sum + costs)?,
                None => costs,
            });
            Ok(())
        })?;
        Ok(sum)
    }

    /// An unbiased estimate of −log p(z | x), the mean over rounds as they may be drawn: of
    /// codes masked in a random number m of M, M ÷ m times what those cost.
    fn loss(&self, context: &Tensor, z: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let (batch, count) = (z.dim(0)?, self.count());
        let (known, weights) = choices::masked((batch, count), rng);
        let logits = self.logits(&self.past(context)?, z, &known)?;
        let costs = choices::cost(self.latent, &logits, z)?;
        let weights = Tensor::from_vec(weights, (batch, count), z.device())?;
        Ok((costs * weights.to_dtype(z.dtype())?)?.sum(1)?)
    }

    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let (batch, count, size) = (context.dim(0)?, self.count(), self.latent.size());
        let past = self.past(context)?;
        let mut drawn = vec![0f32; batch * count * size];
        let tensor = |drawn: &[f32]| {
            let z = Tensor::from_slice(drawn, (batch, count * size), context.device())?;
            z.to_dtype(context.dtype())
        };
        self.by_rounds(|known, round| {
            let logits = self.logits(&past, &tensor(&drawn)?, &known.repeat(batch))?;
            let rows: Vec<u32> = (0..batch)
                .flat_map(|sample| round.iter().map(move |code| (sample * count + code) as u32))
                .collect();
            let here = Tensor::from_slice(&rows, rows.len(), context.device())?;
            let chosen = choices::draw(&logits.index_select(&here, 0)?, temperature, noise)?;
            let chosen = chosen.to_vec2::<f32>()?;
            for (row, one_hot) in rows.iter().zip(chosen) {
                drawn[*row as usize * size..][..size].copy_from_slice(&one_hot);
            }
            Ok(())
        })?;
        Ok(tensor(&drawn)?)
    }

    fn persists(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
