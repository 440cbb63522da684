//! p(z) as the energy alone has it, by Langevin steps: what a learned p(z | x) is held
//! against.

use super::noise::Noise;
use super::prior::Prior;
use crate::error::Result;
use crate::sampling::{Langevin, walk};
use candle_core::Tensor;
use std::f64::consts::TAU;

/// Steps to a draw.
const STEPS: usize = 60;

/// R(z), of each number of z on its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Regulariser {
    /// ½‖z‖².
    Square,
    /// λ‖z‖₁.
    Absolute(f64),
}

/// exp(−R(z)) / ∫exp(−R), whatever x is.
///
/// E(x, y, z) = ‖y − ŷ(x, z)‖²/2s² + R(z), and ∫exp(−E) dy is exp(−R(z)) times what does
/// not depend on z: so this is where Langevin steps over (y, z) end, y integrated out. (A
/// fixed prior, as SVG-FP's: Denton & Fergus 2018.) The steps are corrected (MALA), so
/// that their length leaves no trace.
#[derive(Debug, Clone, Copy)]
pub struct Walked {
    /// d.
    pub dimension: usize,
    /// R.
    pub regulariser: Regulariser,
}

impl Walked {
    /// R of each z (B, d), (B,).
    fn cost(&self, z: &Tensor) -> Result<Tensor> {
        Ok(match self.regulariser {
            Regulariser::Square => (z.sqr()?.sum(1)? * 0.5)?,
            Regulariser::Absolute(weight) => (z.abs()?.sum(1)? * weight)?,
        })
    }

    /// log ∫exp(−R).
    fn log_volume(&self) -> f64 {
        let each = match self.regulariser {
            Regulariser::Square => 0.5 * TAU.ln(),
            Regulariser::Absolute(weight) => (2.0 / weight).ln(),
        };
        each * self.dimension as f64
    }
}

impl Prior for Walked {
    fn surprise(&self, _context: &Tensor, z: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some((self.cost(z)? + self.log_volume())?))
    }

    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let shape = (context.dim(0)?, self.dimension);
        // How wide exp(−R/T) is, and the best length of a step: it falls so with the dimension
        // (Roberts & Rosenthal 1998), and is shorter where R has a kink.
        let (width, length) = match self.regulariser {
            Regulariser::Square => (temperature.sqrt(), 1.4),
            Regulariser::Absolute(weight) => {
                let width = std::f64::consts::SQRT_2 / weight * temperature;
                (
                    width,
                    0.9 * width / temperature.sqrt().max(f64::MIN_POSITIVE),
                )
            }
        };
        let noise = noise.rng();
        let start = (noise.normal_tensor(shape, context.device())? * width)?;
        let start = start.to_dtype(context.dtype())?;
        let langevin = Langevin {
            temperature,
            ..Langevin::corrected(length * (self.dimension as f64).powf(-1.0 / 6.0))
        };
        let field = |z: &Tensor| self.cost(z);
        let walked = walk((&langevin, &field), &start, STEPS, noise, |_| Ok(()))?;
        Ok(walked.place)
    }

    fn persists(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::{Gaussian, Latent, Sparse};
    use crate::rng::Seed;
    use candle_core::{DType, Device};

    #[test]
    fn draws_have_the_moments_of_the_regulariser() {
        let mut rng = Seed(1).stream("test", 0);
        let context = Tensor::zeros((2000, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let variance = |prior: Walked, temperature: f64, rng: &mut crate::rng::Rng| {
            let z = prior.sample(&context, temperature, &mut Noise::fresh(rng));
            let z = z.unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            z.iter().map(|z| f64::from(z * z)).sum::<f64>() / z.len() as f64
        };
        for dimension in [1, 16] {
            let square = Walked {
                dimension,
                regulariser: Regulariser::Square,
            };
            // 2,000 draws at least: 4 standard errors of a square's mean are 0.13.
            let found = variance(square, 1.0, &mut rng);
            assert!((found - 1.0).abs() < 0.13, "{found}");
            let cool = variance(square, 0.5, &mut rng);
            assert!((cool - 0.5).abs() < 0.07, "{cool}");
        }
        // 2/λ²; the square of a Laplace draw varies more.
        let absolute = Walked {
            dimension: 16,
            regulariser: Regulariser::Absolute(std::f64::consts::SQRT_2),
        };
        let found = variance(absolute, 1.0, &mut rng);
        assert!((found - 1.0).abs() < 0.07, "{found}");
        let cool = variance(absolute, 0.5, &mut rng);
        assert!((cool - 0.25).abs() < 0.03, "{cool}");
        for regulariser in [Regulariser::Square, absolute.regulariser] {
            let likeliest = Walked {
                dimension: 2,
                regulariser,
            };
            assert_eq!(variance(likeliest, 0.0, &mut rng), 0.0);
        }
    }

    #[test]
    fn the_density_is_the_latents_cost_and_sums_to_1() {
        let z = [0.3f32, -1.1];
        let row = Tensor::new(&[z], &Device::Cpu).unwrap();
        let numbers = z.map(f64::from);
        let pairs: [(Regulariser, &dyn Latent); 2] = [
            (Regulariser::Square, &Gaussian { dimension: 2 }),
            (
                Regulariser::Absolute(1.4),
                &Sparse {
                    dimension: 2,
                    weight: 1.4,
                },
            ),
        ];
        for (regulariser, latent) in pairs {
            let prior = Walked {
                dimension: 2,
                regulariser,
            };
            let surprise = prior.surprise(&row, &row).unwrap().unwrap();
            let found = f64::from(surprise.to_vec1::<f32>().unwrap()[0]);
            let truth = latent.cost(&numbers) + prior.log_volume();
            assert!((found - truth).abs() < 1e-5, "{found} {truth}");
            // ∫exp(−R) of one number, by sums.
            let one = Walked {
                dimension: 1,
                regulariser,
            };
            let sum: f64 = (-4000..4000)
                .map(|i| {
                    let z = f64::from(i) * 0.005;
                    let cost = match regulariser {
                        Regulariser::Square => 0.5 * z * z,
                        Regulariser::Absolute(weight) => weight * z.abs(),
                    };
                    (-cost).exp() * 0.005
                })
                .sum();
            assert!((sum.ln() - one.log_volume()).abs() < 1e-3);
        }
    }
}
