//! Every weight gets a gradient, whatever the recipe.

use super::*;

/// The weights, and whether a few steps moved them.
fn moved_by_steps(settings: &Settings) -> Vec<(String, bool)> {
    let latent = settings.latent.clone();
    let mut learner =
        Learner::new("latent", settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap();
    let before = learner.weights().tensors();
    let before: Vec<Tensor> = before.iter().map(|(_, t)| t.copy().unwrap()).collect();
    let mut rng = Seed(5).stream("test", 0);
    // What starts at 0 hides what lies before it for a step.
    for _ in 0..4 {
        let windows = windows(far(Decoder::Move), &mut rng);
        learner.step(&windows, 0.9, &mut rng).unwrap();
    }
    let moved = |((name, new), old): ((String, Tensor), Tensor)| {
        let off = (new - old).unwrap().abs().unwrap().max_all().unwrap();
        (name, off.to_scalar::<f32>().unwrap() > 0.0)
    };
    (learner.weights().tensors().into_iter().zip(before))
        .map(moved)
        .collect()
}

#[test]
fn every_weight_gets_a_gradient() {
    let recipe = |change: fn(&mut Settings)| {
        let mut settings = settings(Decoder::Move);
        settings.training.average = 0.0;
        change(&mut settings);
        settings
    };
    for settings in [
        recipe(|_| ()),
        recipe(|s| s.latent.prior = Density::Flow),
        recipe(|s| s.latent.family = Family::Sparse),
        recipe(|s| s.model.cells = 2),
        recipe(|s| {
            s.latent.family = Family::Codes;
            s.latent.prior = Density::Masked;
            s.training.score_weight = 0.0;
            (s.training.beta, s.training.beta_start) = (1e-6, 1e-6);
        }),
        recipe(|s| {
            (s.latent.size, s.latent.stages) = (4, 2);
            s.latent.family = Family::Codes;
            s.training.score_weight = 0.0;
            // So warm that all codes are drawn.
            (s.training.beta, s.training.beta_start) = (1e-6, 1e-6);
        }),
    ] {
        for (name, moved) in moved_by_steps(&settings) {
            assert!(moved, "{name}: {:?}", settings.latent);
        }
    }
}
