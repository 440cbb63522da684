//! Tests of the parent module.

use super::*;
use crate::ops::testing::{agree, empty, fails, normal};

#[test]
fn fused_and_composed_agree() {
    for stride in [1, 2] {
        for upsample in [1, 2] {
            let convolution = Convolution { stride, upsample };
            for (k, shape, outputs) in [
                (1, [1, 1, 1, 1], 1),
                (1, [2, 3, 4, 3], 2),
                (3, [1, 1, 2, 3], 5),
                (3, [2, 5, 3, 2], 3),
                (5, [1, 4, 7, 2], 2),
                (3, [1, 2, 9, 2], 33),
                (3, [1, 2, 3, 17], 3),
            ] {
                let weight = normal(&[outputs, k, k, shape[3]], 2);
                let mut all = vec![normal(&shape, 1), weight, normal(&[outputs], 3)];
                agree(
                    &all,
                    |x| convolve(&x[0], &x[1], &x[2], convolution),
                    |x| convolution.composed(&x[0], &x[1], &x[2]),
                );
                agree(
                    &all,
                    |x| convolve_gelu(&x[0], &x[1], &x[2], convolution),
                    |x| gelu(&convolution.composed(&x[0], &x[1], &x[2])?),
                );
                let (rows, columns) = convolution.target(shape[1], shape[2]);
                all.push(normal(&[shape[0], rows, columns, outputs], 4));
                agree(
                    &all,
                    |x| convolve_add(&x[0], &x[1], &x[2], &x[3], convolution),
                    |x| Ok((&x[3] + convolution.composed(&x[0], &x[1], &x[2])?)?),
                );
            }
        }
    }
}

#[test]
fn edges() {
    let (weight, bias) = (normal(&[2, 3, 3, 4], 2), normal(&[2], 3));
    let half = Convolution {
        stride: 2,
        upsample: 1,
    };
    empty(
        &[normal(&[0, 5, 6, 4], 1), weight.clone(), bias.clone()],
        &[0, 3, 3, 2],
        |x| convolve(&x[0], &x[1], &x[2], half),
    );
    let run = |x: &Tensor, weight: &Tensor, stride| {
        convolve(
            x,
            weight,
            &bias,
            Convolution {
                stride,
                upsample: 1,
            },
        )
    };
    let x = normal(&[1, 5, 6, 4], 1);
    fails(run(&x, &weight, 3), &["convolve: stride", "it is 3"]);
    fails(run(&x, &normal(&[2, 2, 2, 4], 1), 1), &["weight", "k odd"]);
    fails(
        run(&x, &normal(&[2, 3, 3, 5], 1), 1),
        &["weight", "[2, 3, 3, 5]"],
    );
    fails(run(&bias, &weight, 1), &["convolve: x", "[2]"]);
    fails(
        convolve_add(&x, &weight, &bias, &x, half),
        &["convolve_add: residual", "[1, 3, 3, 2]"],
    );
}
