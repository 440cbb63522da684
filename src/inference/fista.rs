//! Inference of a sparse z: E is quadratic but for R(z) = λ‖z‖₁.

use super::closed_form::around;
use super::{Inference, Inferred};
use crate::energy::{Bowl, Quadratic};
use crate::error::Result;
use crate::latent::{Latent as _, Sparse};
use crate::rng::Rng;

/// No number of z moves further in the last step.
const STILL: f64 = 1e-9;

/// z* by FISTA (Beck & Teboulle 2009): gradient steps of length 1/L, each followed by
/// shrinking towards 0 by λ/L, with momentum that starts anew where the energy would
/// rise (O'Donoghue & Candès 2015).
///
/// A draw is z* and noise as if R were ½‖z‖², so that numbers that are 0 cost
/// information too, and F_β its volume (Laplace's approximation).
#[derive(Debug, Clone, Copy)]
pub struct Fista {
    /// The latent.
    pub latent: Sparse,
    /// Steps at most; it stops where z hardly moves any more.
    pub steps: usize,
}

impl Fista {
    /// z* of one sample.
    fn descend(&self, bowl: &Bowl) -> Vec<f64> {
        self.walk(bowl, true, |_| ())
    }

    /// E of one sample after each step from z = 0; without momentum it is ISTA (Daubechies
    /// et al. 2004), to show what momentum is worth.
    pub fn course(&self, bowl: &Bowl, momentum: bool) -> Vec<f64> {
        let mut energies = vec![bowl.cost(&vec![0.0; bowl.dimension()])];
        self.walk(bowl, momentum, |z| {
            energies.push(bowl.cost(z) + self.latent.cost(z));
        });
        energies
    }

    /// Steps from z = 0, each seen by `watch`; the last z.
    fn walk(&self, bowl: &Bowl, accelerated: bool, mut watch: impl FnMut(&[f64])) -> Vec<f64> {
        let d = bowl.dimension();
        let step = 1.0 / (bowl.precision * largest(bowl)).max(1e-12);
        let (mut z, mut ahead, mut momentum) = (vec![0.0; d], vec![0.0; d], 1.0f64);
        for _ in 0..self.steps {
            let bent = bowl.bend(&ahead);
            let next: Vec<f64> = (bowl.slope.iter().zip(&bent).zip(&ahead))
                .map(|((q, bent), at)| {
                    let down = at + step * bowl.precision * (q - bent);
                    let shrunk = down.abs() - step * self.latent.weight;
                    if shrunk > 0.0 {
                        shrunk.copysign(down)
                    } else {
                        0.0
                    }
                })
                .collect();
            let moved: Vec<f64> = next.iter().zip(&z).map(|(next, z)| next - z).collect();
            let far = moved.iter().fold(0.0f64, |far, moved| far.max(moved.abs()));
            let back: f64 = (ahead.iter().zip(&next).zip(&moved))
                .map(|((ahead, next), moved)| (ahead - next) * moved)
                .sum();
            let after = 0.5 * (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt());
            let mut push = (momentum - 1.0) / after;
            momentum = after;
            if back > 0.0 || !accelerated {
                (push, momentum) = (0.0, 1.0);
            }
            for ((ahead, next), moved) in ahead.iter_mut().zip(&next).zip(&moved) {
                *ahead = next + push * moved;
            }
            z = next;
            watch(&z);
            if far < STILL {
                break;
            }
        }
        z
    }
}

/// The largest eigenvalue of G, or a little more: the largest sum of a row's sizes.
fn largest(bowl: &Bowl) -> f64 {
    let rows = bowl.curvature.chunks_exact(bowl.dimension().max(1));
    let sums = rows.map(|row| row.iter().map(|g| g.abs()).sum::<f64>());
    sums.fold(0.0, f64::max)
}

impl Inference for Fista {
    fn infer(&self, energy: &Quadratic, beta: f64, rng: &mut Rng) -> Result<Inferred> {
        around(energy, &self.latent, (beta, rng), |bowl, _| {
            self.descend(bowl)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    /// κ·½‖y − Xw‖² of the script below, κ = 1/20.
    fn bowl() -> Bowl {
        let x = |row: usize, column: usize| {
            let i = (row * 6 + column) as f64;
            (0.7 * i + 0.3 * i.sqrt()).sin()
        };
        let w = [1.0, 0.0, 0.0, -0.5, 0.0, 0.8];
        let y: Vec<f64> = (0..20)
            .map(|row| {
                let product: f64 = (0..6).map(|column| x(row, column) * w[column]).sum();
                (1.3 * row as f64).cos() + product
            })
            .collect();
        let sum = |f: &dyn Fn(usize) -> f64| (0..20).map(f).sum::<f64>();
        Bowl {
            precision: 1.0 / 20.0,
            constant: sum(&|row| y[row] * y[row]),
            slope: (0..6).map(|a| sum(&|row| x(row, a) * y[row])).collect(),
            curvature: (0..36)
                .map(|ab| sum(&|row| x(row, ab / 6) * x(row, ab % 6)))
                .collect(),
        }
    }

    #[test]
    fn the_objective_is_scikit_learns() {
        // import numpy as np
        // from sklearn.linear_model import Lasso
        // i = np.arange(120)
        // X = np.sin(0.7 * i + 0.3 * np.sqrt(i)).reshape(20, 6)
        // y = np.cos(1.3 * np.arange(20)) + X @ np.array([1.0, 0, 0, -0.5, 0, 0.8])
        // for a in (0.02, 0.1, 0.4):
        //     w = Lasso(alpha=a, fit_intercept=False, tol=1e-12, max_iter=100000).fit(X, y).coef_
        //     print(((y - X @ w)**2).sum() / 40 + a * np.abs(w).sum(), w)
        for (weight, objective, active) in [
            (0.02, 0.255086304, vec![3, 4]),
            (0.1, 0.321350094, vec![3]),
            (0.4, 0.448588738, vec![3]),
        ] {
            let latent = Sparse {
                dimension: 6,
                weight,
            };
            let fista = Fista {
                latent,
                steps: 5000,
            };
            let mut rng = Seed(1).stream("test", 0);
            let energy = Quadratic::from_bowls(vec![bowl()]);
            let found = fista.infer(&energy, 1.0, &mut rng).unwrap();
            let energy = found.energy[0];
            assert!((energy - objective).abs() < 1e-6, "{energy} {objective}");
            let nonzero: Vec<usize> = (0..6).filter(|&k| found.best[0][k] != 0.0).collect();
            assert_eq!(nonzero, active);
        }
    }

    #[test]
    fn without_momentum_it_falls_at_every_step_to_the_same_energy() {
        let latent = Sparse {
            dimension: 6,
            weight: 0.05,
        };
        let fista = Fista {
            latent,
            steps: 20_000,
        };
        let [fast, slow] = [true, false].map(|momentum| fista.course(&bowl(), momentum));
        assert!(slow.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
        let ends = [fast[fast.len() - 1], slow[slow.len() - 1]];
        assert!((ends[0] - ends[1]).abs() < 1e-6, "{ends:?}");
        assert!(fast.len() < slow.len(), "{} {}", fast.len(), slow.len());
    }

    #[test]
    fn sixty_steps_are_within_a_percent() {
        let latent = Sparse {
            dimension: 6,
            weight: 0.05,
        };
        let energy = |steps: usize| {
            let z = Fista { latent, steps }.descend(&bowl());
            bowl().cost(&z) + latent.cost(&z)
        };
        assert!(
            energy(60) <= 1.01 * energy(5000),
            "{} {}",
            energy(60),
            energy(5000)
        );
    }
}
