//! Weights that stretch what they are given by no more than so much.

use crate::error::Result;
use candle_core::{Tensor, Var};

/// Squarings of WWᵀ: as 2⁶ steps of power iteration.
const SQUARINGS: usize = 6;

/// Scales down each weight whose spectral norm is above `most`; what is no matrix (a bias)
/// stays. A convolution counts as the matrix of its outputs by all else, as in Miyato et
/// al. 2018, "Spectral normalization". They divide in the network; scaled after each step
/// instead (Gouk et al. 2021, "Regularisation of neural networks by enforcing Lipschitz
/// continuity"), weights below the bound are left alone.
///
/// # Errors
/// What candle refuses.
pub(super) fn bound<'a>(weights: impl Iterator<Item = &'a Var>, most: f64) -> Result<()> {
    for weight in weights.filter(|weight| weight.rank() >= 2) {
        let norm = spectral_norm(weight.as_tensor())?;
        if norm > most {
            weight.set(&(weight.as_detached_tensor() * (most / norm))?)?;
        }
    }
    Ok(())
}

/// The largest singular value of W (outputs, …); 0 where W is not finite.
pub(super) fn spectral_norm(weight: &Tensor) -> Result<f64> {
    let rows = weight.detach().flatten_from(1)?;
    let gram = rows.matmul(&rows.t()?)?;
    let mut power = gram.clone();
    for _ in 0..SQUARINGS {
        let size = power.abs()?.max_all()?.to_scalar::<f32>()?;
        if !(size > 0.0 && size.is_finite()) {
            return Ok(0.0);
        }
        power = (power / f64::from(size))?;
        power = power.matmul(&power)?;
    }
    // All its columns lie along the first singular vector; the longest is the surest.
    let longest = power.sqr()?.sum(1)?.argmax(0)?.to_scalar::<u32>()?;
    let along = power.narrow(0, longest as usize, 1)?;
    let bent = along.matmul(&gram)?.mul(&along)?.sum_all()?;
    let square = bent.div(&along.sqr()?.sum_all()?)?;
    Ok(f64::from(square.to_scalar::<f32>()?).max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_norm_is_numpys_and_what_is_above_the_bound_is_scaled() {
        // import numpy as np
        // w = np.sin(np.arange(1, 61)).reshape(4, 3, 5).astype("f")
        // np.linalg.norm(w.reshape(4, -1), 2)
        let values: Vec<f32> = (1..=60).map(|i| (i as f32).sin()).collect();
        let tensor = Tensor::from_vec(values, (4, 3, 5), &Device::Cpu).unwrap();
        let norm = spectral_norm(&tensor).unwrap();
        assert!((norm - 4.086848).abs() < 1e-4, "{norm}");
        let (weight, bias) = (
            Var::from_tensor(&tensor).unwrap(),
            Var::from_tensor(&Tensor::full(9f32, 4, &Device::Cpu).unwrap()).unwrap(),
        );
        bound([&weight, &bias].into_iter(), 100.0).unwrap();
        let same = (weight.as_tensor() - &tensor).unwrap().abs().unwrap();
        assert_eq!(same.max_all().unwrap().to_scalar::<f32>().unwrap(), 0.0);
        bound([&weight, &bias].into_iter(), 1.5).unwrap();
        let norm = spectral_norm(weight.as_tensor()).unwrap();
        assert!((norm - 1.5).abs() < 1e-4, "{norm}");
        assert_eq!(bias.as_tensor().to_vec1::<f32>().unwrap(), [9.0; 4]);
    }

    #[test]
    fn nothing_and_what_is_no_number_are_left() {
        for value in [0.0, f32::NAN, f32::INFINITY] {
            let tensor = Tensor::full(value, (2, 3), &Device::Cpu).unwrap();
            assert_eq!(spectral_norm(&tensor).unwrap(), 0.0);
        }
    }
}
