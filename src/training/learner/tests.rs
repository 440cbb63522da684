use super::*;
use crate::inference::{Density, Family, LatentConfig, Noise};
use crate::models::{BackboneConfig, Decoder, NextFrameConfig};
use crate::training::example::Example;

const SHAPE: FrameShape = FrameShape {
    channels: 1,
    height: 8,
    width: 16,
    change: 0.2,
};

fn settings(decoder: Decoder) -> Settings {
    let mut settings = Settings {
        model: NextFrameConfig {
            decoder,
            // Two pixels are far for a first guess.
            peak: 0.7,
            context: 1,
            hidden: 16,
            backbone: BackboneConfig {
                width: 16,
                depth: 0,
                ..BackboneConfig::default()
            },
            ..NextFrameConfig::default()
        },
        ..Settings::default()
    };
    settings.training.own_frames = 0.0;
    settings.training.learning_rate = 5e-3;
    settings.latent.dimension = 2;
    settings.latent.stages = 1;
    settings.latent.size = 4;
    settings
}

/// Pixels that the square goes aside: to where no moved pixel gets, or within
/// the reach.
fn far(decoder: Decoder) -> usize {
    match decoder {
        Decoder::Paint => 5,
        Decoder::Move | Decoder::Objects => 2,
    }
}

/// A bright square in the middle that goes left or right by a fair coin.
fn windows(far: usize, rng: &mut Rng) -> Tensor {
    let mut frames = Vec::new();
    for _ in 0..16 {
        let side = if rng.uniform() < 0.5 {
            6 - far
        } else {
            6 + far
        };
        for left in [6, side, side] {
            frames.extend((0..8 * 16).map(|i| {
                let (y, x) = (i / 16, i % 16);
                f32::from(u8::from(
                    (2..6).contains(&y) && (left..left + 4).contains(&x),
                ))
            }));
        }
    }
    Tensor::from_vec(frames, (16, 3, 1, 8, 16), &Device::Cpu).unwrap()
}

