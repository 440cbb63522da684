//! N(x, u): what a frame should be, given the past, from a frame that may be wrong; and
//! its derivative in u, pulled back in closed form.
//!
//! Automatic differentiation gives no second derivatives here, and a slope that is itself
//! trained (score matching) needs them: so the pull-back Jᵀv is written as operations
//! forward, each of which has a gradient in the weights.

use super::layers::{Convolve, Linear};
use super::weights::Scope;
use crate::error::{Error, Result};
use crate::ops::{self, Convolution};
use candle_core::{Device, Tensor};

/// Frequencies by which a level of noise is seen.
const FREQUENCIES: usize = 6;
/// Levels of noise below this look alike, in units of σ.
const FAINT: f64 = 0.01;

/// The size of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconstructionShape {
    /// (rows, columns) of patches.
    pub grid: (usize, usize),
    /// Numbers of a patch that are made.
    pub pixels: usize,
    /// How many times as many are seen of a patch that may be wrong.
    pub looks: usize,
    /// Numbers of a patch that are seen of the past.
    pub sight: usize,
    /// Features of a patch; twice as many where four patches are one.
    pub width: usize,
    /// Residual blocks where four patches are one; one before and one after.
    pub depth: usize,
}

/// h + W₂ ∗ s(W₁ ∗ s(h) + e): e says the level of noise, s is silu.
#[derive(Debug, Clone)]
struct Block {
    first: Convolve,
    second: Convolve,
    level: Linear,
}

/// What a block kept for its pull-back: what went into each s.
struct Kept {
    outer: Tensor,
    inner: Tensor,
}

impl Block {
    fn new(width: usize, levels: usize, mut scope: Scope) -> Result<Self> {
        let same = Convolution::default();
        Ok(Self {
            first: Convolve::new(width, width, 1.0, same, scope.scope("first"))?,
            second: Convolve::new(width, width, 0.3, same, scope.scope("second"))?,
            level: Linear::new(levels, width, 1.0, scope.scope("level"))?,
        })
    }

    /// (B, h, w, width) and the level's features (B, levels).
    fn forward(&self, h: Tensor, level: &Tensor) -> Result<(Tensor, Kept)> {
        let e = self.level.forward(level)?.unsqueeze(1)?.unsqueeze(1)?;
        let inner = self.first.forward(&ops::silu(&h)?)?.broadcast_add(&e)?;
        let out = self.second.forward_add(&ops::silu(&inner)?, &h)?;
        Ok((out, Kept { outer: h, inner }))
    }

    fn pull(&self, kept: &Kept, g: &Tensor) -> Result<Tensor> {
        let inner = (self.second.pull(g)? * ops::silu_slope(&kept.inner)?)?;
        let outer = (self.first.pull(&inner)? * ops::silu_slope(&kept.outer)?)?;
        Ok((g + outer)?)
    }
}

/// See the module's head.
#[derive(Debug, Clone)]
pub struct Reconstruction {
    shape: ReconstructionShape,
    of_frame: Linear,
    of_past: Linear,
    levels: Linear,
    before: Block,
    down: Linear,
    middle: Vec<Block>,
    up: Linear,
    after: Block,
    out: Linear,
}

/// What is seen of the past, once for all u.
#[derive(Debug, Clone)]
pub struct Sight(Tensor);

impl Sight {
    /// Without a graph.
    pub fn detached(&self) -> Self {
        Self(self.0.detach())
    }
}

/// A reconstruction and what its pull-back needs.
pub struct Reconstructed {
    /// N(x, u), (B, N, pixels).
    pub frame: Tensor,
    before: Kept,
    skip: Tensor,
    middle: Vec<Kept>,
    after: Kept,
    last: Tensor,
}

impl Reconstruction {
    /// Takes its weights from `scope`.
    ///
    /// # Errors
    /// A grid with an odd side.
    pub fn new(shape: ReconstructionShape, mut scope: Scope) -> Result<Self> {
        let (rows, columns) = shape.grid;
        if rows % 2 + columns % 2 > 0 {
            return Err(Error::input(
                "model.patch",
                format!("a grid of {rows}×{columns} patches has an odd side"),
                "an energy over frames sees four patches as one: choose an even number of patches",
            ));
        }
        let (width, wide) = (shape.width, 2 * shape.width);
        let middle = (0..shape.depth)
            .map(|i| Block::new(wide, wide, scope.scope(&format!("middle{i}"))))
            .collect::<Result<_>>()?;
        Ok(Self {
            of_frame: Linear::new(shape.looks * shape.pixels, width, 1.0, scope.scope("frame"))?,
            of_past: Linear::new(shape.sight, width, 1.0, scope.scope("past"))?,
            levels: Linear::new(2 * FREQUENCIES, wide, 1.0, scope.scope("levels"))?,
            before: Block::new(width, wide, scope.scope("before"))?,
            down: Linear::new(4 * width, wide, 1.0, scope.scope("down"))?,
            middle,
            up: Linear::new(wide, 4 * width, 1.0, scope.scope("up"))?,
            after: Block::new(width, wide, scope.scope("after"))?,
            out: Linear::new(width, shape.pixels, 0.1, scope.scope("out"))?,
            shape,
        })
    }

    /// From what is seen of the past, (B, N, sight).
    pub fn look(&self, past: &Tensor) -> Result<Sight> {
        Ok(Sight(self.of_past.forward(past)?))
    }

