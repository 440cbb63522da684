//! Tests of the parent module.

use super::*;
use crate::ops::testing::{bits, list, normal};

fn vars() -> Vec<(String, Var)> {
    let w = Var::new(&[[0.5f32, -1.0, 2.0], [0.1, 0.0, -0.3]], &Device::Cpu).unwrap();
    let b = Var::new(&[1f32, -2.0, 0.5], &Device::Cpu).unwrap();
    vec![("w".into(), w), ("b".into(), b)]
}

fn grads(vars: &[(String, Var)], step: usize) -> GradStore {
    let t = step as f64;
    let w = Tensor::new(&[[1f32, -2.0, 3.0], [0.5, 0.25, -1.0]], &Device::Cpu).unwrap();
    let b = Tensor::new(&[0.1f32, 0.2, -0.3], &Device::Cpu).unwrap();
    let w = vars[0].1.mul(&(w * (t - 1.5)).unwrap()).unwrap();
    let b = vars[1].1.mul(&(b * (t + 1.0)).unwrap()).unwrap();
    let loss = w.sum_all().unwrap().add(&b.sum_all().unwrap()).unwrap();
    loss.backward().unwrap()
}

const CONFIG: AdamWConfig = AdamWConfig {
    beta1: 0.9,
    beta2: 0.99,
    eps: 1e-6,
    weight_decay: 0.1,
};

// Made with torch 2.15:
// w = torch.tensor([[0.5, -1.0, 2.0], [0.1, 0.0, -0.3]], requires_grad=True)
// b = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
// opt = torch.optim.AdamW([dict(params=[w], weight_decay=0.1), dict(params=[b],
//     weight_decay=0.0)], lr=0.05, betas=(0.9, 0.99), eps=1e-6)
// for t in range(5):
//     cw = torch.tensor([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]]) * (t - 1.5)
//     cb = torch.tensor([0.1, 0.2, -0.3]) * (t + 1.0)
//     opt.zero_grad(); ((w * cw).sum() + (b * cb).sum()).backward()
//     print(torch.nn.utils.clip_grad_norm_([w, b], 2.0).item()); opt.step()
// print(w.flatten().tolist(), b.tolist())
const NORMS: [f64; 5] = [5.8815918, 2.0947852, 2.2556875, 6.0574851, 9.9600773];
const WEIGHTS: [f64; 9] = [
    0.58131450,
    -1.06893897,
    2.04418802,
    0.19121490,
    0.09368965,
    -0.38626480,
    0.77330667,
    -2.22669482,
    0.72669512,
];

fn trajectory(fused: bool) -> Vec<(String, Var)> {
    let vars = vars();
    let mut optimiser = AdamW::build(vars.clone(), CONFIG, |_| fused).unwrap();
    for (step, expected) in NORMS.iter().enumerate() {
        let norm = optimiser.step(&grads(&vars, step), 0.05, Some(2.0));
        assert!((norm.unwrap() / expected - 1.0).abs() < 1e-6);
    }
    assert_eq!(optimiser.steps(), 5);
    vars
}

#[test]
fn it_follows_torch() {
    for fused in [true, false] {
        let vars = trajectory(fused);
        let weights = [list(&vars[0].1), list(&vars[1].1)].concat();
        for (weight, expected) in weights.iter().zip(WEIGHTS) {
            assert!((weight - expected).abs() < 2e-6, "{weight} {expected}");
        }
    }
}

// As above, but for eight steps, of which b has no gradient in the first five:
//     loss = (w * cw).sum()
//     if t >= 5: loss = loss + (b * cb).sum()
const LATE: [f64; 9] = [
    0.48496795,
    -0.96531463,
    1.92600787,
    0.10069068,
    0.00462137,
    -0.29282928,
    0.85053432,
    -2.14946651,
    0.64946693,
];

