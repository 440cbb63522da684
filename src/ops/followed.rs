//! An operation of weight and bias with what follows it, as one: the graph
//! keeps one gradient less, and no pass over the values waits for one thread.

use super::activation::Activation;
use super::kernel::{Parts, ranges, read, simd, tensor};
use super::linear::Base;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use std::sync::Mutex;

/// An activation of `Op`'s result.
pub(super) struct ThenActive<Op> {
    op: Op,
    activation: Activation,
    /// Whether a gradient may be asked for.
    tracked: bool,
    /// What went into the activation, for its gradient.
    before: Mutex<Vec<f32>>,
}

impl<Op: CustomOp3 + Send + Sync + 'static> ThenActive<Op> {
    /// `activation` of `op` of (x, weight, bias): all contiguous.
    pub(super) fn apply(
        op: Op,
        activation: Activation,
        x: &Tensor,
        (weight, bias): (&Tensor, &Tensor),
    ) -> Result<Tensor> {
        let op = Self {
            op,
            activation,
            tracked: [x, weight, bias].iter().any(|tensor| tensor.track_op()),
            before: Mutex::new(Vec::new()),
        };
        x.apply_op3(weight, bias, op)
    }
}

impl<Op: CustomOp3> CustomOp3 for ThenActive<Op> {
    fn name(&self) -> &'static str {
        "then_active"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let found = (self.op).cpu_fwd(x, layout, weight, weight_layout, bias, bias_layout)?;
        let (CpuStorage::F32(mut before), shape) = found else {
            candle_core::bail!("a fused kernel gives f32")
        };
        if !self.tracked {
            self.activation.in_place(&mut before);
            return Ok((CpuStorage::F32(before), shape));
        }
        let y = self.activation.values(&before);
        *self.before.lock().expect("no task panicked") = before;
        Ok((CpuStorage::F32(y), shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let before = self.before.lock().expect("no task panicked");
        let g = tensor(
            read(g, |g| self.activation.gradient(&before, g))?,
            g.shape(),
        )?;
        self.op.bwd(x, weight, bias, y, &g)
    }
}

/// A residual added to `Op`'s result. Its third argument is a [`Base`] of the
/// residual and the bias.
pub(super) struct ThenAdd<Op> {
    op: Op,
    residual: Tensor,
    bias: Tensor,
}

impl<Op: CustomOp3 + Send + Sync + 'static> ThenAdd<Op> {
    /// `op` of (x, weight, bias), and the residual: all contiguous.
    pub(super) fn apply(
        op: Op,
        x: &Tensor,
        (weight, bias): (&Tensor, &Tensor),
        residual: &Tensor,
    ) -> Result<Tensor> {
        let base = residual.apply_op2(bias, Base)?;
        let op = Self {
            op,
            residual: residual.detach(),
            bias: bias.detach(),
        };
        x.apply_op3(weight, &base, op)
    }
}

impl<Op: CustomOp3> CustomOp3 for ThenAdd<Op> {
    fn name(&self) -> &'static str {
        "then_add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        _base: &CpuStorage,
        _base_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let bias = CpuStorage::F32(read(&self.bias, <[f32]>::to_vec)?);
        let bias_layout = Layout::contiguous(self.bias.shape());
        let found = (self.op).cpu_fwd(x, layout, weight, weight_layout, &bias, &bias_layout)?;
        let (CpuStorage::F32(mut y), shape) = found else {
            candle_core::bail!("a fused kernel gives f32")
        };
        read(&self.residual, |residual| {
            let parts = Parts::of(&mut y);
            ranges(residual.len(), 16384, |range| {
                // SAFETY: ranges are disjoint, and y has the residual's shape.
                let y = unsafe { parts.part(range.start, range.len()) };
                add(y, &residual[range]);
            });
        })?;
        Ok((CpuStorage::F32(y), shape))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        base: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        // The bias kept here is not tracked: its gradient goes through Base.
        let (to_x, to_weight, _) = self.op.bwd(x, weight, &self.bias, y, g)?;
        Ok((to_x, to_weight, base.track_op().then(|| g.clone())))
    }
}

simd! {
    fn add(y: &mut [f32], x: &[f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += x;
        }
    }
}
