use super::*;
use crate::ops::testing::{agree, bits, empty, fails, normal};

/// (shape of x, outputs); the last is large enough to be cut into blocks.
fn cases() -> Vec<(Vec<usize>, usize)> {
    vec![
        (vec![1, 1], 1),
        (vec![5], 3),
        (vec![7, 13], 5),
        (vec![2, 3, 9], 17),
    ]
}

#[test]
fn fused_and_composed_agree() {
    for (shape, outputs) in cases() {
        let inputs = shape[shape.len() - 1];
        let (x, weight) = (normal(&shape, 1), normal(&[outputs, inputs], 2));
        let bias = normal(&[outputs], 3);
        agree(
            &[x.clone(), weight.clone(), bias.clone()],
            |x| linear(&x[0], &x[1], &x[2]),
            |x| composed(&x[0], &x[1], &x[2]),
        );
        agree(
            &[x.clone(), weight.clone(), bias.clone()],
            |x| linear_gelu(&x[0], &x[1], &x[2]),
            |x| Activation::Gelu.apply(&composed(&x[0], &x[1], &x[2])?),
        );
        agree(
            &[x.clone(), weight.clone(), bias.clone()],
            |x| linear_gelu_exact(&x[0], &x[1], &x[2]),
            |x| Activation::GeluExact.apply(&composed(&x[0], &x[1], &x[2])?),
        );
        // Where nothing is tracked, gelu overwrites what went into it.
        let kept = candle_core::Var::from_tensor(&bias).unwrap();
        assert_eq!(
            bits(&linear_gelu(&x, &weight, &bias).unwrap()),
            bits(&linear_gelu(&x, &weight, &kept).unwrap()),
        );
        let mut dims = shape.clone();
        *dims.last_mut().unwrap() = outputs;
        agree(
            &[x, weight, bias, normal(&dims, 4)],
            |x| linear_add(&x[0], &x[1], &x[2], &x[3]),
            |x| composed_add(&x[0], &x[1], &x[2], &x[3]),
        );
    }
}

#[test]
fn blocks_are_the_whole_product() {
    for (m, k, n) in [(301, 67, 130), (70, 301, 131)] {
        let x = [normal(&[m, k], 1), normal(&[n, k], 2), normal(&[n], 3)];
        let vars = x
            .each_ref()
            .map(|x| candle_core::Var::from_tensor(x).unwrap());
        let all = |f: fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor>| {
            let y = f(&vars[0], &vars[1], &vars[2]).unwrap();
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let mut all = vec![y];
            all.extend(vars.iter().map(|var| grads.get(var).unwrap().clone()));
            all
        };
        for (fused, composed) in all(linear).iter().zip(all(composed)) {
            let largest = composed.abs().unwrap().max_all().unwrap();
            let apart = fused.sub(&composed).unwrap().abs().unwrap();
            let share = apart.max_all().unwrap().div(&largest).unwrap();
            assert!(share.to_scalar::<f32>().unwrap() < 1e-5);
        }
    }
}

#[test]
fn edges() {
    let (weight, bias) = (normal(&[3, 5], 2), normal(&[3], 3));
    let x = [normal(&[0, 5], 1), weight.clone(), bias.clone()];
    empty(&x, &[0, 3], |x| linear(&x[0], &x[1], &x[2]));
    let x = [
        normal(&[0, 5], 1),
        weight.clone(),
        bias.clone(),
        normal(&[0, 3], 4),
    ];
    empty(&x, &[0, 3], |x| linear_add(&x[0], &x[1], &x[2], &x[3]));
    let x = normal(&[2, 4], 1);
    fails(
        linear(&x, &weight, &bias),
        &["linear: weight", "[3, 5]", "(N, 4)"],
    );
    let x = normal(&[2, 5], 1);
    fails(linear(&x, &weight, &x), &["linear: bias", "[2, 5]", "[3]"]);
    fails(
        linear_add(&x, &weight, &bias, &x),
        &["linear_add: residual", "[2, 5]", "[2, 3]"],
    );
    let whole = x.to_dtype(DType::U32).unwrap();
    fails(linear(&whole, &weight, &bias), &["linear: x", "U32"]);
}
