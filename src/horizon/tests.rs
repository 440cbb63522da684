//! The model as a whole, on a film of a square that goes to and fro.

use super::*;
use crate::data::{Footage, Split};
use crate::rng::Seed;
use candle_core::{Device, Tensor};

const SIDE: usize = 32;
const CONTEXT: usize = 3;
const FRAMES: usize = 4;

/// A bright square on a slope, 6 pixels wide, `zoom` times as large; it turns at the sides.
fn frame(time: usize, zoom: usize) -> Vec<u8> {
    let turn = 2 * 18;
    let gone = (time * 2) % turn;
    let left = 3 + gone.min(turn - gone);
    let pixel = |index: usize| {
        let (y, x) = (index / (SIDE * zoom) / zoom, index % (SIDE * zoom) / zoom);
        match (12..18).contains(&y) && (left..left + 6).contains(&x) {
            true => 220,
            false => (60 + x) as u8,
        }
    };
    (0..SIDE * SIDE * zoom * zoom).map(pixel).collect()
}

fn footage(count: usize) -> [Footage; 1] {
    let frames = (0..count).flat_map(|time| frame(time, 1)).collect();
    let shape = (count, 1, SIDE, SIDE);
    [Footage::from_frames("film", frames, shape, 10.0, vec![]).unwrap()]
}

fn learned() -> WholeHorizon {
    let footage = footage(200);
    let split = Split::new(&footage, CONTEXT + 2, CONTEXT + FRAMES).unwrap();
    let config = HorizonConfig {
        windows: 60,
        functions: 2,
        ways: 4,
        ..HorizonConfig::default()
    };
    WholeHorizon::learn((&footage, &split.train), (CONTEXT, FRAMES), &config).unwrap()
}

fn number(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

/// The context that ends with frame `last`.
fn context(last: usize) -> Tensor {
    let bytes = (last + 1 - CONTEXT..=last).flat_map(|time| frame(time, 1));
    let values: Vec<f32> = bytes.map(number).collect();
    Tensor::from_vec(values, (1, CONTEXT, 1, SIDE, SIDE), &Device::Cpu).unwrap()
}

fn drawing(futures: usize, times: &[usize]) -> Drawing<'_> {
    Drawing {
        futures,
        times,
        temperature: 1.0,
        watch: None,
    }
}

fn futures(model: &WholeHorizon, count: usize, times: &[usize], seed: u64) -> Vec<Vec<f32>> {
    futures_after(105, model, (count, times), seed)
}

fn futures_after(
    last: usize,
    model: &WholeHorizon,
    (count, times): (usize, &[usize]),
    seed: u64,
) -> Vec<Vec<f32>> {
    let mut rng = Seed(seed).stream("test", 0);
    let made = model.futures(&context(last), drawing(count, times), &mut rng);
    let made = made.unwrap();
    assert_eq!(made.dims(), [count, times.len(), 1, SIDE, SIDE]);
    made.flatten_from(1).unwrap().to_vec2().unwrap()
}

fn off(drawn: &[f32], time: usize) -> f32 {
    let real = frame(time, 1).into_iter().map(number);
    drawn.iter().zip(real).map(|(a, b)| (a - b).powi(2)).sum()
}

#[test]
fn futures_move_what_moved_and_leave_what_is_still() {
    let model = learned();
    let drawn = futures(&model, 8, &[FRAMES], 0);
    let last: Vec<f32> = frame(105, 1).into_iter().map(number).collect();
    let copied = off(&last, 105 + FRAMES);
    let best = drawn
        .iter()
        .map(|future| off(future, 105 + FRAMES))
        .fold(f32::INFINITY, f32::min);
    assert!(best < 0.2 * copied, "{best} of {copied}");
    assert_ne!(drawn[0], drawn[1]);
    for future in &drawn {
        // The rows that the square never reaches.
        let pairs = future.iter().zip(&last).take(6 * SIDE);
        // Less than a quarter of a grey level.
        assert!(pairs.map(|(a, b)| (a - b).abs()).all(|off| off < 1e-3));
    }
}

