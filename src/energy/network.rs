//! E(y) as a small network.

use super::{Field, Perceptron};
use crate::error::Result;
use crate::models::Scope;
use candle_core::{D, Tensor};

/// E(y) = f(y) + ½‖y/reach‖²: a perceptron of two hidden layers beside a wide bowl, which
/// makes ∫exp(−E) finite wherever the network goes flat.
#[derive(Debug, Clone)]
pub struct ScalarNetwork {
    network: Perceptron,
    pull: f64,
}

/// E (B,), its derivative along v, vᵀ∇E (B,), and the second one, vᵀ∇²E v (B,).
#[derive(Debug, Clone)]
pub struct Directional {
    /// E.
    pub energy: Tensor,
    /// vᵀ∇E.
    pub slope: Tensor,
    /// vᵀ∇²E v.
    pub curvature: Tensor,
}

/// Corners sharp enough for shapes a twentieth of the plane wide; see [`Perceptron::new`].
const CORNERS: f64 = 3.0;

impl ScalarNetwork {
    /// Of `inputs` numbers through two layers of `width`; the bowl's width is `reach`.
    ///
    /// # Errors
    /// Those of the scope.
    pub fn new(inputs: usize, width: usize, reach: f64, scope: Scope) -> Result<Self> {
        Ok(Self {
            network: Perceptron::new(&[inputs, width, width, 1], CORNERS, scope)?,
            pull: 1.0 / (reach * reach),
        })
    }

    /// E and its derivatives along v (B, d) at y (B, d), each differentiable in the
    /// weights; see [`Perceptron::along`].
    ///
    /// # Errors
    /// Another shape.
    pub fn along(&self, y: &Tensor, v: &Tensor) -> Result<Directional> {
        let along = self.network.along(y, v)?;
        let bowl = (y.sqr()?.sum(1)? * (0.5 * self.pull))?;
        let bowl_slope = ((y * v)?.sum(1)? * self.pull)?;
        let bowl_curvature = (v.sqr()?.sum(1)? * self.pull)?;
        Ok(Directional {
            energy: (along.value.squeeze(D::Minus1)? + bowl)?,
            slope: (along.first.squeeze(D::Minus1)? + bowl_slope)?,
            curvature: (along.second.squeeze(D::Minus1)? + bowl_curvature)?,
        })
    }

    /// ∇E (B, d) at y (B, d), differentiable in the weights.
    ///
    /// # Errors
    /// Another shape.
    pub fn gradient(&self, y: &Tensor) -> Result<Tensor> {
        let slopes = Tensor::cat(&self.network.jacobian(y)?, 1)?;
        Ok((slopes + (y * self.pull)?)?)
    }
}

impl Field for ScalarNetwork {
    fn energy(&self, y: &Tensor) -> Result<Tensor> {
        let bowl = (y.sqr()?.sum(1)? * (0.5 * self.pull))?;
        Ok((self.network.forward(y)?.squeeze(D::Minus1)? + bowl)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source as _, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    fn numbers(t: &Tensor) -> Vec<f64> {
        let t = t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        t.into_iter().map(f64::from).collect()
    }

    #[test]
    fn derivatives_along_a_direction_are_finite_differences() {
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let network = ScalarNetwork::new(2, 16, 1.5, weights.root()).unwrap();
        let mut rng = Seed(2).stream("test", 0);
        let y = rng.normal_tensor((20, 2), &Device::Cpu).unwrap();
        let v = rng.normal_tensor((20, 2), &Device::Cpu).unwrap();
        let at = |step: f64| {
            let moved = (&y + (&v * step).unwrap()).unwrap();
            numbers(&network.energy(&moved).unwrap())
        };
        let found = network.along(&y, &v).unwrap();
        let h = 3e-2;
        let (ahead, here, behind) = (at(h), at(0.0), at(-h));
        let (energy, slope) = (numbers(&found.energy), numbers(&found.slope));
        let curvature = numbers(&found.curvature);
        let (_, field) = network.slope(&y).unwrap();
        let along = numbers(&(field * &v).unwrap().sum(1).unwrap());
        for i in 0..20 {
            assert!((energy[i] - here[i]).abs() < 1e-5);
            assert!(
                (slope[i] - along[i]).abs() < 1e-4,
                "{} {}",
                slope[i],
                along[i]
            );
            let second = (ahead[i] - 2.0 * here[i] + behind[i]) / (h * h);
            let room = 0.05 * second.abs().max(1.0);
            assert!(
                (curvature[i] - second).abs() < room,
                "{} {second}",
                curvature[i]
            );
        }
        let gradient = numbers(&network.gradient(&y).unwrap());
        let (_, slope) = network.slope(&y).unwrap();
        for (a, b) in gradient.iter().zip(numbers(&slope)) {
            assert!((a - b).abs() < 1e-4);
        }
    }

    #[test]
    fn every_weight_gets_the_gradient_of_a_finite_difference() {
        let mut weights = Weights::new(Seed(3), &Device::Cpu);
        let network = ScalarNetwork::new(2, 8, 1.5, weights.root()).unwrap();
        let mut rng = Seed(4).stream("test", 0);
        let y = rng.normal_tensor((30, 2), &Device::Cpu).unwrap();
        let v = rng.normal_tensor((30, 2), &Device::Cpu).unwrap();
        // What sliced score matching is made of.
        let loss = || -> Tensor {
            let found = network.along(&y, &v).unwrap();
            let square = (found.slope.sqr().unwrap() * 0.5).unwrap();
            (square - found.curvature).unwrap().mean_all().unwrap()
        };
        let gradients = loss().backward().unwrap();
        for (name, var) in weights.pairs() {
            // The last bias moves no derivative.
            let Some(gradient) = gradients.get(var) else {
                assert_eq!(name, "layer2.bias");
                continue;
            };
            let values = numbers(var.as_tensor());
            let set = |values: &[f64]| {
                let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
                var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap())
                    .unwrap();
            };
            for (index, gradient) in numbers(gradient).into_iter().enumerate().take(3) {
                let at = |step: f64| {
                    let mut moved = values.clone();
                    moved[index] += step;
                    set(&moved);
                    f64::from(loss().to_scalar::<f32>().unwrap())
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                set(&values);
                let room = 0.02 * slope.abs().max(0.1);
                assert!(
                    (slope - gradient).abs() < room,
                    "{name}[{index}]: {gradient} {slope}"
                );
            }
        }
        let plain = network.energy(&y).unwrap().sum_all().unwrap();
        let gradients = plain.backward().unwrap();
        for (name, var) in weights.pairs() {
            assert!(gradients.get(var).is_some(), "{name} has no gradient");
        }
    }
}
