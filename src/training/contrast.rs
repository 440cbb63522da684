//! What an energy over frames goes down on.

use super::objective::{Found, Objective, scalar};
use crate::energy::Field as _;
use crate::error::{Error, Result};
use crate::inference::{EnergyPart, Learning};
use crate::models::Observed;
use crate::rng::Rng;
use crate::sampling::Taken;
use candle_core::Tensor;

impl Objective<'_> {
    /// The loss of F over frames, and what was found, beside that `found` of ŷ(x). `y` is
    /// in tokens, `x` the frames that `observed` is of.
    pub(super) fn of_frames(
        &self,
        part: &EnergyPart,
        (observed, y): (&Observed, &Tensor),
        x: &Tensor,
        found: Found,
        rng: &mut Rng,
    ) -> Result<(Tensor, Found)> {
        let r = (y - observed.expected())?.detach();
        match part.config().learning {
            Learning::Score => Self::score_matching(part, observed, &r, found, rng),
            _ => self.contrastive(part, (observed, &r), x, found, rng),
        }
    }

    /// Denoising score matching (Vincent 2011): with noise s·n on r, n standard normal and
    /// s a level drawn for each sample, s·∂F/∂r should be n. Weighted by 1 + s², so that
    /// each level weighs as much as it can err (Karras et al. 2022).
    fn score_matching(
        part: &EnergyPart,
        observed: &Observed,
        r: &Tensor,
        found: Found,
        rng: &mut Rng,
    ) -> Result<(Tensor, Found)> {
        let (samples, device) = (r.dim(0)?, r.device());
        let config = part.config();
        let (low, high) = (config.noise_least.ln(), config.noise_most.ln());
        let levels: Vec<f64> = (0..samples)
            .map(|_| (low + (high - low) * rng.uniform()).exp())
            .collect();
        let wide = |of: fn(f64) -> f64| {
            let values: Vec<f32> = levels.iter().map(|&level| of(level) as f32).collect();
            Tensor::from_vec(values, (samples, 1, 1), device)
        };
        let level = wide(|level| level)?;
        let noise = rng.normal_tensor(r.shape(), device)?;
        let noisy = (r + noise.broadcast_mul(&level)?)?;
        let sight = part.look(observed)?;
        let field = part.held(&sight, levels.clone());
        let (energy, slope) = field.slope_to_train(&noisy)?;
        let off = (slope.broadcast_mul(&level)? - noise)?;
        let weighted = off.broadcast_mul(&wide(|level| (1.0 + level * level).sqrt())?)?;
        let loss = weighted.sqr()?.mean_all()?;
        let found = Found {
            energy: scalar(&energy.mean_all()?)? / numbers(r)?,
            contrast: scalar(&loss)?,
            ..found
        };
        Ok((loss, found))
    }

    /// Persistent contrastive divergence: F is pushed down on the data and up on chains of
    /// frames that go on from step to step, each with the past it began at.
    fn contrastive(
        &self,
        part: &EnergyPart,
        (observed, r): (&Observed, &Tensor),
        x: &Tensor,
        found: Found,
        rng: &mut Rng,
    ) -> Result<(Tensor, Found)> {
        let samples = r.dim(0)?;
        let taken = match &self.kept.replay {
            Some(replay) => replay.take(samples, rng),
            None => Vec::new(),
        };
        // A chain that begins anew does so at the sample in its place.
        let fresh = part.start(r, rng)?;
        let rows = |own: &Tensor, of: fn(&Taken) -> Option<&Tensor>| -> Result<Tensor> {
            let row = |(index, taken): (usize, &Taken)| match of(taken) {
                Some(kept) => Ok(kept.clone()),
                None => own.get(index),
            };
            let rows = taken.iter().enumerate().map(row);
            let rows: Vec<Tensor> = rows.collect::<candle_core::Result<_>>()?;
            Ok(Tensor::stack(&rows, 0)?)
        };
        let held = rows(&x.detach(), |taken| Some(&taken.chain.as_ref()?.held))?;
        let start = rows(&fresh, |taken| Some(&taken.chain.as_ref()?.place))?;
        let frozen = self.frozen.frame_energy().unwrap_or(part);
        let past = self.frozen.network().observe(&held)?;
        let sight = frozen.look(&past)?;
        let walked = frozen.walk(&sight, &start, 1.0, rng);
        let place = walked.map_err(diverged)?.place;

        let data = part.settled(&part.look(observed)?, samples).energy(r)?;
        let own = part.settled(&part.look(&past)?, samples).energy(&place)?;
        let each = numbers(r)?;
        let (data, own) = ((data / each)?, (own / each)?);
        let restraint = (data.sqr()? + own.sqr()?)?.mean_all()?;
        let apart = (data.mean_all()? - own.mean_all()?)?;
        let loss = (apart + (restraint * part.config().restraint)?)?;
        let drawn = (taken.iter().enumerate())
            .map(|(index, taken)| Ok(taken.moved(held.get(index)?, place.get(index)?)))
            .collect::<Result<_>>()?;
        let found = Found {
            energy: scalar(&data.mean_all()?)?,
            contrast: scalar(&own.mean_all()?)?,
            drawn,
            ..found
        };
        Ok((loss, found))
    }
}

/// Numbers of a frame.
fn numbers(tokens: &Tensor) -> Result<f64> {
    let (_, places, pixels) = tokens.dims3()?;
    Ok((places * pixels) as f64)
}

/// A chain that diverges is a step that is not finite: training goes back.
fn diverged(error: Error) -> Error {
    match error {
        Error::Input { problem, .. } => Error::NotFinite {
            what: format!("a chain of frames ({problem})"),
        },
        error => error,
    }
}
