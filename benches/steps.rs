//! Whole training steps of both models on the default recipe: batch 32 at
//! 64×64. `cargo bench --bench steps`.

use candle_core::Device;
use criterion::{Criterion, criterion_group, criterion_main};
use nextframe::inference::LatentConfig;
use nextframe::models::FrameShape;
use nextframe::rng::Seed;
use nextframe::training::{Learner, Settings};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPE: FrameShape = FrameShape {
    channels: 3,
    height: 64,
    width: 64,
    change: 0.05,
};

fn steps(criterion: &mut Criterion) {
    nextframe::ops::use_one_pool();
    let mut group = criterion.benchmark_group("step");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(6));
    let mut settings = Settings::default();
    // Both kinds of step cost both models alike; timings need only one.
    settings.training.own_frames = 0.0;
    let length = settings.window();
    let mut rng = Seed(0).stream("bench", 0);
    let windows = rng
        .uniform_tensor(0.0, 1.0, (32, length, 3, 64, 64), &Device::Cpu)
        .expect("a batch");
    for (name, latent) in [
        ("mse", LatentConfig::none()),
        ("latent", settings.latent.clone()),
    ] {
        let mut learner = Learner::new("bench", &settings, &latent, SHAPE, Seed(0), &Device::Cpu)
            .expect("a learner");
        group.bench_function(name, |bencher| {
            bencher.iter(|| learner.step(&windows, 0.5, &mut rng).expect("a step"));
        });
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
