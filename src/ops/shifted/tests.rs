use super::*;
use crate::ops::testing::{agree, bits, empty, fails, list, normal};

const SIZES: [(&[usize], usize); 4] = [
    (&[1, 1, 1, 1, 1], 1),
    (&[2, 2, 1, 5, 4], 2),
    (&[3, 1, 3, 4, 7], 1),
    // Further than the frame is wide.
    (&[1, 3, 1, 2, 3], 4),
];

#[test]
fn fused_and_composed_agree() {
    for (dims, reach) in SIZES {
        let z = normal(&[dims[0], dims[1], shifts(reach)], 2);
        agree(
            &[normal(dims, 1), z],
            |x| shifted_sum(&x[0], &x[1], reach),
            |x| composed_sum(&x[0], &x[1], Along::of("test", &x[0], reach)?),
        );
    }
}

/// Within rounding.
fn alike(found: &Tensor, truth: &Tensor) {
    assert_eq!(found.dims(), truth.dims());
    for (found, truth) in list(found).into_iter().zip(list(truth)) {
        assert!((found - truth).abs() < 1e-5 * truth.abs().max(1.0));
    }
}

#[test]
fn products_are_those_of_what_each_shift_makes() {
    for (dims, reach) in SIZES {
        let objects = normal(dims, 1);
        let along = Along::of("test", &objects, reach).unwrap();
        let copies = along.copies(&objects).unwrap();
        let gram = shifted_gram(&objects, reach).unwrap();
        alike(&gram, &copies.matmul(&copies.t().unwrap()).unwrap());
        let again = shifted_gram(&objects, reach).unwrap();
        assert_eq!(bits(&gram), bits(&again));

        let y = normal(&[dims[0], dims[2], dims[3], dims[4]], 3);
        let products = shifted_products(&objects, &y, reach).unwrap();
        alike(&products, &composed_products(&objects, &y, along).unwrap());
    }
}

#[test]
fn one_hots_move_as_they_say() {
    let mut picture = vec![0f32; 20];
    picture[6] = 1.0;
    let objects = Tensor::from_vec(picture, (1, 1, 1, 4, 5), &candle_core::Device::Cpu);
    let mut z = vec![0f32; 9];
    // Down by 1, left by 1: from row 1, column 1.
    z[2 * 3] = 1.0;
    let z = Tensor::from_vec(z, (1, 1, 9), &candle_core::Device::Cpu).unwrap();
    let moved = list(&shifted_sum(&objects.unwrap(), &z, 1).unwrap());
    let lit: Vec<usize> = (0..20).filter(|&i| moved[i] != 0.0).collect();
    assert_eq!(lit, [10]);
}

#[test]
fn edges() {
    let (objects, z) = (normal(&[0, 2, 1, 3, 3], 1), normal(&[0, 2, 9], 2));
    empty(&[objects.clone(), z], &[0, 1, 3, 3], |x| {
        shifted_sum(&x[0], &x[1], 1)
    });
    assert_eq!(shifted_gram(&objects, 1).unwrap().dims(), [0, 18, 18]);
    let objects = normal(&[1, 2, 1, 3, 3], 1);
    let z = normal(&[1, 2, 8], 2);
    fails(
        shifted_sum(&objects, &z, 1),
        &["shifted_sum: z", "(1, 2, 9)"],
    );
    fails(
        shifted_products(&objects, &z, 1),
        &["shifted_products: y", "(1, 1, 3, 3)"],
    );
    fails(
        shifted_gram(&z, 1),
        &["shifted_gram: objects", "(B, K, C, H, W)"],
    );
}
