//! Minimisation over a continuous z where E is not quadratic in it: damped
//! Gauss–Newton steps, each in closed form (Levenberg 1944; Marquardt 1963).

use super::closed_form::Factor;
use crate::energy::{Bowl, Quadratic};
use crate::error::{Error, Result};
use crate::latent::{Gaussian, Latent as _};
use rayon::prelude::*;

/// Damping at the start, as a share of the energy's mean curvature; what a
/// step that leads down, and one that does not, multiply it by. (The start and
/// the factors with which trained models came closest to z* in 3 to 6 looks.)
const DAMPING: f64 = 0.3;
const EASE: f64 = 0.2;
const BRAKE: f64 = 5.0;

/// Finds z* of a batch, side by side.
#[derive(Debug, Clone, Copy)]
pub struct GaussNewton {
    /// R(z) = ½‖z‖².
    pub latent: Gaussian,
    /// How often the energy is looked at, at least 1: at 0, then after each
    /// step.
    pub looks: usize,
}

/// One sample's way down.
struct Descent {
    /// The lowest z so far.
    z: Vec<f64>,
    /// E there.
    energy: f64,
    /// The energy linearised there.
    bowl: Bowl,
    damping: f64,
    /// Where to look next.
    next: Vec<f64>,
}

impl GaussNewton {
    /// z* of each sample, and the bowl that touches E there: least at z* together
    /// with R(z), with the value E has there and the curvature of ŷ linearised
    /// there. So F and draws in Laplace's approximation of exp(−βE) follow
    /// in closed form. `linearised` gives the energies, without R(z), of all
    /// samples around one z each; each bowl must be exact at its z.
    ///
    /// # Errors
    /// Those of `linearised`, and energies that are not finite.
    pub fn touch(
        &self,
        samples: usize,
        mut linearised: impl FnMut(&[Vec<f64>]) -> Result<Quadratic>,
    ) -> Result<(Vec<Vec<f64>>, Quadratic)> {
        let mut at = vec![vec![0.0; self.latent.dimension]; samples];
        let first = linearised(&at)?;
        let begin = |(bowl, z): (&Bowl, &Vec<f64>)| {
            let mut descent = Descent {
                energy: bowl.cost(z) + self.latent.cost(z),
                bowl: bowl.clone(),
                damping: DAMPING,
                next: z.clone(),
                z: z.clone(),
            };
            descent.step().map(|()| descent)
        };
        let pairs = first.bowls().par_iter().zip(&at);
        let mut descents: Vec<Descent> = pairs.map(begin).collect::<Result<_>>()?;
        for look in 1..self.looks {
            for (at, descent) in at.iter_mut().zip(&descents) {
                at.clone_from(&descent.next);
            }
            let found = linearised(&at)?;
            let last = look + 1 == self.looks;
            let pairs = descents.par_iter_mut().zip(found.bowls());
            pairs.try_for_each(|(descent, bowl)| {
                let energy = bowl.cost(&descent.next) + self.latent.cost(&descent.next);
                descent.judge(energy, bowl);
                if last { Ok(()) } else { descent.step() }
            })?;
        }
        let (at, bowls) = descents
            .into_iter()
            .map(|Descent { z, bowl, .. }| (z.clone(), bowl.touching(&z)))
            .unzip();
        Ok((at, Quadratic::from_bowls(bowls)))
    }
}

impl Descent {
    /// Takes what was found at `next` where it is lower.
    fn judge(&mut self, energy: f64, bowl: &Bowl) {
        if energy < self.energy {
            self.energy = energy;
            self.z.clone_from(&self.next);
            self.bowl = bowl.clone();
            self.damping *= EASE;
        } else {
            self.damping *= BRAKE;
        }
    }

    /// `next` = z − (κG + I + νI)⁻¹ ∇E(z), ν the damping times the mean of κG.
    fn step(&mut self) -> Result<()> {
        let (z, bowl) = (&self.z, &self.bowl);
        let d = z.len();
        if !self.energy.is_finite() {
            return Err(Error::NotFinite {
                what: "the energy at the start of the search for z".to_owned(),
            });
        }
        let trace: f64 = bowl.curvature.iter().step_by(d + 1).sum();
        let damping = 1.0 + self.damping * bowl.precision * trace / d as f64;
        let bent = bowl.bend(z);
        // −∇E / κ.
        let downhill = (bowl.slope.iter().zip(&bent).zip(z))
            .map(|((q, bent), z)| q - bent - z / bowl.precision)
            .collect();
        let damped = Bowl {
            precision: bowl.precision / damping,
            constant: 0.0,
            slope: downhill,
            curvature: bowl.curvature.clone(),
        };
        let step = Factor::new(&damped)?.solve(&damped);
        self.next = z.iter().zip(step).map(|(z, step)| z + step).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClosedForm, Inference};
    use super::*;
    use crate::rng::Seed;

