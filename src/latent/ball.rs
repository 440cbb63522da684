//! z in a ball.

use super::Latent;

/// A continuous latent that is free within ‖z‖ ≤ √d, where R(z) = 0; further out
/// nothing is. (The unit ball of GLO: Bojanowski et al. 2018, "Optimizing the latent
/// space of generative networks", scaled so that a number of z is about 1.)
#[derive(Debug, Clone, Copy)]
pub struct Ball {
    /// d.
    pub dimension: usize,
}

impl Ball {
    /// The nearest z within it.
    pub fn within(self, mut z: Vec<f64>) -> Vec<f64> {
        let square: f64 = z.iter().map(|z| z * z).sum();
        let most = self.dimension as f64;
        if square > most {
            let shrink = (most / square).sqrt();
            z.iter_mut().for_each(|z| *z *= shrink);
        }
        z
    }
}

impl Latent for Ball {
    fn dimension(&self) -> usize {
        self.dimension
    }

    /// 0 within the ball, and a hair beyond it by rounding.
    fn cost(&self, z: &[f64]) -> f64 {
        let square: f64 = z.iter().map(|z| z * z).sum();
        match square <= self.dimension as f64 * (1.0 + 1e-9) {
            true => 0.0,
            false => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_comes_to_its_edge() {
        let ball = Ball { dimension: 2 };
        assert_eq!(ball.within(vec![0.6, -0.8]), [0.6, -0.8]);
        let edge = ball.within(vec![3.0, 4.0]);
        assert!((edge[0] - 0.6 * 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(ball.cost(&edge), 0.0);
        assert_eq!(ball.cost(&[3.0, 4.0]), f64::INFINITY);
    }
}
