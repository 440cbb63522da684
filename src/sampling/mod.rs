//! Samplers: walks over a field v (B, …) → (B,) that spend their time as exp(−E) says.
//!
//! Each walks many chains at once and knows nothing of what v is: a y whose energy a
//! network gives, or a z with x and y held.

mod annealed;
mod contrast;
mod cooled;
mod gibbs;
mod hamiltonian;
mod langevin;
mod metropolis;
mod places;
mod replay;
mod state;

#[cfg(test)]
mod contract;

pub use annealed::{Annealed, Estimate};
pub use contrast::{Contrast, Divergence, Importance, Persistent, Push, Quadrature};
pub use cooled::Cooled;
pub use gibbs::Gibbs;
pub use hamiltonian::Hamiltonian;
pub use langevin::Langevin;
pub use metropolis::Metropolis;
pub use places::{Places, Tabled};
pub use replay::{Replay, Taken};
pub use state::{State, effective_size, walk};

use crate::energy::Field;
use crate::error::Result;
use crate::rng::Rng;

/// Makes chains of v whose long-run distribution is exp(−E) / ∫exp(−E).
pub trait Sampler {
    /// What the sampler is called in messages.
    fn name(&self) -> &'static str;

    /// One step of every chain.
    ///
    /// # Errors
    /// A step after which a chain's place or energy is not a number: it says which.
    fn step(&self, field: &dyn Field, state: &mut State, rng: &mut Rng) -> Result<()>;
}
