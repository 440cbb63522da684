//! Where to push the energy up.
//!
//! The gradient of −log p(y) = E(y) + log ∫exp(−E) is ∂E(y) − ⟨∂E⟩, the mean over the
//! model's own distribution: push down on the data, up where the model puts its mass.
//! What follows are ways to get at that mean.

use super::{Sampler, walk};
use crate::energy::{Field, Plane};
use crate::error::Result;
use crate::rng::Rng;
use candle_core::Tensor;

/// Points and how hard to push each up; together they stand for the model's distribution.
#[derive(Debug, Clone)]
pub struct Push {
    /// (N, d).
    pub points: Tensor,
    /// (N,), f32, ≥ 0, summing to 1.
    pub shares: Tensor,
}

impl Push {
    /// All points alike.
    fn even(points: Tensor) -> Result<Self> {
        let count = points.dim(0)?;
        let shares = Tensor::full(1.0 / count as f32, count, points.device())?;
        Ok(Self { points, shares })
    }

    /// Each point by exp(log weight), made to sum to 1.
    fn weighted(points: Tensor, logs: &Tensor) -> Result<Self> {
        let shares = (logs - logs.log_sum_exp(0)?.broadcast_as(logs.shape())?)?.exp()?;
        Ok(Self { points, shares })
    }

    /// ⟨E⟩ under the shares, a scalar; its gradient is ⟨∂E⟩.
    pub fn mean(&self, field: &dyn Field) -> Result<Tensor> {
        Ok((field.energy(&self.points)? * &self.shares)?.sum_all()?)
    }
}

/// A way to find where to push up.
pub trait Contrast {
    /// For the energy as it is now and this batch of data (B, d).
    ///
    /// # Errors
    /// Those of a sampler.
    fn push(&mut self, field: &dyn Field, data: &Tensor, rng: &mut Rng) -> Result<Push>;
}

/// Strategy C1: everywhere, exactly, on a plane.
#[derive(Debug, Clone, Copy)]
pub struct Quadrature(pub Plane);

impl Contrast for Quadrature {
    fn push(&mut self, field: &dyn Field, data: &Tensor, _: &mut Rng) -> Result<Push> {
        let points = self.0.tensor(data.device())?;
        let logs = field.energy(&points)?.detach().neg()?;
        Push::weighted(points, &logs)
    }
}

/// Strategy C2 by importance sampling: `count` draws from the data blurred by `blur`
/// (half of them) and from N(0, `reach`²) (the rest), each weighted by exp(−E) over
/// what it was drawn with.
#[derive(Debug, Clone, Copy)]
pub struct Importance {
    /// Draws.
    pub count: usize,
    /// The standard deviation of the blur.
    pub blur: f64,
    /// The standard deviation of the wide Gaussian.
    pub reach: f64,
}

impl Contrast for Importance {
    fn push(&mut self, field: &dyn Field, data: &Tensor, rng: &mut Rng) -> Result<Push> {
        let (batch, d) = data.dims2()?;
        let device = data.device();
        let half = self.count / 2;
        let picks: Vec<u32> = (0..half).map(|_| rng.below(batch) as u32).collect();
        let centres = data.index_select(&Tensor::from_vec(picks, half, device)?, 0)?;
        let near = (centres + (rng.normal_tensor((half, d), device)? * self.blur)?)?;
        let wide = (rng.normal_tensor((self.count - half, d), device)? * self.reach)?;
        let points = Tensor::cat(&[near, wide], 0)?;
        // log q of each: ½ mean_k N(v; data_k, blur²) + ½ N(v; 0, reach²).
        let square = points
            .unsqueeze(1)?
            .broadcast_sub(&data.unsqueeze(0)?)?
            .sqr()?
            .sum(2)?;
        let normal = |width: f64| 0.5 * d as f64 * (std::f64::consts::TAU * width * width).ln();
        let blurred = ((square * (-0.5 / (self.blur * self.blur)))?.log_sum_exp(1)?
            - ((batch as f64).ln() + normal(self.blur)))?;
        let far =
            ((points.sqr()?.sum(1)? * (-0.5 / (self.reach * self.reach)))? - normal(self.reach))?;
        let drawn_with = (Tensor::stack(&[blurred, far], 1)?.log_sum_exp(1)? - 2f64.ln())?;
        let logs = (field.energy(&points)?.detach().neg()? - drawn_with)?;
        Push::weighted(points, &logs)
    }
}

/// CD-k (Hinton 2002): `steps` steps of the sampler from the data itself. Wells far
/// from all data are never found.
pub struct Divergence<S> {
    /// The sampler.
    pub sampler: S,
    /// k.
    pub steps: usize,
}

impl<S: Sampler> Contrast for Divergence<S> {
    fn push(&mut self, field: &dyn Field, data: &Tensor, rng: &mut Rng) -> Result<Push> {
        let walked = walk((&self.sampler, field), data, self.steps, rng, |_| Ok(()))?;
        Push::even(walked.place)
    }
}

/// Chains that go on from one update of the energy to the next (Tieleman 2008): with
/// slow updates they stay near the model's own distribution.
pub struct Persistent<S> {
    sampler: S,
    steps: usize,
    chains: Tensor,
}

impl<S: Sampler> Persistent<S> {
    /// Chains that begin at `start` (N, d) and make `steps` steps for each update.
    pub fn new(sampler: S, steps: usize, start: Tensor) -> Self {
        Self {
            sampler,
            steps,
            chains: start,
        }
    }
}

impl<S: Sampler> Contrast for Persistent<S> {
    fn push(&mut self, field: &dyn Field, _: &Tensor, rng: &mut Rng) -> Result<Push> {
        let run = (&self.sampler as &dyn Sampler, field);
        self.chains = walk(run, &self.chains, self.steps, rng, |_| Ok(()))?.place;
        Push::even(self.chains.clone())
    }
}
