//! What a step goes down on: infer z, energy, and what is learned beside it.

use super::example::Example;
use super::kept::Kept;
use super::settings::TrainingConfig;
use crate::error::Result;
use crate::inference::{Forecaster, Inferred, Noise};
use crate::models::Observed;
use crate::ops;
use crate::rng::Rng;
use crate::sampling::Taken;
use candle_core::Tensor;

/// Of a model in training.
pub(super) struct Objective<'a> {
    pub(super) forecaster: &'a Forecaster,
    /// The same without gradients.
    pub(super) frozen: &'a Forecaster,
    pub(super) settings: &'a TrainingConfig,
    pub(super) kept: &'a Kept,
}

/// What it is at an example, but for the loss.
pub(super) struct Found {
    /// Mean F(x, y) per pixel and channel, in units of σ².
    pub(super) energy: f64,
    /// The squared error of ŷ, in units of σ².
    pub(super) error: f64,
    /// −log p(z | x) per number of z; 0 without z.
    pub(super) surprise: f64,
    /// What an energy over frames was held against; 0 without one.
    pub(super) contrast: f64,
    /// Chains of frames, for those who come next.
    pub(super) drawn: Vec<Taken>,
    /// Where there is a z to train.
    pub(super) inferred: Option<Inferred>,
    /// What the prior saw of each sample, (B, N, width), where that is kept.
    pub(super) context: Option<Tensor>,
}

impl Found {
    /// Where nothing but ŷ(x) was looked at, of this squared error.
    fn certain(error: f64) -> Self {
        Self {
            energy: 0.5 * error,
            error,
            surprise: 0.0,
            contrast: 0.0,
            drawn: Vec::new(),
            inferred: None,
            context: None,
        }
    }

    /// What a batch finds whose parts found these, each with its share of the
    /// samples.
    pub(super) fn together(parts: Vec<(f64, Self)>) -> Result<Self> {
        let mean = |of: fn(&Self) -> f64| parts.iter().map(|(share, part)| share * of(part)).sum();
        let (energy, error, surprise, contrast) = (
            mean(|p| p.energy),
            mean(|p| p.error),
            mean(|p| p.surprise),
            mean(|p| p.contrast),
        );
        let contexts: Vec<&Tensor> = (parts.iter())
            .filter_map(|(_, part)| part.context.as_ref())
            .collect();
        let context = match contexts.is_empty() {
            true => None,
            false => Some(Tensor::cat(&contexts, 0)?),
        };
        let (mut inferred, mut drawn) = (Vec::new(), Vec::new());
        for (_, part) in parts {
            inferred.extend(part.inferred);
            drawn.extend(part.drawn);
        }
        Ok(Self {
            energy,
            error,
            surprise,
            contrast,
            drawn,
            inferred: inferred.into_iter().reduce(Inferred::followed_by),
            context,
        })
    }
}

