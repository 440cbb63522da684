use super::super::config::Family;
use super::super::tensor;
use super::*;
use crate::latent::Codes;
use crate::models::{BackboneConfig, Decoder, Weights};
use crate::rng::Seed;
use candle_core::Device;

/// A small forecaster, h(x) and y in tokens.
fn forecaster(decoder: Decoder) -> (Forecaster, Observed, Tensor) {
    let shape = FrameShape {
        channels: 3,
        height: 20,
        width: 12,
        change: 0.1,
    };
    let model = NextFrameConfig {
        decoder,
        context: 3,
        hidden: 8,
        // z must do something before training.
        latent_start: 0.5,
        backbone: BackboneConfig {
            width: 8,
            ..BackboneConfig::default()
        },
        ..NextFrameConfig::default()
    };
    let latent = LatentConfig {
        dimension: 5,
        ..LatentConfig::default()
    };
    let mut weights = Weights::new(Seed(2), &Device::Cpu);
    let forecaster = Forecaster::new(&model, &latent, shape, "latent", &mut weights).unwrap();
    let network = forecaster.network();
    let mut rng = Seed(1).stream("test", 0);
    let mut draw = |dims: &[usize]| rng.uniform_tensor(0.0, 1.0, dims, &Device::Cpu).unwrap();
    let (x, y) = (draw(&[2, 3, 3, 20, 12]), draw(&[2, 3, 20, 12]));
    let (observed, y) = (network.observe(&x).unwrap(), network.tokens(&y).unwrap());
    (forecaster, observed, y)
}

/// ‖y − ŷ(x, z)‖² of each sample, of the decoder itself.
fn direct(forecaster: &Forecaster, (observed, y): (&Observed, &Tensor), z: &Tensor) -> Vec<f32> {
    let decoded = forecaster.network().decode(observed, Some(z)).unwrap();
    let square = (decoded - y).unwrap().sqr().unwrap();
    square.sum((1, 2)).unwrap().to_vec1().unwrap()
}

fn near(found: f64, truth: f32) {
    let ratio = found / f64::from(truth);
    assert!((ratio - 1.0).abs() < 1e-4, "{found} {truth}");
}

#[test]
fn the_quadratic_is_the_squared_error_of_the_decoder() {
    // What is painted on is m(x), or moved.
    for decoder in [Decoder::Paint, Decoder::Move] {
        let (forecaster, observed, y) = forecaster(decoder);
        let bowls = forecaster.energy(&observed, &y).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        let z = rng.normal_tensor((2, 5), &Device::Cpu).unwrap();
        let truth = direct(&forecaster, (&observed, &y), &z);
        for (row, (bowl, truth)) in bowls.bowls().iter().zip(truth).enumerate() {
            let z = z.to_vec2::<f32>().unwrap();
            let z: Vec<f64> = z[row].iter().map(|&v| f64::from(v)).collect();
            near(bowl.squared_error(&z), truth);
        }
    }
}

#[test]
fn of_objects_every_pair_of_moves_has_the_decoder_s_error() {
    let (paint, _, y) = forecaster(Decoder::Paint);
    let model = NextFrameConfig {
        decoder: Decoder::Objects,
        reach: 1,
        ..paint.network().config().clone()
    };
    let latent = LatentConfig {
        family: Family::Codes,
        stages: 2,
        size: 9,
        ..LatentConfig::default()
    };
    let shape = paint.network().shape();
    let make = |model: &NextFrameConfig, latent: &LatentConfig| {
        let mut weights = Weights::new(Seed(2), &Device::Cpu);
        Forecaster::new(model, latent, shape, "latent", &mut weights)
    };
    let forecaster = make(&model, &latent).unwrap();
    // So dim that no sum of objects is beyond white, which would be cut.
    let mut rng = Seed(1).stream("test", 0);
    let x = rng.uniform_tensor(0.0, 0.3, &[2, 3, 3, 20, 12][..], &Device::Cpu);
    let observed = forecaster.network().observe(&x.unwrap()).unwrap();
    let y = (y * 0.5).unwrap();
    let field = forecaster.energy(&observed, &y).unwrap();
    let mut rng = Seed(3).stream("test", 0);
    let inferred = forecaster.infer(&field, 1.0, &mut rng).unwrap();
    let codes = Codes::new(2, 9).unwrap();
    let mut least = [f32::INFINITY; 2];
    for index in 0..codes.count() {
        let z = tensor(&vec![codes.vector(index); 2], &Device::Cpu).unwrap();
        let truth = direct(&forecaster, (&observed, &y), &z);
        for (sample, truth) in truth.into_iter().enumerate() {
            let bowl = &field.bowls()[sample];
            near(bowl.squared_error(&codes.vector(index)), truth);
            least[sample] = least[sample].min(truth);
        }
    }
    let best = inferred.best_tensor(&Device::Cpu).unwrap();
    let found = direct(&forecaster, (&observed, &y), &best);
    for (found, least) in found.into_iter().zip(least) {
        near(f64::from(found), least);
    }
    // What else says nothing of where objects go.
    for latent in [
        LatentConfig {
            stages: 1,
            ..latent.clone()
        },
        LatentConfig {
            stages: 1,
            size: 18,
            ..latent.clone()
        },
        LatentConfig {
            family: Family::Gaussian,
            dimension: 18,
            ..latent
        },
    ] {
        let made = make(&model, &latent).err().map(|error| error.to_string());
        let said = made.unwrap_or_default();
        assert!(said.contains("latent.size = 9"), "{said}");
    }
}

