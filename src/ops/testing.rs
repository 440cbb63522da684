//! What the tests of the operations share.

use crate::error::Result;
use crate::rng::Seed;
use candle_core::{DType, Device, Tensor, Var};

/// Standard normals of this shape, the same for the same shape and `draw`.
pub(super) fn normal(shape: &[usize], draw: u64) -> Tensor {
    Seed(7)
        .stream("test", draw)
        .normal_tensor(shape.to_vec(), &Device::Cpu)
        .unwrap()
}

/// The same values in a layout that is not contiguous.
pub(super) fn scattered(x: &Tensor) -> Tensor {
    let wide = Tensor::stack(&[x, &x.zeros_like().unwrap()], x.rank()).unwrap();
    wide.narrow(x.rank(), 0, 1)
        .unwrap()
        .squeeze(x.rank())
        .unwrap()
}

pub(super) fn list(x: &Tensor) -> Vec<f64> {
    let x = x.to_dtype(DType::F64).unwrap();
    x.flatten_all().unwrap().to_vec1().unwrap()
}

pub(super) fn bits(x: &Tensor) -> Vec<u32> {
    let values: Vec<f32> = x.flatten_all().unwrap().to_vec1().unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

/// Largest difference as a share of the largest value.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let size = b.iter().fold(1e-6, |size: f64, b| size.max(b.abs()));
    let pairs = a.iter().zip(b);
    pairs.fold(0.0, |worst: f64, (a, b)| {
        assert!(a.is_finite(), "{a}");
        worst.max((a - b).abs() / size)
    })
}

/// The value and the gradients of Σ y · probe, y = f(inputs): one input of
/// them is tracked, or all, as leaf or as the result of another operation.
fn run(
    inputs: &[Tensor],
    tracked: Option<usize>,
    leaves: bool,
    f: &dyn Fn(&[Tensor]) -> Result<Tensor>,
) -> (Tensor, Vec<Option<Tensor>>) {
    let vars: Vec<Var> = inputs
        .iter()
        .map(|x| Var::from_tensor(x).unwrap())
        .collect();
    let arguments: Vec<Tensor> = (vars.iter().enumerate())
        .map(|(i, var)| match tracked.is_none_or(|only| only == i) {
            true if leaves => var.as_tensor().clone(),
            true => var.affine(1.0, 0.0).unwrap(),
            false => inputs[i].clone(),
        })
        .collect();
    let y = f(&arguments).unwrap();
    let probe = normal(y.dims(), 99).to_dtype(y.dtype()).unwrap();
    let loss = y.mul(&probe).unwrap().sum_all().unwrap();
    let grads = loss.backward().unwrap();
    // Of what is tracked the gradient of its var; of the others any at all.
    let of = |(i, var): (usize, &Var)| match tracked.is_none_or(|only| only == i) {
        true => grads.get(var).cloned(),
        false => grads.get(&arguments[i]).cloned(),
    };
    let gradients = vars.iter().enumerate().map(of).collect();
    (y.detach(), gradients)
}

/// Holds a fused operation against its composed version and both against
/// central finite differences of the composed version in f64.
pub(super) fn agree(
    inputs: &[Tensor],
    fused: impl Fn(&[Tensor]) -> Result<Tensor>,
    composed: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let (y, gradients) = run(inputs, None, true, &fused);
    let (again, gradients_again) = run(inputs, None, true, &fused);
    let (reference, reference_gradients) = run(inputs, None, true, &composed);
    assert_eq!(y.dims(), reference.dims());
    assert_eq!(bits(&y), bits(&again), "two runs");
    let apart = distance(&list(&y), &list(&reference));
    assert!(apart <= 1e-5, "fused and composed values: {apart:e}");

    let scattered_inputs: Vec<Tensor> = inputs.iter().map(scattered).collect();
    let of_scattered = fused(&scattered_inputs).unwrap();
    assert_eq!(bits(&y), bits(&of_scattered), "not contiguous");

    for (i, gradient) in gradients.iter().enumerate() {
        let gradient = gradient.as_ref().unwrap();
        assert_eq!(gradient.dims(), inputs[i].dims());
        let again = gradients_again[i].as_ref().unwrap();
        assert_eq!(bits(gradient), bits(again), "two runs, gradient {i}");
        let reference = reference_gradients[i].as_ref().unwrap();
        let apart = distance(&list(gradient), &list(reference));
        assert!(apart <= 1e-5, "gradient {i}, fused and composed: {apart:e}");

        for leaves in [true, false] {
            let (_, alone) = run(inputs, Some(i), leaves, &fused);
            for (j, alone) in alone.iter().enumerate() {
                assert_eq!(alone.is_some(), i == j, "gradient {j} where {i} is tracked");
            }
            let alone = alone[i].as_ref().unwrap();
            assert_eq!(bits(gradient), bits(alone), "gradient {i} alone");
        }
        let apart = distance(&list(gradient), &differences(inputs, i, &composed));
        assert!(apart <= 1e-3, "gradient {i}, finite differences: {apart:e}");
    }
}

fn differences(inputs: &[Tensor], i: usize, f: &dyn Fn(&[Tensor]) -> Result<Tensor>) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let exact: Vec<Tensor> = (inputs.iter())
        .map(|x| x.to_dtype(DType::F64).unwrap())
        .collect();
    let values = list(&exact[i]);
    let loss = |at: usize, step: f64| -> f64 {
        let mut moved = values.clone();
        moved[at] += step;
        let mut arguments = exact.clone();
        arguments[i] = Tensor::from_vec(moved, inputs[i].dims(), &Device::Cpu).unwrap();
        let y = f(&arguments).unwrap();
        let probe = list(&normal(y.dims(), 99));
        list(&y).iter().zip(probe).map(|(y, p)| y * p).sum()
    };
    (0..values.len())
        .map(|at| (loss(at, STEP) - loss(at, -STEP)) / (2.0 * STEP))
        .collect()
}

/// Values of an empty batch, and gradients of zero for what is not empty.
pub(super) fn empty(inputs: &[Tensor], dims: &[usize], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let (y, gradients) = run(inputs, None, true, &f);
    assert_eq!(y.dims(), dims);
    for (input, gradient) in inputs.iter().zip(gradients) {
        let Some(gradient) = gradient else { continue };
        assert_eq!(gradient.dims(), input.dims());
        assert!(list(&gradient).iter().all(|&g| g == 0.0));
    }
}

/// An error's message holds all these words.
pub(super) fn fails(result: Result<Tensor>, words: &[&str]) {
    let message = result.unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}
