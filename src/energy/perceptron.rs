//! A multilayer perceptron, with derivatives along a direction inside the graph.

use crate::error::Result;
use crate::models::{Init, Scope};
use crate::ops;
use candle_core::Tensor;

/// Linear layers with silu between them, (B, inputs) → (B, outputs).
///
/// Built from `Weights` it can be trained; from `Frozen` ones, samplers and searches over
/// its input walk through it at no cost for the weights' gradients.
#[derive(Debug, Clone)]
pub struct Perceptron {
    /// W (outputs, inputs) and b (outputs) of each layer.
    layers: Vec<(Tensor, Tensor)>,
}

/// Values (B, outputs), their derivatives along v and the second ones.
#[derive(Debug, Clone)]
pub struct Along {
    /// f(y).
    pub value: Tensor,
    /// d/dt f(y + tv) at t = 0.
    pub first: Tensor,
    /// d²/dt² f(y + tv) at t = 0.
    pub second: Tensor,
}

impl Perceptron {
    /// Layers between these sizes, at least two. `corners` is the spread of the first
    /// layer's weights times √inputs: the larger, the finer what can be learned soon.
    ///
    /// # Errors
    /// Those of the scope.
    pub fn new(sizes: &[usize], corners: f64, mut scope: Scope) -> Result<Self> {
        debug_assert!(sizes.len() >= 2);
        let last = sizes.len() - 2;
        let layer = |(index, pair): (usize, &[usize])| -> Result<_> {
            let mut scope = scope.scope(&format!("layer{index}"));
            let (gain, spread) = match index {
                _ if index == last => (1.0, 0.0),
                0 => (corners, 0.5 * corners),
                _ => (1.4, 0.3),
            };
            let std = gain / (pair[0] as f64).sqrt();
            let weight = scope.get("weight", (pair[1], pair[0]), Init::Normal { std })?;
            let bias = scope.get("bias", pair[1], Init::Uniform { bound: spread })?;
            Ok((weight, bias))
        };
        let layers = sizes.windows(2).enumerate().map(layer);
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// (B, inputs) → (B, outputs).
    ///
    /// # Errors
    /// Another shape.
    pub fn forward(&self, y: &Tensor) -> Result<Tensor> {
        let last = self.layers.len() - 1;
        let mut value = y.clone();
        for (index, (weight, bias)) in self.layers.iter().enumerate() {
            value = ops::linear(&value, weight, bias)?;
            if index < last {
                value = ops::silu(&value)?;
            }
        }
        Ok(value)
    }

    /// Values and derivatives along v (B, inputs) at y (B, inputs), each differentiable in
    /// the weights: the derivatives are carried forward through the layers beside the
    /// values (Taylor-mode differentiation), so that no gradient of a gradient is taken,
    /// which candle would leave without one.
    ///
    /// # Errors
    /// Another shape.
    pub fn along(&self, y: &Tensor, v: &Tensor) -> Result<Along> {
        let last = self.layers.len() - 1;
        let (mut value, mut first) = (y.clone(), v.clone());
        let mut second = v.zeros_like()?;
        for (index, (weight, bias)) in self.layers.iter().enumerate() {
            let weight = weight.t()?;
            value = value.matmul(&weight)?.broadcast_add(bias)?;
            first = first.matmul(&weight)?;
            second = second.matmul(&weight)?;
            if index == last {
                break;
            }
            // silu(a) = a s, silu'(a) = s(1 + a(1 − s)),
            // silu''(a) = s(1 − s)(2 + a(1 − 2s)), s the sigmoid of a.
            let s = candle_nn::ops::sigmoid(&value)?;
            let rest = (1.0 - &s)?;
            let once = (&s * ((&value * &rest)? + 1.0)?)?;
            let twice = ((&s * &rest)? * ((&value * (1.0 - (&s * 2.0)?)?)? + 2.0)?)?;
            second = ((&once * second)? + (twice * first.sqr()?)?)?;
            first = (once * first)?;
            value = (value * s)?;
        }
        Ok(Along {
            value,
            first,
            second,
        })
    }

    /// The derivatives along each input: ∂f/∂yᵢ (B, outputs) for each i.
    ///
    /// # Errors
    /// Another shape.
    pub fn jacobian(&self, y: &Tensor) -> Result<Vec<Tensor>> {
        let (count, d) = y.dims2()?;
        let column = |axis: usize| -> Result<Tensor> {
            let one: Vec<f32> = (0..d).map(|a| f32::from(u8::from(a == axis))).collect();
            let v = Tensor::from_vec(one, (1, d), y.device())?.broadcast_as((count, d))?;
            Ok(self.along(y, &v.contiguous()?)?.first)
        };
        (0..d).map(column).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source as _, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn the_jacobian_is_a_finite_difference() {
        let mut weights = Weights::new(Seed(5), &Device::Cpu);
        let network = Perceptron::new(&[2, 12, 12, 3], 2.0, weights.root()).unwrap();
        let mut rng = Seed(6).stream("test", 0);
        let y = rng.normal_tensor((7, 2), &Device::Cpu).unwrap();
        let jacobian = network.jacobian(&y).unwrap();
        for (axis, found) in jacobian.iter().enumerate() {
            let step = [[0.01f32, 0.0], [0.0, 0.01]][axis];
            let step = Tensor::new(&[step], &Device::Cpu).unwrap();
            let ahead = network.forward(&y.broadcast_add(&step).unwrap()).unwrap();
            let behind = network.forward(&y.broadcast_sub(&step).unwrap()).unwrap();
            let slope = ((ahead - behind).unwrap() * 50.0).unwrap();
            let off = (slope - found).unwrap().abs().unwrap().max_all().unwrap();
            assert!(off.to_scalar::<f32>().unwrap() < 2e-3);
        }
    }

    #[test]
    fn every_weight_gets_a_gradient() {
        let mut weights = Weights::new(Seed(5), &Device::Cpu);
        let network = Perceptron::new(&[2, 8, 8, 1], 2.0, weights.root()).unwrap();
        let y = Tensor::new(&[[0.3f32, -0.8], [1.0, 0.5]], &Device::Cpu).unwrap();
        let loss = network.forward(&y).unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        for (name, var) in weights.pairs() {
            assert!(gradients.get(var).is_some(), "{name} has no gradient");
        }
    }
}
