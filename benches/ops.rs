//! Forward and backward of each operation, at the sizes models use.
//! `benches/peers/ops.py` times the same in PyTorch.

use candle_core::{Device, Tensor, Var};
use criterion::{Criterion, criterion_group, criterion_main};
use nextframe::ops::{self, AdamW, AdamWConfig, Average, Convolution, Patches, Scene};
use nextframe::rng::Seed;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn var(shape: &[usize]) -> Var {
    let mut rng = Seed(1).stream("bench", shape.iter().product::<usize>() as u64);
    let tensor = rng.normal_tensor(shape.to_vec(), &Device::Cpu);
    Var::from_tensor(&(tensor.expect("a tensor") * 0.1).expect("a tensor")).expect("a variable")
}

/// Times `f` alone on untracked values, then with a backward pass.
fn time(
    criterion: &mut Criterion,
    name: &str,
    shapes: &[&[usize]],
    f: impl Fn(&[Tensor]) -> nextframe::Result<Tensor> + Sync,
) {
    let vars: Vec<Var> = shapes.iter().map(|shape| var(shape)).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let frozen: Vec<Tensor> = tracked.iter().map(Tensor::detach).collect();
    let mut group = criterion.benchmark_group(name);
    group.bench_function("forward", |b| {
        b.iter(|| black_box(ops::in_pool(|| f(&frozen)).expect("a value")));
    });
    group.bench_function("forward, backward", |b| {
        b.iter(|| {
            let backward = || f(&tracked).expect("a value").backward();
            black_box(ops::in_pool(backward).expect("gradients"));
        });
    });
    group.finish();
}

fn operations(c: &mut Criterion) {
    // As the program runs them; this is the first group.
    ops::use_one_pool();
    ops::keep_memory();
    let linear: [&[usize]; 3] = [&[4096, 256], &[1024, 256], &[1024]];
    time(c, "linear", &linear, |x| ops::linear(&x[0], &x[1], &x[2]));
    let add: [&[usize]; 4] = [&[4096, 1024], &[256, 1024], &[256], &[4096, 256]];
    time(c, "linear_add", &add, |x| {
        ops::linear_add(&x[0], &x[1], &x[2], &x[3])
    });
    let norm: [&[usize]; 3] = [&[4096, 256], &[256], &[256]];
    time(c, "layer_norm", &norm, |x| {
        ops::layer_norm(&x[0], &x[1], &x[2], 1e-5)
    });
    time(c, "gelu", &[&[4096, 1024]], |x| ops::gelu(&x[0]));
    time(c, "silu", &[&[4096, 1024]], |x| ops::silu(&x[0]));
    time(c, "softmax", &[&[16384, 128]], |x| ops::softmax(&x[0]));
    let targets = Tensor::zeros(4096, candle_core::DType::U32, &Device::Cpu).expect("targets");
    time(c, "cross_entropy", &[&[4096, 1024]], |x| {
        ops::cross_entropy(&x[0], &targets)
    });
    time(c, "attention, 64 tokens", &[&[64, 64, 768]], |x| {
        ops::attention(&x[0], 8)
    });
    time(c, "attention, 256 tokens", &[&[8, 256, 768]], |x| {
        ops::attention(&x[0], 8)
    });
    time(c, "patchify", &[&[32, 12, 64, 64]], |x| {
        ops::patchify(&x[0], 8)
    });
    time(c, "unpatchify", &[&[32, 8, 8, 192]], |x| {
        ops::unpatchify(&x[0], 8, 3)
    });
    let pair: [&[usize]; 2] = [&[32, 3, 64, 64], &[32, 3, 64, 64]];
    time(c, "squared_error", &pair, |x| {
        ops::squared_error(&x[0], &x[1])
    });
}

fn convolutions(c: &mut Criterion) {
    for (name, k, size, stride, upsample) in [
        ("convolve 3×3", 3, 32, 1, 1),
        ("convolve 3×3, half", 3, 32, 2, 1),
        ("convolve 3×3, doubled", 3, 16, 1, 2),
        ("convolve 1×1", 1, 32, 1, 1),
    ] {
        let shapes: [&[usize]; 3] = [&[16, size, size, 64], &[64, k, k, 64], &[64]];
        time(c, name, &shapes, |x| {
            ops::convolve(&x[0], &x[1], &x[2], Convolution { stride, upsample })
        });
    }
}

/// What decoders and solvers over z use, at the default recipe's sizes.
fn decoders(c: &mut Criterion) {
    let along = Patches {
        grid: (16, 16),
        patch: 4,
        channels: 3,
    };
    let tensor = |shape: &[usize]| var(shape).as_detached_tensor();
    let frames = [1, 2, 3].map(|_| tensor(&[32, 256, 48]));
    let sources = [(&frames[0], 2), (&frames[1], 1), (&frames[2], 1)];
    let scene = Scene::new(&sources, along).expect("a scene");
    let logits: [&[usize]; 1] = [&[32, 256, 43]];
    time(c, "transport", &logits, |x| ops::transport(&scene, &x[0]));
    let product: [&[usize]; 3] = [&[32, 256, 32], &[32, 48, 32], &[32, 256, 48]];
    time(c, "each_product", &product, |x| {
        ops::each_product(&x[0], &x[1], &x[2])
    });
    let y = tensor(&[32, 256, 48]);
    let draws: [&[usize]; 2] = [&[32, 256, 48], &[32, 256, 48]];
    time(c, "crps", &draws, |x| ops::crps(&x[0], &x[1], &y));
    c.bench_function("scene", |b| {
        b.iter(|| ops::in_pool(|| Scene::new(&sources, along).expect("a scene")));
    });
    c.bench_function("sharpen", |b| {
        b.iter(|| ops::in_pool(|| ops::sharpen(&frames[0], along, 3.0).expect("a frame")));
    });
    let gram = tensor(&[32, 32, 32]);
    let dictionaries = tensor(&[64, 48, 32]);
    c.bench_function("trace_form", |b| {
        b.iter(|| ops::in_pool(|| ops::trace_form(&gram, &dictionaries).expect("a form")));
    });
}

fn weights(c: &mut Criterion) {
    let vars: Vec<(String, Var)> = (0..8)
        .map(|i| (format!("w{i}"), var(&[1024, 512])))
        .collect();
    let mut loss = Tensor::zeros((), candle_core::DType::F32, &Device::Cpu).expect("a loss");
    for (_, var) in &vars {
        loss = (loss + var.sum_all().expect("a sum")).expect("a loss");
    }
    let grads = loss.backward().expect("gradients");
    let mut optimiser = AdamW::new(vars.clone(), AdamWConfig::default()).expect("an optimiser");
    c.bench_function("adamw, 4M weights", |b| {
        b.iter(|| ops::in_pool(|| optimiser.step(&grads, 1e-3, Some(1.0)).expect("a step")));
    });
    let mut average = Average::new(&vars, 0.99).expect("an average");
    c.bench_function("average, 4M weights", |b| {
        b.iter(|| ops::in_pool(|| average.update(&vars, 1000).expect("an update")));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = operations, convolutions, decoders, weights
}
criterion_main!(benches);
