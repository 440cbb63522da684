//! Whether the members of a model do their work, as training tells it.

use crate::error::Result;
use crate::evaluation::energy_health::{self, EnergyHealth};
use crate::evaluation::health::{self, Health};
use crate::inference::Forecaster;
use crate::interrupt;
use crate::rng::Rng;
use candle_core::Tensor;

/// The health checks of the members that were added.
#[derive(Debug, Default)]
pub struct Checks {
    /// Of each member with a z.
    pub health: Vec<Health>,
    /// Of each member that is an energy over frames.
    pub energy: Vec<EnergyHealth>,
}

impl Checks {
    /// Checks one more member, and `mse` beside it, on windows (B, T + 1, C, H, W).
    ///
    /// # Errors
    /// A tensor operation that fails, an interrupt.
    pub fn add(
        &mut self,
        member: &Forecaster,
        mse: Option<&Forecaster>,
        windows: &Tensor,
        rng: &mut Rng,
    ) -> Result<()> {
        interrupt::check()?;
        if member.has_latent() {
            self.health.push(health::check(member, mse, windows, rng)?);
        }
        if member.frame_energy().is_some() {
            self.energy
                .push(energy_health::check(member, windows, rng)?);
        }
        Ok(())
    }

    /// What does not look right, of further members with their number.
    pub fn notes(&self) -> Vec<String> {
        let latent = self.health.iter().map(|health| &health.warnings);
        let energy = self.energy.iter().map(|health| &health.warnings);
        let each = latent.chain(energy).enumerate();
        let named = each.flat_map(|(member, warnings)| {
            warnings.iter().map(move |warning| match member {
                0 => warning.clone(),
                _ => format!("member {}: {warning}", member + 1),
            })
        });
        named.collect()
    }
}
