//! A network, the same one frozen, and what trains it.

use crate::error::{Error, Result};
use crate::interrupt;
use crate::models::{Scope, Source as _, Weights};
use crate::ops::{AdamW, AdamWConfig, Average};
use crate::rng::Seed;
use candle_core::{Device, Tensor};

/// A network that is trained, beside its frozen view, on which inner loops walk.
pub struct Learner<N> {
    /// Tracks gradients of its weights.
    pub network: N,
    /// Shares the weights, and tracks nothing.
    pub frozen: N,
    weights: Weights,
    optimiser: AdamW,
    average: Average,
}

/// For [`Learner::train`] when nobody watches.
///
/// # Errors
/// None.
pub fn unwatched<N>(_: usize, _: &N) -> Result<()> {
    Ok(())
}

/// What one step keeps of the average of the weights.
const KEEP: f64 = 0.99;

impl<N> Learner<N> {
    /// Builds the network twice, from weights drawn from `seed`.
    ///
    /// # Errors
    /// What `build` fails with.
    pub fn new(seed: Seed, build: impl Fn(Scope) -> Result<N>) -> Result<Self> {
        let mut weights = Weights::new(seed, &Device::Cpu);
        let network = build(weights.root())?;
        let frozen = build(weights.frozen().root())?;
        let config = AdamWConfig {
            weight_decay: 0.0,
            ..Default::default()
        };
        let optimiser = AdamW::new(weights.pairs().to_vec(), config)?;
        Ok(Self {
            network,
            frozen,
            average: Average::new(weights.pairs(), KEEP)?,
            weights,
            optimiser,
        })
    }

    /// Names and variables.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// A variable that some steps do not use.
    ///
    /// # Errors
    /// An unknown name.
    pub fn mark_optional(&mut self, name: &str) -> Result<()> {
        self.optimiser.mark_optional(name)
    }

    /// One step down `loss` (a scalar) by Adam, the gradient's norm at most 10; its value.
    ///
    /// # Errors
    /// A loss that is not finite: it says at which step.
    pub fn step(&mut self, loss: &Tensor, rate: f64) -> Result<f64> {
        let value = f64::from(loss.to_scalar::<f32>()?);
        let norm = match value.is_finite() {
            true => self.optimiser.step(&loss.backward()?, rate, Some(10.0))?,
            false => f64::NAN,
        };
        if !norm.is_finite() {
            return Err(Error::input(
                "training",
                format!(
                    "diverged at step {}: the loss is {value} (its learning rate is {rate})",
                    self.optimiser.steps() + 1
                ),
                "use a smaller learning rate",
            ));
        }
        self.average
            .update(self.weights.pairs(), self.optimiser.steps())?;
        Ok(value)
    }

    /// Trains in `steps` steps down what `loss` makes (a scalar), the learning rate falling
    /// along a line from `rate` to 0; then [`settle`](Self::settle)s. `watch` sees the
    /// network before each step with the step's number, and, settled, with `steps`.
    ///
    /// # Errors
    /// Those of [`step`](Self::step), of `watch` and of `loss`.
    pub fn train(
        &mut self,
        steps: usize,
        rate: f64,
        mut watch: impl FnMut(usize, &N) -> Result<()>,
        mut loss: impl FnMut(&mut Self) -> Result<Tensor>,
    ) -> Result<()> {
        for step in 0..steps {
            interrupt::check()?;
            watch(step, &self.frozen)?;
            let loss = loss(self)?;
            let left = 1.0 - step as f64 / steps as f64;
            self.step(&loss, rate * left)?;
        }
        self.settle()?;
        watch(steps, &self.frozen)
    }

    /// Gives a variable another value, which its average and the frozen view follow.
    ///
    /// # Errors
    /// An unknown name, another shape.
    pub fn set(&mut self, name: &str, value: &Tensor) -> Result<()> {
        let found = self.weights.pairs().iter().find(|(of, _)| of == name);
        let (_, var) = found.ok_or_else(|| {
            Error::input(
                format!("weight '{name}'"),
                "there is no such variable",
                "name one that the network was built with",
            )
        })?;
        Ok(var.set(value)?)
    }

    /// Puts the mean of the last hundred or so steps in the weights' place: what is noise
    /// in them goes.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn settle(&mut self) -> Result<()> {
        let pairs = self.weights.pairs().iter();
        for ((_, var), (_, mean)) in pairs.zip(self.average.tensors()?) {
            var.set(&mean)?;
        }
        Ok(())
    }

    /// Asserts that every variable gets a gradient from `loss` (any shape).
    #[cfg(test)]
    pub(super) fn every_weight_learns(&self, loss: &Tensor) {
        let gradients = loss.sum_all().unwrap().backward().unwrap();
        for (name, var) in self.weights.pairs() {
            assert!(gradients.get(var).is_some(), "{name} has no gradient");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Init;

    fn learner() -> Learner<Tensor> {
        Learner::new(Seed(1), |mut scope| scope.get("w", 1, Init::Zeros)).unwrap()
    }

    #[test]
    fn a_training_ends_where_the_loss_is_least_and_is_watched_to_the_end() {
        let mut learner = learner();
        let mut watched = Vec::new();
        let watch = |step: usize, w: &Tensor| {
            watched.push((step, w.to_vec1::<f32>()?[0]));
            Ok(())
        };
        let loss =
            |learner: &mut Learner<Tensor>| Ok((&learner.network - 0.5)?.sqr()?.sum_all()?);
        learner.train(300, 0.1, watch, loss).unwrap();
        let steps: Vec<usize> = watched.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, (0..=300).collect::<Vec<_>>());
        assert_eq!(watched[0].1, 0.0);
        assert!((watched[300].1 - 0.5).abs() < 1e-2, "{:?}", watched[300]);
    }

    #[test]
    fn a_loss_that_is_no_number_says_at_which_step() {
        let mut left = 4;
        let loss = |learner: &mut Learner<Tensor>| {
            left -= 1;
            let scale = if left == 0 { f64::NAN } else { 1.0 };
            Ok((learner.network.sum_all()? * scale)?)
        };
        let said = learner().train(9, 0.1, unwatched, loss).unwrap_err();
        let said = said.to_string();
        assert!(said.contains("diverged at step 4"), "{said}");
    }
}
