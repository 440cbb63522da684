use super::*;
use candle_core::InplaceOp1;
use candle_core::{CpuStorage, Layout};
use candle_nn::Optimizer as _;

/// y = x·w + b, the smallest network.
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn new(mut scope: Scope<'_>) -> Result<Self> {
        Ok(Self {
            weight: scope.get("weight", (3, 2), Init::Normal { std: 0.5 })?,
            bias: scope.get("bias", 2, Init::Constant(0.25))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let y = x.matmul(&self.weight).unwrap();
        y.broadcast_add(&self.bias).unwrap()
    }
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn weights() -> Weights {
    Weights::new(Seed(4), &Device::Cpu)
}

#[test]
fn names_are_dotted_and_keep_their_order() {
    let mut weights = weights();
    let mut root = weights.root();
    let mut encoder = root.scope("encoder");
    for block in ["block1", "block0"] {
        Linear::new(encoder.scope(block)).unwrap();
    }
    root.get("scale", (), Init::Ones).unwrap();
    let names: Vec<_> = weights
        .pairs()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let expected = [
        "encoder.block1.weight",
        "encoder.block1.bias",
        "encoder.block0.weight",
        "encoder.block0.bias",
        "scale",
    ];
    assert_eq!(names, expected);
    assert_eq!(weights.count(), 2 * (6 + 2) + 1);
    let message = weights.variable("scale", 3, Init::Zeros).unwrap_err();
    assert!(message.to_string().contains("'scale'"), "{message}");
}

#[test]
fn a_variable_is_drawn_from_its_seed_and_name() {
    let normal = Init::Normal { std: 1.0 };
    let draw = |seed, before: &[&str], name| {
        let mut weights = Weights::new(Seed(seed), &Device::Cpu);
        for other in before {
            weights.variable(other, 7, normal).unwrap();
        }
        numbers(&weights.variable(name, 4, normal).unwrap())
    };
    assert_eq!(draw(1, &[], "a"), draw(1, &["b", "c"], "a"));
    assert_ne!(draw(1, &[], "a"), draw(1, &[], "b"));
    assert_ne!(draw(1, &[], "a"), draw(2, &[], "a"));
}

#[test]
fn starts_have_their_spread() {
    let mut weights = weights();
    let mut spread = |name, init| {
        let values = numbers(&weights.variable(name, 10_000, init).unwrap());
        let square = values.iter().map(|v| f64::from(v * v)).sum::<f64>();
        let largest = values.iter().fold(0f32, |most, v| most.max(v.abs()));
        ((square / 1e4).sqrt(), largest)
    };
    assert!((spread("normal", Init::Normal { std: 0.02 }).0 - 0.02).abs() < 1e-3);
    let (std, largest) = spread("uniform", Init::Uniform { bound: 0.3 });
    assert!((std - 0.3 / 3f64.sqrt()).abs() < 5e-3 && largest <= 0.3);
    assert_eq!(spread("zeros", Init::Zeros), (0.0, 0.0));
    assert_eq!(spread("ones", Init::Ones), (1.0, 1.0));
    assert_eq!(spread("constant", Init::Constant(-2.0)), (2.0, 2.0));
}

#[test]
fn the_frozen_network_follows_and_takes_no_gradient() {
    let mut weights = weights();
    let tracked = Linear::new(weights.root()).unwrap();
    let frozen = Linear::new(weights.frozen().root()).unwrap();
    let x = Tensor::new(&[[1f32, -2.0, 3.0]], &Device::Cpu).unwrap();
    let agree = || assert_eq!(numbers(&tracked.forward(&x)), numbers(&frozen.forward(&x)));
    agree();

    // Only what is tracked receives a gradient.
    let loss = tracked.forward(&x).sqr().unwrap().sum_all().unwrap();
    let gradients = loss.backward().unwrap();
    for (name, var) in weights.pairs() {
        assert!(gradients.get(var).is_some(), "{name} has no gradient");
    }
    assert!(!frozen.weight.track_op() && !frozen.forward(&x).track_op());

    // candle's optimiser, which ends in `Var::set`.
    let before = numbers(&frozen.forward(&x));
    let vars = weights.pairs().iter().map(|(_, var)| var.clone()).collect();
    let mut optimiser = candle_nn::SGD::new(vars, 0.1).unwrap();
    optimiser.step(&gradients).unwrap();
    agree();
    assert_ne!(before, numbers(&frozen.forward(&x)));

    // An in-place operation, as a fused optimiser is.
    struct Double;
    impl InplaceOp1 for Double {
        fn name(&self) -> &'static str {
            "double"
        }
        fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
            let CpuStorage::F32(values) = storage else {
                candle_core::bail!("f32 only")
            };
            values.iter_mut().for_each(|value| *value *= 2.0);
            Ok(())
        }
    }
    let before = numbers(&frozen.weight);
    weights.pairs()[0].1.inplace_op1(&Double).unwrap();
    agree();
    let doubled: Vec<_> = before.iter().map(|value| 2.0 * value).collect();
    assert_eq!(numbers(&frozen.weight), doubled);
}

#[test]
fn what_is_not_finite_in_f32_is_named() {
    let checked = |tensor: &Tensor| check_finite("a.safetensors", "w", tensor);
    let tensor = |values: &[f64]| Tensor::new(values, &Device::Cpu).unwrap();
    let to = |dtype| move |tensor: Tensor| tensor.to_dtype(dtype).unwrap();
    checked(&tensor(&[0.0, -1e9])).unwrap();
    checked(&Tensor::new(&[u32::MAX], &Device::Cpu).unwrap()).unwrap();
    // 1e300 is no number of f32, 1e6 none of f16.
    for (tensor, words) in [
        (tensor(&[0.0, f64::NAN, f64::INFINITY]), "2 of the 3"),
        (tensor(&[1e300]), "inf"),
        (to(DType::F16)(tensor(&[-1e6])), "-inf"),
        (to(DType::F32)(tensor(&[1.0, f64::NAN])), "NaN"),
    ] {
        let said = checked(&tensor).unwrap_err().to_string();
        for part in ["a.safetensors", "'w'", words] {
            assert!(said.contains(part), "{said}");
        }
    }
}

#[test]
fn the_frozen_view_has_exactly_the_trained_weights() {
    let mut weights = weights();
    weights.variable("a", (2, 3), Init::Ones).unwrap();
    let mut frozen = weights.frozen();
    let mut message = |name, shape: Shape| {
        let error = frozen.get(name, shape, Init::Ones).unwrap_err();
        error.to_string()
    };
    assert!(message("b", 3.into()).contains("'b'"));
    let shape = message("a", (3, 2).into());
    assert!(
        shape.contains("[2, 3]") && shape.contains("[3, 2]"),
        "{shape}"
    );
}
