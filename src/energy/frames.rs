//! F(x, y) of a next frame, as the error of a reconstruction.

use super::Field;
use crate::error::Result;
use crate::models::{Reconstruction, ReconstructionShape, Scope, Sight};
use candle_core::Tensor;

/// F(x, y) = ½‖φ(r) − N(x, r)‖², r = (y − ŷ(x))/σ: how far a next frame is from what a
/// network makes of it, in what it differs from the expected one. It is 0 or more
/// everywhere. (An autoencoder's error as its energy is Zhao, Mathieu & LeCun 2016's.)
///
/// Most of a film's pixels are as expected and a few are far off, so φ is a number v =
/// r/√(g² + s²) where that is small and bends to its root where it is large, φ(v) =
/// v·(1 + v²/b²)^(−¼): where N is 0, the pixels of y have a peak as wide as the grain g,
/// and beyond b of that long tails.
///
/// s is the level of noise that lies on y, in units of σ; at s > 0, F is the energy of
/// frames with such noise (Vincent 2011), of which Salimans & Ho 2021, "Should EBMs model
/// the energy or the score?", found an error of reconstruction to be as good as a free
/// score. N sees φ, and r/√(1 + s²) for how far the far ones are.
#[derive(Debug, Clone)]
pub struct FrameEnergy {
    network: Reconstruction,
    grain: f64,
    bend: f64,
}

impl FrameEnergy {
    /// Takes its weights from `scope`; `grain` is g, in units of σ, and `bend` is b.
    ///
    /// # Errors
    /// A grid with an odd side.
    pub fn new(
        shape: ReconstructionShape,
        (grain, bend): (f64, f64),
        scope: Scope,
    ) -> Result<Self> {
        Ok(Self {
            network: Reconstruction::new(shape, scope)?,
            grain,
            bend,
        })
    }

    /// From what is seen of the past, (B, N, sight), once for all y.
    pub fn look(&self, past: &Tensor) -> Result<Sight> {
        self.network.look(past)
    }

    /// F(x, ·) as a field of r (B, N, pixels), with noise of `levels` (B,) on it.
    pub fn held<'a>(&'a self, sight: &'a Sight, levels: Vec<f64>) -> HeldFrame<'a> {
        HeldFrame {
            energy: self,
            sight,
            levels,
        }
    }
}

/// F(x, ·), of the frame alone; see [`FrameEnergy::held`].
pub struct HeldFrame<'a> {
    energy: &'a FrameEnergy,
    sight: &'a Sight,
    /// s of each sample, in units of σ.
    levels: Vec<f64>,
}

/// What N sees of r.
struct Looks {
    /// φ(v).
    near: Tensor,
    /// ∂φ/∂r.
    near_slope: Tensor,
    /// r/√(1 + s²).
    far: Tensor,
    /// 1/√(1 + s²), (B, 1, 1).
    far_slope: Tensor,
}

impl HeldFrame<'_> {
    /// F (B,) and ∂F/∂r of r's shape, both differentiable in the weights.
    ///
    /// With e = φ − N and J_φ, J_f the derivatives of N in what it sees of r,
    /// ∂F/∂r = φ'·(e − J_φᵀe) − J_fᵀe / √(1 + s²).
    pub fn slope_to_train(&self, r: &Tensor) -> Result<(Tensor, Tensor)> {
        let looks = self.looks(r)?;
        let network = &self.energy.network;
        let made = network.forward(self.sight, &looks.together()?, &self.levels)?;
        let off = (&looks.near - &made.frame)?;
        let energy = half_square(&off)?;
        let pulled = network.pull(&made, &off)?;
        let pixels = r.dim(2)?;
        let near = ((off - pulled.narrow(2, 0, pixels)?)? * looks.near_slope)?;
        let far = pulled.narrow(2, pixels, pixels)?;
        let slope = (near - far.broadcast_mul(&looks.far_slope)?)?;
        Ok((energy, slope))
    }

    fn looks(&self, r: &Tensor) -> Result<Looks> {
        let scale = |least: f64| {
            let of = |level: &f64| (1.0 / (least * least + level * level).sqrt()) as f32;
            let values: Vec<f32> = self.levels.iter().map(of).collect();
            Tensor::from_vec(values, (r.dim(0)?, 1, 1), r.device())
        };
        let (near_scale, far_slope) = (scale(self.energy.grain)?, scale(1.0)?);
        let v = r.broadcast_mul(&near_scale)?;
        let square = (v.sqr()? / self.energy.bend.powi(2))?;
        let more = square.affine(1.0, 1.0)?;
        let root = more.sqrt()?.sqrt()?;
        // φ' = (1 + w/2) / (1 + w)^(5/4), w = v²/b².
        let slope = (square.affine(0.5, 1.0)? / (&more * &root)?)?;
        Ok(Looks {
            near: (v / root)?,
            near_slope: slope.broadcast_mul(&near_scale)?,
            far: r.broadcast_mul(&far_slope)?,
            far_slope,
        })
    }
}

