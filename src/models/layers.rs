//! Layers: weights and the operation that uses them.

use super::backbone::Activation;
use super::weights::{Init, Scope};
use crate::error::Result;
use crate::ops::{self, Convolution};
use candle_core::Tensor;

/// y = x Wᵀ + b over the last dimension.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// Weights of standard deviation `gain` / √inputs, bias 0.
    pub fn new(inputs: usize, outputs: usize, gain: f64, mut scope: Scope) -> Result<Self> {
        let init = match gain {
            0.0 => Init::Zeros,
            _ => Init::Normal {
                std: gain / (inputs as f64).sqrt(),
            },
        };
        Ok(Self {
            weight: scope.get("weight", (outputs, inputs), init)?,
            bias: scope.get("bias", outputs, Init::Zeros)?,
        })
    }

    /// W (outputs, inputs) and b (outputs).
    pub(super) fn parts(&self) -> (&Tensor, &Tensor) {
        (&self.weight, &self.bias)
    }

    /// (…, inputs) → (…, outputs).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &self.bias)
    }

    /// [`Self::forward`] plus `start` (outputs), the same everywhere.
    pub fn forward_from(&self, x: &Tensor, start: &Tensor) -> Result<Tensor> {
        ops::linear(x, &self.weight, &(&self.bias + start)?)
    }

    /// gelu of [`Self::forward`].
    pub fn forward_gelu(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear_gelu(x, &self.weight, &self.bias)
    }

    /// gelu of [`Self::forward`], by the error function.
    pub fn forward_gelu_exact(&self, x: &Tensor) -> Result<Tensor> {
        ops::linear_gelu_exact(x, &self.weight, &self.bias)
    }

    /// Jᵀg, g W: (…, outputs) → (…, inputs).
    pub fn pull(&self, g: &Tensor) -> Result<Tensor> {
        let weight = self.weight.t()?.contiguous()?;
        let none = Tensor::zeros(weight.dim(0)?, weight.dtype(), weight.device())?;
        ops::linear(g, &weight, &none)
    }

    /// [`Self::forward`] plus `residual` (…, outputs).
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        ops::linear_add(x, &self.weight, &self.bias, residual)
    }
}

/// Layer normalisation over the last dimension (Ba et al. 2016).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// Scale 1, shift 0.
    pub fn new(width: usize, scope: Scope) -> Result<Self> {
        Self::with_eps(width, 1e-5, scope)
    }

    /// [`Self::new`] with another number added to the variance.
    pub fn with_eps(width: usize, eps: f64, mut scope: Scope) -> Result<Self> {
        Ok(Self {
            weight: scope.get("weight", width, Init::Ones)?,
            bias: scope.get("bias", width, Init::Zeros)?,
            eps,
        })
    }

    /// (…, width) → (…, width).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// A 3×3 convolution over (B, h, w, channels).
#[derive(Debug, Clone)]
pub struct Convolve {
    weight: Tensor,
    bias: Tensor,
    shape: Convolution,
}

impl Convolve {
    /// Weights of standard deviation `gain` / √(9·inputs), bias 0.
    pub fn new(
        inputs: usize,
        outputs: usize,
        gain: f64,
        shape: Convolution,
        mut scope: Scope,
    ) -> Result<Self> {
        let init = match gain {
            0.0 => Init::Zeros,
            _ => Init::Normal {
                std: gain / (9.0 * inputs as f64).sqrt(),
            },
        };
        Ok(Self {
            weight: scope.get("weight", (outputs, 3, 3, inputs), init)?,
            bias: scope.get("bias", outputs, Init::Zeros)?,
            shape,
        })
    }

    /// (B, h, w, inputs) → (B, h', w', outputs).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::convolve(x, &self.weight, &self.bias, self.shape)
    }

    /// What `activation` makes of [`Self::forward`].
    pub fn forward_active(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        match activation {
            Activation::Gelu => ops::convolve_gelu(x, &self.weight, &self.bias, self.shape),
            Activation::Silu => ops::silu(&self.forward(x)?),
        }
    }

    /// Jᵀg, where it neither halves nor doubles: (B, h, w, outputs) → (B, h, w, inputs),
    /// the convolution with the weight turned round.
    pub fn pull(&self, g: &Tensor) -> Result<Tensor> {
        debug_assert_eq!(self.shape, Convolution::default());
        let (outputs, _, _, inputs) = self.weight.dims4()?;
        let turned: Vec<u32> = (0..9).rev().collect();
        let turned = Tensor::from_vec(turned, 9, g.device())?;
        let weight = self.weight.reshape((outputs, 9, inputs))?;
        let weight = weight.index_select(&turned, 1)?.permute((2, 1, 0))?;
        let weight = weight.contiguous()?.reshape((inputs, 3, 3, outputs))?;
        let none = Tensor::zeros(inputs, weight.dtype(), weight.device())?;
        ops::convolve(g, &weight, &none, self.shape)
    }

    /// [`Self::forward`] plus `residual` (B, h', w', outputs).
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        ops::convolve_add(x, &self.weight, &self.bias, residual, self.shape)
    }
}