#[test]
fn a_variable_that_starts_late_follows_torch() {
    for fused in [true, false] {
        let vars = vars();
        let mut optimiser = AdamW::build(vars.clone(), CONFIG, |_| fused).unwrap();
        optimiser.mark_optional("b").unwrap();
        for step in 0..8 {
            let mut gradients = grads(&vars, step);
            if step < 5 {
                gradients.remove(vars[1].1.as_tensor());
            }
            optimiser.step(&gradients, 0.05, Some(2.0)).unwrap();
        }
        let weights = [list(&vars[0].1), list(&vars[1].1)].concat();
        for (weight, expected) in weights.iter().zip(LATE) {
            assert!((weight - expected).abs() < 2e-6, "{weight} {expected}");
        }
    }
}

#[test]
fn a_loaded_state_goes_on_bit_for_bit() {
    let whole = trajectory(true);
    let vars = vars();
    let mut first = AdamW::new(vars.clone(), CONFIG).unwrap();
    for step in 0..2 {
        first.step(&grads(&vars, step), 0.05, Some(2.0)).unwrap();
    }
    let state: HashMap<String, Tensor> = first.state().unwrap().into_iter().collect();
    let mut second = AdamW::new(vars.clone(), CONFIG).unwrap();
    second.load_state(&state, first.steps()).unwrap();
    for step in 2..5 {
        second.step(&grads(&vars, step), 0.05, Some(2.0)).unwrap();
    }
    for ((_, a), (_, b)) in whole.iter().zip(&vars) {
        assert_eq!(bits(a), bits(b));
    }

    let mut missing = state.clone();
    missing.remove("v.b");
    let mut extra = state.clone();
    extra.insert("m.x".into(), state["m.b"].clone());
    let mut shape = state.clone();
    shape.insert("m.w".into(), state["m.b"].clone());
    let mut count = state.clone();
    count.remove("t.w");
    for (state, words) in [
        (missing, ["v.b", "missing"]),
        (extra, ["m.x", "no variable"]),
        (shape, ["m.w", "[2, 3]"]),
        (count, ["t.w", "missing"]),
    ] {
        let message = second.load_state(&state, 0).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn it_refuses_what_would_spoil_the_weights() {
    let vars = vars();
    let mut optimiser = AdamW::new(vars.clone(), CONFIG).unwrap();
    let before = bits(&vars[0].1);
    let loss = (vars[0].1.sum_all().unwrap() * f64::NAN).unwrap();
    let only_w = loss.backward().unwrap();
    let message = optimiser.step(&only_w, 0.1, None).unwrap_err().to_string();
    assert!(message.contains("variable b"), "{message}");
    optimiser.mark_optional("b").unwrap();
    assert!(optimiser.mark_optional("c").is_err());
    assert!(optimiser.step(&only_w, 0.1, Some(1.0)).unwrap().is_nan());
    assert_eq!((bits(&vars[0].1), optimiser.steps()), (before, 0));
    assert!(optimiser.step(&only_w, f64::NAN, None).is_err());
    assert!(optimiser.step(&only_w, 0.1, Some(0.0)).is_err());
    let twice = vec![vars[0].clone(), vars[0].clone()];
    assert!(AdamW::new(twice, CONFIG).is_err());
    let beta2 = 1.0;
    assert!(AdamW::new(vars, AdamWConfig { beta2, ..CONFIG }).is_err());
}

#[test]
fn large_variables_take_the_same_step() {
    let var = |draw| Var::from_tensor(&normal(&[257, 301], draw)).unwrap();
    let (a, b) = (var(1), var(1));
    for (var, fused) in [(&a, true), (&b, false)] {
        let vars = vec![("w".into(), var.clone())];
        let mut optimiser = AdamW::build(vars, CONFIG, |_| fused).unwrap();
        let loss = var.sqr().unwrap().sum_all().unwrap();
        optimiser
            .step(&loss.backward().unwrap(), 0.1, None)
            .unwrap();
    }
    let pairs = list(&a).into_iter().zip(list(&b));
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6));
}