impl Looks {
    /// (B, N, 2·pixels).
    fn together(&self) -> Result<Tensor> {
        Ok(Tensor::cat(&[&self.near, &self.far], 2)?)
    }
}

impl Field for HeldFrame<'_> {
    fn energy(&self, r: &Tensor) -> Result<Tensor> {
        let looks = self.looks(r)?;
        let network = &self.energy.network;
        let made = network.forward(self.sight, &looks.together()?, &self.levels)?;
        half_square(&(&looks.near - made.frame)?)
    }

    fn slope(&self, r: &Tensor) -> Result<(Tensor, Tensor)> {
        let (energy, slope) = self.slope_to_train(&r.detach())?;
        Ok((energy.detach(), slope.detach()))
    }
}

fn half_square(off: &Tensor) -> Result<Tensor> {
    Ok((off.sqr()?.sum((1, 2))? * 0.5)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source as _, Weights};
    use crate::rng::{Rng, Seed};
    use candle_core::{Device, Var};

    const SHAPE: ReconstructionShape = ReconstructionShape {
        grid: (2, 4),
        pixels: 3,
        looks: 2,
        sight: 2,
        width: 6,
        depth: 1,
    };
    const LEVELS: [f64; 3] = [0.0, 0.5, 4.0];

    fn numbers(t: &Tensor) -> Vec<f64> {
        let t = t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        t.into_iter().map(f64::from).collect()
    }

    fn normal(shape: &[usize], rng: &mut Rng) -> Tensor {
        rng.normal_tensor(shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn the_slope_is_that_of_the_energy() {
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let energy = FrameEnergy::new(SHAPE, (0.3, 3.0), weights.root()).unwrap();
        let mut rng = Seed(2).stream("test", 0);
        let sight = energy.look(&normal(&[3, 8, 2], &mut rng)).unwrap();
        let field = energy.held(&sight, LEVELS.to_vec());
        let r = Var::from_tensor(&normal(&[3, 8, 3], &mut rng)).unwrap();
        let (values, slope) = field.slope(&r).unwrap();
        assert!(!values.track_op() && !slope.track_op());
        let plain = field.energy(&r).unwrap();
        assert_eq!(numbers(&plain), numbers(&values));
        let truth = plain.sum_all().unwrap().backward().unwrap();
        for (a, b) in numbers(&slope).iter().zip(numbers(truth.get(&r).unwrap())) {
            assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn every_weight_gets_the_gradient_of_a_finite_difference_through_the_slope() {
        let mut weights = Weights::new(Seed(3), &Device::Cpu);
        let energy = FrameEnergy::new(SHAPE, (0.3, 3.0), weights.root()).unwrap();
        let mut rng = Seed(4).stream("test", 0);
        let past = normal(&[3, 8, 2], &mut rng);
        let r = normal(&[3, 8, 3], &mut rng);
        let probe = normal(&[3, 8, 3], &mut rng);
        // What score matching is made of.
        let loss = || {
            let sight = energy.look(&past).unwrap();
            let field = energy.held(&sight, LEVELS.to_vec());
            let (_, slope) = field.slope_to_train(&r).unwrap();
            let off = (slope - &probe).unwrap().sqr().unwrap();
            off.mean_all().unwrap()
        };
        let gradients = loss().backward().unwrap();
        for (name, var) in weights.pairs() {
            let gradient = gradients.get(var).unwrap_or_else(|| panic!("{name}"));
            let (gradient, values) = (numbers(gradient), numbers(var.as_tensor()));
            let set = |values: &[f64]| {
                let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
                let tensor = Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap();
                var.set(&tensor).unwrap();
            };
            let count = values.len();
            for index in [0, count / 2, count - 1] {
                let at = |step: f64| {
                    let mut moved = values.clone();
                    moved[index] += step;
                    set(&moved);
                    f64::from(loss().to_scalar::<f32>().unwrap())
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                set(&values);
                let room = 0.02 * slope.abs().max(0.05);
                assert!(
                    (slope - gradient[index]).abs() < room,
                    "{name}[{index}]: {} {slope}",
                    gradient[index]
                );
            }
        }
    }
}
