//! z ∈ ℝᵈ with R(z) = ½‖z‖².

use super::Latent;

/// A continuous latent under a standard normal: its information is limited by
/// the noise that sampling from exp(−βE) leaves on z.
#[derive(Debug, Clone, Copy)]
pub struct Gaussian {
    /// d.
    pub dimension: usize,
}

impl Latent for Gaussian {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn cost(&self, z: &[f64]) -> f64 {
        0.5 * z.iter().map(|z| z * z).sum::<f64>()
    }
}
