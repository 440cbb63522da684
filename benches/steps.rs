//! Whole training steps of both models on the default recipe: batch 32 at
//! 64×64. `cargo bench --bench steps`.

use candle_core::Device;
use criterion::{Criterion, criterion_group, criterion_main};
use nextframe::inference::LatentConfig;
use nextframe::models::FrameShape;
use nextframe::rng::Seed;
use nextframe::training::{Learner, Settings};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPE: FrameShape = FrameShape {
    channels: 3,
    height: 64,
    width: 64,
    change: 0.05,
};

fn learner(settings: &Settings, latent: &LatentConfig) -> Learner {
    Learner::new("bench", settings, latent, SHAPE, Seed(0), &Device::Cpu).expect("a learner")
}

fn steps(criterion: &mut Criterion) {
    nextframe::ops::use_one_pool();
    nextframe::ops::keep_memory();
    let mut settings = Settings::default();
    // Steps on the model's own frames are dearer still: they first make these,
    // with z found for them too.
    settings.training.own_frames = 0.0;
    let length = settings.window();
    let mut rng = Seed(0).stream("bench", 0);
    let windows = rng
        .uniform_tensor(0.0, 1.0, (32, length, 3, 64, 64), &Device::Cpu)
        .expect("a batch");
    let mut mse = learner(&settings, &LatentConfig::none());
    let mut latent = learner(&settings, &settings.latent.clone());

    let mut group = criterion.benchmark_group("step");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(6));
    for (name, learner) in [("mse", &mut mse), ("latent", &mut latent)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                nextframe::ops::in_pool(|| learner.step(&windows, 0.5, &mut rng)).expect("a step")
            });
        });
    }
    group.finish();

    // In turns, so that a machine that slows down slows both.
    let mut time = |learner: &mut Learner| {
        let start = Instant::now();
        nextframe::ops::in_pool(|| learner.step(&windows, 0.5, &mut rng)).expect("a step");
        start.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..60)
        .map(|_| {
            let base = time(&mut mse);
            time(&mut latent) / base
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "latent step / mse step, 60 pairs in turns: median {:.2}, quartiles {:.2} and {:.2}",
        ratios[30], ratios[15], ratios[45]
    );
}

criterion_group!(benches, steps);
criterion_main!(benches);