    /// y − ŷ(z) with ŷ = (sin 2z₁ + z₂, exp(z₂/2), z₁z₂), linearised at z.
    fn around(z: &[f64], y: [f64; 3]) -> Bowl {
        let made = [(2.0 * z[0]).sin() + z[1], (0.5 * z[1]).exp(), z[0] * z[1]];
        let slopes = [
            [2.0 * (2.0 * z[0]).cos(), 1.0],
            [0.0, 0.5 * (0.5 * z[1]).exp()],
            [z[1], z[0]],
        ];
        let left: Vec<f64> = (0..3)
            .map(|i| y[i] - made[i] + slopes[i][0] * z[0] + slopes[i][1] * z[1])
            .collect();
        let sum = |f: &dyn Fn(usize) -> f64| (0..3).map(f).sum::<f64>();
        Bowl {
            precision: 4.0,
            constant: sum(&|i| left[i] * left[i]),
            slope: (0..2).map(|a| sum(&|i| slopes[i][a] * left[i])).collect(),
            curvature: (0..4)
                .map(|k| sum(&|i| slopes[i][k / 2] * slopes[i][k % 2]))
                .collect(),
        }
    }

    fn energy(z: &[f64], y: [f64; 3]) -> f64 {
        around(z, y).cost(z) + 0.5 * (z[0] * z[0] + z[1] * z[1])
    }

    #[test]
    fn it_finds_the_minimum_and_touches_there() {
        let answers = [[0.9, 1.4, 0.3], [-1.5, 0.7, 1.0], [2.0, 3.0, -2.0]];
        let solver = GaussNewton {
            latent: Gaussian { dimension: 2 },
            looks: 40,
        };
        let all = |z: &[Vec<f64>]| {
            let bowls = z.iter().zip(answers).map(|(z, y)| around(z, y));
            Ok(Quadratic::from_bowls(bowls.collect()))
        };
        let (_, field) = solver.touch(3, all).unwrap();
        let exact = ClosedForm {
            latent: solver.latent,
        };
        let mut rng = Seed(0).stream("test", 0);
        let found = exact.infer(&field, 1.0, &mut rng).unwrap();
        for ((z, &at), y) in found.best.iter().zip(&found.energy).zip(answers) {
            let here = energy(z, y);
            assert!((at / here - 1.0).abs() < 1e-9, "F {at}, E(z*) {here}");
            for step in [[1e-3, 0.0], [-1e-3, 0.0], [0.0, 1e-3], [0.0, -1e-3]] {
                let beside = energy(&[z[0] + step[0], z[1] + step[1]], y);
                assert!(beside > here, "{beside} beside {here}");
            }
        }
    }

    #[test]
    fn more_looks_are_never_worse() {
        let y = [2.0, 3.0, -2.0];
        let mut before = f64::INFINITY;
        for looks in 1..8 {
            let solver = GaussNewton {
                latent: Gaussian { dimension: 2 },
                looks,
            };
            let found = solver.touch(1, |z| Ok(Quadratic::from_bowls(vec![around(&z[0], y)])));
            let bowl = found.unwrap().1.bowls()[0].clone();
            let z = Factor::new(&bowl).unwrap().solve(&bowl);
            let now = energy(&z, y);
            assert!(now <= before + 1e-9, "{looks} looks: {now} after {before}");
            before = now;
        }
        assert!(before < 0.2 * energy(&[0.0, 0.0], y));
    }

    #[test]
    fn energies_that_are_not_finite_are_an_error() {
        let solver = GaussNewton {
            latent: Gaussian { dimension: 2 },
            looks: 2,
        };
        let bad = solver.touch(1, |z| {
            Ok(Quadratic::from_bowls(vec![around(&z[0], [f64::NAN; 3])]))
        });
        assert!(matches!(bad, Err(Error::NotFinite { .. })));
    }
}
