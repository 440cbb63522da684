use super::*;
use crate::ops::softmax;
use crate::ops::testing::{agree, bits, empty, fails, list, normal, scattered};
use candle_core::DType;

const SHAPES: [Transport; 3] = [
    Transport {
        grid: (2, 3),
        patch: 4,
        channels: 3,
        reach: 2,
    },
    Transport {
        grid: (1, 1),
        patch: 1,
        channels: 1,
        reach: 0,
    },
    Transport {
        grid: (3, 2),
        patch: 5,
        channels: 7,
        reach: 1,
    },
];

fn sources(along: Transport, batch: usize, count: usize) -> Vec<Tensor> {
    let dims = [batch, along.places(), along.pixels()];
    (0..count).map(|i| normal(&dims, 10 + i as u64)).collect()
}

fn typed(tensors: &[Tensor], dtype: DType) -> Vec<Tensor> {
    tensors.iter().map(|t| t.to_dtype(dtype).unwrap()).collect()
}

#[test]
fn fused_and_composed_agree() {
    for along in SHAPES {
        for (batch, count) in [(1, 2), (3, 1)] {
            let sources = sources(along, batch, count);
            let shares = normal(&[batch, along.places(), count * along.shifts()], 1);
            agree(
                &[shares],
                |x| transport(&sources, &x[0], along),
                |x| composed(&typed(&sources, x[0].dtype()), &x[0], along),
            );
        }
    }
}

