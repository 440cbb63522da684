//! The latent z: its geometry, and the regulariser R(z) that limits how much
//! it can say. Without a limit every y could be explained and E would be flat.

mod codes;
mod gaussian;
mod sparse;

pub use codes::Codes;
pub use gaussian::Gaussian;
pub use sparse::Sparse;

/// What z may be.
pub trait Latent: Send + Sync {
    /// d: z is a vector of so many numbers.
    fn dimension(&self) -> usize;

    /// R(z), in the units of the energy (nats at β = 1).
    fn cost(&self, z: &[f64]) -> f64;
}
