//! Steps that are made in parts.

use super::*;
use crate::training::parts;

#[test]
fn a_step_in_parts_is_the_step_of_the_whole() {
    // Neither noise nor z: what is drawn would not be the same in parts.
    let mut settings = settings(Decoder::Move);
    settings.training.context_noise = 0.0;
    let none = LatentConfig::none();
    let learner = Learner::new("mse", &settings, &none, SHAPE, Seed(1), &Device::Cpu).unwrap();
    let mut rng = Seed(2).stream("test", 0);
    let windows = windows(2, &mut rng);
    let objective = Objective {
        forecaster: &learner.forecaster,
        frozen: &learner.frozen,
        settings: &learner.settings,
        kept: &learner.kept,
    };
    let mut made = |count: usize| {
        let vars = learner.weights.pairs();
        parts::gradients(&objective, &windows, vars, count, (false, 0.5), &mut rng).unwrap()
    };
    let (whole, found) = made(1);
    // 3 does not divide 16.
    for count in [2, 3] {
        let (gradients, found_in_parts) = made(count);
        assert!((found_in_parts.error / found.error - 1.0).abs() < 1e-5);
        for (name, var) in learner.weights.pairs() {
            let list = |store: &candle_core::backprop::GradStore| {
                let gradient = store.get(var).unwrap_or_else(|| panic!("{name}"));
                gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            };
            let (whole, parts) = (list(&whole), list(&gradients));
            let size = whole.iter().fold(1e-6f32, |size, g| size.max(g.abs()));
            for (whole, part) in whole.iter().zip(parts) {
                assert!((whole - part).abs() < 1e-4 * size, "{name}: {whole} {part}");
            }
        }
    }
}

#[test]
fn steps_in_parts_give_the_same_bits_again() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
    let pool = pool.unwrap();
    let run = || {
        let mut settings = settings(Decoder::Move);
        settings.training.own_frames = 0.5;
        let latent = settings.latent.clone();
        let mut learner =
            Learner::new("latent", &settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap();
        for step in 0..6 {
            let mut rng = Seed(5).stream("test", step);
            let windows = windows(far(Decoder::Move), &mut rng);
            assert_eq!(parts::best_count(windows.dim(0).unwrap(), &Device::Cpu), 2);
            learner.step(&windows, 0.9, &mut rng).unwrap();
        }
        let flat = |(_, t): (String, Tensor)| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let weights = learner.weights().tensors().into_iter();
        weights
            .flat_map(flat)
            .map(f32::to_bits)
            .collect::<Vec<u32>>()
    };
    assert!(pool.install(run) == pool.install(run));
}
