//! Minimisation over z, F(x, y) = min_z E(x, y, z), and priors p(z | x).

mod bank;
mod categorical;
mod choices;
mod closed_form;
mod config;
mod energy_part;
mod fista;
mod flow;
mod forecaster;
mod latent_part;
mod local;
mod masked;
mod mixture;
mod noise;
mod objectwise;
mod prior;
mod remainder;
mod search;
mod summary;
mod tokens;

pub use bank::{BANK, Bank, kept_in_bank};
pub use categorical::Categorical;
pub use closed_form::ClosedForm;
pub(crate) use closed_form::Factor;
pub use config::{Density, Family, LatentConfig};
pub use energy_part::{EnergyConfig, EnergyPart, Learning};
pub use fista::Fista;
pub use flow::Flow;
pub use forecaster::{Beside, Drawn, ENERGY_WEIGHTS, Forecaster, UNEXPLAINED};
pub use local::Local;
pub use masked::Masked;
pub use mixture::Mixture;
pub use noise::Noise;
pub use objectwise::Objectwise;
pub use prior::Prior;
pub use remainder::Remainder;
pub use search::Search;
pub use summary::Summary;
pub use tokens::Tokens;

use crate::energy::Quadratic;
use crate::error::Result;
use crate::rng::Rng;
use candle_core::{Device, Tensor};

/// What inference found for each sample of a batch.
#[derive(Debug, Clone, Default)]
pub struct Inferred {
    /// z* = argmin_z E(x, y, z), each of d numbers.
    pub best: Vec<Vec<f64>>,
    /// One draw from exp(−βE) / ∫exp(−βE): the gradient of E at such a draw
    /// is an unbiased gradient of F_β (Fisher's identity), where the gradient
    /// at z* is that of F_∞.
    pub sample: Vec<Vec<f64>>,
    /// F(x, y) = E(x, y, z*).
    pub energy: Vec<f64>,
    /// F_β(x, y) = −β⁻¹ log ∫ exp(−βE) dz (a sum where z is finite).
    pub free_energy: Vec<f64>,
}

impl Inferred {
    /// Of `count` parts of each sample in a row, the samples: their z's in a row, and
    /// the sums of their energies.
    fn of_parts(self, count: usize) -> Self {
        let rows = |parts: Vec<Vec<f64>>| parts.chunks(count).map(<[_]>::concat).collect();
        let sums = |parts: Vec<f64>| {
            parts
                .chunks(count)
                .map(|parts| parts.iter().sum())
                .collect()
        };
        Self {
            best: rows(self.best),
            sample: rows(self.sample),
            energy: sums(self.energy),
            free_energy: sums(self.free_energy),
        }
    }

    /// These samples and then others.
    pub fn followed_by(mut self, others: Self) -> Self {
        self.best.extend(others.best);
        self.sample.extend(others.sample);
        self.energy.extend(others.energy);
        self.free_energy.extend(others.free_energy);
        self
    }

    /// z* as a tensor (B, d).
    pub fn best_tensor(&self, device: &Device) -> Result<Tensor> {
        tensor(&self.best, device)
    }

    /// The draw as a tensor (B, d).
    pub fn sample_tensor(&self, device: &Device) -> Result<Tensor> {
        tensor(&self.sample, device)
    }
}

fn tensor(rows: &[Vec<f64>], device: &Device) -> Result<Tensor> {
    let width = rows.first().map_or(0, Vec::len);
    let flat: Vec<f32> = rows.iter().flatten().map(|&v| v as f32).collect();
    Ok(Tensor::from_vec(flat, (rows.len(), width), device)?)
}

/// Finds z for each sample by minimising E.
pub trait Inference: Send + Sync {
    /// `beta` > 0 is the inverse temperature of the draw.
    ///
    /// # Errors
    /// An energy that is not finite.
    fn infer(&self, energy: &Quadratic, beta: f64, rng: &mut Rng) -> Result<Inferred>;
}
