//! Trainable tensor operations: fast on the CPU, composed elsewhere.
//!
//! Each operation has a fused kernel for f32 on the CPU and a version composed
//! of candle's own trainable operations for every other device and float type;
//! the arguments choose. Gradients of untracked arguments are not computed, so
//! a frozen network costs no weight gradients. The same call gives the same
//! bits each time, however many threads there are.

mod activation;
mod adamw;
mod attention;
mod average;
mod bits;
mod check;
mod clamp;
mod convolution;
mod cross_entropy;
mod crps;
mod dropout;
mod each;
mod followed;
mod geometry;
mod kernel;
mod layer_norm;
mod linear;
mod memory;
mod moments;
mod overlap;
mod patches;
mod product;
mod shifted;
mod softmax;
mod squared_error;
#[cfg(test)]
mod testing;
mod threads;
mod trace_form;
mod transport;
mod vector;

pub use activation::{gelu, gelu_exact, silu, silu_slope};
pub use adamw::{AdamW, AdamWConfig};
pub use attention::{attention, attention_dropout};
pub use average::Average;
pub use bits::{Bits, Canvas};
pub use clamp::clamp;
pub use convolution::{Convolution, convolve, convolve_add, convolve_gelu};
pub use cross_entropy::cross_entropy;
pub use crps::crps;
pub use dropout::{Dropout, dropout, dropout_add};
pub use each::{each_overlap, each_product};
pub use layer_norm::layer_norm;
pub use linear::{linear, linear_add, linear_gelu, linear_gelu_exact};
pub use memory::keep_memory;
pub use patches::{patchify, unpatchify};
pub use shifted::{shifted_gram, shifted_products, shifted_sum};
pub use softmax::softmax;
pub use squared_error::squared_error;
pub use threads::{in_pool, use_one_pool};
pub use trace_form::trace_form;
pub use transport::{Patches, Scene, sharpen, shifts, transport, within};

#[cfg(test)]
mod tests {
    use super::testing::{bits, list, normal};
    use super::*;
    use crate::Result;
    use candle_core::{DType, Tensor, Var};

    /// Most operations in a row, as a model would have them.
    fn network(x: &[Tensor]) -> Result<Tensor> {
        let [
            frames,
            weight,
            bias,
            kernel,
            packed,
            packed_bias,
            back,
            back_bias,
        ] = x
        else {
            unreachable!("eight tensors")
        };
        let x = patchify(frames, 2)?;
        let doubled = Convolution {
            stride: 1,
            upsample: 2,
        };
        let x = convolve(&x, kernel, bias, doubled)?;
        let halved = Convolution {
            stride: 2,
            upsample: 1,
        };
        let x = gelu(&convolve(&x, kernel, bias, halved)?)?;
        let (batch, height, width, size) = x.dims4()?;
        let x = x.reshape((batch, height * width, size))?;
        let normal = layer_norm(&x, bias, bias, 1e-5)?;
        let seen = attention(&linear(&normal, packed, packed_bias)?, 3)?;
        let x = linear_add(&silu(&seen)?, weight, bias, &x)?;
        let x = linear(&x, back, back_bias)?.reshape((batch, height, width, size))?;
        squared_error(&unpatchify(&x, 2, size / 4)?, frames)
    }

    fn inputs(batch: usize, side: usize) -> Vec<Tensor> {
        let weight = |shape: &[usize], draw| (normal(shape, draw) * 0.3).unwrap();
        vec![
            normal(&[batch, 3, side, side], 1),
            weight(&[12, 12], 2),
            weight(&[12], 3),
            weight(&[12, 3, 3, 12], 4),
            weight(&[36, 12], 5),
            weight(&[36], 6),
            weight(&[12, 12], 7),
            weight(&[12], 8),
        ]
    }

    #[test]
    fn threads_change_no_bit() {
        let run = |threads: usize| -> Vec<Vec<u32>> {
            let vars: Vec<Var> = inputs(9, 32)
                .iter()
                .map(|x| Var::from_tensor(x).unwrap())
                .collect();
            let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let grads = (pool.build().unwrap())
                .install(|| network(&tensors).unwrap().backward())
                .unwrap();
            vars.iter().map(|v| bits(grads.get(v).unwrap())).collect()
        };
        let one = run(1);
        assert_eq!(one, run(3));
        assert_eq!(one, run(3));
    }

    /// What moves and scores frames, over examples enough for several tasks each.
    fn moved(x: &[Tensor]) -> Result<Tensor> {
        let [frames, logits, basis, mixture] = x else {
            unreachable!("four tensors")
        };
        let along = Patches {
            grid: (3, 5),
            patch: 2,
            channels: 3,
        };
        let sharp = sharpen(frames, along, 3.0)?;
        let scene = Scene::new(&[(frames, 1), (&sharp, 2)], along)?;
        let made = transport(&scene, logits)?;
        let painted = each_product(basis, mixture, &made)?;
        let bounded = within(&scene, &painted, 2.0)?;
        let gram = each_overlap(basis, basis)?;
        let form = trace_form(&gram, &normal(&[6, 4, 7], 8))?;
        let score = crps(&painted, &bounded, frames)?.sum_all()?;
        Ok((score + form.sum_all()?)?)
    }

    #[test]
    fn threads_change_no_bit_of_what_moves() {
        let shapes: [&[usize]; 4] = [&[29, 15, 12], &[29, 15, 34], &[29, 15, 7], &[29, 12, 7]];
        let run = |threads: usize| -> Vec<Vec<u32>> {
            let vars: Vec<Var> = (shapes.iter().enumerate())
                .map(|(draw, shape)| Var::from_tensor(&normal(shape, draw as u64 + 1)).unwrap())
                .collect();
            let tensors: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let score = moved(&tensors).unwrap();
                let grads = score.backward().unwrap();
                // The frames are taken as given.
                let mut all: Vec<_> = (vars[1..].iter())
                    .map(|v| bits(grads.get(v).unwrap()))
                    .collect();
                all.push(bits(&score));
                all
            })
        };
        let one = run(1);
        assert_eq!(one, run(3));
        assert_eq!(one, run(3));
    }

    #[test]
    fn other_floats_take_the_composed_path() {
        let x = inputs(2, 8);
        let exact = list(&network(&x).unwrap());
        for (dtype, share) in [(DType::F64, 1e-5), (DType::F16, 2e-2)] {
            let x: Vec<Tensor> = x.iter().map(|x| x.to_dtype(dtype).unwrap()).collect();
            let y = network(&x).unwrap();
            assert_eq!(y.dtype(), dtype);
            for (y, exact) in list(&y).iter().zip(&exact) {
                assert!((y / exact - 1.0).abs() < share, "{dtype:?}: {y} {exact}");
            }
        }
    }
}
