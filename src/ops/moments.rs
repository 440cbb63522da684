//! One variable's moments, and AdamW's step for it.

use super::adamw::AdamWConfig;
use super::kernel::{Parts, ranges, simd, values};
use crate::error::Result;
use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Tensor, Var};
use std::sync::Mutex;

/// Means of gradients and of their squares, f32.
pub(super) enum Moments {
    /// For the fused step.
    Fused { m: Vec<f32>, v: Vec<f32> },
    /// For the step composed of tensor operations.
    Composed { m: Tensor, v: Tensor },
}

/// The numbers one step multiplies with.
#[derive(Clone, Copy)]
pub(super) struct Rates {
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
    pub(super) fn new(config: AdamWConfig, learning_rate: f64, factor: f64, steps: usize) -> Self {
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

impl Moments {
    /// Zeros for a variable.
    pub(super) fn zeros(var: &Var, fused: bool) -> Result<Self> {
        if fused {
            return Ok(Self::Fused {
                m: vec![0.0; var.elem_count()],
                v: vec![0.0; var.elem_count()],
            });
        }
        let zeros = || Tensor::zeros(var.shape(), DType::F32, var.device());
        Ok(Self::Composed {
            m: zeros()?,
            v: zeros()?,
        })
    }

    /// Takes in a gradient and moves the variable.
    pub(super) fn step(&mut self, var: &Var, gradient: &Tensor, rates: Rates) -> Result<()> {
        match self {
            Self::Fused { m, v } => {
                let op = Step {
                    rates,
                    moments: Mutex::new((m, v)),
                };
                Ok(var.inplace_op2(gradient, &op)?)
            }
            Self::Composed { m, v } => composed(var, gradient, m, v, rates),
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
