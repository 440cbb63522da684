//! Masked text: how well tokens fit where they were hidden.

use super::field::Energy;
use super::table::Table;
use crate::error::Result;
use crate::models::Bert;
use crate::ops;
use crate::rng::Rng;
use candle_core::{DType, Tensor};

/// E(x, y) of a text x with hidden places and of the tokens y that may be there.
///
/// At one place, y has as many values as the vocabulary, and the network gives the energy
/// of each at once: E(x, y = k) = −logit_k, a [`Table`]. Its F_1 is −log Σ_k exp(logit_k),
/// and E − F = −log p(k | x), the cross-entropy. Nothing needs to be searched or sampled
/// to know F: this is what softmax can do for words and cannot for pixels.
#[derive(Debug, Clone, Copy)]
pub struct MaskedText<'a> {
    bert: &'a Bert,
    mask: u32,
}

impl<'a> MaskedText<'a> {
    /// `mask` is the token that hides another.
    pub fn new(bert: &'a Bert, mask: u32) -> Self {
        Self { bert, mask }
    }

    /// The token that hides another.
    pub fn mask(&self) -> u32 {
        self.mask
    }

    /// Logits (M, vocabulary) at `places` (M) u32, each in 0..B·T, of x (B, T) u32.
    ///
    /// # Errors
    /// Those of [`Bert::hidden`].
    pub fn logits(&self, x: &Tensor, places: &Tensor) -> Result<Tensor> {
        self.bert.logits(&self.bert.hidden(x, None)?, places)
    }

    /// E of every token at `places`, a row each; see [`Self::logits`].
    ///
    /// # Errors
    /// Those of [`Bert::hidden`], and a network that gives no numbers.
    pub fn table(&self, x: &Tensor, places: &Tensor) -> Result<Table> {
        let rows = self.logits(x, places)?.to_vec2::<f32>()?;
        let energies = |row: Vec<f32>| row.into_iter().map(|logit| -f64::from(logit)).collect();
        Table::new(rows.into_iter().map(energies).collect())
    }

    /// E − F = −log p of `targets` (M) u32 at `places` (M) of x, (M,): what is trained on.
    /// With `dropout` as in training.
    ///
    /// # Errors
    /// Those of [`Bert::hidden`].
    pub fn costs(
        &self,
        x: &Tensor,
        places: &Tensor,
        targets: &Tensor,
        dropout: Option<&mut Rng>,
    ) -> Result<Tensor> {
        let hidden = self.bert.hidden(x, dropout)?;
        ops::cross_entropy(&self.bert.logits(&hidden, places)?, targets)
    }
}

/// The sum over hidden places of −log p(y there | x), each as if it were hidden alone.
impl Energy for MaskedText<'_> {
    /// x (B, T) u32, y (B, T) u32 → (B,).
    fn energy(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let (batch, length) = x.dims2()?;
        let (shown, device) = (x.flatten_all()?.to_vec1::<u32>()?, x.device());
        let places: Vec<u32> = (0u32..)
            .zip(shown)
            .filter_map(|(place, token)| (token == self.mask).then_some(place))
            .collect();
        let zeros = Tensor::zeros(batch, DType::F32, device)?;
        if places.is_empty() {
            return Ok(zeros);
        }
        let rows: Vec<u32> = places.iter().map(|place| place / length as u32).collect();
        let count = places.len();
        let places = Tensor::from_vec(places, count, device)?;
        let targets = y.flatten_all()?.index_select(&places, 0)?;
        let costs = self.costs(x, &places, &targets, None)?;
        Ok(zeros.index_add(&Tensor::from_vec(rows, count, device)?, &costs, 0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{BertConfig, Source as _, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn an_energy_is_what_its_tables_say() {
        let config = BertConfig {
            vocab_size: 11,
            hidden_size: 8,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            intermediate_size: 8,
            initializer_range: 0.5,
            ..BertConfig::default()
        };
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let bert = Bert::new(&config, weights.root()).unwrap();
        let masked = MaskedText::new(&bert, 4);
        let tensor = |rows: [[u32; 4]; 3]| Tensor::new(&rows, &Device::Cpu).unwrap();
        let x = tensor([[2, 4, 7, 4], [2, 5, 6, 7], [4, 9, 9, 3]]);
        let y = tensor([[2, 8, 7, 9], [2, 5, 6, 7], [10, 9, 9, 3]]);
        let energy = masked.energy(&x, &y).unwrap().to_vec1::<f32>().unwrap();
        let places = Tensor::new(&[1u32, 3, 8], &Device::Cpu).unwrap();
        let table = masked.table(&x, &places).unwrap();
        let free = table.free_energy(1.0);
        let cost = |row: usize, token: usize| table.rows()[row][token] - free[row];
        let expected = [cost(0, 8) + cost(1, 9), 0.0, cost(2, 10)];
        for (found, expected) in energy.into_iter().zip(expected) {
            assert!(
                (f64::from(found) - expected).abs() < 1e-5,
                "{found} {expected}"
            );
        }
        // −log of the share that the table gives.
        let share = table.shares(1.0)[2][10];
        assert!((share.ln() + expected[2]).abs() < 1e-9);
    }
}
