use super::*;
use crate::ops::patchify;
use crate::ops::testing::{agree, bits, empty, fails, list, normal, scattered};
use candle_core::DType;

/// Patches, and how far their sources move.
const SHAPES: [(Patches, [usize; 2]); 3] = [
    (
        Patches {
            grid: (2, 3),
            patch: 4,
            channels: 3,
        },
        [2, 1],
    ),
    (
        Patches {
            grid: (1, 1),
            patch: 1,
            channels: 1,
        },
        [0, 0],
    ),
    (
        Patches {
            grid: (3, 2),
            patch: 5,
            channels: 7,
        },
        [1, 3],
    ),
];

fn sources(along: Patches, batch: usize) -> [Tensor; 2] {
    let dims = [batch, along.places(), along.pixels()];
    [normal(&dims, 10), normal(&dims, 11)]
}

fn scene(along: Patches, reaches: [usize; 2], batch: usize) -> Scene {
    let [a, b] = sources(along, batch);
    Scene::new(&[(&a, reaches[0]), (&b, reaches[1])], along).unwrap()
}

fn copies(reaches: [usize; 2]) -> usize {
    shifts(reaches[0]) + shifts(reaches[1])
}

/// Of another dtype, in which nothing is fused.
fn typed(scene: &Scene, dtype: DType) -> Scene {
    scene.map(|frames| Ok(frames.to_dtype(dtype)?)).unwrap()
}

#[test]
fn fused_and_composed_agree() {
    for (along, reaches) in SHAPES {
        for batch in [1, 3] {
            let scene = scene(along, reaches, batch);
            let logits = normal(&[batch, along.places(), copies(reaches)], 1);
            agree(
                &[logits],
                |x| transport(&scene, &x[0]),
                |x| composed(&typed(&scene, x[0].dtype()), &x[0]),
            );
            let double = sources(along, batch).map(|t| t.to_dtype(DType::F64).unwrap());
            let pairs = [(&double[0], reaches[0]), (&double[1], reaches[1])];
            let other = Scene::new(&pairs, along).unwrap();
            assert_eq!(list(scene.frames()), list(other.frames()));
        }
    }
}

#[test]
fn a_share_of_one_moves_the_frame() {
    let along = SHAPES[0].0;
    let (height, width) = (8, 12);
    let frame = normal(&[1, 3, height, width], 1);
    let cut = |frame: &Tensor| patchify(frame, 4).unwrap().flatten(1, 2).unwrap();
    // Down by 1, left by 2: number (1 + 2) · 5 + (−2 + 2).
    let mut logits = vec![-80f32; 6 * 25];
    logits
        .iter_mut()
        .skip(15)
        .step_by(25)
        .for_each(|s| *s = 0.0);
    let logits = Tensor::from_vec(logits, (1, 6, 25), frame.device()).unwrap();
    let scene = Scene::new(&[(&cut(&frame), 2)], along).unwrap();
    let moved = transport(&scene, &logits).unwrap();
    let values = list(&frame);
    let expected: Vec<f32> = (0..3 * height * width)
        .map(|i| {
            let (c, y, x) = (i / (height * width), i / width % height, i % width);
            let (y, x) = ((y + 1).min(height - 1), x.saturating_sub(2));
            values[(c * height + y) * width + x] as f32
        })
        .collect();
    let expected = Tensor::from_vec(expected, (1, 3, height, width), frame.device()).unwrap();
    assert_eq!(list(&moved), list(&cut(&expected)));
}

