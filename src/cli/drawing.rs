//! How futures are drawn, as commands that draw them are told.

use crate::error::{Error, Result};
use crate::outputs::model::Model;

/// What may be said otherwise than the run says it.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct DrawingArgs {
    /// Below 1: likelier and more alike; 0: what is expected, each time the same [default:
    /// the recipe's evaluation.temperature]
    #[arg(long, value_name = "TAU", allow_hyphen_values = true)]
    pub temperature: Option<f64>,
    /// How much of a frame's noise is kept for the next frame's, from 0 to below 1: more
    /// spreads futures of many frames [default: what training chose]
    #[arg(long, value_name = "R", allow_hyphen_values = true)]
    pub persistence: Option<f64>,
}

impl DrawingArgs {
    /// Refuses what cannot be meant, before any work is done.
    pub(super) fn check(&self) -> Result<()> {
        match self.temperature {
            Some(value) if !(value.is_finite() && value >= 0.0) => Err(Error::input(
                format!("--temperature {value}"),
                "expected a number of 0 or more",
                "1 draws from the prior as it was learned",
            )),
            _ => Ok(()),
        }
    }

    /// Has `model` draw so; the result is the temperature.
    pub(super) fn apply(&self, model: &mut Model) -> Result<f64> {
        if let Some(persistence) = self.persistence {
            let mut members = model.latent.iter_mut();
            members.try_for_each(|member| member.set_persistence(persistence))?;
        }
        let default = model.config.settings.evaluation.temperature;
        Ok(self.temperature.unwrap_or(default))
    }
}
