//! An energy over frames in training.

use super::*;
use crate::inference::Learning;

fn recipe(learning: Learning) -> Settings {
    let mut settings = settings(Decoder::Paint);
    settings.energy.learning = learning;
    settings.energy.width = 16;
    settings.energy.depth = 1;
    settings.energy.replay = 32;
    settings.energy.noise_most = 5.0;
    settings.training.average = 0.0;
    settings
}

fn learner(settings: &Settings) -> Learner {
    Learner::new(
        "energy",
        settings,
        settings.beside(),
        SHAPE,
        Seed(1),
        &Device::Cpu,
    )
    .unwrap()
}

#[test]
fn every_weight_gets_a_gradient() {
    for learning in [Learning::Score, Learning::Contrastive] {
        let mut learner = learner(&recipe(learning));
        let before: Vec<Tensor> = (learner.weights().tensors().iter())
            .map(|(_, t)| t.copy().unwrap())
            .collect();
        let mut rng = Seed(5).stream("test", 0);
        for _ in 0..3 {
            let windows = windows(5, &mut rng);
            let report = learner.step(&windows, 0.9, &mut rng).unwrap();
            assert!(report.contrast > 0.0 && report.contrast.is_finite());
        }
        for ((name, new), old) in learner.weights().tensors().iter().zip(before) {
            let off = (new - old).unwrap().abs().unwrap().max_all().unwrap();
            let off = off.to_scalar::<f32>().unwrap();
            assert!(off > 0.0, "{learning:?}: {name}");
        }
    }
}

#[test]
fn chains_go_on_over_a_checkpoint() {
    let settings = recipe(Learning::Contrastive);
    let mut one = learner(&settings);
    let step = |learner: &mut Learner, index: u64| {
        let mut rng = Seed(6).stream("test", index);
        let windows = windows(5, &mut rng);
        learner.step(&windows, 0.9, &mut rng).unwrap()
    };
    for index in 0..4 {
        step(&mut one, index);
    }
    let chains = |learner: &Learner| learner.kept.replay.as_ref().unwrap().len();
    assert_eq!(chains(&one), 32);
    let mut again = learner(&settings);
    for ((_, var), (_, tensor)) in again.weights.pairs().iter().zip(one.weights().tensors()) {
        var.set(&tensor.copy().unwrap()).unwrap();
    }
    let moments = one.moments().unwrap().into_iter().collect();
    let averages = one.averages().unwrap().into_iter().collect();
    again.resume(&moments, &averages, one.state()).unwrap();
    assert_eq!(chains(&again), 32);
    // The next step is the same, to the bit.
    assert_eq!(step(&mut one, 9), step(&mut again, 9));
}

#[test]
fn chains_that_diverge_are_a_step_that_is_not_finite() {
    let mut settings = recipe(Learning::Contrastive);
    settings.energy.start = 1e30;
    settings.energy.bound = 1e38;
    settings.energy.step_size = 1e10;
    let mut learner = learner(&settings);
    let mut rng = Seed(5).stream("test", 0);
    let windows = windows(5, &mut rng);
    let report = learner.step(&windows, 0.9, &mut rng).unwrap();
    assert!(report.gradient.is_nan());
    assert_eq!(learner.look_after(&report).unwrap(), Some(Alarm::NotFinite));
}

#[test]
fn settings_that_cannot_be_meant_name_their_key() {
    for (key, change) in [
        (
            "energy.grain",
            (|s| s.energy.grain = 0.0) as fn(&mut Settings),
        ),
        ("energy.restart", |s| s.energy.restart = 2.0),
        ("energy.steps", |s| s.energy.steps = 0),
        ("energy.noise_most", |s| s.energy.noise_most = 1e-3),
        ("energy.temperature", |s| s.energy.temperature = f64::NAN),
    ] {
        let mut settings = recipe(Learning::Score);
        change(&mut settings);
        let said = settings.check().expect_err(key).to_string();
        assert!(said.contains(key), "{said}");
    }
}

#[test]
fn frames_are_drawn_whole_and_by_score_matching_both_ways() {
    // Chains run after each other from one mode to the other, so that at any one time they
    // may all be in one.
    for (learning, least) in [(Learning::Score, 8), (Learning::Contrastive, 0)] {
        let steps = 300;
        let mut settings = recipe(learning);
        settings.training.average = 0.99;
        settings.energy.bend = match learning {
            Learning::Score => 1000.0,
            _ => 3.0,
        };
        let mut learner = learner(&settings);
        for step in 0..steps {
            let mut rng = Seed(1).stream("test", step);
            let batch = windows(5, &mut rng);
            let used = 0.1 + 0.9 * step as f64 / steps as f64;
            learner.step(&batch, used, &mut rng).unwrap();
        }
        learner.settle().unwrap();
        let mut rng = Seed(2).stream("test", 0);
        let x = windows(5, &mut rng).narrow(1, 0, 1).unwrap();
        let model = learner.judged();
        let observed = model.network().observe(&x).unwrap();
        let (mut left, mut right) = (0, 0);
        for _ in 0..4 {
            let frames = model.sample(&observed, 1.0, &mut Noise::fresh(&mut rng));
            for frame in frames.unwrap().to_vec3_rows() {
                let at = |x: usize| frame[4 * 16 + x];
                match (at(2) > 0.5, at(13) > 0.5) {
                    (true, false) => left += 1,
                    (false, true) => right += 1,
                    _ => {}
                }
            }
        }
        // Other numbers of threads draw other noise: 40 to 50 of 64 are whole.
        assert!(
            left + right > 32 && left >= least && right >= least,
            "{learning:?}: {left} left and {right} right of 64"
        );
    }
}

#[test]
fn no_layer_of_the_energy_stretches_more_than_it_may() {
    let largest = |norm: f64| {
        let mut settings = recipe(Learning::Contrastive);
        settings.energy.norm = norm;
        let mut learner = learner(&settings);
        let mut rng = Seed(7).stream("test", 0);
        let windows = windows(5, &mut rng);
        learner.step(&windows, 0.9, &mut rng).unwrap();
        // Of the energy's weights, and of the others'.
        let mut largest = [0f64; 2];
        for (name, var) in learner.weights().pairs() {
            if var.rank() >= 2 {
                let side = usize::from(!name.contains(ENERGY_WEIGHTS));
                let found = spectral::spectral_norm(var.as_tensor()).unwrap();
                largest[side] = largest[side].max(found);
            }
        }
        largest
    };
    let ([free, others], [bounded, same]) = (largest(0.0), largest(0.5));
    assert!(
        free > 0.6 && (bounded - 0.5).abs() < 1e-3,
        "{free} {bounded}"
    );
    assert_eq!(others, same);
}
