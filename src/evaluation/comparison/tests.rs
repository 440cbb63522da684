use super::super::psnr::psnr;
use super::super::rollout::{rollout, shares};
use super::super::sharpness::gradient;
use super::super::ssim::ssim;
use super::*;
use crate::data::Split;
use crate::inference::LatentConfig;
use crate::models::{FrameShape, NextFrameConfig, Weights};
use std::slice::from_ref;

mod persistence;

const SHAPE: [usize; 3] = [1, 16, 16];
const CONTEXT: usize = 2;

/// Of a prediction, the truth and where to look.
type Measure<'a> = &'a dyn Fn(&[f32], &[f32], Option<&[bool]>) -> Option<f64>;

/// A bright square on a slanted ground runs to the right, then stops.
fn footage() -> Vec<Footage> {
    let frames = (0..120).flat_map(|time: usize| {
        (0..256).map(move |pixel| {
            let (y, x) = (pixel / 16, pixel % 16);
            let left = time.min(105) % 12;
            let inside = (5..9).contains(&y) && (left..left + 4).contains(&x);
            if inside {
                230
            } else {
                (20 + 3 * x + 2 * y) as u8
            }
        })
    });
    let sizes = (120, SHAPE[0], SHAPE[1], SHAPE[2]);
    vec![Footage::from_frames("square", frames.collect(), sizes, 25.0, vec![]).unwrap()]
}

fn one(forecaster: &Forecaster) -> Predictor<'_> {
    Predictor::Model(from_ref(forecaster))
}

/// A network of random weights.
fn forecaster(latent: &LatentConfig) -> Forecaster {
    let mut config = NextFrameConfig {
        context: CONTEXT,
        hidden: 8,
        ..NextFrameConfig::default()
    };
    config.backbone.width = 8;
    let shape = FrameShape {
        channels: SHAPE[0],
        height: SHAPE[1],
        width: SHAPE[2],
        change: 0.1,
    };
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    Forecaster::new(&config, latent, shape, "model", &mut weights).unwrap();
    let mut rng = Seed(1).stream("tests", 0);
    for (name, var) in weights.pairs() {
        // s² stays 1. The rest moves from its start, where some layers are 0.
        if !name.ends_with("unexplained") {
            let noise = rng.normal_tensor(var.shape(), &Device::Cpu).unwrap();
            var.set(&(var.as_tensor() + noise * 0.05).unwrap()).unwrap();
        }
    }
    Forecaster::new(&config, latent, shape, "model", &mut weights.frozen()).unwrap()
}

fn plan(futures: usize) -> Plan {
    Plan {
        context: CONTEXT,
        horizons: vec![1, 4],
        futures,
        temperature: 1.0,
        seed: Seed(3),
    }
}

fn windows(footage: &[Footage], plan: &Plan) -> Vec<Window> {
    let split = Split::new(footage, CONTEXT + 2, plan.length()).unwrap();
    split.test.spread(plan.length(), 6)
}

fn compared(predictors: &[Predictor], plan: &Plan) -> Comparison {
    let footage = footage();
    let windows = windows(&footage, plan);
    let mut seen = Vec::new();
    let watch = &mut |done| seen.push(done);
    let found = compare(predictors, &footage, &windows, plan, &Device::Cpu, watch).unwrap();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    found
}

fn close(actual: Option<f64>, expected: f64) {
    let actual = actual.expect("a figure");
    assert!((actual - expected).abs() < 1e-9, "{actual} and {expected}");
}

/// Last frame of the context and true frame of each window.
fn pairs(footage: &[Footage], plan: &Plan, horizon: usize) -> Vec<[Vec<f32>; 2]> {
    let film = &footage[0];
    let frame = |index: usize| -> Vec<f32> {
        let bytes = film.frame(index).unwrap();
        let bytes = bytes.iter();
        bytes.map(|&byte| f32::from(byte) / 255.0).collect()
    };
    windows(footage, plan)
        .iter()
        .map(|window| {
            let last = window.start + CONTEXT - 1;
            [frame(last), frame(last + horizon)]
        })
        .collect()
}