impl Objective<'_> {
    /// The loss, a mean over the samples of the sum of all that is learned, and
    /// what was found on the way. `used` is the share of the budget that is used; `rng` draws z.
    pub(super) fn of(
        &self,
        example: &Example,
        used: f64,
        rng: &mut Rng,
    ) -> Result<(Tensor, Found)> {
        let network = self.forecaster.network();
        let observed = network.observe_after(&example.x, &example.last)?;
        let y = network.tokens(&example.y)?;
        let plain = ops::squared_error(&observed.mean, &y)?;

        // What is expected without z is trained on its own: z explains what is
        // left, and does not take over what x already says.
        let (expected, alone) = match network.expects_mean() {
            true => (plain.clone(), plain.mean_all()?),
            false => {
                let expected = ops::squared_error(observed.expected(), &y)?;
                let alone = (plain.mean_all()? + expected.mean_all()?)?;
                (expected, alone)
            }
        };
        // A z that paints would learn to explain damage; what is moved has none.
        let part = self.forecaster.frame_energy();
        let mend = example.own && (network.paints() || part.is_some());
        if mend || self.forecaster.is_certain() || used < self.settings.without_latent {
            let found = Found::certain(scalar(&expected.mean_all()?)?);
            return Ok((alone, found));
        }
        if let Some(part) = part {
            let found = Found::certain(scalar(&expected.mean_all()?)?);
            let (loss, found) = self.of_frames(part, (&observed, &y), &example.x, found, rng)?;
            return Ok(((loss + alone)?, found));
        }

        let field = self.forecaster.energy(&observed, &y)?;
        let beta = self.settings.beta_at(used);
        let inferred = self.forecaster.infer(&field, beta, rng)?;
        let z = inferred.sample_tensor(y.device())?;
        let made = network.decode(&observed, Some(&z))?;
        let error = ops::squared_error(&made, &y)?.mean_all()?;
        let mut loss = (&error + alone)?;
        let mut surprise = 0.0;
        if let Some(prior) = self.forecaster.prior() {
            let context = self.forecaster.context(&observed);
            let fresh = prior.loss(&context, &z, rng)?;
            let numbers = z.dim(1)? as f64;
            surprise = scalar(&fresh.mean_all()?)? / numbers;
            let all = match self.again(&fresh, rng)? {
                Some(again) => Tensor::cat(&[fresh, again], 0)?,
                None => fresh,
            };
            let weight = self.settings.prior_weight / numbers;
            loss = (loss + (all.mean_all()? * weight)?)?;
        }
        let (weight, remainder) = (self.settings.score_weight, self.forecaster.remainder());
        if weight > 0.0 || remainder.is_some() {
            let futures = self.pair(&observed, &y, rng)?;
            if weight > 0.0 {
                let Pair { a, b, y, .. } = &futures;
                loss = (loss + (ops::crps(a, b, y)?.mean_all()? * weight)?)?;
            }
            if let Some(remainder) = remainder {
                let Pair { observed, a, b, y } = &futures;
                loss = (loss + remainder.loss(observed, [a, b], y)?.mean_all()?)?;
            }
        }
        let precision = field.bowls().first().map_or(1.0, |bowl| bowl.precision);
        let numbers = (y.dim(1)? * y.dim(2)?) as f64;
        let total: f64 = inferred.energy.iter().sum();
        let found = Found {
            energy: total / (inferred.energy.len() as f64 * precision * numbers),
            error: scalar(&error)?,
            surprise,
            contrast: 0.0,
            drawn: Vec::new(),
            inferred: Some(inferred),
            context: (self.kept.sees()).then(|| self.forecaster.context(&observed)),
        };
        Ok((loss, found))
    }

    /// The prior's loss on remembered windows, as many for each of the `fresh` as
    /// `training.rehearsal` says.
    fn again(&self, fresh: &Tensor, rng: &mut Rng) -> Result<Option<Tensor>> {
        let (Some(remembered), Some(prior)) = (&self.kept.remembered, self.forecaster.prior())
        else {
            return Ok(None);
        };
        let count = self.settings.rehearsal * fresh.dim(0)?;
        match remembered.draw(count, rng, fresh.device())? {
            Some((context, z)) => Ok(Some(prior.loss(&context, &z, rng)?)),
            None => Ok(None),
        }
    }

    /// Two futures drawn from p(z | x), of a quarter of the samples to save time. Only the
    /// prior gets a gradient from them: the frozen decoder is taken as it is.
    fn pair(&self, observed: &Observed, y: &Tensor, rng: &mut Rng) -> Result<Pair> {
        let some = y.dim(0)?.div_ceil(4);
        let observed = observed.first(some)?;
        let seen = observed.repeat(2)?;
        let z =
            (self.forecaster).draw(&self.forecaster.context(&seen), 1.0, &mut Noise::fresh(rng))?;
        let drawn = self.frozen.network().decode(&seen, z.as_ref())?;
        let (_, places, pixels) = drawn.dims3()?;
        let drawn = drawn.reshape((some, 2, places, pixels))?;
        let one = |index: usize| drawn.narrow(1, index, 1)?.squeeze(1);
        Ok(Pair {
            observed,
            a: one(0)?,
            b: one(1)?,
            y: y.narrow(0, 0, some)?,
        })
    }
}

/// Two futures of each of some samples, and what came, in tokens (B, N, p·p·C).
struct Pair {
    observed: Observed,
    a: Tensor,
    b: Tensor,
    y: Tensor,
}

pub(super) fn scalar(tensor: &Tensor) -> Result<f64> {
    Ok(f64::from(tensor.to_scalar::<f32>()?))
}
