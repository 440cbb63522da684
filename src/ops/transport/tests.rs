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

/// Effects, of which the second source does not have the second.
fn effects(reaches: [usize; 2], kinds: usize) -> Tensor {
    let count = copies(reaches);
    let effects = normal(&[count, kinds], 2);
    let mut of_copies: Vec<f32> = effects.flatten_all().unwrap().to_vec1().unwrap();
    for copy in shifts(reaches[0])..count {
        of_copies[copy * kinds + 1] = 0.0;
    }
    Tensor::from_vec(of_copies, (count, kinds), effects.device()).unwrap()
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
            let effects = effects(reaches, 3);
            let logits = normal(&[batch, along.places(), copies(reaches)], 1);
            let tilts = normal(&[batch, along.places(), 3], 3);
            agree(
                &[logits, tilts],
                |x| transport(&scene, &x[0], &x[1], &effects),
                |x| {
                    let dtype = x[0].dtype();
                    let effects = effects.to_dtype(dtype).unwrap();
                    composed(&typed(&scene, dtype), &x[0], &x[1], &effects)
                },
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
    let (none, effects) = (normal(&[1, 6, 1], 1), normal(&[25, 1], 2));
    let none = none.zeros_like().unwrap();
    let moved = transport(&scene, &logits, &none, &effects).unwrap();
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
        let tilts = normal(&[2, along.places(), 2], 3);
        let mixture = transport(&scene, &logits, &tilts, &effects(reaches, 2)).unwrap();
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

/// Logits, directions, z, y.
fn problem(
    along: Patches,
    reaches: [usize; 2],
    (batch, kinds, latent): (usize, usize, usize),
) -> [Tensor; 4] {
    let places = along.places();
    [
        normal(&[batch, places, copies(reaches)], 1),
        (normal(&[batch, places, kinds, latent], 3) * 0.3).unwrap(),
        normal(&[batch, latent], 4),
        normal(&[batch, places, along.pixels()], 5),
    ]
}

#[test]
fn forms_agree_and_are_what_a_step_finds() {
    // (16 effects are as many as there may be.)
    for ((along, reaches), (kinds, latent)) in SHAPES.into_iter().zip([(3, 5), (2, 1), (16, 37)]) {
        let (scene, effects) = (scene(along, reaches, 2), effects(reaches, kinds));
        let given = problem(along, reaches, (2, kinds, latent));
        let [logits, directions, z, y] = &given;
        let with = (&effects, directions);
        let fused = transport_form(&scene, logits, with, z, y).unwrap();
        let truth = composed_form(&scene, &given, &effects).unwrap();
        let pairs = [
            (&fused.0, &truth.0),
            (&fused.1, &truth.1),
            (&fused.2, &truth.2),
        ];
        for (found, truth) in pairs {
            assert_eq!(found.dims(), truth.dims());
            let (found, truth) = (list(found), list(truth));
            let size = truth.iter().fold(1e-3, |size: f64, v| size.max(v.abs()));
            for (found, truth) in found.iter().zip(&truth) {
                assert!((found - truth).abs() < 1e-4 * size, "{found} {truth}");
            }
        }
        let scattered_y = scattered(y);
        let again = transport_form(&scene, logits, with, z, &scattered_y).unwrap();
        assert_eq!(bits(&fused.2), bits(&again.2));

        // The quadratic touches the error at z: same value, same slope.
        let exact = |z: &Tensor| {
            let double = |t: &Tensor| t.to_dtype(DType::F64).unwrap();
            let [logits, directions, z, y] = [logits, directions, z, y].map(double);
            let (batch, places, kinds, latent) = directions.dims4().unwrap();
            let flat = directions.reshape((batch, places * kinds, latent)).unwrap();
            let tilts = flat.matmul(&z.unsqueeze(2).unwrap()).unwrap();
            let tilts = tilts.reshape((batch, places, kinds)).unwrap();
            let scene = typed(&scene, DType::F64);
            let made = composed(&scene, &logits, &tilts, &double(&effects)).unwrap();
            list(&(made - y).unwrap().sqr().unwrap().sum((1, 2)).unwrap())
        };
        let (c, q, g) = (list(&fused.0), list(&fused.1), list(&fused.2));
        let quadratic = |z: &Tensor, i: usize| {
            let d = latent;
            let z = &list(z)[i * d..(i + 1) * d];
            let bent = (0..d * d).map(|k| z[k / d] * g[i * d * d + k] * z[k % d]);
            let bent: f64 = bent.sum();
            let along: f64 = (0..d).map(|k| z[k] * q[i * d + k]).sum();
            c[i] - 2.0 * along + bent
        };
        let step = (normal(&[2, latent], 6) * 1e-3).unwrap();
        let (ahead, behind) = ((z + &step).unwrap(), (z - &step).unwrap());
        let (here, up, down) = (exact(z), exact(&ahead), exact(&behind));
        for i in 0..2 {
            assert!((quadratic(z, i) / here[i] - 1.0).abs() < 1e-4);
            let slope = quadratic(&ahead, i) - quadratic(&behind, i);
            let truth = up[i] - down[i];
            assert!((slope - truth).abs() < 2e-4 * here[i], "{slope} {truth}");
        }
    }
}

#[test]
fn edges() {
    let (along, reaches) = SHAPES[0];
    let none = scene(along, reaches, 0);
    let effects = effects(reaches, 3);
    empty(
        &[normal(&[0, 6, 34], 1), normal(&[0, 6, 3], 2)],
        &[0, 6, 48],
        |x| transport(&none, &x[0], &x[1], &effects),
    );
    let some = scene(along, reaches, 2);
    let (logits, tilts) = (normal(&[2, 6, 34], 1), normal(&[2, 6, 3], 2));
    let words = ["transport: logits", "[2, 6, 33]", "[2, 6, 34]"];
    let short = normal(&[2, 6, 33], 1);
    fails(transport(&some, &short, &tilts, &effects), &words);
    let words = ["transport: tilts", "[2, 6, 2]", "[2, 6, 3]"];
    let few = normal(&[2, 6, 2], 1);
    fails(transport(&some, &logits, &few, &effects), &words);
    let words = ["transport: effects", "[34, 17]", "1 to 16"];
    let many = normal(&[34, 17], 1);
    fails(transport(&some, &logits, &tilts, &many), &words);
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
    let [logits, directions, z, y] = problem(along, reaches, (2, 3, 5));
    let no_z = z.narrow(1, 0, 0).unwrap();
    let result = transport_form(&some, &logits, (&effects, &directions), &no_z, &y);
    fails(
        result.map(|found| found.0),
        &["transport_form: z", "[2, 0]"],
    );
    let short = effects.narrow(0, 0, 4).unwrap();
    let result = transport_form(&some, &logits, (&short, &directions), &z, &y);
    fails(result.map(|found| found.0), &["transport_form: effects"]);
}