#[test]
fn a_share_of_one_moves_the_frame() {
    let along = SHAPES[0];
    let (height, width) = (8, 12);
    let frame = normal(&[1, 3, height, width], 1);
    let cut = |frame: &Tensor| patchify(frame, 4).unwrap().flatten(1, 2).unwrap();
    // Down by 1, left by 2: number (1 + 2) · 5 + (−2 + 2).
    let mut shares = vec![0f32; 6 * 25];
    shares
        .iter_mut()
        .skip(15)
        .step_by(25)
        .for_each(|s| *s = 1.0);
    let shares = Tensor::from_vec(shares, (1, 6, 25), frame.device()).unwrap();
    let moved = transport(&[cut(&frame)], &shares, along).unwrap();
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
    let along = Transport {
        grid: (1, 1),
        patch: 3,
        channels: 1,
        reach: 3,
    };
    let device = candle_core::Device::Cpu;
    let frame = [0.0, 0.2, 0.8, 0.0, 0.3, 1.0, 0.0, 0.2, 0.9f32];
    let frame = Tensor::from_vec(frame.to_vec(), (1, 1, 9), &device).unwrap();
    let found = list(&sharpen(&frame, along, 2.0).unwrap());
    // In the middle 0.3 + 2·(0.3 − 1.7/5) = 0.22; others are at the bounds.
    assert!((found[4] - 0.22).abs() < 1e-6, "{found:?}");
    assert_eq!((found[0], found[5]), (0.0, 1.0));
    assert!((found[2] - 0.96).abs() < 1e-6, "{found:?}");
    for along in SHAPES {
        let frame = &sources(along, 3, 1)[0];
        let found = sharpen(frame, along, 1.5).unwrap();
        let along = Transport { reach: 1, ..along };
        let truth = list(&composed_sharpen(frame, along, 1.5).unwrap());
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

/// Sources, logits, effects, directions, z, y.
fn problem(along: Transport, batch: usize) -> (Vec<Tensor>, [Tensor; 5]) {
    let (kinds, latent, count) = (3, 5, 2 * along.shifts());
    let places = along.places();
    let given = [
        normal(&[batch, places, count], 1),
        normal(&[count, kinds], 2),
        (normal(&[batch, places, kinds, latent], 3) * 0.3).unwrap(),
        normal(&[batch, latent], 4),
        normal(&[batch, places, along.pixels()], 5),
    ];
    (sources(along, batch, 2), given)
}

/// softmax(ℓ + V z effectsᵀ).
fn shares(logits: &Tensor, effects: &Tensor, directions: &Tensor, z: &Tensor) -> Tensor {
    let (batch, places, kinds, latent) = directions.dims4().unwrap();
    let flat = directions.reshape((batch, places * kinds, latent)).unwrap();
    let tilts = flat.matmul(&z.unsqueeze(2).unwrap()).unwrap();
    let tilts = tilts.reshape((batch * places, kinds)).unwrap();
    let tilts = tilts.matmul(&effects.t().unwrap()).unwrap();
    softmax(&(logits + tilts.reshape(logits.dims()).unwrap()).unwrap()).unwrap()
}

#[test]
fn forms_agree_and_are_what_a_step_finds() {
    for along in SHAPES {
        let (sources, [logits, effects, directions, z, y]) = problem(along, 2);
        let now = shares(&logits, &effects, &directions, &z);
        let with = (&effects, &directions);
        let fused = transport_form(&sources, &now, along, with, &z, &y).unwrap();
        let given = [&now, &effects, &directions, &z, &y].map(Clone::clone);
        let truth = composed_form(&sources, along, &given).unwrap();
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
        let scattered_y = scattered(&y);
        let again = transport_form(&sources, &now, along, with, &z, &scattered_y).unwrap();
        assert_eq!(bits(&fused.2), bits(&again.2));

        // The quadratic touches the error at z: same value, same slope.
        let exact = |z: &Tensor| {
            let typed: Vec<_> = [&logits, &effects, &directions, z, &y]
                .map(|t| t.to_dtype(DType::F64).unwrap())
                .into();
            let now = shares(&typed[0], &typed[1], &typed[2], &typed[3]);
            let sources = super::tests::typed(&sources, DType::F64);
            let made = composed(&sources, &now, along).unwrap();
            list(
                &(made - &typed[4])
                    .unwrap()
                    .sqr()
                    .unwrap()
                    .sum((1, 2))
                    .unwrap(),
            )
        };
        let (c, q, g) = (list(&fused.0), list(&fused.1), list(&fused.2));
        let quadratic = |z: &Tensor, i: usize| {
            let z = &list(z)[i * 5..(i + 1) * 5];
            let bent: f64 = (0..25).map(|k| z[k / 5] * g[i * 25 + k] * z[k % 5]).sum();
            let along: f64 = (0..5).map(|k| z[k] * q[i * 5 + k]).sum();
            c[i] - 2.0 * along + bent
        };
        let step = (normal(&[2, 5], 6) * 1e-3).unwrap();
        let (ahead, behind) = ((&z + &step).unwrap(), (&z - &step).unwrap());
        let (here, up, down) = (exact(&z), exact(&ahead), exact(&behind));
        for i in 0..2 {
            assert!((quadratic(&z, i) / here[i] - 1.0).abs() < 1e-4);
            let slope = quadratic(&ahead, i) - quadratic(&behind, i);
            let truth = up[i] - down[i];
            assert!((slope - truth).abs() < 2e-4 * here[i], "{slope} {truth}");
        }
    }
}

#[test]
fn edges() {
    let along = SHAPES[0];
    let none = sources(along, 0, 1);
    empty(&[normal(&[0, 6, 25], 1)], &[0, 6, 48], |x| {
        transport(&none, &x[0], along)
    });
    let some = sources(along, 2, 1);
    let words = ["transport: shares", "[2, 6, 24]", "(2, 6, 25)"];
    fails(transport(&some, &normal(&[2, 6, 24], 1), along), &words);
    let other = [normal(&[2, 6, 47], 1)];
    fails(
        transport(&other, &normal(&[2, 6, 25], 1), along),
        &["transport: sources", "[2, 6, 47]"],
    );
    fails(
        transport(&[], &normal(&[2, 6, 25], 1), along),
        &["0 sources"],
    );
    let hollow = Transport {
        channels: 0,
        ..along
    };
    let nothing = normal(&[2, 6, 0], 1);
    fails(
        sharpen(&nothing, hollow, 1.0),
        &["sharpen", "without pixels"],
    );
    let (sources, [logits, effects, directions, z, y]) = problem(along, 2);
    let no_z = z.narrow(1, 0, 0).unwrap();
    let result = transport_form(&sources, &logits, along, (&effects, &directions), &no_z, &y);
    fails(
        result.map(|found| found.0),
        &["transport_form: z", "[2, 0]"],
    );
    let short = effects.narrow(0, 0, 4).unwrap();
    let result = transport_form(&sources, &logits, along, (&short, &directions), &z, &y);
    fails(result.map(|found| found.0), &["transport_form: effects"]);
}
