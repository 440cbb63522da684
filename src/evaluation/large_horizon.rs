//! A whole-horizon model that draws from the film's own pixels.

use super::comparison::Plan;
use crate::data::{Footage, Window};
use crate::error::Result;
use crate::horizon::{Appearance, Drawing, LargeFrame, WholeHorizon};
use candle_core::Tensor;

/// A model whose z moves frames of another size than its own, in windows that are known.
#[derive(Clone, Copy)]
pub struct LargeHorizon<'a> {
    /// Finds z.
    pub model: &'a WholeHorizon,
    /// The films at the model's size.
    pub footage: &'a [Footage],
    /// The windows that are compared.
    pub windows: &'a [Window],
    /// How the film looks at the size at which futures are drawn.
    pub appearance: &'a Appearance,
}

impl LargeHorizon<'_> {
    /// Futures (N, horizons, C, H·n, W·n) after the past x (1, T, C, H·n, W·n) of window number `window`.
    ///
    /// # Errors
    /// Footage that cannot be read, and those of [`WholeHorizon::futures`].
    pub fn futures(&self, x: &Tensor, plan: &Plan, window: usize) -> Result<Tensor> {
        let last = x.narrow(1, x.dim(1)? - 1, 1)?;
        let pixels = last.flatten_all()?.to_vec1::<f32>()?;
        let seen = plan.past(self.footage, &self.windows[window], x.device())?;
        let large = LargeFrame {
            pixels: &pixels,
            appearance: self.appearance,
        };
        let drawing = Drawing {
            futures: plan.futures,
            times: &plan.horizons,
            temperature: plan.temperature,
            watch: None,
        };
        let mut rng = plan.seed.stream("compare/horizon", window as u64);
        let made = (self.model).likely_futures(&seen, Some(large), drawing, &mut rng)?;
        Ok(made.0)
    }
}
