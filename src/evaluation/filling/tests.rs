use super::*;
use crate::inference::LatentConfig;
use crate::models::{Decoder, FrameShape, NextFrameConfig, Weights};
use crate::rng::Seed;
use candle_core::{DType, Device};
use std::slice::from_ref;

const SHAPE: (usize, usize, usize) = (1, 8, 8);

/// z of two numbers paints; untrained, what it paints is noise.
fn forecaster(weights: &mut Weights, latent: bool) -> Forecaster {
    let model = NextFrameConfig {
        context: 2,
        decoder: Decoder::Paint,
        latent_start: 5.0,
        ..NextFrameConfig::default()
    };
    let latent = match latent {
        true => LatentConfig {
            dimension: 2,
            ..LatentConfig::default()
        },
        false => LatentConfig::none(),
    };
    let shape = FrameShape {
        channels: 1,
        height: 8,
        width: 8,
        change: 0.1,
    };
    Forecaster::new(&model, &latent, shape, "latent", weights).unwrap()
}

fn film(frames: usize) -> Tensor {
    let mut rng = Seed(1).stream("test", 0);
    (rng.uniform_tensor(0.0, 1.0, (frames, 1, 8, 8), &Device::Cpu)).unwrap()
}

const HOW: How = How {
    fillings: 8,
    tries: 8,
    temperature: 1.0,
};

fn filled(forecaster: &Forecaster, film: &Tensor, mask: &Mask, how: How) -> Tensor {
    fill(
        from_ref(forecaster),
        film,
        mask,
        how,
        &mut Seed(2).stream("test", 0),
    )
    .unwrap()
}

fn values(films: &Tensor, row: usize, frame: usize) -> Vec<f32> {
    let frame = films
        .narrow(0, row, 1)
        .unwrap()
        .narrow(1, frame, 1)
        .unwrap();
    frame.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn what_is_seen_stays_and_what_is_hidden_is_not_looked_at() {
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    let forecaster = forecaster(&mut weights, true);
    let mut mask = Mask::none(6, SHAPE);
    mask.hide(&Block {
        rows: 2..5,
        columns: 3..20,
        frames: 2..4,
    });
    assert_eq!(mask.span(), Some((2, 3)));
    let film = film(6);
    let once = filled(&forecaster, &film, &mask, HOW);
    assert_eq!(once.dims(), [8, 6, 1, 8, 8]);
    let truth = film.unsqueeze(0).unwrap();
    for frame in 0..6 {
        for row in 0..8 {
            let (made, truth) = (values(&once, row, frame), values(&truth, 0, frame));
            for (pixel, (made, truth)) in made.iter().zip(&truth).enumerate() {
                let hidden = mask.of(frame).is_some_and(|hidden| hidden[pixel]);
                assert!(hidden || (made - truth).abs() < 1e-6);
            }
        }
    }
    // Fillings differ, and other values behind the mask change nothing.
    let first = values(&once, 0, 2);
    assert!((1..8).any(|row| values(&once, row, 2) != first));
    let mut pixels = film.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (pixel, value) in pixels.iter_mut().enumerate() {
        if mask.of(pixel / 64).is_some_and(|hidden| hidden[pixel % 64]) {
            *value = 1.0 - *value;
        }
    }
    let other = Tensor::from_vec(pixels, film.dims(), &Device::Cpu).unwrap();
    let again = filled(&forecaster, &other, &mask, HOW);
    let off = (once - again).unwrap().abs().unwrap().max_all().unwrap();
    assert_eq!(off.to_scalar::<f32>().unwrap(), 0.0);
}

#[test]
fn the_z_that_fits_what_is_seen_is_kept() {
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    let forecaster = forecaster(&mut weights, true);
    let network = forecaster.network();
    // The truth is what some z makes of the film's first frames.
    let before = film(2);
    let past: Vec<Tensor> = (0..2)
        .map(|frame| {
            network
                .tokens(&before.narrow(0, frame, 1).unwrap())
                .unwrap()
        })
        .collect();
    let observed = network.observe_tokens(&past).unwrap();
    let z = Tensor::from_vec(vec![1.0f32, -1.0], (1, 2), &Device::Cpu).unwrap();
    let next = forecaster.frames(&observed, Some(&z)).unwrap();
    let film = Tensor::cat(&[&before, &next], 0).unwrap();
    let mut mask = Mask::none(3, SHAPE);
    mask.hide(&Block {
        rows: 4..8,
        columns: 0..8,
        frames: 2..3,
    });
    let error = |tries: usize| {
        let how = How {
            fillings: 40,
            tries,
            ..HOW
        };
        let made = filled(&forecaster, &film, &mask, how);
        let last = made.narrow(1, 2, 1).unwrap().squeeze(1).unwrap();
        let off = last.broadcast_sub(&next).unwrap().sqr().unwrap();
        off.mean_all().unwrap().to_scalar::<f32>().unwrap()
    };
    let (blind, looking) = (error(1), error(64));
    assert!(looking < 0.25 * blind, "{looking} {blind}");
}

#[test]
fn least_squares_has_one_filling_and_a_mask_needs_a_past() {
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    let forecaster = forecaster(&mut weights, false);
    let film = film(4);
    let whole = Block {
        rows: 0..8,
        columns: 0..8,
        frames: 2..3,
    };
    let mut mask = Mask::none(4, SHAPE);
    mask.hide(&whole);
    let made = filled(&forecaster, &film, &mask, HOW);
    assert_eq!(values(&made, 0, 2), values(&made, 2, 2));
    mask.hide(&Block {
        frames: 1..2,
        ..whole
    });
    let fail = |film: &Tensor| {
        let rng = &mut Seed(2).stream("test", 0);
        fill(from_ref(&forecaster), film, &mask, HOW, rng)
            .unwrap_err()
            .to_string()
    };
    assert!(fail(&film).contains("frame 1 is hidden, and the model looks at 2"));
    let short = film.narrow(0, 0, 3).unwrap();
    assert!(
        fail(&short).contains("it is of 4 frames"),
        "{}",
        fail(&short)
    );
    assert_eq!(film.dtype(), DType::F32);
}

#[test]
fn shares_are_tempered_until_enough_matter() {
    // As they are, where enough do.
    let shares = tempered(&[0.0, 0.0, 2f64.ln()], 2.0);
    let off = shares.iter().zip([0.25, 0.25, 0.5]);
    assert!(
        off.into_iter()
            .all(|(share, truth)| (share - truth).abs() < 1e-12)
    );
    let shares = tempered(&[-1e6, -2e6, -4e6, -8e6], 2.0);
    let matter = 1.0 / shares.iter().map(|share| share * share).sum::<f64>();
    assert!((matter - 2.0).abs() < 1e-3, "{shares:?}");
    assert!(shares.is_sorted_by(|a, b| a >= b));
    assert_eq!(tempered(&[-1e9], 2.0), [1.0]);
}

#[test]
fn systematic_draws_follow_shares() {
    assert_eq!(systematic(&[0.5, 0.0, 0.25, 0.25], 0.5), [0, 0, 2, 3]);
    assert_eq!(systematic(&[0.0, 1.0], 0.9), [1, 1]);
    assert_eq!(systematic(&[0.9, 0.05, 0.05], 0.99), [0, 0, 2]);
}
