//! Energies as functions of one variable, the others held.

use crate::error::{Error, Result};
use candle_core::{Tensor, Var};

/// A function of one variable, v (B, …) → (B,): what is minimised over, or sampled
/// from exp(−E).
///
/// A closure over what is held is a field: `|y: &Tensor| energy.energy(&x, y)`.
pub trait Field {
    /// E at each v, (B,). Never averaged: the samples of a batch know nothing of each
    /// other.
    fn energy(&self, v: &Tensor) -> Result<Tensor>;

    /// E at each v, (B,), and ∂E/∂v, of v's shape; no graph goes through either.
    ///
    /// # Errors
    /// An energy in which v does not occur.
    fn slope(&self, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let v = Var::from_tensor(&v.detach())?;
        let energy = self.energy(v.as_tensor())?;
        let gradients = energy.sum_all()?.backward()?;
        let slope = gradients.get(&v).ok_or_else(|| {
            Error::input(
                "an energy's slope",
                "the energy does not depend on the variable",
                "use the variable in it, through operations that have a gradient",
            )
        })?;
        Ok((energy.detach(), slope.detach()))
    }
}

impl<F: Fn(&Tensor) -> Result<Tensor>> Field for F {
    fn energy(&self, v: &Tensor) -> Result<Tensor> {
        self(v)
    }
}

/// E(x, y): how well y fits x. Of y alone, it is a field ([`Held`]).
pub trait Energy {
    /// x (B, …), y (B, …) → (B,).
    fn energy(&self, x: &Tensor, y: &Tensor) -> Result<Tensor>;

    /// E(x, ·) with x held, a field of y.
    fn held<'a>(&'a self, x: &'a Tensor) -> Held<'a, Self>
    where
        Self: Sized,
    {
        Held { energy: self, x }
    }
}

/// E(x, ·), of y alone; see [`Energy::held`].
#[derive(Debug, Clone, Copy)]
pub struct Held<'a, E> {
    energy: &'a E,
    x: &'a Tensor,
}

impl<E: Energy> Field for Held<'_, E> {
    fn energy(&self, y: &Tensor) -> Result<Tensor> {
        self.energy.energy(self.x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    struct Distance;

    impl Energy for Distance {
        fn energy(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
            Ok((((y - x)?.sqr()?.sum(1)?) * 0.5)?)
        }
    }

    #[test]
    fn a_slope_is_that_of_each_sample_and_tracks_nothing() {
        let x = Tensor::new(&[[1f32, 2.0], [0.0, -1.0]], &Device::Cpu).unwrap();
        let y = Tensor::new(&[[0f32, 0.0], [3.0, 1.0]], &Device::Cpu).unwrap();
        let (energy, slope) = Distance.held(&x).slope(&y).unwrap();
        assert_eq!(energy.to_vec1::<f32>().unwrap(), [2.5, 6.5]);
        let expected = [[-1.0, -2.0], [3.0, 2.0]];
        assert_eq!(slope.to_vec2::<f32>().unwrap(), expected);
        assert!(!energy.track_op() && !slope.track_op());
    }

    #[test]
    fn an_energy_that_ignores_its_variable_is_refused() {
        let flat = |v: &Tensor| Ok(v.zeros_like()?.sum(1)?);
        let v = Tensor::new(&[[1f32]], &Device::Cpu).unwrap();
        let said = flat.slope(&v).unwrap_err().to_string();
        assert!(said.contains("does not depend"), "{said}");
    }
}
