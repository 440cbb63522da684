//! A decoder that paints: ŷ(x, z) = m(x) + D(x) z, linear in z.
//!
//! A patch's part of D(x) z is (Σ_d z_d W_d) u(x): each z chooses one mixture
//! of d dictionaries W_d for the features u of the patch. So squared error is a
//! quadratic function of z whose coefficients cost three small matrix
//! products, whatever d is, and min over z needs no further pass.

use super::cells::Cells;
use super::decoder::InZ;
use super::layers::Linear;
use super::next_frame::NextFrameConfig;
use super::weights::{Init, Scope};
use crate::error::Result;
use crate::ops;
use candle_core::Tensor;

/// The name of W among a network's weights.
pub const DICTIONARIES: &str = "dictionaries";

/// D(x); see the module's head.
#[derive(Debug, Clone)]
pub(super) struct Paint {
    features: Linear,
    /// W: (d, pixels·basis).
    dictionaries: Tensor,
    pixels: usize,
    basis: usize,
    cells: Cells,
}

impl Paint {
    /// For patches of `pixels` numbers and z of `latent` numbers, those of one part of
    /// the frame after those of another.
    pub(super) fn new(
        config: &NextFrameConfig,
        pixels: usize,
        latent: usize,
        cells: Cells,
        mut scope: Scope,
    ) -> Result<Self> {
        let basis = config.basis;
        let std = config.latent_start / (basis as f64).sqrt();
        let features = Linear::new(config.backbone.width, basis, 1.0, scope.scope("features"))?;
        let shape = (latent / cells.count(), pixels * basis);
        Ok(Self {
            features,
            dictionaries: scope.get(DICTIONARIES, shape, Init::Normal { std })?,
            pixels,
            basis,
            cells,
        })
    }

    /// u(x): (B, N, width) → (B, N, basis).
    pub(super) fn basis(&self, features: &Tensor) -> Result<Tensor> {
        self.features.forward_gelu(features)
    }

    /// m + D(x) z, (B, N, pixels), of m (B, N, pixels), u (B, N, basis) and
    /// z (B, d).
    pub(super) fn decode(&self, mean: &Tensor, basis: &Tensor, z: &Tensor) -> Result<Tensor> {
        let (parts, latent) = (z.dim(0)? * self.cells.count(), self.dictionaries.dim(0)?);
        let shape = (parts, self.pixels, self.basis);
        let z = z.reshape((parts, latent))?;
        let mixture = z.matmul(&self.dictionaries)?.reshape(shape)?;
        let (basis, mean) = (self.cells.split(basis)?, self.cells.split(mean)?);
        self.cells
            .join(&ops::each_product(&basis, &mixture, &mean)?)
    }

    /// ‖y − m − D(x) z‖² = c − 2 qᵀz + zᵀG z: c (B,), q (B, d), G (B, d, d); where the
    /// frame has parts, of each as of an example of its own. Nothing of it is tracked.
    pub(super) fn squared_error(&self, mean: &Tensor, basis: &Tensor, y: &Tensor) -> Result<InZ> {
        let latent = self.dictionaries.dim(0)?;
        let (basis, dictionaries) = (&basis.detach(), &self.dictionaries.detach());
        let residual = self.cells.split(&(y - mean.detach())?)?;
        let basis = &self.cells.split(basis)?;
        let constant = residual.sqr()?.sum((1, 2))?;

        // q_d = ⟨W_d, rᵀu⟩.
        let correlation = ops::each_overlap(&residual, basis)?;
        let slope = correlation
            .reshape((residual.dim(0)?, self.pixels * self.basis))?
            .matmul(&dictionaries.t()?)?;

        // G_de = tr(W_d (uᵀu) W_eᵀ).
        let gram = ops::each_overlap(basis, basis)?;
        let dictionaries = dictionaries.reshape((latent, self.pixels, self.basis))?;
        let curvature = ops::trace_form(&gram, &dictionaries)?;
        Ok((constant, slope, curvature))
    }
}
