//! A perfect sampler, of footage that a world rendered.

use super::Plan;
use crate::data::{Footage, Window};
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::video::worlds::{SIZE, World};
use candle_core::Tensor;
use rayon::prelude::*;

/// What comes after each of some windows' pasts, drawn as the world draws it: no model
/// can do better in a proper score but by luck.
pub struct TrueFutures<'a> {
    world: &'a dyn World,
    /// The last frame of each window's past.
    ends: Vec<usize>,
}

impl<'a> TrueFutures<'a> {
    /// After the first `context` frames of each of `windows` of `footage`.
    ///
    /// # Errors
    /// Footage that is not the world's film.
    pub fn new(
        world: &'a dyn World,
        footage: &[Footage],
        windows: &[Window],
        context: usize,
    ) -> Result<Self> {
        let other = |film: &Footage, problem: String| {
            Error::input(
                film.name(),
                problem,
                "name the world, the seed, the images and the length that `synth` took, and \
                 compare on its film as it is",
            )
        };
        let ends: Vec<usize> = windows.iter().map(|w| w.start + context - 1).collect();
        for (window, &end) in windows.iter().zip(&ends) {
            let film = &footage[window.file];
            if window.file > 0 {
                return Err(other(film, "a world's film is one file".to_owned()));
            }
            let (channels, height, width) = film.shape();
            if (channels, height, width) != (world.channels(), SIZE, SIZE) {
                let problem = format!(
                    "its frames are of {channels} channels, {width}×{height} pixels; the world's \
                     of {}, {SIZE}×{SIZE}",
                    world.channels()
                );
                return Err(other(film, problem));
            }
            if *film.frame(end)? != *world.frame(end) {
                let problem = format!("its frame {end} is not the one that the world renders");
                return Err(other(film, problem));
            }
        }
        Ok(Self { world, ends })
    }

    /// As [`super::Predictor::futures`]; `shown` is called with each future's number, how
    /// many frames ahead, and the frame.
    pub(super) fn futures(
        &self,
        x: &Tensor,
        plan: &Plan,
        window: usize,
        shown: impl Fn(usize, usize, &[f32]) + Sync,
    ) -> Result<Tensor> {
        let mut rng = plan.seed.stream("compare/truth", window as u64);
        let seeds: Vec<Seed> = (0..plan.futures).map(|_| Seed(rng.bits())).collect();
        let films = seeds.par_iter().enumerate().map(|(future, &seed)| {
            let frames = self.world.future(self.ends[window], plan.last(), seed);
            let mut kept = Vec::new();
            for (time, frame) in (1..).zip(frames) {
                let frame: Vec<f32> = frame.iter().map(|&v| f32::from(v) / 255.0).collect();
                shown(future, time, &frame);
                if plan.horizons.contains(&time) {
                    kept.extend(frame);
                }
            }
            kept
        });
        let films: Vec<f32> = films.collect::<Vec<_>>().concat();
        let (_, _, channels, height, width) = x.dims5()?;
        let horizons = plan.horizons.len();
        let shape = (plan.futures, horizons, channels, height, width);
        Ok(Tensor::from_vec(films, shape, x.device())?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Predictor;
    use super::*;
    use crate::data::batch;
    use crate::video::worlds::Galton;
    use candle_core::Device;

    const CONTEXT: usize = 3;

    fn film() -> [Footage; 1] {
        let film = Galton::new(Seed(4)).film(200);
        let [frames, channels, height, width] = film.shape;
        let shape = (frames, channels, height, width);
        [Footage::from_frames("galton", film.frames, shape, 12.5, film.cuts).unwrap()]
    }

    #[test]
    fn what_is_certain_comes_and_a_coin_falls_on_both_sides() {
        let (world, footage) = (Galton::new(Seed(4)), film());
        let windows: Vec<Window> = (0..60).map(|start| Window::new(0, start)).collect();
        let truth = TrueFutures::new(&world, &footage, &windows, CONTEXT).unwrap();
        let plan = Plan {
            context: CONTEXT,
            horizons: vec![1],
            futures: 64,
            temperature: 1.0,
            seed: Seed(9),
        };
        let (mut open, mut right) = (0, 0);
        for (index, window) in windows.iter().enumerate() {
            let frames = batch(&footage, &[*window], plan.length(), &Device::Cpu).unwrap();
            let x = frames.narrow(1, 0, CONTEXT).unwrap();
            let futures = Predictor::Truth(&truth).futures(&x, &plan, index).unwrap();
            let again = Predictor::Truth(&truth).futures(&x, &plan, index).unwrap();
            let rows = |t: &Tensor| t.flatten_from(1).unwrap().to_vec2::<f32>().unwrap();
            let (futures, again) = (rows(&futures), rows(&again));
            assert_eq!(futures, again, "the same seed draws the same");
            let came = &rows(&frames.narrow(1, CONTEXT, 1).unwrap())[0];
            let same = futures.iter().filter(|future| *future == came).count();
            match world.state(window.start + CONTEXT - 1).meets_peg {
                true => (open, right) = (open + 64, right + same),
                false => assert_eq!(same, 64, "{index}"),
            }
        }
        // A standard deviation is half the root of their number.
        let off = (right as f64 - open as f64 / 2.0).abs();
        assert!(
            open > 500 && off < 2.5 * (open as f64).sqrt(),
            "{right} of {open}"
        );
    }

    #[test]
    fn another_film_is_refused() {
        let footage = film();
        let windows: Vec<Window> = (0..60).map(|start| Window::new(0, start)).collect();
        let world = Galton::new(Seed(5));
        let refused = TrueFutures::new(&world, &footage, &windows, CONTEXT).err();
        let text = refused.unwrap().to_string();
        assert!(text.contains("galton") && text.contains("seed"), "{text}");
    }
}
