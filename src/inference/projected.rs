//! Inference by projected gradient steps, from wherever z was left before.

use super::{Inference, Inferred};
use crate::energy::{Bowl, Quadratic};
use crate::error::{Error, Result};
use crate::latent::{Ball, Latent};
use crate::rng::Rng;

/// Steps z ← P(z − ∇E(z)/L) along the gradient, L its largest curvature and P the
/// nearest point in the ball, in which z is free: each lowers the energy. A z that was
/// there before is a warm start, from which one step a visit is enough (GLO, Bojanowski
/// et al. 2018); one that is new begins at 0 and takes more.
///
/// A draw is z* itself, F_β its energy: what limits z is the ball alone.
#[derive(Debug, Clone, Copy)]
pub struct Projected {
    /// The latent.
    pub latent: Ball,
    /// Steps from 0.
    pub steps: usize,
    /// Steps from a warm start.
    pub warm: usize,
}

impl Projected {
    fn descend(&self, bowl: &Bowl, start: Option<&[f64]>) -> Vec<f64> {
        let step = 1.0 / largest(bowl).max(1e-12);
        let (mut z, steps) = match start {
            Some(z) => (z.to_vec(), self.warm),
            None => (vec![0.0; bowl.dimension()], self.steps),
        };
        for _ in 0..steps {
            let bent = bowl.bend(&z);
            let down = bowl.slope.iter().zip(&bent).zip(&z);
            let down = down.map(|((slope, bent), z)| z + step * (slope - bent));
            z = self.latent.within(down.collect());
        }
        z
    }
}

/// The largest eigenvalue of G, by power iteration, and a tenth more to be safe.
fn largest(bowl: &Bowl) -> f64 {
    let d = bowl.dimension();
    let mut v: Vec<f64> = (0..d).map(|i| 1.0 + 0.1 * (i % 7) as f64).collect();
    let mut size = 0.0;
    for _ in 0..20 {
        let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm <= 0.0 {
            return 0.0;
        }
        v.iter_mut().for_each(|v| *v /= norm);
        v = bowl.bend(&v);
        size = v.iter().map(|v| v * v).sum::<f64>().sqrt();
    }
    1.1 * size
}

impl Inference for Projected {
    fn infer_from(
        &self,
        energy: &Quadratic,
        starts: &[Option<Vec<f64>>],
        _beta: f64,
        _rng: &mut Rng,
    ) -> Result<Inferred> {
        let mut inferred = Inferred::default();
        for (index, bowl) in energy.bowls().iter().enumerate() {
            let start = starts.get(index).and_then(Option::as_deref);
            let z = self.descend(bowl, start);
            let found = bowl.cost(&z) + self.latent.cost(&z);
            if !found.is_finite() {
                return Err(Error::NotFinite {
                    what: "the energy where descent ended".to_owned(),
                });
            }
            inferred.energy.push(found);
            inferred.free_energy.push(found);
            inferred.sample.push(z.clone());
            inferred.best.push(z);
        }
        Ok(inferred)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn bowl() -> Bowl {
        Bowl {
            precision: 3.0,
            constant: 9.0,
            slope: vec![0.4, -0.7, 0.3],
            curvature: vec![2.0, 0.3, 0.1, 0.3, 1.0, -0.2, 0.1, -0.2, 0.5],
        }
    }

    /// numpy: np.linalg.solve(G, q), which lies in the ball.
    const LEAST: [f64; 3] = [0.298_944_90, -0.740_914_42, 0.243_845_25];

    #[test]
    fn it_ends_at_the_least_energy_in_the_ball() {
        let latent = Ball { dimension: 3 };
        let descent = Projected {
            latent,
            steps: 300,
            warm: 1,
        };
        let mut far = bowl();
        far.slope = vec![40.0, -70.0, 30.0];
        let energy = Quadratic::from_bowls(vec![bowl(), far.clone()]);
        let mut rng = Seed(1).stream("test", 0);
        let found = descent.infer(&energy, 1.0, &mut rng).unwrap();
        for (found, truth) in found.best[0].iter().zip(LEAST) {
            assert!((found - truth).abs() < 1e-6, "{found} {truth}");
        }
        // On the edge, no small turn is better.
        let edge = &found.best[1];
        let square: f64 = edge.iter().map(|z| z * z).sum();
        assert!((square - 3.0).abs() < 1e-9);
        for (i, j) in [(0, 1), (1, 2), (2, 0)] {
            for turn in [-1e-3f64, 1e-3] {
                let mut other = edge.clone();
                other[i] = edge[i] * turn.cos() - edge[j] * turn.sin();
                other[j] = edge[i] * turn.sin() + edge[j] * turn.cos();
                assert!(far.cost(&other) > far.cost(edge) - 1e-6);
            }
        }
    }

    #[test]
    fn visits_get_there_one_step_at_a_time() {
        let descent = Projected {
            latent: Ball { dimension: 3 },
            steps: 5,
            warm: 1,
        };
        let energy = Quadratic::from_bowls(vec![bowl()]);
        let mut rng = Seed(1).stream("test", 0);
        let first = descent.infer(&energy, 1.0, &mut rng).unwrap();
        let mut z = first.best[0].clone();
        let mut last = first.energy[0];
        for _ in 0..200 {
            let found = descent
                .infer_from(&energy, &[Some(z)], 1.0, &mut rng)
                .unwrap();
            assert!(found.energy[0] <= last + 1e-12);
            last = found.energy[0];
            z = found.best[0].clone();
        }
        assert!((last - bowl().cost(&LEAST)).abs() < 1e-9);
    }
}