#[test]
fn a_seed_draws_the_same_and_blocks_go_on() {
    let model = learned();
    // From the left side on there is room for two blocks.
    let times = [1, FRAMES, 2 * FRAMES - 1];
    let draw = |seed: u64| futures_after(91, &model, (3, &times), seed);
    let one = draw(7);
    assert_eq!(one, draw(7));
    assert_ne!(one, draw(8));
    // It turns at the sides, and never enters.
    assert_eq!(model.appearance.entering.count(), 0);
    let size = SIDE * SIDE;
    let area = |frame: &[f32]| frame.iter().filter(|&&value| value > 0.6).count();
    for future in &one {
        let (first, last) = (area(&future[..size]), area(&future[2 * size..]));
        assert!(first.abs_diff(36) < 10, "{first}");
        assert!(last.abs_diff(36) < 20, "{last}");
    }
}

#[test]
fn what_was_put_down_long_ago_stays_where_it_is() {
    let model = learned();
    let plate = |row: usize| row * SIDE + 4..row * SIDE + 9;
    let past = (105 + 1 - LATELY..=105).map(|time| {
        let mut frame: Vec<f32> = frame(time, 1).into_iter().map(number).collect();
        (22..27).for_each(|row| frame[plate(row)].fill(0.9));
        frame
    });
    let past: Vec<Vec<f32>> = past.collect();
    // Where no more is seen than the context it is a piece beside the square.
    let pieces = |past: &[Vec<f32>]| model.see(past).unwrap().scene.pieces.len();
    assert_eq!([pieces(&past), pieces(&past[LATELY - CONTEXT..])], [1, 2]);
    let x = Tensor::from_vec(past.concat(), (1, LATELY, 1, SIDE, SIDE), &Device::Cpu).unwrap();
    let mut rng = Seed(0).stream("test", 0);
    let made = model.futures(&x, drawing(8, &[FRAMES]), &mut rng).unwrap();
    for future in made.flatten_from(1).unwrap().to_vec2::<f32>().unwrap() {
        for row in 22..27 {
            assert!(
                future[plate(row)]
                    .iter()
                    .all(|value| (value - 0.9).abs() < 0.02)
            );
        }
    }
}

#[test]
fn what_is_expected_is_one_future() {
    let model = learned();
    let drawing = Drawing {
        temperature: 0.0,
        ..drawing(2, &[FRAMES])
    };
    let made = |seed: u64| -> Vec<Vec<f32>> {
        let mut rng = Seed(seed).stream("test", 0);
        let made = model.futures(&context(105), drawing, &mut rng).unwrap();
        made.flatten_from(1).unwrap().to_vec2().unwrap()
    };
    let one = made(0);
    assert!(one[0] == one[1] && one == made(1));
    let last: Vec<f32> = frame(105, 1).into_iter().map(number).collect();
    let (own, copied) = (off(&one[0], 105 + FRAMES), off(&last, 105 + FRAMES));
    assert!(own < 0.5 * copied, "{own} of {copied}");
}

#[test]
fn a_larger_picture_moves_alike() {
    const ZOOM: usize = 3;
    let model = learned();
    let looks: Vec<Vec<u8>> = (0..60).map(|time| frame(time, ZOOM)).collect();
    let pixels: Vec<f32> = frame(105, ZOOM).into_iter().map(number).collect();
    let background = Background::of_frames(&looks, [1, SIDE * ZOOM, SIDE * ZOOM]);
    let large = LargeFrame {
        pixels: &pixels,
        appearance: &Appearance::of_background(background),
    };
    let times = [2, FRAMES + 1];
    let mut rng = Seed(3).stream("test", 0);
    let about = drawing(2, &times);
    let made = model.likely_futures(&context(105), Some(large), about, &mut rng);
    let (made, likely) = made.unwrap();
    assert!(likely.len() == 2 && likely.iter().all(|log| log.is_finite()));
    assert_eq!(made.dims(), [2, 2, 1, SIDE * ZOOM, SIDE * ZOOM]);
    // Its means over 3 × 3 pixels are what is drawn at the model's size.
    let small = made.reshape((2, 2, SIDE, ZOOM, SIDE, ZOOM)).unwrap();
    let small = small.mean((3, 5)).unwrap().flatten_from(1).unwrap();
    let small = small.to_vec2::<f32>().unwrap();
    for (large, own) in small.iter().zip(futures(&model, 2, &times, 3)) {
        let apart = large.iter().zip(&own).map(|(a, b)| (a - b).abs());
        let mean = apart.sum::<f32>() / own.len() as f32;
        assert!(mean < 0.01, "{mean}");
    }
}

