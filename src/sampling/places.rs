//! Gibbs sampling where each variable has finitely many values.

use crate::energy::Table;
use crate::error::Result;
use crate::rng::Rng;

/// The energy of one place's values, the rest held: one row of the table a chain.
pub trait Tabled {
    /// E of each value at `place`, the others as they stand in each chain.
    ///
    /// # Errors
    /// An energy that is not a number.
    fn table(&self, chains: &[Vec<u32>], place: usize) -> Result<Table>;
}

/// Draws one place after the other from what the others leave of it, p ∝ exp(−βE) (Geman
/// & Geman 1984), in an order of its own in each sweep.
///
/// Where no joint energy is known, only the conditionals, as of masked prediction, this is
/// what the dependency network that they make means (Heckerman et al. 2000; for BERT, Wang
/// & Cho 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Places {
    /// The inverse temperature, above 0.
    pub beta: f64,
    /// How often each place is drawn.
    pub sweeps: usize,
}

impl Places {
    /// Moves every chain.
    ///
    /// # Errors
    /// Those of the tables.
    pub fn walk(
        &self,
        tabled: &dyn Tabled,
        chains: &mut [Vec<u32>],
        places: &[usize],
        rng: &mut Rng,
    ) -> Result<()> {
        let mut order = places.to_vec();
        for _ in 0..self.sweeps {
            for index in 0..order.len() {
                let other = index + rng.below(order.len() - index);
                order.swap(index, other);
            }
            for &place in &order {
                let shares = tabled.table(chains, place)?.shares(self.beta);
                for (chain, shares) in chains.iter_mut().zip(shares) {
                    let shares: Vec<f32> = shares.into_iter().map(|share| share as f32).collect();
                    chain[place] = rng.weighted(&shares) as u32;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    /// Two places of three values that like to be the same, and the first value best.
    struct Alike;

    impl Alike {
        fn joint(v: [u32; 2]) -> f64 {
            f64::from(v[0]) * 0.5 + if v[0] == v[1] { 0.0 } else { 1.5 }
        }
    }

    impl Tabled for Alike {
        fn table(&self, chains: &[Vec<u32>], place: usize) -> Result<Table> {
            let row = |chain: &Vec<u32>| {
                (0..3)
                    .map(|value| {
                        let mut v = [chain[0], chain[1]];
                        v[place] = value;
                        Self::joint(v)
                    })
                    .collect()
            };
            Table::new(chains.iter().map(row).collect())
        }
    }

    #[test]
    fn chains_come_as_often_as_exp_of_minus_the_energy() {
        let mut rng = Seed(1).stream("test", 0);
        let mut chains = vec![vec![2, 0]; 20_000];
        let gibbs = Places {
            beta: 1.0,
            sweeps: 20,
        };
        gibbs.walk(&Alike, &mut chains, &[0, 1], &mut rng).unwrap();
        let all: Vec<[u32; 2]> = (0..9).map(|i| [i / 3, i % 3]).collect();
        let sum: f64 = all.iter().map(|&v| (-Alike::joint(v)).exp()).sum();
        for v in all {
            let expected = (-Alike::joint(v)).exp() / sum;
            let found = chains.iter().filter(|chain| **chain == v).count() as f64 / 20_000.0;
            assert!(
                (found - expected).abs() < 0.015,
                "{v:?}: {found} {expected}"
            );
        }
    }
}