// numpy, p = np.pad(x, 1, "edge"): x + 2 (x - mean of x and its four shifts),
// np.clip with the least and the most of the nine shifts.
#[test]
fn sharpening_adds_what_a_blur_takes_away_and_nothing_new() {
    let along = Patches {
        grid: (1, 1),
        patch: 3,
        channels: 1,
    };
    let device = candle_core::Device::Cpu;
    let frame = [0.0, 0.2, 0.8, 0.0, 0.3, 1.0, 0.0, 0.2, 0.9f32];
    let frame = Tensor::from_vec(frame.to_vec(), (1, 1, 9), &device).unwrap();
    let found = list(&sharpen(&frame, along, 2.0).unwrap());
    // In the middle 0.3 + 2·(0.3 − 1.7/5) = 0.22; others are at the bounds.
    assert!((found[4] - 0.22).abs() < 1e-6, "{found:?}");
    assert_eq!((found[0], found[5]), (0.0, 1.0));
    assert!((found[2] - 0.96).abs() < 1e-6, "{found:?}");
    for (along, _) in SHAPES {
        let frame = &sources(along, 3)[0];
        let found = sharpen(frame, along, 1.5).unwrap();
        let scene = Scene::new(&[(frame, 1)], along).unwrap();
        let truth = list(&composed_sharpen(frame, &scene, 1.5).unwrap());
        for (found, truth) in list(&found).iter().zip(&truth) {
            assert!((found - truth).abs() < 1e-5, "{found} {truth}");
        }
        let again = sharpen(&scattered(frame), along, 1.5).unwrap();
        assert_eq!(bits(&found), bits(&again));
    }
    fails(
        sharpen(&normal(&[1, 2, 3], 1), along, 1.0),
        &["sharpen: frame", "[1, 2, 3]", "[1, 1, 9]"],
    );
}

#[test]
fn within_is_what_some_mixture_could_be() {
    for (along, reaches) in SHAPES {
        let scene = scene(along, reaches, 2);
        let frame = (normal(&[2, along.places(), along.pixels()], 3) * 3.0).unwrap();
        let mut cut = Vec::new();
        for room in [0.0, 0.5] {
            let found = within(&scene, &frame, room).unwrap();
            let composed = composed_within(&scene, &frame, room).unwrap();
            assert_eq!(list(&found), list(&composed));
            let again = within(&scene, &scattered(&frame), room).unwrap();
            assert_eq!(bits(&found), bits(&again));
            cut.push(list(&found));
        }
        // What is cut off with room to spare is cut off that much later.
        for ((&tight, &loose), was) in cut[0].iter().zip(&cut[1]).zip(list(&frame)) {
            let expected = (was - tight).clamp(-0.5, 0.5);
            assert!((loose - tight - expected).abs() < 1e-5);
        }
        // A mixture is left as it is, up to rounding.
        let logits = normal(&[2, along.places(), copies(reaches)], 1);
        let mixture = transport(&scene, &logits).unwrap();
        let kept = list(&within(&scene, &mixture, 0.0).unwrap());
        for (kept, was) in kept.iter().zip(list(&mixture)) {
            assert!((kept - was).abs() < 1e-5);
        }
    }
    let (along, reaches) = SHAPES[0];
    let scene = scene(along, reaches, 2);
    let words = ["within: frame", "[2, 6, 47]", "[2, 6, 48]"];
    fails(within(&scene, &normal(&[2, 6, 47], 1), 0.0), &words);
}

#[test]
fn edges() {
    let (along, reaches) = SHAPES[0];
    let none = scene(along, reaches, 0);
    empty(&[normal(&[0, 6, 34], 1)], &[0, 6, 48], |x| {
        transport(&none, &x[0])
    });
    let some = scene(along, reaches, 2);
    let words = ["transport: logits", "[2, 6, 33]", "[2, 6, 34]"];
    let short = normal(&[2, 6, 33], 1);
    fails(transport(&some, &short), &words);
    let failed = |sources: &[(&Tensor, usize)]| {
        Scene::new(sources, along).map(|scene| scene.frames().clone())
    };
    let other = normal(&[2, 6, 47], 1);
    fails(failed(&[(&other, 1)]), &["scene: sources", "[2, 6, 47]"]);
    fails(failed(&[]), &["0 sources"]);
    let hollow = Patches {
        channels: 0,
        ..along
    };
    let nothing = normal(&[2, 6, 0], 1);
    fails(
        sharpen(&nothing, hollow, 1.0),
        &["sharpen", "without pixels"],
    );
}
