//! From noise to samples, through fields of less and less noise.

use super::Langevin;
use super::state::found_finite;
use crate::energy::Field;
use crate::error::Result;
use crate::rng::Rng;
use candle_core::Tensor;

/// Annealed Langevin dynamics (Song & Ermon 2019): a step at each of some levels of noise,
/// from the most to the least, each on the energy of data with that much noise on them.
///
/// Few steps are enough where each takes as much noise off as the next level lacks
/// (Jolicoeur-Martineau et al. 2021, "consistent annealed sampling"): with γ = s'/s of two
/// levels, a Langevin step with ε² = 2(1 − γ²)s² at a temperature of γ²/2, which is also an
/// ancestral step of diffusion models (Ho et al. 2020; Song et al. 2021). The last one
/// leaves no noise: v' = v − s²∇E(v), the mean of what v can be without it (Robbins 1956).
/// It may be made again: an energy whose slope is not yet as long as it should be leaves a
/// part of the noise each time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cooled {
    /// Levels, at least 1, by equal factors.
    pub levels: usize,
    /// The most noise: a standard deviation, in units of v.
    pub most: f64,
    /// The least.
    pub least: f64,
    /// How often the last step is made again.
    pub settling: usize,
}

impl Cooled {
    /// The levels' standard deviations, from the most to the least.
    pub fn each(&self) -> Vec<f64> {
        let last = self.levels.max(2) - 1;
        let factor = (self.least / self.most).powf(1.0 / last as f64);
        let level = |index: usize| self.most * factor.powi(index as i32);
        (0..self.levels).map(level).collect()
    }

    /// Samples of which `start` (B, …) says where they are expected to be; `field` gives
    /// the energy at a level. `temperature` scales all noise but the first: 1 draws, 0
    /// takes what is likely.
    ///
    /// # Errors
    /// A step after which a place or an energy is not a number: it says which.
    pub fn draw<F: Field>(
        &self,
        field: impl Fn(f64) -> F,
        start: &Tensor,
        temperature: f64,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let noise = rng.normal_tensor(start.shape(), start.device())?;
        let mut place = (start + (noise * self.most)?)?;
        let mut levels = self.each();
        levels.extend(std::iter::repeat_n(self.least, self.settling));
        for (step, level) in levels.iter().enumerate() {
            let next = levels.get(step + 1).filter(|_| step + 1 < self.levels);
            let shrink = next.map_or(0.0, |next| next / level);
            let langevin = Langevin {
                temperature: temperature * 0.5 * shrink * shrink,
                ..Langevin::uncorrected(level * (2.0 * (1.0 - shrink * shrink)).sqrt())
            };
            let (energy, slope) = field(*level).slope(&place)?;
            found_finite(
                (&place, &energy),
                "annealed Langevin",
                step + 1,
                langevin.size,
            )?;
            place = langevin.proposal(&place, &slope, rng)?.detach();
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use candle_core::Device;

    /// Two points on the line, at −1 and 1.5, the second three times as likely, with noise
    /// of a level.
    struct Pair(f64);

    impl Field for Pair {
        fn energy(&self, v: &Tensor) -> Result<Tensor> {
            let near = |at: f64, share: f64| -> Result<Tensor> {
                let square = (v.affine(1.0, -at)?.sqr()?.sum(1)? * (-0.5 / (self.0 * self.0)))?;
                Ok((square + share.ln())?)
            };
            let both = Tensor::stack(&[near(-1.0, 0.25)?, near(1.5, 0.75)?], 1)?;
            Ok(both.log_sum_exp(1)?.neg()?)
        }
    }

    #[test]
    fn both_points_are_found_as_often_as_they_should_be() {
        let cooled = Cooled {
            levels: 60,
            most: 10.0,
            least: 0.02,
            settling: 1,
        };
        let levels = cooled.each();
        assert!((levels[0] - 10.0).abs() < 1e-9 && (levels[59] - 0.02).abs() < 1e-9);
        let mut rng = Seed(1).stream("test", 0);
        let start = Tensor::zeros((4000, 1), candle_core::DType::F32, &Device::Cpu).unwrap();
        let found = cooled.draw(Pair, &start, 1.0, &mut rng).unwrap();
        let found = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let near = |at: f32| found.iter().filter(|v| (*v - at).abs() < 0.1).count() as f64 / 4000.0;
        let (low, high) = (near(-1.0), near(1.5));
        // A share of 4,000 has a standard error of 0.007.
        assert!(
            (low - 0.25).abs() < 0.03 && (high - 0.75).abs() < 0.03,
            "{low} {high}"
        );
    }

    #[test]
    fn a_field_without_a_number_is_told_with_its_step() {
        let broken = |level: f64| {
            move |v: &Tensor| Ok((v.sum(1)? * if level < 1.0 { f64::NAN } else { 1.0 })?)
        };
        let cooled = Cooled {
            levels: 3,
            most: 4.0,
            least: 0.25,
            settling: 0,
        };
        let mut rng = Seed(1).stream("test", 0);
        let start = Tensor::zeros((2, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
        let said = cooled.draw(broken, &start, 1.0, &mut rng).unwrap_err();
        let said = said.to_string();
        assert!(
            said.contains("annealed Langevin") && said.contains("step 3"),
            "{said}"
        );
    }
}
