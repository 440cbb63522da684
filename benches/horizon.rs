//! The whole-horizon model: z* of one window on one thread, and 100 futures at the model's size and at eight times that.
//! `cargo bench --bench horizon`.

use candle_core::{Device, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use nextframe::data::{Footage, Split};
use nextframe::horizon::{
    Appearance, Background, Drawing, Grain, HorizonConfig, LargeFrame, MovingParts, WholeHorizon,
};
use nextframe::rng::Seed;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIDE: usize = 64;
const ZOOM: usize = 8;
const CONTEXT: usize = 4;
const FRAMES: usize = 16;

/// Three squares that go to and fro before a slope with noise, `zoom` times as large.
fn frame(time: usize, zoom: usize) -> Vec<u8> {
    let side = SIDE * zoom;
    let left = [(1, 5), (2, 20), (1, 33)].map(|(speed, start)| {
        let turn = 2 * (SIDE - 8);
        let gone = (time * speed + start) % turn;
        gone.min(turn - gone)
    });
    let mut rng = Seed(time as u64).stream("bench", 0);
    let pixel = |index: usize, noise: u64| {
        let (y, x) = (index % (side * side) / side / zoom, index % side / zoom);
        let inside = |(row, left): (usize, usize)| {
            (row..row + 8).contains(&y) && (left..left + 8).contains(&x)
        };
        let level = match (0..3).find(|&at| inside((8 + 18 * at, left[at]))) {
            Some(at) => 160 + 30 * at,
            None => 40 + x,
        };
        level as u8 + (noise % 5) as u8
    };
    (0..3 * side * side)
        .map(|index| pixel(index, rng.bits()))
        .collect()
}

fn number(bytes: Vec<u8>) -> Vec<f32> {
    bytes
        .into_iter()
        .map(|byte| f32::from(byte) / 255.0)
        .collect()
}

fn horizon(criterion: &mut Criterion) {
    let bytes = (0..300).flat_map(|time| frame(time, 1)).collect();
    let shape = (300, 3, SIDE, SIDE);
    let film = Footage::from_frames("film", bytes, shape, 25.0, vec![]).expect("a film");
    let footage = [film];
    let length = CONTEXT + FRAMES;
    let split = Split::new(&footage, CONTEXT + 2, length).expect("parts");
    let config = HorizonConfig {
        windows: 150,
        parts: MovingParts::Pieces,
        ways: 4,
        ..HorizonConfig::default()
    };
    let about = (&footage[..], &split.train);
    let model = WholeHorizon::learn(about, (CONTEXT, FRAMES), &config).expect("a model");
    let window: Vec<Vec<f32>> = (250..250 + length)
        .map(|time| number(frame(time, 1)))
        .collect();
    let (past, ahead) = window.split_at(CONTEXT);
    let x = Tensor::from_vec(past.concat(), (1, CONTEXT, 3, SIDE, SIDE), &Device::Cpu);
    let x = x.expect("a context");

    let looks: Vec<Vec<u8>> = (0..30).map(|time| frame(9 * time, ZOOM)).collect();
    let background = Background::of_frames(&looks, [3, SIDE * ZOOM, SIDE * ZOOM]);
    let windows = split.train.spread(length, 20);
    let entered = model.entered(&footage, &windows).expect("what entered");
    let noisy = Grain::of_which(&windows, background.pixels.len(), FRAMES);
    let film =
        |window: &nextframe::data::Window, at: usize| Ok(number(frame(window.start + at, ZOOM)));
    let about = (&entered[..], &noisy[..]);
    let appearance = Appearance::large(&model, background, about, &film).expect("an appearance");
    let pixels = number(frame(250 + CONTEXT - 1, ZOOM));
    let large = LargeFrame {
        pixels: &pixels,
        appearance: &appearance,
    };

    let mut group = criterion.benchmark_group("horizon");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.expect("a thread");
    group.bench_function("z* of a window, one thread", |bencher| {
        let seen = model.see(past).expect("a past");
        bencher.iter(|| alone.install(|| model.infer(&seen, ahead)).expect("z*"));
    });
    for (name, large, times) in [
        ("100 futures, 64×64", None, &[4, 8, 16][..]),
        ("100 futures, 512×512", Some(large), &[16][..]),
    ] {
        group.bench_function(name, |bencher| {
            let mut rng = Seed(0).stream("bench", 1);
            let drawing = Drawing {
                futures: 100,
                times,
                temperature: 1.0,
                watch: None,
            };
            bencher.iter(|| {
                let made = model.likely_futures(&x, large, drawing, &mut rng);
                made.expect("futures")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, horizon);
criterion_main!(benches);
