//! Which moves have the least error.

use crate::error::Result;
use candle_core::{DType, Tensor};
use rayon::prelude::*;

/// z (B, K·D), K one-hots, of the least zᵀG z − 2 qᵀz, q (B, K·D) and G (B, K·D, K·D): for
/// each move of the first object the others' one after the other, each the best given those
/// before. Of two objects that is exact.
pub(super) fn least((slope, curvature): (&Tensor, &Tensor), count: usize) -> Result<Tensor> {
    let (batch, width) = slope.dims2()?;
    let values =
        |t: &Tensor| -> Result<Vec<f32>> { Ok(t.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?) };
    let (q, g) = (values(slope)?, values(curvature)?);
    let size = width / count;
    let one = |sample: usize| {
        let q = &q[sample * width..][..width];
        let g = &g[sample * width * width..][..width * width];
        // What a move adds to those before it.
        let more = |before: &[usize], index: usize| {
            let row = &g[index * width..][..width];
            let along: f32 = before.iter().map(|&other| row[other]).sum();
            row[index] + 2.0 * (along - q[index])
        };
        let from = |first: usize| {
            let mut chosen = vec![first];
            let mut error = more(&[], first);
            for object in 1..count {
                let moves = object * size..(object + 1) * size;
                let each = moves.map(|index| (more(&chosen, index), index));
                if let Some((added, index)) = each.min_by(|a, b| a.0.total_cmp(&b.0)) {
                    error += added;
                    chosen.push(index);
                }
            }
            (error, chosen)
        };
        let best = (0..size).map(from).min_by(|a, b| a.0.total_cmp(&b.0));
        let mut z = vec![0f32; width];
        best.iter()
            .flat_map(|(_, chosen)| chosen)
            .for_each(|&index| z[index] = 1.0);
        z
    };
    let z: Vec<Vec<f32>> = (0..batch).into_par_iter().map(one).collect();
    let z = Tensor::from_vec(z.concat(), (batch, width), slope.device())?;
    Ok(z.to_dtype(slope.dtype())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn of_two_objects_it_is_the_least_of_all_pairs() {
        let mut rng = Seed(1).stream("test", 0);
        let (size, width) = (5, 10);
        for _ in 0..20 {
            let a = rng.normal_tensor((1, width, 7), &Device::Cpu).unwrap();
            let g = a.matmul(&a.t().unwrap()).unwrap();
            let q = (rng.normal_tensor((1, width), &Device::Cpu).unwrap() * 5.0).unwrap();
            let z = least((&q, &g), 2).unwrap();
            let error = |z: &Tensor| {
                let bent = z
                    .unsqueeze(1)
                    .unwrap()
                    .matmul(&g)
                    .unwrap()
                    .squeeze(1)
                    .unwrap();
                let twice = (bent - (&q * 2.0).unwrap()).unwrap();
                (twice * z)
                    .unwrap()
                    .sum_all()
                    .unwrap()
                    .to_scalar::<f32>()
                    .unwrap()
            };
            let all = (0..size * size).map(|pair| {
                let mut z = vec![0f32; width];
                z[pair / size] = 1.0;
                z[size + pair % size] = 1.0;
                error(&Tensor::from_vec(z, (1, width), &Device::Cpu).unwrap())
            });
            let truth = all.fold(f32::INFINITY, f32::min);
            assert!((error(&z) - truth).abs() < 1e-3, "{} {truth}", error(&z));
        }
    }
}