#[test]
fn tensors_hold_the_model() {
    let model = learned();
    let tensors: std::collections::HashMap<_, _> = model.tensors().unwrap().into_iter().collect();
    let about = (CONTEXT, FRAMES);
    let back = WholeHorizon::of_tensors(&model.config, about, &tensors).unwrap();
    let apart = futures(&model, 2, &[FRAMES], 5)
        .concat()
        .into_iter()
        .zip(futures(&back, 2, &[FRAMES], 5).concat())
        .map(|(a, b)| (a - b).abs())
        .fold(0f32, f32::max);
    assert!(apart < 1e-3, "{apart}");
    // A run of before curves were learned has lines alone.
    let mut lines = tensors.clone();
    assert!(lines.remove("prior.centres").is_some());
    assert!(WholeHorizon::of_tensors(&model.config, about, &lines).is_ok());
    let all = ["background", "spread", "prior.weights", "prior.remainders"];
    for name in all.into_iter().chain(["prior.centres", "prior.heights"]) {
        let mut broken = tensors.clone();
        let half = broken[name].flatten_all().unwrap();
        broken.insert(name.to_owned(), half.narrow(0, 0, 1).unwrap());
        let refused = WholeHorizon::of_tensors(&model.config, about, &broken);
        assert!(refused.unwrap_err().to_string().contains(name), "{name}");
    }
}

#[test]
fn a_film_in_which_nothing_moves_stays_as_it_is() {
    let frames: Vec<u8> = (0..120).flat_map(|_| frame(0, 1)).collect();
    let still = Footage::from_frames("film", frames, (120, 1, SIDE, SIDE), 10.0, vec![]);
    let footage = [still.unwrap()];
    let split = Split::new(&footage, CONTEXT + 2, CONTEXT + FRAMES).unwrap();
    let about = (&footage[..], &split.train);
    let config = HorizonConfig {
        windows: 20,
        ways: 4,
        ..HorizonConfig::default()
    };
    let model = WholeHorizon::learn(about, (CONTEXT, FRAMES), &config).unwrap();
    assert!(model.prior.is_none());
    let values: Vec<f32> = frame(0, 1).into_iter().map(number).collect();
    let x = Tensor::from_vec(
        values.repeat(CONTEXT),
        (1, CONTEXT, 1, SIDE, SIDE),
        &Device::Cpu,
    );
    let mut rng = Seed(0).stream("test", 0);
    let made = model
        .futures(&x.unwrap(), drawing(1, &[9]), &mut rng)
        .unwrap();
    assert_eq!(
        made.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        values
    );
}

#[test]
fn what_enters_is_told_from_what_turns() {
    // A square comes in from the left every 30 frames, and leaves on the right.
    let frame = |time: usize, zoom: usize| -> Vec<u8> {
        let left = (time % 30) as isize * 2 - 10;
        let pixel = |at: usize| {
            let (y, x) = (at / (SIDE * zoom) / zoom, at % (SIDE * zoom) / zoom);
            match (12..18).contains(&y) && (left..left + 6).contains(&(x as isize)) {
                true => 220,
                false => 60 + x as u8,
            }
        };
        (0..SIDE * SIDE * zoom * zoom).map(pixel).collect()
    };
    let frames = (0..240).flat_map(|time| frame(time, 1)).collect();
    let film = Footage::from_frames("film", frames, (240, 1, SIDE, SIDE), 10.0, vec![]);
    let footage = [film.unwrap()];
    let split = Split::new(&footage, CONTEXT + 2, CONTEXT + 8).unwrap();
    let config = HorizonConfig {
        windows: 90,
        functions: 2,
        ways: 2,
        ..HorizonConfig::default()
    };
    let model = WholeHorizon::learn((&footage, &split.train), (CONTEXT, 8), &config).unwrap();
    let bank = &model.appearance.entering;
    let share = bank.count() as f64 / bank.windows.len() as f64;
    // Of the 30 moments at which a context may end, 5 to 8 have one that is inside 8 frames later.
    assert!((0.1..0.3).contains(&share), "{share}");

    // At three times the size it is cut out of the large frames.
    const ZOOM: usize = 3;
    let windows = split.train.spread(CONTEXT + 8, 30);
    let entered = model.entered(&footage, &windows).unwrap();
    let looks: Vec<Vec<u8>> = (0..30).map(|time| frame(time, ZOOM)).collect();
    let background = Background::of_frames(&looks, [1, SIDE * ZOOM, SIDE * ZOOM]);
    let film = |window: &crate::data::Window, at: usize| {
        let bytes = frame(window.start + at, ZOOM);
        Ok(bytes.into_iter().map(number).collect())
    };
    let about = (&entered[..], &windows[..2]);
    let large = Appearance::large(&model, background, about, &film).unwrap();
    assert_eq!(large.grain.sequences.len(), 2);
    let pairs = entered.iter().zip(&large.entering.windows);
    let pairs = pairs.flat_map(|(small, large)| small.pieces.iter().zip(large));
    let pairs: Vec<_> = pairs.collect();
    assert!(pairs.len() > 2 && entered.len() == large.entering.windows.len());
    for ((piece, small), large) in pairs {
        assert_eq!((small.body, &small.motion), (large.body, &large.motion));
        let area = |sprite: &Texels| {
            let opacity = sprite.values.iter().map(|texel| f64::from(texel[3]));
            opacity.sum::<f64>() * sprite.pitch.powi(2)
        };
        assert!(large.sprite.pitch * 3.0 == 1.0);
        // A square of 6 × 6, whatever a side cuts off of it.
        let area = area(&large.sprite);
        assert!((28.0..44.0).contains(&area), "{area} of {:?}", piece.body);
    }
}

