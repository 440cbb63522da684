//! z ∈ ℝᵈ with R(z) = λ‖z‖₁.

use super::Latent;

/// A continuous latent of which few numbers differ from 0: that they are few limits
/// what it can say. (Olshausen & Field 1996.)
#[derive(Debug, Clone, Copy)]
pub struct Sparse {
    /// d.
    pub dimension: usize,
    /// λ, above 0. √2 has the variance of a standard normal under exp(−R).
    pub weight: f64,
}

impl Latent for Sparse {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn cost(&self, z: &[f64]) -> f64 {
        self.weight * z.iter().map(|z| z.abs()).sum::<f64>()
    }
}
