//! The AdamW optimiser.

use super::check::fused;
use super::kernel::{read, simd};
use super::moments::{Moments, Rates};
use crate::error::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// What [`AdamW`] is set to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients, in [0, 1).
    pub beta1: f64,
    /// Decay of the mean of squared gradients, in [0, 1).
    pub beta2: f64,
    /// Added to the root of the mean of squares, above 0.
    pub eps: f64,
    /// Share of a weight lost per step and unit of learning rate, at least 0.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
        }
    }
}

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019), as in PyTorch.
///
/// Weight decay applies to variables of two or more dimensions: matrices and
/// kernels, not biases and norms.
pub struct AdamW {
    parameters: Vec<Parameter>,
    config: AdamWConfig,
    steps: usize,
}

struct Parameter {
    name: String,
    var: Var,
    optional: bool,
    moments: Moments,
    /// Gradients behind the moments.
    steps: usize,
}

impl AdamW {
    /// An optimiser of these named variables, with moments of zero.
    ///
    /// Fails on a setting out of its range, a name given twice and a variable
    /// that is not of a float type.
    pub fn new(vars: Vec<(String, Var)>, config: AdamWConfig) -> Result<Self> {
        Self::build(vars, config, fused)
    }

    fn build(
        vars: Vec<(String, Var)>,
        config: AdamWConfig,
        fused: impl Fn(&Tensor) -> bool,
    ) -> Result<Self> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let decay = config.weight_decay;
        for (name, value, good, expected) in [
            ("beta1", config.beta1, share(config.beta1), "in [0, 1)"),
            ("beta2", config.beta2, share(config.beta2), "in [0, 1)"),
            ("eps", config.eps, positive(config.eps), "above 0"),
            (
                "weight_decay",
                decay,
                decay == 0.0 || positive(decay),
                "at least 0",
            ),
        ] {
            if !good {
                return Err(Error::input(
                    format!("AdamW: {name}"),
                    format!("it is {value}, expected a number {expected}"),
                    "the usual values are beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0.01",
                ));
            }
        }
        let mut seen = HashSet::new();
        let mut parameters = Vec::with_capacity(vars.len());
        for (name, var) in vars {
            if !seen.insert(name.clone()) {
                return Err(Error::input(
                    format!("AdamW: variable {name}"),
                    "the name is given twice",
                    "give each variable a name of its own",
                ));
            }
            if !var.dtype().is_float() {
                return Err(Error::input(
                    format!("AdamW: variable {name}"),
                    format!("its dtype is {:?}, expected a float", var.dtype()),
                    "leave it out of the optimiser",
                ));
            }
            let moments = Moments::zeros(&var, fused(&var))?;
            parameters.push(Parameter {
                name,
                var,
                optional: false,
                moments,
                steps: 0,
            });
        }
        Ok(Self {
            parameters,
            config,
            steps: 0,
        })
    }

    /// Lets a variable be without a gradient in some steps, which then leave
    /// it as it is. Fails on an unknown name.
    pub fn mark_optional(&mut self, name: &str) -> Result<()> {
        match self.parameters.iter_mut().find(|p| p.name == name) {
            Some(parameter) => {
                parameter.optional = true;
                Ok(())
            }
            None => Err(Error::input(
                format!("AdamW: variable {name}"),
                "there is no such variable",
                "mark one of those the optimiser was made with",
            )),
        }
    }

    /// Steps taken so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// One step down the gradients, first scaled so that their global norm is
    /// at most `clip`. Returns the global norm before clipping.
    ///
    /// A norm that is not finite is returned with nothing changed: the caller
    /// decides whether to go on. Fails on a variable without a gradient that is
    /// not marked optional, and on a learning rate that is not a finite number
    /// of at least 0 or a clip that is not above 0.
    pub fn step(
        &mut self,
        grads: &GradStore,
        learning_rate: f64,
        clip: Option<f64>,
    ) -> Result<f64> {
        if !(learning_rate >= 0.0 && learning_rate.is_finite()) {
            return Err(Error::input(
                "AdamW: learning rate",
                format!("it is {learning_rate}, expected a finite number of at least 0"),
                "check the schedule",
            ));
        }
        if let Some(clip) = clip.filter(|&clip| clip.is_nan() || clip <= 0.0) {
            return Err(Error::input(
                "AdamW: clip",
                format!("it is {clip}, expected a norm above 0"),
                "leave it out to clip nothing",
            ));
        }
        let mut gradients = Vec::with_capacity(self.parameters.len());
        for parameter in &self.parameters {
            let gradient = grads.get(parameter.var.as_tensor());
            if gradient.is_none() && !parameter.optional {
                return Err(Error::input(
                    format!("AdamW: variable {}", parameter.name),
                    "it has no gradient, so the loss does not depend on it",
                    "use it in the loss, leave it out of the optimiser or mark it optional",
                ));
            }
            gradients.push(gradient.map(|g| g.contiguous()).transpose()?);
        }
        let norm = norm(gradients.iter().flatten())?;
        if !norm.is_finite() {
            return Ok(norm);
        }
        self.steps += 1;
        let factor = match clip {
            // As torch.nn.utils.clip_grad_norm_.
            Some(clip) => (clip / (norm + 1e-6)).min(1.0),
            None => 1.0,
        };
        for (parameter, gradient) in self.parameters.iter_mut().zip(gradients) {
            let Some(gradient) = gradient else { continue };
            let decayed = parameter.var.rank() >= 2;
            let weight_decay = if decayed {
                self.config.weight_decay
            } else {
                0.0
            };
            let config = AdamWConfig {
                weight_decay,
                ..self.config
            };
            // Of this variable's own steps: moments that start late are as
            // far from their means as others were at the start.
            parameter.steps += 1;
            let rates = Rates::new(config, learning_rate, factor, parameter.steps);
            parameter.moments.step(&parameter.var, &gradient, rates)?;
        }
        Ok(norm)
    }

    /// The moments, named `m.NAME` and `v.NAME`, and how many gradients are
    /// behind them, `t.NAME` (1,); f32 on the CPU. With [`steps`](Self::steps)
    /// all that [`load_state`](Self::load_state) needs.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = Vec::with_capacity(3 * self.parameters.len());
        for Parameter {
            name,
            var,
            moments,
            steps,
            ..
        } in &self.parameters
        {
            let (m, v) = match moments {
                Moments::Fused { m, v } => {
                    let tensor = |values: &Vec<f32>| {
                        Tensor::from_vec(values.clone(), var.shape(), &Device::Cpu)
                    };
                    (tensor(m)?, tensor(v)?)
                }
                Moments::Composed { m, v } => {
                    (m.to_device(&Device::Cpu)?, v.to_device(&Device::Cpu)?)
                }
            };
            state.push((format!("m.{name}"), m));
            state.push((format!("v.{name}"), v));
            let steps = Tensor::new(&[*steps as f32], &Device::Cpu)?;
            state.push((format!("t.{name}"), steps));
        }
        Ok(state)
    }

    /// Takes over a [`state`](Self::state) and the number of steps taken until
    /// then. Fails, with nothing changed, unless the names are exactly those of
    /// this optimiser, each f32 and of its shape.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>, steps: usize) -> Result<()> {
        let mut loaded = Vec::with_capacity(self.parameters.len());
        for Parameter {
            name, var, moments, ..
        } in &self.parameters
        {
            let find = |kind: &str, shape: &[usize]| -> Result<&Tensor> {
                let key = format!("{kind}.{name}");
                let subject = || format!("optimiser state: {key}");
                let hint = "load the state saved with this very model";
                let Some(tensor) = state.get(&key) else {
                    return Err(Error::input(subject(), "it is missing", hint));
                };
                if tensor.dtype() != DType::F32 || tensor.dims() != shape {
                    let problem = format!(
                        "it is {:?} of shape {:?}, expected F32 of shape {:?}",
                        tensor.dtype(),
                        tensor.dims(),
                        shape
                    );
                    return Err(Error::input(subject(), problem, hint));
                }
                Ok(tensor)
            };
            let (m, v) = (find("m", var.dims())?, find("v", var.dims())?);
            let steps = find("t", &[1])?.to_vec1::<f32>()?[0] as usize;
            let moments = match moments {
                Moments::Fused { .. } => Moments::Fused {
                    m: m.flatten_all()?.to_vec1()?,
                    v: v.flatten_all()?.to_vec1()?,
                },
                Moments::Composed { .. } => Moments::Composed {
                    m: m.to_device(var.device())?,
                    v: v.to_device(var.device())?,
                },
            };
            loaded.push((moments, steps));
        }
        let known: HashSet<String> = self
            .parameters
            .iter()
            .flat_map(|p| ["m", "v", "t"].map(|kind| format!("{kind}.{}", p.name)))
            .collect();
        if let Some(key) = state.keys().filter(|key| !known.contains(*key)).min() {
            return Err(Error::input(
                format!("optimiser state: {key}"),
                "no variable has this name",
                "load the state saved with this very model",
            ));
        }
        for (parameter, (moments, steps)) in self.parameters.iter_mut().zip(loaded) {
            parameter.moments = moments;
            parameter.steps = steps;
        }
        self.steps = steps;
        Ok(())
    }
}

/// The root of the sum of all squares, in a fixed order.
fn norm<'a>(gradients: impl Iterator<Item = &'a Tensor>) -> Result<f64> {
    let mut total = 0f64;
    for gradient in gradients {
        total += if fused(gradient) {
            read(gradient, |values| {
                let sums: Vec<f64> = values.par_chunks(1 << 16).map(sum_of_squares).collect();
                sums.into_iter().sum::<f64>()
            })?
        } else {
            let squares = gradient.to_dtype(DType::F32)?.sqr()?.sum_all()?;
            f64::from(squares.to_scalar::<f32>()?)
        };
    }
    Ok(total.sqrt())
}

simd! {
    /// Σ x² in f64.
    fn sum_of_squares(x: &[f32]) -> f64 {
        let mut sums = [0f64; 16];
        let chunks = x.chunks_exact(16);
        let rest: f64 = chunks.remainder().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        for chunk in chunks {
            for (sum, &x) in sums.iter_mut().zip(chunk) {
                *sum += f64::from(x) * f64::from(x);
            }
        }
        sums.into_iter().sum::<f64>() + rest
    }
}

#[cfg(test)]
mod tests;