fn trained(family: Family, prior: Density, decoder: Decoder) -> (Learner, f64) {
    let mut settings = settings(decoder);
    settings.latent.family = family;
    settings.latent.prior = prior;
    // Draws of codes have no gradient.
    if [Density::Bank, Density::Neighbours, Density::Masked].contains(&prior) {
        settings.training.score_weight = 0.0;
    }
    if decoder == Decoder::Objects {
        settings.model.objects = 1;
        settings.latent.size = 25;
    }
    let latent = settings.latent.clone();
    let mut learner =
        Learner::new("latent", &settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap();
    // Where pixels move takes longer to learn.
    let steps = match decoder {
        Decoder::Paint | Decoder::Objects => 200,
        Decoder::Move => 800,
    };
    let mut error = 0.0;
    for step in 0..steps {
        let mut rng = Seed(1).stream("test", step);
        let batch = windows(far(decoder), &mut rng);
        let used = step as f64 / steps as f64;
        error = learner.step(&batch, used, &mut rng).unwrap().error;
    }
    learner.settle().unwrap();
    (learner, error)
}

#[test]
fn every_family_learns_both_modes_and_least_squares_does_not() {
    use Density::{Bank, Masked, Mixture, Neighbours};
    for (family, prior, decoder) in [
        (Family::Gaussian, Mixture, Decoder::Move),
        (Family::Gaussian, Mixture, Decoder::Paint),
        (Family::Gaussian, Bank, Decoder::Paint),
        (Family::Gaussian, Neighbours, Decoder::Paint),
        (Family::Sparse, Mixture, Decoder::Paint),
        (Family::Codes, Mixture, Decoder::Paint),
        (Family::Codes, Masked, Decoder::Paint),
        (Family::Codes, Mixture, Decoder::Objects),
    ] {
        let (_, blurred) = trained(Family::None, Mixture, decoder);
        let (learner, error) = trained(family, prior, decoder);
        let name = format!("{family:?}, {prior:?}, {decoder:?}");
        assert!(error < 0.4 * blurred, "{name}: {error} of {blurred}");
        let mut rng = Seed(2).stream("test", 0);
        let far = far(decoder);
        let x = windows(far, &mut rng).narrow(1, 0, 1).unwrap();
        let observed = learner.judged().network().observe(&x).unwrap();
        let (mut left, mut right) = (0, 0);
        for _ in 0..8 {
            let frames = learner
                .judged()
                .sample(&observed, 1.0, &mut Noise::fresh(&mut rng))
                .unwrap();
            for frame in frames.to_vec3_rows() {
                let at = |x: usize| frame[4 * 16 + x];
                match (at(6 - far) > 0.5, at(9 + far) > 0.5) {
                    (true, false) => left += 1,
                    (false, true) => right += 1,
                    _ => {}
                }
            }
        }
        assert!(
            left + right > 100 && left > 30 && right > 30,
            "{name}: {left} {right} of 128"
        );
    }
}

trait Rows {
    fn to_vec3_rows(&self) -> Vec<Vec<f32>>;
}

impl Rows for Tensor {
    fn to_vec3_rows(&self) -> Vec<Vec<f32>> {
        self.flatten_from(1).unwrap().to_vec2().unwrap()
    }
}

#[test]
fn a_step_that_breaks_sends_training_back() {
    let (mut learner, _) = trained(Family::Gaussian, Density::Mixture, Decoder::Move);
    let mut rng = Seed(3).stream("test", 0);
    // What is remembered is a learner that is well.
    for step in 0..400 {
        if step >= 40 && learner.watch.is_well() {
            break;
        }
        let mut rng = Seed(4).stream("test", step);
        let report = learner
            .step(&windows(far(Decoder::Move), &mut rng), 0.9, &mut rng)
            .unwrap();
        assert_eq!(learner.look_after(&report).unwrap(), None);
    }
    learner.remember().unwrap();
    let before = learner.weights().pairs()[0].1.as_tensor().copy().unwrap();
    let broken = (windows(far(Decoder::Move), &mut rng) * f64::NAN).unwrap();
    let report = learner.step(&broken, 0.9, &mut rng).unwrap();
    assert_eq!(learner.look_after(&report).unwrap(), Some(Alarm::NotFinite));
    assert_eq!(learner.state().caution, 0.5);
    let after = learner.weights().pairs()[0].1.as_tensor();
    let off = (after - before).unwrap().abs().unwrap().max_all().unwrap();
    assert_eq!(off.to_scalar::<f32>().unwrap(), 0.0);
}

#[test]
fn steps_on_own_frames_do_not_train_z_where_it_paints() {
    for decoder in [Decoder::Paint, Decoder::Move] {
        let mut settings = settings(decoder);
        settings.training.own_frames = 1.0;
        let latent = settings.latent.clone();
        let mut learner =
            Learner::new("latent", &settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap();
        let copies = |learner: &Learner| -> Vec<(String, Tensor)> {
            let tensors = learner.weights().tensors().into_iter();
            tensors.map(|(n, t)| (n, t.copy().unwrap())).collect()
        };
        let before = copies(&learner);
        let mut rng = Seed(5).stream("test", 0);
        let report = learner
            .step(&windows(far(Decoder::Move), &mut rng), 0.9, &mut rng)
            .unwrap();
        assert!(report.gradient > 0.0);
        for ((name, old), (_, new)) in before.iter().zip(copies(&learner)) {
            let off = (new - old).unwrap().abs().unwrap().max_all().unwrap();
            let moved = off.to_scalar::<f32>().unwrap() > 0.0;
            if name.contains(".latent.") || name.contains(".prior.") || name.ends_with(UNEXPLAINED)
            {
                assert!(!moved, "{decoder:?}: {name} was trained");
            } else if name.ends_with("network.mean.weight") || name.ends_with("logits.weight") {
                assert!(moved, "{decoder:?}: {name} was not trained");
            }
        }
    }
}

#[test]
fn dead_codes_revive() {
    let mut settings = settings(Decoder::Move);
    settings.training.score_weight = 0.0;
    settings.latent.family = Family::Codes;
    (settings.latent.size, settings.latent.stages) = (4, 2);
    // So cold that few codes are drawn.
    (settings.training.beta, settings.training.beta_start) = (1e6, 1e6);
    let latent = settings.latent.clone();
    let mut learner =
        Learner::new("latent", &settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap();
    assert_eq!(learner.named(DICTIONARIES).count(), 1);
    let mut rng = Seed(5).stream("test", 0);
    // Longer than an entry may be idle.
    for _ in 0..60 {
        let windows = windows(far(Decoder::Move), &mut rng);
        let report = learner.step(&windows, 0.9, &mut rng).unwrap();
        assert!(report.error.is_finite());
    }
}

/// Every weight after one step, without what else would move them.
fn after_a_step(score_weight: f64) -> Vec<(String, Vec<f32>)> {
    let mut settings = settings(Decoder::Move);
    let training = &mut settings.training;
    (training.score_weight, training.prior_weight) = (score_weight, 0.0);
    (training.weight_decay, training.clip, training.average) = (0.0, 1e9, 0.0);
    let latent = settings.latent.clone();
    let mut learner =
        Learner::new("latent", &settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap();
    let mut rng = Seed(5).stream("test", 0);
    let windows = windows(far(Decoder::Move), &mut rng);
    learner.step(&windows, 0.9, &mut rng).unwrap();
    let flat = |(n, t): (String, Tensor)| (n, t.flatten_all().unwrap().to_vec1().unwrap());
    learner.weights().tensors().into_iter().map(flat).collect()
}

#[test]
fn the_score_trains_the_prior_alone() {
    let pairs = after_a_step(0.0).into_iter().zip(after_a_step(1.0));
    let moved: Vec<String> = pairs
        .filter(|((_, without), (_, with))| without != with)
        .map(|((name, _), _)| name)
        .collect();
    assert!(
        moved.iter().any(|name| name.contains(".prior.means")),
        "{moved:?}"
    );
    assert!(
        moved.iter().all(|name| name.contains(".prior.")),
        "{moved:?}"
    );
}

#[test]
fn what_is_moved_has_no_noise() {
    for decoder in [Decoder::Move, Decoder::Paint] {
        let mut settings = settings(decoder);
        settings.training.context_noise = 1.0;
        let latent = settings.latent.clone();
        let learner =
            Learner::new("latent", &settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap();
        let mut rng = Seed(5).stream("test", 0);
        let windows = windows(far(decoder), &mut rng);
        let example = Example::draw(
            &learner.frozen,
            &windows,
            false,
            (&settings.training, 0.5),
            &mut rng,
        )
        .unwrap();
        let clean = windows.narrow(1, 0, 1).unwrap().squeeze(1).unwrap();
        let off = |frame: &Tensor| {
            let off = (frame - &clean).unwrap().abs().unwrap().max_all().unwrap();
            off.to_scalar::<f32>().unwrap()
        };
        assert!(off(&example.x.squeeze(1).unwrap()) > 0.0);
        assert_eq!(off(&example.last) == 0.0, decoder == Decoder::Move);
    }
}

#[test]
fn what_is_judged_is_the_average() {
    let settings = settings(Decoder::Move);
    let latent = settings.latent.clone();
    let mut learner =
        Learner::new("latent", &settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap();
    let values = |weights: &Weights| -> Vec<Vec<f32>> {
        let flat = |(_, t): (String, Tensor)| t.flatten_all().unwrap().to_vec1().unwrap();
        weights.tensors().into_iter().map(flat).collect()
    };
    let before = values(learner.weights());
    let mut rng = Seed(5).stream("test", 0);
    learner
        .step(&windows(far(Decoder::Move), &mut rng), 0.9, &mut rng)
        .unwrap();
    learner.settle().unwrap();
    let (after, judged) = (values(learner.weights()), values(learner.judged_weights()));
    assert_ne!(before, after);
    // After the first step 2/11 of the start is kept.
    let both = before.iter().flatten().zip(after.iter().flatten());
    for ((old, new), judged) in both.zip(judged.iter().flatten()) {
        let expected = old * (2.0 / 11.0) + new * (9.0 / 11.0);
        assert!((judged - expected).abs() < 1e-6, "{judged} {expected}");
    }
}

mod frames;
mod gradients;
mod kept;
mod parts;