#[test]
fn parts_with_a_z_each_add_up_to_the_error_of_the_frame() {
    let (whole, _, y) = forecaster(Decoder::Paint);
    let shape = FrameShape {
        height: 16,
        width: 24,
        ..whole.network().shape()
    };
    let model = NextFrameConfig {
        cells: 2,
        ..whole.network().config().clone()
    };
    let latent = LatentConfig {
        dimension: 3,
        ..LatentConfig::default()
    };
    let mut weights = Weights::new(Seed(2), &Device::Cpu);
    let forecaster = Forecaster::new(&model, &latent, shape, "latent", &mut weights).unwrap();
    drop(y);
    let mut rng = Seed(1).stream("test", 0);
    let mut draw = |dims: &[usize]| rng.uniform_tensor(0.0, 1.0, dims, &Device::Cpu).unwrap();
    let (x, y) = (draw(&[2, 3, 3, 16, 24]), draw(&[2, 3, 16, 24]));
    let network = forecaster.network();
    let (observed, y) = (network.observe(&x).unwrap(), network.tokens(&y).unwrap());
    assert_eq!(network.latent_dimension(), 12);
    let field = forecaster.energy(&observed, &y).unwrap();
    assert_eq!(field.bowls().len(), 8);
    let z = rng.normal_tensor((2, 12), &Device::Cpu).unwrap();
    let truth = direct(&forecaster, (&observed, &y), &z);
    let rows = z.to_vec2::<f32>().unwrap();
    for sample in 0..2 {
        let part = |part: usize| -> f64 {
            let z: Vec<f64> = rows[sample][part * 3..][..3]
                .iter()
                .map(|&z| f64::from(z))
                .collect();
            field.bowls()[sample * 4 + part].squared_error(&z)
        };
        near((0..4).map(part).sum(), truth[sample]);
    }
    let inferred = forecaster.infer(&field, 1.0, &mut rng).unwrap();
    assert_eq!((inferred.best.len(), inferred.best[0].len()), (2, 12));
    // F is the energy of the whole frame at z*.
    let best = inferred.best_tensor(&Device::Cpu).unwrap();
    let error = direct(&forecaster, (&observed, &y), &best);
    let kappa = field.bowls()[0].precision;
    for ((best, energy), error) in inferred.best.iter().zip(&inferred.energy).zip(error) {
        let rest: f64 = best.iter().map(|z| z * z).sum();
        near(*energy, 0.5 * (kappa * f64::from(error) + rest) as f32);
    }
    // The prior draws and judges all parts' z.
    let context = forecaster.context(&observed);
    let drawn = forecaster
        .draw(&context, 1.0, &mut Noise::fresh(&mut rng))
        .unwrap()
        .unwrap();
    assert_eq!(drawn.dims(), [2, 12]);
    let surprise = forecaster
        .prior()
        .unwrap()
        .surprise(&context, &drawn)
        .unwrap()
        .unwrap();
    assert_eq!(surprise.dims(), [2]);
    // Codes have parts too, and no parts are there that do not fit.
    let codes = LatentConfig {
        family: Family::Codes,
        ..LatentConfig::default()
    };
    let mut weights = Weights::new(Seed(2), &Device::Cpu);
    assert!(Forecaster::new(&model, &codes, shape, "latent", &mut weights).is_ok());
    let model = NextFrameConfig { cells: 5, ..model };
    let mut weights = Weights::new(Seed(2), &Device::Cpu);
    let made = Forecaster::new(&model, &latent, shape, "latent", &mut weights);
    let said = made
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(said.contains("model.cells"), "{said}");
}

#[test]
fn a_drawn_frame_stays_near_what_moves() {
    // All copies of a flat frame are flat, m(x) too before training: what a z
    // far from likely paints shows by 2σ, here 0.2. Where it only paints it
    // shows by more.
    for decoder in [Decoder::Move, Decoder::Paint] {
        let (forecaster, _, _) = forecaster(decoder);
        let x = Tensor::full(0.5f32, (2, 3, 3, 20, 12), &Device::Cpu).unwrap();
        let observed = forecaster.network().observe(&x).unwrap();
        let mut rng = Seed(4).stream("test", 0);
        let drawn = forecaster
            .sample(&observed, 1e6, &mut Noise::fresh(&mut rng))
            .unwrap();
        let off = (drawn - 0.5).unwrap().abs().unwrap().max_all().unwrap();
        let off = off.to_scalar::<f32>().unwrap();
        match decoder {
            Decoder::Move => assert!((off - 0.2).abs() < 1e-5, "{off}"),
            Decoder::Paint | Decoder::Objects => assert!(off > 0.3, "{off}"),
        }
    }
}
