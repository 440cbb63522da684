use super::*;

const SHAPE: FrameShape = FrameShape {
    channels: 1,
    height: 16,
    width: 24,
    change: 0.5,
};

fn config() -> NextFrameConfig {
    let mut config = NextFrameConfig {
        context: 4,
        objects: 2,
        reach: 2,
        ..NextFrameConfig::default()
    };
    config.backbone.width = 6;
    config
}

/// A frame (1, 1, H, W) in units of σ, white where `lit` says so of (row, column).
fn frame(lit: impl Fn(usize, usize) -> bool) -> Tensor {
    let pixels = (0..SHAPE.height * SHAPE.width).map(|i| (i / SHAPE.width, i % SHAPE.width));
    let white = (1.0 / SHAPE.change) as f32;
    let values: Vec<f32> = pixels
        .map(|(row, column)| white * f32::from(u8::from(lit(row, column))))
        .collect();
    Tensor::from_vec(values, (1, 1, SHAPE.height, SHAPE.width), &Device::Cpu).unwrap()
}

fn tokens(frame: &Tensor, config: &NextFrameConfig) -> Tensor {
    let tokens = ops::patchify(frame, config.patch).unwrap();
    tokens.flatten(1, 2).unwrap()
}

/// A bar down or across of 7 pixels whose middle is at `at`.
fn bar(at: (usize, usize), down: bool, (row, column): (usize, usize)) -> bool {
    let (along, aside) = match down {
        true => (row.abs_diff(at.0), column.abs_diff(at.1)),
        false => (column.abs_diff(at.1), row.abs_diff(at.0)),
    };
    along <= 3 && aside == 0
}

/// Two bars that cross in every frame, one going right, the other down; and with it how
/// they look in the last one.
fn crossing() -> (Vec<Tensor>, [Tensor; 2]) {
    let upright = |time: usize| (6, 8 + time);
    let flat = |time: usize| (5 + time, 9);
    let past = (0..4).map(|time| {
        frame(|row, column| {
            bar(upright(time), true, (row, column)) || bar(flat(time), false, (row, column))
        })
    });
    let alone = [
        frame(|row, column| bar(upright(3), true, (row, column))),
        frame(|row, column| bar(flat(3), false, (row, column))),
    ];
    (past.collect(), alone)
}

fn look(past: &[Tensor]) -> Layers {
    let config = config();
    let objects = Objects::new(&config, SHAPE, 2 * 25, &Device::Cpu).unwrap();
    let past: Vec<Tensor> = past.iter().map(|frame| tokens(frame, &config)).collect();
    objects.look(&past).unwrap()
}

fn off(a: &Tensor, b: &Tensor) -> f32 {
    let off = (a - b).unwrap().abs().unwrap().max_all().unwrap();
    off.to_scalar().unwrap()
}

#[test]
fn what_crosses_in_every_frame_is_two_and_light_adds_up() {
    let (past, alone) = crossing();
    let layers = look(&past);
    let found = [0, 1].map(|object| {
        layers
            .objects
            .narrow(1, object, 1)
            .unwrap()
            .squeeze(1)
            .unwrap()
    });
    let upright = usize::from(off(&found[1], &alone[0]) < off(&found[0], &alone[0]));
    assert!(off(&found[upright], &alone[0]) < 0.1);
    assert!(off(&found[1 - upright], &alone[1]) < 0.1);
    let dark = layers
        .background
        .max_all()
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    assert!(dark < 0.1, "{dark}");

    // z says where each goes, and both strokes stay whole.
    let config = config();
    let objects = Objects::new(&config, SHAPE, 2 * 25, &Device::Cpu).unwrap();
    let mut z = vec![0f32; 50];
    // The upright one on to the right by 2, the flat one up by 1.
    z[25 * upright + 2 * 5 + 4] = 1.0;
    z[25 * (1 - upright) + 5 + 2] = 1.0;
    let z = Tensor::from_vec(z, (1, 50), &Device::Cpu).unwrap();
    let made = objects.decode(&layers, &z).unwrap();
    let next =
        frame(|row, column| bar((6, 13), true, (row, column)) || bar((7, 9), false, (row, column)));
    assert!(off(&made, &tokens(&next, &config)) < 0.1);
}

#[test]
fn a_prior_sees_how_each_came_and_where_it_is() {
    let (past, alone) = crossing();
    let layers = look(&past);
    assert_eq!(layers.sights.dims(), [1, 2, sights(&config(), SHAPE)]);
    let seen = layers.sights.squeeze(0).unwrap().to_vec2::<f32>().unwrap();
    let upright = layers.objects.narrow(1, 0, 1).unwrap().squeeze(1).unwrap();
    let first_is_upright = off(&upright, &alone[0]) < 0.1;
    let middle = |at: f32, length: f32| 2.0 * (at + 0.5) / length - 1.0;
    for (index, object) in seen.iter().enumerate() {
        let (shift, at) = match (index == 0) == first_is_upright {
            // Right by 1, down by 1, of 2 each way.
            true => (2 * 5 + 3, (6.0, 11.0)),
            false => (3 * 5 + 2, (8.0, 9.0)),
        };
        for came in object[..75].chunks_exact(25) {
            assert_eq!(came.iter().position(|&v| v == 1.0), Some(shift));
            assert_eq!(came.iter().sum::<f32>(), 1.0);
        }
        let (down, right) = (shift as i32 / 5 - 2, shift as i32 % 5 - 2);
        assert_eq!(object[75..77], [down as f32 / 2.0, right as f32 / 2.0]);
        // Nothing has changed.
        assert_eq!(object[81..85], [0.0; 4]);
        let object = &object[10..];
        let place = &object[75..80];
        assert!((place[1] - middle(at.0, 16.0)).abs() < 0.06, "{place:?}");
        assert!((place[2] - middle(at.1, 24.0)).abs() < 0.06, "{place:?}");
        let wave = object[80 + 4 * 2];
        let expected = (4.0 * std::f32::consts::PI * place[1]).sin();
        assert!((wave - expected).abs() < 1e-4, "{wave} {expected}");
        // The finest is one over a pixel.
        let finest = object[object.len() - 4];
        let pixels = place[1] * std::f32::consts::PI * 32.0;
        assert!((finest - pixels.sin()).abs() < 1e-3, "{finest} {pixels}");
    }
}

