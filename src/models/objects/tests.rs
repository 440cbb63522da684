use super::*;
use crate::models::{Source, Weights};
use crate::rng::Seed;
use candle_core::{DType, Device};

const SHAPE: FrameShape = FrameShape {
    channels: 1,
    height: 16,
    width: 24,
    change: 0.5,
};

/// Frames as patches: a square of 4 pixels that goes by (down, right) each time.
fn past(config: &NextFrameConfig, (down, right): (usize, usize)) -> Vec<Tensor> {
    let frame = |time: usize| {
        let (top, left) = (2 + down * time, 5 + right * time);
        let lit = |i: usize| {
            let (y, x) = (i / SHAPE.width, i % SHAPE.width);
            (top..top + 4).contains(&y) && (left..left + 4).contains(&x)
        };
        let values: Vec<f32> = (0..SHAPE.height * SHAPE.width)
            .map(|i| f32::from(u8::from(lit(i))))
            .collect();
        let shape = (1, 1, SHAPE.height, SHAPE.width);
        let frame = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        let tokens = ops::patchify(&frame, config.patch).unwrap();
        (tokens.flatten(1, 2).unwrap() / SHAPE.change).unwrap()
    };
    (0..config.context).map(frame).collect()
}

fn config() -> NextFrameConfig {
    let mut config = NextFrameConfig {
        hidden: 8,
        context: 4,
        objects: 2,
        reach: 2,
        ..NextFrameConfig::default()
    };
    config.backbone.width = 6;
    config
}

#[test]
fn what_leads_to_an_object_is_seen_frame_by_frame_and_where_it_is() {
    let config = config();
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    let objects = Objects::new(&config, SHAPE, 2 * 25, weights.root()).unwrap();
    let features = Tensor::ones((1, 24, 6), DType::F32, &Device::Cpu).unwrap();
    let layers = objects.look(&past(&config, (1, 2)), &features).unwrap();
    assert_eq!(layers.sights.dims(), [1, 2, sights(&config)]);
    let seen = layers.sights.squeeze(0).unwrap().to_vec2::<f32>().unwrap();
    for object in seen {
        for fits in object[..75].chunks_exact(25) {
            let best = (0..25).max_by(|&a, &b| fits[a].total_cmp(&fits[b]));
            // Down by 1, right by 2, of 2 each way.
            assert_eq!(best, Some(3 * 5 + 4));
        }
        // The square is last in rows 5 to 8 and columns 11 to 14; under an even
        // mask, in the middle of these.
        let place = &object[75..80];
        let middle = |first: f32, length: f32| 2.0 * (first + 2.0) / length - 1.0;
        assert!((place[1] - middle(5.0, 16.0)).abs() < 0.06, "{place:?}");
        assert!((place[2] - middle(11.0, 24.0)).abs() < 0.06, "{place:?}");
        assert!(place[3] > 0.0 && place[4] > 0.0, "{place:?}");
        // Features are averages.
        for feature in &object[80..] {
            assert!((feature - 1.0).abs() < 0.01, "{feature}");
        }
    }
}

#[test]
fn what_no_object_takes_stays() {
    let config = config();
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    let objects = Objects::new(&config, SHAPE, 2 * 25, weights.root()).unwrap();
    let features = Tensor::zeros((1, 24, 6), DType::F32, &Device::Cpu).unwrap();
    let past = past(&config, (1, 2));
    let layers = objects.look(&past, &features).unwrap();
    // Masks of no feature are ½: a quarter is in neither object.
    let nothing = Tensor::zeros((1, 50), DType::F32, &Device::Cpu).unwrap();
    let rest = objects.decode(&layers, &nothing).unwrap();
    let off = ((&past[3] * 0.25).unwrap() - rest).unwrap().abs().unwrap();
    assert!(off.max_all().unwrap().to_scalar::<f32>().unwrap() < 1e-6);
}
