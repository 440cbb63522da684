//! Exact inference where z is one of finitely many codes.

use super::{Inference, Inferred};
use crate::energy::{Bowl, Quadratic, Table};
use crate::error::Result;
use crate::latent::{Codes, Latent};
use crate::rng::Rng;

/// Looks at the energy of every code: a table whose argmin is z*, whose
/// softmin F_β = −β⁻¹ log Σ exp(−βE) and from which draws are exact.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// The codes.
    pub latent: Codes,
}

impl Search {
    /// E of every code of each sample.
    ///
    /// # Errors
    /// A sample of which no code has a finite energy.
    pub fn energies(&self, energy: &Quadratic) -> Result<Table> {
        Table::new(energy.bowls().iter().map(|bowl| self.table(bowl)).collect())
    }

    /// E of every code, Kᴹ numbers.
    fn table(&self, bowl: &Bowl) -> Vec<f64> {
        let (codes, d) = (self.latent, bowl.dimension());
        let prior = codes.cost(&[]);
        (0..codes.count())
            .map(|index| {
                let mut error = bowl.constant;
                for (m, a) in codes.choices(index).enumerate() {
                    let a = m * codes.size() + a;
                    error -= 2.0 * bowl.slope[a];
                    for (n, b) in codes.choices(index).enumerate() {
                        error += bowl.curvature[a * d + n * codes.size() + b];
                    }
                }
                // Not `max`, which would take what is not a number for 0.
                let error = if error < 0.0 { 0.0 } else { error };
                0.5 * bowl.precision * error + prior
            })
            .collect()
    }
}

impl Inference for Search {
    fn infer(&self, energy: &Quadratic, beta: f64, rng: &mut Rng) -> Result<Inferred> {
        let table = self.energies(energy)?;
        let draw = |shares: Vec<f64>| {
            let weights: Vec<f32> = shares.into_iter().map(|share| share as f32).collect();
            self.latent.vector(rng.weighted(&weights))
        };
        Ok(Inferred {
            best: (table.best().into_iter())
                .map(|code| self.latent.vector(code))
                .collect(),
            energy: table.least(),
            free_energy: table.free_energy(beta),
            sample: table.shares(beta).into_iter().map(draw).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn bowl() -> Bowl {
        Bowl {
            precision: 2.0,
            constant: 5.0,
            slope: vec![1.0, 0.5, -0.3, 2.0],
            curvature: vec![
                2.0, 0.1, 0.2, 0.3, //
                0.1, 1.0, 0.4, -0.2, //
                0.2, 0.4, 1.5, 0.0, //
                0.3, -0.2, 0.0, 3.0,
            ],
        }
    }

    #[test]
    fn the_table_equals_brute_force() {
        let latent = Codes::new(2, 2).unwrap();
        let table = Search { latent }.table(&bowl());
        for (index, entry) in table.iter().enumerate() {
            let z = latent.vector(index);
            let truth = bowl().cost(&z) + latent.cost(&z);
            assert!((entry - truth).abs() < 1e-12);
        }
    }

    #[test]
    fn draws_follow_the_softmin() {
        let latent = Codes::new(1, 4).unwrap();
        let search = Search { latent };
        let table = search.table(&bowl());
        let beta = 0.4;
        let energy = Quadratic::from_bowls(vec![bowl(); 20_000]);
        let mut rng = Seed(2).stream("test", 0);
        let found = search.infer(&energy, beta, &mut rng).unwrap();
        let partition: f64 = table.iter().map(|e| (-beta * e).exp()).sum();
        assert!((found.free_energy[0] + partition.ln() / beta).abs() < 1e-6);
        for (code, entry) in table.iter().enumerate() {
            let share = found.sample.iter().filter(|z| z[code] == 1.0).count() as f64 / 20_000.0;
            let truth = (-beta * entry).exp() / partition;
            assert!((share - truth).abs() < 0.015, "{share} {truth}");
        }
    }
}
