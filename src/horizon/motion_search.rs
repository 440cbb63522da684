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
/// A step that leads down by a smaller share of the energy is the last one.
const SETTLED: f64 = 1e-4;

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

    /// At most `steps` more steps at one level.
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
        for left in (0..steps).rev() {
            let next = self.step(&found, &motion, start, damping)?;
            if left == 0 {
                // Nothing follows that would need slopes.
                let there = self.energy(energy.value(&next, level, frames), &next, start);
                if there < value {
                    motion = next;
                }
                break;
            }
            let looked = energy.look(&next, about);
            let there = self.energy(looked.value, &next, start);
            if there >= value {
                damping *= BRAKE;
                continue;
            }
            let settled = value - there < SETTLED * value;
            (motion, found, value) = (next, looked, there);
            damping *= EASE;
            if settled {
                break;
            }
        }
        Ok(motion)
    }

    /// F_β(x, y) = −(1/β)·ln ∫ exp(−βE(x, y, z)) dz, with z in units of R(z), by Laplace's method at z*: each
    /// piece's curvature counts by itself.
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn free_energy(
        &self,
        energy: &MotionEnergy,
        found: &FoundMotion,
        beta: f64,
    ) -> Result<f64> {
        let about = (energy.scene().finest, energy.frames(), self.ways);
        let looked = energy.look(&found.motion, about);
        let volumes = looked.curvatures.iter().map(|curvature| {
            let bowl = Bowl {
                precision: self.unexplained.powi(-2),
                constant: 0.0,
                slope: vec![0.0; self.spread.len()],
                curvature: self.in_units(curvature),
            };
            Ok(Factor::new(&bowl)?.volume(beta))
        });
        let volume: f64 = volumes.sum::<Result<f64>>()?;
        Ok(found.energy + volume)
    }

    /// A piece's curvature with z in units of R(z).
    fn in_units(&self, curvature: &[f64]) -> Vec<f64> {
        let d = self.spread.len();
        let units = |at: usize| self.spread[at / d] * self.spread[at % d];
        let each = curvature.iter().enumerate();
        each.map(|(at, curvature)| curvature * units(at)).collect()
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
            let curvature = self.in_units(curvature);
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

#[cfg(test)]
mod tests {
    use super::super::background::Background;
    use super::super::motion_scene::MotionScene;
    use super::super::time_basis::TimeBasis;
    use super::*;

    const SIZE: usize = 24;

    /// A soft spot before grey.
    fn spot(y: f64, x: f64) -> Vec<f32> {
        let pixel = |at: usize| {
            let (down, right) = ((at / SIZE) as f64 - y, (at % SIZE) as f64 - x);
            (0.3 + 0.6 * (-(down.powi(2) + right.powi(2)) / 8.0).exp()) as f32
        };
        (0..SIZE * SIZE).map(pixel).collect()
    }

    #[test]
    fn the_free_energy_is_the_integral_over_z() {
        let background = Background::of_frames(&[vec![77; SIZE * SIZE]], [1, SIZE, SIZE]);
        let scene = MotionScene::new(&spot(10.0, 10.0), &background, 4.0);
        assert_eq!(scene.pieces.len(), 1);
        let basis = TimeBasis::ahead(2, 1);
        let came = [spot(10.5, 10.3), spot(11.0, 10.6)];
        let energy = MotionEnergy::new(&scene, &basis, &came);
        let search = MotionSearch {
            ways: 2,
            spread: vec![0.5; 2],
            unexplained: 0.3,
        };
        let rest: Motion = vec![vec![0.0; 2]];
        let found = search.find(&energy, &rest).unwrap();
        for beta in [1.0, 3.0] {
            const STEP: f64 = 0.04;
            let units = |index: usize| STEP * (index as f64 - 50.0);
            let mut integral = 0.0;
            for (y, x) in (0..=100).flat_map(|y| (0..=100).map(move |x| (y, x))) {
                let z = &found.motion[0];
                let z = vec![vec![z[0] + 0.5 * units(y), z[1] + 0.5 * units(x)]];
                let off = search.energy(energy.value(&z, 0, 2), &z, &rest) - found.energy;
                integral += (-beta * off).exp() * STEP * STEP;
            }
            let exact = found.energy - integral.ln() / beta;
            let free = search.free_energy(&energy, &found, beta).unwrap();
            assert!((free - exact).abs() < 0.1, "β {beta}: {free} {exact}");
        }
    }
}