#[test]
fn copying_is_scored_as_by_hand() {
    let (footage, plan) = (footage(), plan(3));
    let found = compared(&[Predictor::Copy], &plan);
    for horizon in [1, 4] {
        let pairs = pairs(&footage, &plan, horizon);
        let mask = |[last, truth]: &[Vec<f32>; 2]| moving(last, truth, SHAPE);
        let (alive, still): (Vec<_>, Vec<_>) =
            pairs.iter().partition(|pair| mask(pair).contains(&true));
        assert!(!still.is_empty() && !alive.is_empty());
        assert_eq!(found.still[&horizon], still.len());

        let figures = &found.models[0][&horizon];
        for (scores, counted, masked) in [
            (&figures.moving, alive, true),
            (&figures.whole_frame, pairs.iter().collect(), false),
        ] {
            let mean = |score: Measure| {
                let each = counted.iter().map(|pair| {
                    let mask = masked.then(|| mask(pair));
                    score(&pair[0], &pair[1], mask.as_deref()).unwrap()
                });
                each.sum::<f64>() / counted.len() as f64
            };
            let error = |power: i32| {
                move |last: &[f32], truth: &[f32], mask: Option<&[bool]>| {
                    let counts = |pixel: usize| mask.is_none_or(|mask| mask[pixel]);
                    let errors: Vec<f64> = (0..truth.len())
                        .filter(|pixel| counts(*pixel))
                        .map(|pixel| f64::from(last[pixel] - truth[pixel]).abs().powi(power))
                        .collect();
                    Some(errors.iter().sum::<f64>() / errors.len() as f64)
                }
            };
            close(scores.crps.value, mean(&error(1)));
            let root =
                |a: &[f32], b: &[f32], mask: Option<&[bool]>| error(2)(a, b, mask).map(f64::sqrt);
            let energy = scores.energy_score.value.unwrap();
            assert!((energy - mean(&root)).abs() < 1e-6);
            close(scores.psnr.value, mean(&psnr));
            close(
                scores.ssim.value,
                mean(&|a, b, mask| ssim(a, b, SHAPE, mask)),
            );
            let sharp = |which: usize| mean(&|a, b, mask| gradient([a, b][which], SHAPE, mask));
            close(scores.sharpness_ratio.value, sharp(0) / sharp(1));
            for best in scores.best_of.values() {
                assert_eq!(
                    (best.psnr, best.ssim),
                    (scores.psnr.value, scores.ssim.value)
                );
            }
        }
    }
}

#[test]
fn one_future_is_scored_by_its_error_and_many_as_a_forecast() {
    let none = LatentConfig::none();
    let some = LatentConfig {
        dimension: 4,
        ..LatentConfig::default()
    };
    let (mse, latent) = (forecaster(&none), forecaster(&some));
    let (footage, plan) = (footage(), plan(12));
    let predictors = [one(&mse), one(&latent)];
    let found = compared(&predictors, &plan);

    let (mut error, mut count) = (0.0, 0);
    for (index, window) in windows(&footage, &plan).iter().enumerate() {
        let frames = batch(&footage, &[*window], plan.length(), &Device::Cpu).unwrap();
        let x = frames.narrow(1, 0, CONTEXT).unwrap();
        let futures = predictors[0].futures(&x, &plan, index).unwrap();
        assert_eq!(futures.dims(), [1, 2, 1, 16, 16]);
        let made = &samples(&futures, 1).unwrap()[0];
        let truth = frames.narrow(1, CONTEXT + 3, 1).unwrap();
        let truth: Vec<f32> = truth.flatten_all().unwrap().to_vec1().unwrap();
        let pairs = made.iter().zip(&truth);
        error += pairs.map(|(a, b)| f64::from(a - b).abs()).sum::<f64>() / 256.0;
        count += 1;
    }
    let certain = &found.models[0][&4].whole_frame;
    close(certain.crps.value, error / f64::from(count));
    assert_eq!(certain.best_of[&100].psnr, certain.psnr.value);

    let forecast = &found.models[1][&4].whole_frame;
    let best = |number| forecast.best_of[&number].psnr;
    close(best(1), forecast.psnr.value.unwrap());
    assert!(best(10) > best(1), "futures differ");
    assert_eq!(best(100), None, "there are only 12 futures");

    // Beside least squares, on the same windows.
    assert_eq!(certain.crps_of_best, None);
    assert!(certain.rank_histogram.is_empty() && certain.spread_skill.value.is_none());
    let ratio = forecast.crps_of_best.unwrap();
    let truth = forecast.crps.value.unwrap() / certain.crps.value.unwrap();
    close(ratio.value, truth);
    for figure in [ratio, forecast.crps, forecast.spread_skill, forecast.psnr] {
        let ([low, high], value) = (figure.interval.unwrap(), figure.value.unwrap());
        assert!(low < value && value < high, "{figure:?}");
    }
    // Futures as wholes: of one, each frame's PSNR is averaged; the best of a few is no
    // better than the best frame by frame.
    let whole = &found.whole_futures;
    close(whole[0][&1].psnr.value, whole[0][&100].psnr.value.unwrap());
    let best = |number| whole[1][&number].psnr.value;
    assert!(best(10) > best(1) && best(100).is_none());
    // Chances are given and come, of all pixels.
    let cases: f64 = forecast.reliability.iter().map(|bin| bin[2]).sum();
    assert_eq!(cases, 256.0 * f64::from(count));
    assert!(
        forecast
            .calibration_error
            .value
            .is_some_and(|error| error > 0.0)
    );
    assert!(found.models[1][&4].moving.reliability.is_empty() && certain.reliability.is_empty());

    let ranks: f64 = forecast.rank_histogram.iter().sum();
    assert!((ranks - 1.0).abs() < 1e-9, "{ranks}");
}