/// A picture before which a camera goes to and fro.
fn panned(time: usize) -> Vec<u8> {
    let gone = (time % 40) as f64;
    let aside = 0.8 * gone.min(40.0 - gone);
    let pixel = |index: usize| {
        let (y, x) = ((index / SIDE) as f64, (index % SIDE) as f64 + aside);
        (128.0 + 60.0 * (0.5 * x).sin() * (0.4 * y + 0.02 * x * y).cos()).round() as u8
    };
    (0..SIDE * SIDE).map(pixel).collect()
}

#[test]
fn a_camera_that_moves_goes_on() {
    let frames = (0..240).flat_map(panned).collect();
    let film = Footage::from_frames("film", frames, (240, 1, SIDE, SIDE), 10.0, vec![]);
    let footage = [film.unwrap()];
    let split = Split::new(&footage, CONTEXT + 2, CONTEXT + FRAMES).unwrap();
    let config = HorizonConfig {
        windows: 60,
        functions: 2,
        ways: 8,
        parts: MovingParts::Frame,
    };
    let model = WholeHorizon::learn((&footage, &split.train), (CONTEXT, FRAMES), &config).unwrap();
    let context = |last: usize| -> Vec<f32> {
        let bytes = (last + 1 - CONTEXT..=last).flat_map(panned);
        bytes.map(number).collect()
    };
    let shape = (1, CONTEXT, 1, SIDE, SIDE);
    let x = Tensor::from_vec(context(225), shape, &Device::Cpu).unwrap();
    let mut rng = Seed(0).stream("test", 0);
    let made = model.futures(&x, drawing(8, &[FRAMES]), &mut rng).unwrap();
    let mean = made.mean(0).unwrap().flatten_all().unwrap();
    let mean = mean.to_vec1::<f32>().unwrap();
    let real: Vec<f32> = panned(225 + FRAMES).into_iter().map(number).collect();
    let last: Vec<f32> = panned(225).into_iter().map(number).collect();
    // What came in at a side is not known.
    let off = |one: &[f32]| -> f32 {
        let inside = |&at: &usize| (4..SIDE - 4).contains(&(at % SIDE));
        let each = (0..SIDE * SIDE).filter(inside);
        each.map(|at| (one[at] - real[at]).powi(2)).sum()
    };
    assert!(
        off(&mean) < 0.2 * off(&last),
        "{} of {}",
        off(&mean),
        off(&last)
    );
    // What it learned is kept, a bandwidth of alike moments with it.
    let tensors = model.tensors().unwrap().into_iter().collect();
    let back = WholeHorizon::of_tensors(&config, (CONTEXT, FRAMES), &tensors).unwrap();
    let [one, other] = [&model, &back].map(|m| m.prior.as_ref().unwrap().likeness.bandwidth);
    assert!(one == other && model.marks() == 0);
}