    /// N of u (B, N, looks·pixels), on which lies noise of `levels` (B,), in units of σ.
    pub fn forward(&self, sight: &Sight, u: &Tensor, levels: &[f64]) -> Result<Reconstructed> {
        let (rows, columns) = self.shape.grid;
        let (batch, width) = (u.dim(0)?, self.shape.width);
        let level = ops::silu(&self.levels.forward(&waves(levels, u.device())?)?)?;
        let h = self.of_frame.forward_add(u, &sight.0)?;
        let h = h.reshape((batch, rows, columns, width))?;
        let (skip, before) = self.before.forward(h, &level)?;
        let mut wide = self.down.forward(&together(&ops::silu(&skip)?)?)?;
        let mut middle = Vec::new();
        for block in &self.middle {
            let (next, kept) = block.forward(wide, &level)?;
            middle.push(kept);
            wide = next;
        }
        let joined = (apart(&self.up.forward(&wide)?)? + &skip)?;
        let (last, after) = self.after.forward(joined, &level)?;
        let last = last.flatten(1, 2)?;
        Ok(Reconstructed {
            frame: self.out.forward(&ops::silu(&last)?)?,
            before,
            skip,
            middle,
            after,
            last,
        })
    }

    /// Jᵀv, (B, N, looks·pixels): J the derivative of N in u where `made` is, v of its shape.
    pub fn pull(&self, made: &Reconstructed, v: &Tensor) -> Result<Tensor> {
        let (rows, columns) = self.shape.grid;
        let batch = v.dim(0)?;
        let g = (self.out.pull(v)? * ops::silu_slope(&made.last)?)?;
        let g = g.reshape((batch, rows, columns, self.shape.width))?;
        let skip = self.after.pull(&made.after, &g)?;
        let mut wide = self.up.pull(&together(&skip)?)?;
        for (block, kept) in self.middle.iter().zip(&made.middle).rev() {
            wide = block.pull(kept, &wide)?;
        }
        let down = apart(&self.down.pull(&wide)?)?;
        let g = (skip + (down * ops::silu_slope(&made.skip)?)?)?;
        let g = self.before.pull(&made.before, &g)?;
        self.of_frame.pull(&g.flatten(1, 2)?)
    }
}

/// Four neighbours as one: (B, h, w, C) → (B, h/2, w/2, 4C).
fn together(x: &Tensor) -> Result<Tensor> {
    let (batch, rows, columns, width) = x.dims4()?;
    let x = x.reshape(&[batch, rows / 2, 2, columns / 2, 2 * width][..])?;
    let x = x.transpose(2, 3)?.contiguous()?;
    Ok(x.reshape((batch, rows / 2, columns / 2, 4 * width))?)
}

/// The inverse of [`together`].
fn apart(x: &Tensor) -> Result<Tensor> {
    let (batch, rows, columns, width) = x.dims4()?;
    let x = x.reshape(&[batch, rows, columns, 2, width / 2][..])?;
    let x = x.transpose(2, 3)?.contiguous()?;
    Ok(x.reshape((batch, 2 * rows, 2 * columns, width / 4))?)
}

/// Waves along the logarithm of each level: (B, 2·[`FREQUENCIES`]).
fn waves(levels: &[f64], device: &Device) -> Result<Tensor> {
    let of = |level: &f64| {
        let place = (level + FAINT).ln();
        (0..FREQUENCIES).flat_map(move |i| {
            let angle = place * 0.25 * 1.5f64.powi(i as i32);
            [angle.sin() as f32, angle.cos() as f32]
        })
    };
    let values: Vec<f32> = levels.iter().flat_map(of).collect();
    Ok(Tensor::from_vec(
        values,
        (levels.len(), 2 * FREQUENCIES),
        device,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source as _, Weights};
    use crate::rng::Seed;
    use candle_core::Var;

    fn numbers(t: &Tensor) -> Vec<f64> {
        let t = t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        t.into_iter().map(f64::from).collect()
    }

    #[test]
    fn the_pull_back_is_what_backward_gives() {
        let shape = ReconstructionShape {
            grid: (4, 6),
            pixels: 5,
            looks: 2,
            sight: 3,
            width: 8,
            depth: 2,
        };
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let network = Reconstruction::new(shape, weights.root()).unwrap();
        let mut rng = Seed(2).stream("test", 0);
        let mut normal = |shape: &[usize]| rng.normal_tensor(shape, &Device::Cpu).unwrap();
        let sight = network.look(&normal(&[2, 24, 3])).unwrap();
        let u = Var::from_tensor(&normal(&[2, 24, 10])).unwrap();
        let v = normal(&[2, 24, 5]);
        let made = network.forward(&sight, &u, &[0.0, 3.0]).unwrap();
        let along = (&made.frame * &v).unwrap().sum_all().unwrap();
        let truth = along.backward().unwrap();
        let found = numbers(&network.pull(&made, &v).unwrap());
        for (a, b) in found.iter().zip(numbers(truth.get(&u).unwrap())) {
            assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{a} {b}");
        }
        // A level matters, and is each sample's own.
        let other = network.forward(&sight, &u, &[0.0, 0.1]).unwrap();
        let off = (other.frame - made.frame).unwrap().abs().unwrap();
        let off = off.max_keepdim(1).unwrap().max_keepdim(2).unwrap();
        let off = numbers(&off);
        assert!(off[0] == 0.0 && off[1] > 0.0, "{off:?}");
    }

    #[test]
    fn an_odd_grid_is_refused() {
        let shape = ReconstructionShape {
            grid: (3, 4),
            pixels: 5,
            looks: 2,
            sight: 3,
            width: 8,
            depth: 1,
        };
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let said = Reconstruction::new(shape, weights.root()).unwrap_err();
        assert!(said.to_string().contains("3×4"), "{said}");
    }
}