#[test]
fn whole_futures_are_judged_by_all_their_frames() {
    let none = forecaster(&LatentConfig::none());
    let predictors = [Predictor::Copy, one(&none)];
    // One frame ahead a future is that frame; of three, the mean of all, which
    // are seen one by one where all are horizons.
    for horizons in [vec![1], vec![1, 2, 3]] {
        let last = horizons.len();
        let plan = Plan {
            horizons,
            ..plan(4)
        };
        let found = compared(&predictors, &plan);
        let few = Plan {
            horizons: vec![last],
            ..plan.clone()
        };
        let skipping = compared(&predictors, &few);
        for (at, models) in found.models.iter().enumerate() {
            let each = models.values().map(|f| f.whole_frame.psnr.value.unwrap());
            let mean = each.sum::<f64>() / last as f64;
            close(found.whole_futures[at][&1].psnr.value, mean);
            close(skipping.whole_futures[at][&1].psnr.value, mean);
        }
    }
}

#[test]
fn futures_at_the_horizons_are_those_of_the_whole_rollout() {
    let latent = forecaster(&LatentConfig {
        dimension: 4,
        ..LatentConfig::default()
    });
    // More than go through the network at once; four frames, of which two are kept.
    let (footage, count) = (footage(), 70);
    let plan = Plan {
        horizons: vec![1, 4],
        ..plan(count)
    };
    let window = windows(&footage, &plan)[0];
    let frames = batch(&footage, &[window], plan.length(), &Device::Cpu).unwrap();
    let x = frames.narrow(1, 0, CONTEXT).unwrap();
    let kept = one(&latent).futures(&x, &plan, 3).unwrap();
    let mut rng = plan.seed.stream("compare", 3);
    let whole = rollout(from_ref(&latent), &x, count, 4, plan.temperature, &mut rng).unwrap();
    let whole = whole.squeeze(0).unwrap();
    assert_eq!(whole.dims(), [count, 4, 1, 16, 16]);
    assert_eq!(kept.dims(), [count, 2, 1, 16, 16]);
    for (at, time) in [(0, 1), (1, 4)] {
        let (kept, whole) = (
            samples(&kept, at).unwrap(),
            samples(&whole, time - 1).unwrap(),
        );
        assert_eq!(kept, whole, "{time} frames ahead");
        assert_ne!(kept[0], kept[count - 1], "futures differ");
    }
}

#[test]
fn the_seed_decides() {
    let latent = forecaster(&LatentConfig {
        dimension: 4,
        ..LatentConfig::default()
    });
    let with = |seed| {
        let plan = Plan {
            seed: Seed(seed),
            ..plan(3)
        };
        compared(&[one(&latent)], &plan)
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn horizons_that_the_recipe_has() {
    assert_eq!(Plan::horizons(16).unwrap(), [1, 4, 8, 16]);
    assert_eq!(Plan::horizons(7).unwrap(), [1, 4, 7]);
    assert_eq!(Plan::horizons(1).unwrap(), [1]);
    let message = Plan::horizons(0).unwrap_err().to_string();
    assert!(message.contains("evaluation.horizon"), "{message}");
}

#[test]
fn members_draw_their_shares() {
    let (none, latent) = (LatentConfig::none(), LatentConfig::default());
    let members = [forecaster(&none), forecaster(&latent)];
    let (footage, plan) = (footage(), plan(5));
    let window = windows(&footage, &plan)[0];
    let frames = batch(&footage, &[window], plan.length(), &Device::Cpu).unwrap();
    let x = frames.narrow(1, 0, CONTEXT).unwrap();
    let of = |predictor: Predictor| samples(&predictor.futures(&x, &plan, 3).unwrap(), 1).unwrap();
    let certain = of(one(&members[0])).remove(0);
    let same: Vec<bool> = (of(Predictor::Model(&members)).iter())
        .map(|future| {
            let mut pairs = future.iter().zip(&certain);
            pairs.all(|(a, b)| (a - b).abs() < 1e-5)
        })
        .collect();
    assert_eq!(same, [true, true, false, false, false]);
    // More than there are futures: some draw none.
    let all: Vec<_> = shares(2, 5).collect();
    assert_eq!(all, [0..0, 0..0, 0..1, 1..1, 1..2]);
}
