//! The AdamW optimiser.

use super::check::fused;
use super::kernel::{Parts, ranges, read, simd, values};
use crate::error::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, Device, InplaceOp2, Layout, Tensor, Var};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

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
}

/// Means of gradients and of their squares, f32.
enum Moments {
    /// For the fused step.
    Fused { m: Vec<f32>, v: Vec<f32> },
    /// For the step composed of tensor operations.
    Composed { m: Tensor, v: Tensor },
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
            let moments = if fused(&var) {
                Moments::Fused {
                    m: vec![0.0; var.elem_count()],
                    v: vec![0.0; var.elem_count()],
                }
            } else {
                let zeros = || Tensor::zeros(var.shape(), DType::F32, var.device());
                Moments::Composed {
                    m: zeros()?,
                    v: zeros()?,
                }
            };
            parameters.push(Parameter {
                name,
                var,
                optional: false,
                moments,
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
            let rates = Rates::new(config, learning_rate, factor, self.steps);
            parameter.step(&gradient, rates)?;
        }
        Ok(norm)
    }

    /// The moments, named `m.NAME` and `v.NAME`, f32 on the CPU; with
    /// [`steps`](Self::steps) all that [`load_state`](Self::load_state) needs.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = Vec::with_capacity(2 * self.parameters.len());
        for Parameter {
            name, var, moments, ..
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
        }
        Ok(state)
    }

    /// Takes over moments from [`state`](Self::state) and the number of steps
    /// behind them. Fails, with nothing changed, unless the names are exactly
    /// those of this optimiser, each f32 and of its variable's shape.
    pub fn load_state(&mut self, state: &HashMap<String, Tensor>, steps: usize) -> Result<()> {
        let mut loaded = Vec::with_capacity(self.parameters.len());
        for Parameter {
            name, var, moments, ..
        } in &self.parameters
        {
            let find = |kind: &str| -> Result<&Tensor> {
                let key = format!("{kind}.{name}");
                let subject = || format!("optimiser state: {key}");
                let hint = "load the state saved with this very model";
                let Some(tensor) = state.get(&key) else {
                    return Err(Error::input(subject(), "it is missing", hint));
                };
                if tensor.dtype() != DType::F32 || tensor.dims() != var.dims() {
                    let problem = format!(
                        "it is {:?} of shape {:?}, expected F32 of shape {:?}",
                        tensor.dtype(),
                        tensor.dims(),
                        var.dims()
                    );
                    return Err(Error::input(subject(), problem, hint));
                }
                Ok(tensor)
            };
            let (m, v) = (find("m")?, find("v")?);
            loaded.push(match moments {
                Moments::Fused { .. } => Moments::Fused {
                    m: m.flatten_all()?.to_vec1()?,
                    v: v.flatten_all()?.to_vec1()?,
                },
                Moments::Composed { .. } => Moments::Composed {
                    m: m.to_device(var.device())?,
                    v: v.to_device(var.device())?,
                },
            });
        }
        let known: HashSet<String> = self
            .parameters
            .iter()
            .flat_map(|p| [format!("m.{}", p.name), format!("v.{}", p.name)])
            .collect();
        if let Some(key) = state.keys().filter(|key| !known.contains(*key)).min() {
            return Err(Error::input(
                format!("optimiser state: {key}"),
                "no variable has this name",
                "load the state saved with this very model",
            ));
        }
        for (parameter, moments) in self.parameters.iter_mut().zip(loaded) {
            parameter.moments = moments;
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

/// The numbers one step multiplies with.
#[derive(Clone, Copy)]
struct Rates {
    beta1: f32,
    beta2: f32,
    /// Learning rate over the first moment's bias correction.
    rate: f32,
    /// Inverse root of the second moment's bias correction.
    root: f32,
    eps: f32,
    /// What decay leaves of a weight.
    keep: f32,
    /// What clipping leaves of a gradient.
    factor: f32,
}

impl Rates {
    fn new(config: AdamWConfig, learning_rate: f64, factor: f64, steps: usize) -> Self {
        let correction = |beta: f64| 1.0 - beta.powf(steps as f64);
        Self {
            beta1: config.beta1 as f32,
            beta2: config.beta2 as f32,
            rate: (learning_rate / correction(config.beta1)) as f32,
            root: (1.0 / correction(config.beta2).sqrt()) as f32,
            eps: config.eps as f32,
            keep: (1.0 - learning_rate * config.weight_decay) as f32,
            factor: factor as f32,
        }
    }
}

impl Parameter {
    fn step(&mut self, gradient: &Tensor, rates: Rates) -> Result<()> {
        match &mut self.moments {
            Moments::Fused { m, v } => {
                let op = Step {
                    rates,
                    moments: Mutex::new((m, v)),
                };
                Ok(self.var.inplace_op2(gradient, &op)?)
            }
            Moments::Composed { m, v } => composed(&self.var, gradient, m, v, rates),
        }
    }
}

fn composed(
    var: &Var,
    gradient: &Tensor,
    m: &mut Tensor,
    v: &mut Tensor,
    rates: Rates,
) -> Result<()> {
    let mean = |old: &Tensor, new: &Tensor, beta: f32| {
        old.affine(f64::from(beta), 0.0)?
            .add(&new.affine(f64::from(1.0 - beta), 0.0)?)
    };
    let gradient = gradient
        .to_dtype(DType::F32)?
        .affine(f64::from(rates.factor), 0.0)?;
    *m = mean(m, &gradient, rates.beta1)?;
    *v = mean(v, &gradient.sqr()?, rates.beta2)?;
    let size = v
        .sqrt()?
        .affine(f64::from(rates.root), f64::from(rates.eps))?;
    let change = m.div(&size)?.affine(f64::from(rates.rate), 0.0)?;
    let old = var.as_detached_tensor().to_dtype(DType::F32)?;
    let new = old.affine(f64::from(rates.keep), 0.0)?.sub(&change)?;
    Ok(var.set(&new.to_dtype(var.dtype())?)?)
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

simd! {
    fn update(rates: Rates, p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
        let Rates { beta1, beta2, rate, root, eps, keep, factor } = rates;
        for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            let g = g * factor;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * (g * g);
            *p = *p * keep - rate * *m / (v.sqrt() * root + eps);
        }
    }
}

struct Step<'a> {
    rates: Rates,
    /// candle hands the operation out by shared reference.
    moments: Mutex<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
}

impl InplaceOp2 for Step<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        p: &mut CpuStorage,
        layout: &Layout,
        g: &CpuStorage,
        g_layout: &Layout,
    ) -> candle_core::Result<()> {
        let g = values(g, g_layout)?;
        let (CpuStorage::F32(p), Some((start, end))) = (p, layout.contiguous_offsets()) else {
            candle_core::bail!("adamw: a variable must be contiguous f32")
        };
        let p = &mut p[start..end];
        let Ok(mut moments) = self.moments.lock() else {
            candle_core::bail!("adamw: an earlier step panicked")
        };
        let (m, v) = &mut *moments;
        if [g.len(), m.len(), v.len()] != [p.len(); 3] {
            candle_core::bail!("adamw: {} gradients for {} weights", g.len(), p.len())
        }
        let (p, m, v) = (Parts::of(p), Parts::of(m), Parts::of(v));
        ranges(g.len(), 16384, |range| {
            let (start, len) = (range.start, range.len());
            // SAFETY: ranges are disjoint, and all three buffers are as long as g.
            let (p, m, v) = unsafe { (p.part(start, len), m.part(start, len), v.part(start, len)) };
            update(self.rates, p, &g[range], m, v);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{bits, list, normal};

    fn vars() -> Vec<(String, Var)> {
        let w = Var::new(&[[0.5f32, -1.0, 2.0], [0.1, 0.0, -0.3]], &Device::Cpu).unwrap();
        let b = Var::new(&[1f32, -2.0, 0.5], &Device::Cpu).unwrap();
        vec![("w".into(), w), ("b".into(), b)]
    }

    fn grads(vars: &[(String, Var)], step: usize) -> GradStore {
        let t = step as f64;
        let w = Tensor::new(&[[1f32, -2.0, 3.0], [0.5, 0.25, -1.0]], &Device::Cpu).unwrap();
        let b = Tensor::new(&[0.1f32, 0.2, -0.3], &Device::Cpu).unwrap();
        let w = vars[0].1.mul(&(w * (t - 1.5)).unwrap()).unwrap();
        let b = vars[1].1.mul(&(b * (t + 1.0)).unwrap()).unwrap();
        let loss = w.sum_all().unwrap().add(&b.sum_all().unwrap()).unwrap();
        loss.backward().unwrap()
    }

    const CONFIG: AdamWConfig = AdamWConfig {
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-6,
        weight_decay: 0.1,
    };

    // Made with torch 2.15:
    // w = torch.tensor([[0.5, -1.0, 2.0], [0.1, 0.0, -0.3]], requires_grad=True)
    // b = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    // opt = torch.optim.AdamW([dict(params=[w], weight_decay=0.1), dict(params=[b],
    //     weight_decay=0.0)], lr=0.05, betas=(0.9, 0.99), eps=1e-6)
    // for t in range(5):
    //     cw = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]]) * (t - 1.5)
    //     cb = torch.tensor([0.1, 0.2, -0.3]) * (t + 1.0)
    //     opt.zero_grad(); ((w * cw).sum() + (b * cb).sum()).backward()
    //     print(torch.nn.utils.clip_grad_norm_([w, b], 2.0).item()); opt.step()
    // print(w.flatten().tolist(), b.tolist())
    const NORMS: [f64; 5] = [5.8815918, 2.0947852, 2.2556875, 6.0574851, 9.9600773];
    const WEIGHTS: [f64; 9] = [
        0.58131450,
        -1.06893897,
        2.04418802,
        0.19121490,
        0.09368965,
        -0.38626480,
        0.77330667,
        -2.22669482,
        0.72669512,
    ];

    fn trajectory(fused: bool) -> Vec<(String, Var)> {
        let vars = vars();
        let mut optimiser = AdamW::build(vars.clone(), CONFIG, |_| fused).unwrap();
        for (step, expected) in NORMS.iter().enumerate() {
            let norm = optimiser.step(&grads(&vars, step), 0.05, Some(2.0));
            assert!((norm.unwrap() / expected - 1.0).abs() < 1e-6);
        }
        assert_eq!(optimiser.steps(), 5);
        vars
    }

    #[test]
    fn it_follows_torch() {
        for fused in [true, false] {
            let vars = trajectory(fused);
            let weights = [list(&vars[0].1), list(&vars[1].1)].concat();
            for (weight, expected) in weights.iter().zip(WEIGHTS) {
                assert!((weight - expected).abs() < 2e-6, "{weight} {expected}");
            }
        }
    }

    #[test]
    fn a_loaded_state_goes_on_bit_for_bit() {
        let whole = trajectory(true);
        let vars = vars();
        let mut first = AdamW::new(vars.clone(), CONFIG).unwrap();
        for step in 0..2 {
            first.step(&grads(&vars, step), 0.05, Some(2.0)).unwrap();
        }
        let state: HashMap<String, Tensor> = first.state().unwrap().into_iter().collect();
        let mut second = AdamW::new(vars.clone(), CONFIG).unwrap();
        second.load_state(&state, first.steps()).unwrap();
        for step in 2..5 {
            second.step(&grads(&vars, step), 0.05, Some(2.0)).unwrap();
        }
        for ((_, a), (_, b)) in whole.iter().zip(&vars) {
            assert_eq!(bits(a), bits(b));
        }

        let mut missing = state.clone();
        missing.remove("v.b");
        let mut extra = state.clone();
        extra.insert("m.x".into(), state["m.b"].clone());
        let mut shape = state.clone();
        shape.insert("m.w".into(), state["m.b"].clone());
        for (state, words) in [
            (missing, ["v.b", "missing"]),
            (extra, ["m.x", "no variable"]),
            (shape, ["m.w", "[2, 3]"]),
        ] {
            let message = second.load_state(&state, 0).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }

    #[test]
    fn it_refuses_what_would_spoil_the_weights() {
        let vars = vars();
        let mut optimiser = AdamW::new(vars.clone(), CONFIG).unwrap();
        let before = bits(&vars[0].1);
        let loss = (vars[0].1.sum_all().unwrap() * f64::NAN).unwrap();
        let only_w = loss.backward().unwrap();
        let message = optimiser.step(&only_w, 0.1, None).unwrap_err().to_string();
        assert!(message.contains("variable b"), "{message}");
        optimiser.mark_optional("b").unwrap();
        assert!(optimiser.mark_optional("c").is_err());
        assert!(optimiser.step(&only_w, 0.1, Some(1.0)).unwrap().is_nan());
        assert_eq!((bits(&vars[0].1), optimiser.steps()), (before, 0));
        assert!(optimiser.step(&only_w, f64::NAN, None).is_err());
        assert!(optimiser.step(&only_w, 0.1, Some(0.0)).is_err());
        let twice = vec![vars[0].clone(), vars[0].clone()];
        assert!(AdamW::new(twice, CONFIG).is_err());
        let beta2 = 1.0;
        assert!(AdamW::new(vars, AdamWConfig { beta2, ..CONFIG }).is_err());
    }

    #[test]
    fn large_variables_take_the_same_step() {
        let var = |draw| Var::from_tensor(&normal(&[257, 301], draw)).unwrap();
        let (a, b) = (var(1), var(1));
        for (var, fused) in [(&a, true), (&b, false)] {
            let vars = vec![("w".into(), var.clone())];
            let mut optimiser = AdamW::build(vars, CONFIG, |_| fused).unwrap();
            let loss = var.sqr().unwrap().sum_all().unwrap();
            optimiser
                .step(&loss.backward().unwrap(), 0.1, None)
                .unwrap();
        }
        let pairs = list(&a).into_iter().zip(list(&b));
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
