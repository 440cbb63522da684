use super::*;
use crate::data::{Footage, Part, Window};
use crate::evaluation::background::FilmBackgrounds;
use crate::evaluation::comparison::{Plan, Predictor, TrueFutures};
use crate::video::worlds::{Galton, World as _};
use candle_core::Device;

const HORIZONS: [usize; 2] = [1, 4];
const SEED: Seed = Seed(3);

fn plan() -> Plan {
    Plan {
        context: 2,
        horizons: Samples::times(&HORIZONS),
        futures: 2,
        temperature: 1.0,
        seed: Seed(5),
    }
}

/// A film, and windows of its first and of its last part.
fn film() -> ([Footage; 1], [Vec<Window>; 2]) {
    let film = Galton::new(Seed(4)).film(900);
    let [frames, channels, height, width] = film.shape;
    let shape = (frames, channels, height, width);
    let footage = Footage::from_frames("galton", film.frames, shape, 12.5, film.cuts).unwrap();
    let every = |from: usize| (from..from + 400).step_by(10);
    let windows = [0, 480].map(|from| every(from).map(|at| Window::new(0, at)).collect());
    ([footage], windows)
}

/// None is known: the background is that of each context.
fn background() -> FilmBackgrounds {
    FilmBackgrounds::of(&[], &Part::default()).unwrap()
}

fn screening<'a>(
    footage: &'a [Footage],
    windows: &'a [Window],
    background: &'a FilmBackgrounds,
) -> Screening<'a> {
    Screening {
        footage,
        windows,
        background,
        plan: plan(),
        device: &Device::Cpu,
    }
}

#[track_caller]
fn within(figure: Figure, low: f64, high: f64) {
    let value = figure.value.expect("an area");
    assert!((low..=high).contains(&value), "{value}: {low} to {high}");
}

#[test]
fn film_is_not_told_from_film_and_blurred_and_tiled_film_are() {
    let (footage, windows) = film();
    let [learned, asked] = &windows;
    let still = background();
    let [learned, asked] = [learned, asked].map(|windows| screening(&footage, windows, &still));
    let power = power(&learned, &asked, &HORIZONS, SEED).unwrap();
    for horizon in HORIZONS {
        let film = power.film[&horizon];
        within(film.as_they_are, 0.4, 0.6);
        within(film.low_passed, 0.4, 0.6);
        within(power.blurred[&horizon].as_they_are, 0.97, 1.0);
        within(power.tiled[&horizon].as_they_are, 0.97, 1.0);
    }
}

#[test]
fn grain_counts_in_one_form_alone() {
    let (footage, windows) = film();
    let noisy = |frame: &[u8], _: [usize; 3]| {
        let mut values = numbers(frame);
        let number = frame.iter().map(|&byte| u64::from(byte)).sum();
        let mut rng = Seed(6).stream("test", number);
        rng.add_noise(&mut values, 0.02);
        let byte = |value: f32| (255.0 * value).round().clamp(0.0, 255.0) as u8;
        values.into_iter().map(byte).collect()
    };
    let [learned, asked] = windows.map(|windows| {
        let still = background();
        let screening = screening(&footage, &windows, &still);
        power::spoiled(&screening, &HORIZONS, SEED, false, &noisy).unwrap()
    });
    let told = tell(&learned, &asked, SEED).unwrap();
    for horizon in HORIZONS {
        within(told[&horizon].as_they_are, 0.97, 1.0);
        within(told[&horizon].low_passed, 0.4, 0.6);
    }
}

#[test]
fn a_perfect_sampler_is_not_told_and_copying_is() {
    let (footage, windows) = film();
    let world = Galton::new(Seed(4));
    let samples = |windows: &[Window], perfect: bool| {
        let truth = TrueFutures::new(&world, &footage, windows, plan().context).unwrap();
        let predictor = match perfect {
            true => Predictor::Truth(&truth),
            false => Predictor::Copy,
        };
        let still = background();
        let screening = screening(&footage, windows, &still);
        Samples::of(predictor, &screening, &HORIZONS, SEED).unwrap()
    };
    let told = |perfect| {
        let [learned, asked] = [0, 1].map(|of: usize| samples(&windows[of], perfect));
        assert_eq!(learned.pairs(), PAIRS * HORIZONS.len() * windows[0].len());
        tell(&learned, &asked, SEED).unwrap()
    };
    let (perfect, copied) = (told(true), told(false));
    for horizon in HORIZONS {
        within(perfect[&horizon].as_they_are, 0.4, 0.6);
        within(perfect[&horizon].low_passed, 0.4, 0.6);
        within(copied[&horizon].as_they_are, 0.9, 1.0);
        within(copied[&horizon].low_passed, 0.9, 1.0);
    }
}

#[test]
fn where_nothing_moves_nothing_is_told() {
    let frames = vec![90; 40 * 64];
    let film = [Footage::from_frames("still", frames, (40, 1, 8, 8), 25.0, vec![]).unwrap()];
    let windows: Vec<Window> = (0..30).map(|at| Window::new(0, at)).collect();
    let still = background();
    let screening = screening(&film, &windows, &still);
    let samples = Samples::of(Predictor::Copy, &screening, &HORIZONS, SEED).unwrap();
    assert_eq!(samples.pairs(), 0);
    let told = tell(&samples, &samples, SEED).unwrap();
    assert_eq!(told.len(), 2);
    assert!(told.values().all(|told| told.low_passed.value.is_none()));
    let none = Samples::new(&HORIZONS, SEED);
    assert_eq!(tell(&none, &none, SEED).unwrap(), told);
    assert_eq!(Samples::times(&[1, 4, 16]), [1, 2, 3, 4, 14, 15, 16]);
}