#[test]
fn light_beyond_white_is_no_error() {
    let (past, _) = crossing();
    let layers = look(&past);
    let config = config();
    let objects = Objects::new(&config, SHAPE, 2 * 25, &Device::Cpu).unwrap();
    // They still cross, and there two are as white as one.
    let next =
        frame(|row, column| bar((6, 10), true, (row, column)) || bar((8, 9), false, (row, column)));
    let y = tokens(&next, &config);
    let (constant, slope, curvature) = objects.squared_error(&layers, &y).unwrap();
    let z = guess::least((&slope, &curvature), 2).unwrap();
    let bent = z.unsqueeze(1).unwrap().matmul(&curvature).unwrap();
    let bent = bent.squeeze(1).unwrap();
    let twice = (bent - (&slope * 2.0).unwrap()).unwrap();
    let error = (constant + (twice * &z).unwrap().sum(1).unwrap()).unwrap();
    let error = error.to_vec1::<f32>().unwrap()[0];
    assert!(error.abs() < 0.05, "{error}");
    let made = objects.decode(&layers, &z).unwrap();
    assert!(off(&made, &y) < 0.1);
}

#[test]
fn what_no_object_explains_stays() {
    let (mut past, _) = crossing();
    // A light that was not there before.
    let flash = frame(|row, column| (row, column) == (14, 20));
    past[3] = (&past[3] + &flash).unwrap();
    let layers = look(&past);
    assert!(off(&layers.background, &flash) < 0.1);
}

#[test]
fn a_latent_of_another_size_is_refused() {
    let said = Objects::new(&config(), SHAPE, 7, &Device::Cpu).unwrap_err();
    assert!(said.to_string().contains("model.objects"), "{said}");
}

/// Two bars that go on as one after they met: how they look is known from before.
#[test]
fn what_was_apart_is_told_apart_where_it_goes_on_as_one() {
    let upright = |time: usize| (6, 6 + time);
    // From below, until it lies on the other's middle.
    let flat = |time: usize| (if time < 3 { 12 - 2 * time } else { 6 }, 6 + time);
    let past: Vec<Tensor> = (0..7)
        .map(|time| {
            frame(|row, column| {
                bar(upright(time), true, (row, column)) || bar(flat(time), false, (row, column))
            })
        })
        .collect();
    let alone = [
        frame(|row, column| bar(upright(6), true, (row, column))),
        frame(|row, column| bar(flat(6), false, (row, column))),
    ];
    let worst = |past: &[Tensor]| {
        let layers = look(past);
        assert_eq!(layers.sights.dims(), [1, 2, sights(&config(), SHAPE)]);
        let found = [0, 1].map(|object| {
            let one = layers.objects.narrow(1, object, 1).unwrap();
            one.squeeze(1).unwrap()
        });
        let each =
            |first: usize| off(&found[first], &alone[0]).max(off(&found[1 - first], &alone[1]));
        each(0).min(each(1))
    };
    // In units of σ, white is 2.
    let (known, seen) = (worst(&past), worst(&past[3..]));
    assert!(known < 0.5 && seen > 2.0 * known, "{known} {seen}");
}

/// In a future, objects are what they were, where z moved them; on frames that show them
/// both ways of looking agree.
#[test]
fn what_was_drawn_is_known() {
    let (past, _) = crossing();
    let config = config();
    let objects = Objects::new(&config, SHAPE, 2 * 25, &Device::Cpu).unwrap();
    let mut layers = look(&past);
    let mut frames: Vec<Tensor> = past.iter().map(|frame| tokens(frame, &config)).collect();
    let seen = layers.sights.to_vec3::<f32>().unwrap().remove(0);
    // Each goes on as it came; then the first one turns round.
    let led = |object: &Vec<f32>| object[..25].iter().position(|&v| v == 1.0).unwrap();
    let came = [led(&seen[0]), led(&seen[1])];
    let turned = 24 - came[0];
    for (first, second) in [(came[0], came[1]), (turned, came[1])] {
        let mut z = vec![0f32; 50];
        (z[first], z[25 + second]) = (1.0, 1.0);
        let z = Tensor::from_vec(z, (1, 50), &Device::Cpu).unwrap();
        frames.remove(0);
        frames.push(objects.decode(&layers, &z).unwrap());
        layers = objects.follow(&layers, &z).unwrap();
        let anew = objects.look(&frames).unwrap();
        let rows = |layers: &Layers| layers.sights.to_vec3::<f32>().unwrap().remove(0);
        let (known, anew_rows) = (rows(&layers), rows(&anew));
        let same = usize::from(
            off(
                &layers.objects.narrow(1, 0, 1).unwrap(),
                &anew.objects.narrow(1, 0, 1).unwrap(),
            ) > 0.1,
        );
        for (index, known) in known.iter().enumerate() {
            let other = &anew_rows[index ^ same];
            assert_eq!(known[..85], other[..85], "how object {index} came");
            let apart = known.iter().zip(other).map(|(a, b)| (a - b).abs());
            assert!(apart.fold(0.0, f32::max) < 0.1, "{known:?}\n{other:?}");
        }
        assert!(off(&layers.background, &anew.background) < 0.1);
    }
}
