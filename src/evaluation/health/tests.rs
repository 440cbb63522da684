use super::*;
use crate::inference::LatentConfig;
use crate::models::{BackboneConfig, Decoder, FrameShape, NextFrameConfig, Weights};
use crate::rng::Seed;
use candle_core::{DType, Device};

/// Of frames of 8 by 16, that has not learned anything.
fn forecaster() -> Forecaster {
    let shape = FrameShape {
        channels: 1,
        height: 8,
        width: 16,
        change: 0.2,
    };
    let model = NextFrameConfig {
        decoder: Decoder::Paint,
        context: 2,
        hidden: 8,
        latent_start: 1.0,
        backbone: BackboneConfig {
            width: 8,
            ..BackboneConfig::default()
        },
        ..NextFrameConfig::default()
    };
    let latent = LatentConfig {
        dimension: 12,
        ..LatentConfig::default()
    };
    let mut weights = Weights::new(Seed(2), &Device::Cpu);
    Forecaster::new(&model, &latent, shape, "latent", &mut weights).unwrap()
}

/// Frames about a grey one whose numbers each go their own way, as far as `spread`.
fn noisy(spread: f64, seed: u64) -> Tensor {
    let mut rng = Seed(seed).stream("test", 0);
    let noise = rng.normal_tensor((32, 1, 16, 16), &Device::Cpu).unwrap();
    ((noise * spread).unwrap() + 0.5).unwrap()
}

#[test]
fn draws_as_the_truth_have_no_gap_though_each_is_worse_than_their_mean() {
    let (mean, black) = (
        noisy(0.0, 0),
        Tensor::zeros((32, 1, 16, 16), DType::F32, &Device::Cpu),
    );
    let truth = Truth::new(&black.unwrap(), &noisy(0.1, 1)).unwrap();
    assert_eq!(truth.moving(), 32);
    let found = |spread: f64| {
        let draws: Vec<Tensor> = (2..2 + DRAWS as u64)
            .map(|seed| noisy(spread, seed))
            .collect();
        let [[_, best], _] = truth.draws(&draws).unwrap();
        let scores = Scores {
            drawn: truth.energy(&draws).unwrap(),
            no_z: truth.energy(std::slice::from_ref(&mean)).unwrap(),
        };
        let health = Health {
            scores,
            moving: 32,
            ..Health::default()
        };
        (best, scores, warnings(&health))
    };
    // Twice the variance of the truth less what luck makes of ten draws.
    let (best, scores, warned) = found(0.1);
    assert!((0.015..0.02).contains(&best), "{best}");
    // In d dimensions √2 σ − ½ √2 σ for σ: 0.707 of it, but for a part in d.
    let share = scores.drawn / scores.no_z;
    assert!((share - 0.5f64.sqrt()).abs() < 0.005, "{share}");
    assert!(warned.is_empty(), "{warned:?}");
    // √(1 + s²) − s/√2 is below 1 up to s = 2√2.
    assert!(found(0.27).2.is_empty());
    let (_, _, warned) = found(0.3);
    assert!(warned.len() == 1 && warned[0].contains("gap"), "{warned:?}");
}

#[test]
fn a_certain_forecast_scores_its_error_and_one_window_tells_nothing_of_flatness() {
    let mut rng = Seed(1).stream("test", 0);
    let window = rng.uniform_tensor(0.0, 1.0, (1, 3, 1, 8, 16), &Device::Cpu);
    let made = forecaster();
    let health = check(&made, None, &window.unwrap(), &mut rng).unwrap();
    let Scores { drawn, no_z } = health.scores;
    assert!(
        (no_z.powi(2) - health.error.no_z).abs() < 1e-6,
        "{health:?}"
    );
    // No more than the first draw's own, which it would be if all were alike.
    assert!(
        drawn > 0.0 && drawn != no_z && drawn < health.error.sampled_z.sqrt(),
        "{health:?}"
    );
    assert_eq!((health.moving, health.wrong_pairs), (1, 0));
    assert!(
        !health
            .warnings
            .iter()
            .any(|warning| warning.contains("flat"))
    );
}
