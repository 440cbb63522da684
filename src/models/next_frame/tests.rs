use super::*;
use crate::models::{Activation, Source, Weights};
use crate::rng::Seed;
use candle_core::Device;

const SHAPE: FrameShape = FrameShape {
    channels: 3,
    height: 20,
    width: 12,
    change: 0.1,
};

fn config(decoder: Decoder) -> NextFrameConfig {
    NextFrameConfig {
        decoder,
        context: 3,
        hidden: 8,
        basis: 6,
        backbone: BackboneConfig {
            width: 8,
            depth: 1,
            ..BackboneConfig::default()
        },
        ..NextFrameConfig::default()
    }
}

fn example(batch: usize) -> (Tensor, Tensor) {
    let mut rng = Seed(1).stream("test", 0);
    let x = rng
        .uniform_tensor(0.0, 1.0, (batch, 3, 3, 20, 12), &Device::Cpu)
        .unwrap();
    let y = rng
        .uniform_tensor(0.0, 1.0, (batch, 3, 20, 12), &Device::Cpu)
        .unwrap();
    (x, y)
}

/// Weights that start at 0 hide what lies before them.
fn shake(weights: &Weights) {
    for (index, (_, var)) in weights.pairs().iter().enumerate() {
        let mut rng = Seed(9).stream("shake", index as u64);
        let noise = rng.normal_tensor(var.shape(), &Device::Cpu).unwrap();
        var.set(&(var.as_tensor() + (noise * 0.05).unwrap()).unwrap())
            .unwrap();
    }
}

#[test]
fn every_weight_gets_a_gradient() {
    let decoders = [Decoder::Move, Decoder::Paint, Decoder::Objects];
    for activation in [Activation::Gelu, Activation::Silu] {
        for (latent, decoder) in [0, 5].into_iter().flat_map(|d| decoders.map(|k| (d, k))) {
            let latent = match decoder {
                Decoder::Objects => latent.min(1) * 2 * ops::shifts(2),
                Decoder::Move | Decoder::Paint => latent,
            };
            let mut weights = Weights::new(Seed(2), &Device::Cpu);
            let mut config = config(decoder);
            config.backbone.activation = activation;
            let network = NextFrame::new(&config, SHAPE, latent, weights.root()).unwrap();
            shake(&weights);
            let (x, y) = example(2);
            let observed = network.observe(&x).unwrap();
            let y = network.tokens(&y).unwrap();
            let mut loss = ops::squared_error(&observed.mean, &y).unwrap();
            let expected = network.decode(&observed, None).unwrap();
            loss = (loss + ops::squared_error(&expected, &y).unwrap()).unwrap();
            if latent > 0 {
                let z = Tensor::ones((2, latent), candle_core::DType::F32, &Device::Cpu);
                let made = network.decode(&observed, Some(&z.unwrap())).unwrap();
                loss = (loss + ops::squared_error(&made, &y).unwrap()).unwrap();
            }
            let gradients = loss.sum_all().unwrap().backward().unwrap();
            for (name, var) in weights.pairs() {
                let gradient = gradients.get(var).unwrap_or_else(|| panic!("{name}"));
                let size = gradient.sqr().unwrap().sum_all().unwrap();
                assert!(size.to_scalar::<f32>().unwrap() > 0.0, "{decoder:?} {name}");
            }
        }
    }
}

#[test]
fn each_activation_is_another_network() {
    let features = [Activation::Gelu, Activation::Silu].map(|activation| {
        let mut config = config(Decoder::Move);
        config.backbone.activation = activation;
        let mut weights = Weights::new(Seed(2), &Device::Cpu);
        let network = NextFrame::new(&config, SHAPE, 0, weights.root()).unwrap();
        shake(&weights);
        network.observe(&example(2).0).unwrap().features
    });
    let [gelu, silu] = features;
    let off = (gelu - silu).unwrap().abs().unwrap().max_all().unwrap();
    assert!(off.to_scalar::<f32>().unwrap() > 1e-3);
}

#[test]
fn frames_survive_as_tokens_and_an_untrained_mean_is_the_last_frame() {
    let mut weights = Weights::new(Seed(2), &Device::Cpu);
    let config = config(Decoder::Paint);
    let network = NextFrame::new(&config, SHAPE, 0, weights.root()).unwrap();
    let (x, y) = example(2);
    let back = network.frames(&network.tokens(&y).unwrap()).unwrap();
    let off = (back - &y).unwrap().abs().unwrap().max_all().unwrap();
    assert!(off.to_scalar::<f32>().unwrap() < 1e-6);
    let mean = network.observe(&x).unwrap().mean;
    let last = x.narrow(1, 2, 1).unwrap().squeeze(1).unwrap();
    let off = (network.frames(&mean).unwrap() - last).unwrap();
    let off = off.abs().unwrap().max_all().unwrap();
    assert!(off.to_scalar::<f32>().unwrap() < 1e-6);
}

#[test]
fn a_size_that_is_no_multiple_of_the_patch_is_refused() {
    let shape = FrameShape {
        height: 22,
        ..SHAPE
    };
    let mut weights = Weights::new(Seed(2), &Device::Cpu);
    let config = config(Decoder::Paint);
    let message = NextFrame::new(&config, shape, 0, weights.root())
        .unwrap_err()
        .to_string();
    assert!(message.contains("12×22"), "{message}");
}

/// Where nothing but the frames says what is known, how they were drawn makes no odds.
#[test]
fn a_drawn_frame_is_seen_as_any_other_where_no_object_moves() {
    let mut weights = Weights::new(Seed(2), &Device::Cpu);
    let config = config(Decoder::Move);
    let network = NextFrame::new(&config, SHAPE, 5, weights.root()).unwrap();
    shake(&weights);
    let (x, _) = example(2);
    let frame = |time: usize| x.narrow(1, time, 1).unwrap().squeeze(1).unwrap();
    let past: Vec<Tensor> = (0..3)
        .map(|time| network.tokens(&frame(time)).unwrap())
        .collect();
    let before = network.observe_tokens(&past).unwrap();
    let z = Tensor::ones((2, 5), candle_core::DType::F32, &Device::Cpu).unwrap();
    let drawn = network.observe_drawn(&past, &before, Some(&z)).unwrap();
    let values = |observed: &Observed| observed.expected().flatten_all().unwrap().to_vec1::<f32>();
    assert_eq!(values(&drawn).unwrap(), values(&before).unwrap());
    assert_eq!(before.sights().dims(), drawn.sights().dims());
}
