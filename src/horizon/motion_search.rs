//! z* = argmin E(x, y, z): damped Gauss–Newton steps, from coarse to fine, with a growing horizon.

use super::motion_energy::{MotionEnergy, MotionError};
use super::motion_scene::Motion;
use crate::energy::Bowl;
use crate::error::Result;
use crate::inference::Factor;

/// Damping at the start, and what a step that leads down, and one that does not, multiply it by.
const DAMPING: f64 = 0.1;
const EASE: f64 = 0.3;
const BRAKE: f64 = 6.0;

/// How z is found.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionSearch {
    /// Ways in which a piece moves, 2 to [`super::WAYS`].
    pub ways: usize,
    /// The standard deviation of each number of a piece's z in R(z), about its start.
    pub spread: Vec<f64>,
    /// s: the standard deviation of what motion does not explain, in [0, 1].
    pub unexplained: f64,
}

/// z* of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundMotion {
    /// z*.
    pub motion: Motion,
    /// ‖y − ŷ(x, z*)‖².
    pub error: f64,
    /// E(x, y, z*), R(z) and 1/2s² included.
    pub energy: f64,
}

impl MotionSearch {
    /// z* about `start`: R(z) = ½Σ((z − start)/spread)².
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn find(&self, energy: &MotionEnergy, start: &Motion) -> Result<FoundMotion> {
        let all = energy.frames();
        if all == 0 {
            return Ok(FoundMotion {
                motion: start.clone(),
                error: 0.0,
                energy: 0.0,
            });
        }
        let stages = [
            (2, all.div_ceil(4), 2),
            (2, all.div_ceil(2), 2),
            (1, all * 3 / 4, 2),
            (1, all, 3),
            (0, all, 4),
        ];
        let finest = energy.scene().finest;
        let mut motion = start.clone();
        for (level, frames, steps) in stages {
            let about = (finest + level, frames.max(1), steps);
            motion = self.descend(energy, start, motion, about)?;
        }
        let error = energy.value(&motion, 0, all);
        let energy = self.energy(error, &motion, start);
        Ok(FoundMotion {
            motion,
            error,
            energy,
        })
    }

    /// `steps` more steps at one level.
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn descend(
        &self,
        energy: &MotionEnergy,
        start: &Motion,
        mut motion: Motion,
        (level, frames, steps): (usize, usize, usize),
    ) -> Result<Motion> {
        let about = (level, frames, self.ways);
        let mut found = energy.look(&motion, about);
        let mut value = self.energy(found.value, &motion, start);
        let mut damping = DAMPING;
        for _ in 0..steps {
            let next = self.step(&found, &motion, start, damping)?;
            let looked = energy.look(&next, about);
            let there = self.energy(looked.value, &next, start);
            if there < value {
                (motion, found, value) = (next, looked, there);
                damping *= EASE;
            } else {
                damping *= BRAKE;
            }
        }
        Ok(motion)
    }

    fn energy(&self, error: f64, motion: &Motion, start: &Motion) -> f64 {
        let pieces = motion.iter().zip(start);
        let prior: f64 = pieces
            .map(|(motion, start)| -> f64 {
                let each = motion.iter().zip(start).zip(&self.spread);
                each.map(|((z, start), spread)| ((z - start) / spread).powi(2))
                    .sum()
            })
            .sum();
        0.5 * (error / self.unexplained.powi(2) + prior)
    }

    /// Where the energy's quadratic model, damped, is least.
    fn step(
        &self,
        found: &MotionError,
        motion: &Motion,
        start: &Motion,
        damping: f64,
    ) -> Result<Motion> {
        let precision = self.unexplained.powi(-2);
        let mut next = Vec::with_capacity(motion.len());
        let pieces = motion.iter().zip(start).enumerate();
        for (piece, (motion, start)) in pieces {
            let (slope, curvature) = (&found.slopes[piece], &found.curvatures[piece]);
            let d = motion.len();
            // In units of R(z).
            let curvature: Vec<f64> = (0..d * d)
                .map(|at| curvature[at] * self.spread[at / d] * self.spread[at % d])
                .collect();
            let trace: f64 = curvature.iter().step_by(d + 1).sum();
            let damped = 1.0 + damping * precision * trace / d as f64;
            let downhill = (0..d).map(|at| {
                let off = (motion[at] - start[at]) / self.spread[at];
                -(slope[at] * self.spread[at] + off / precision)
            });
            let bowl = Bowl {
                precision: precision / damped,
                constant: 0.0,
                slope: downhill.collect(),
                curvature,
            };
            let step = Factor::new(&bowl)?.solve(&bowl);
            let moved = motion.iter().zip(step).zip(&self.spread);
            next.push(moved.map(|((z, step), spread)| z + step * spread).collect());
        }
        Ok(next)
    }
}
