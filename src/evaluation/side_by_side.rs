//! A film and the futures that are drawn in its place, as people see them.

use super::background::{FilmBackgrounds, median};
use super::comparison::{Plan, Predictor};
use crate::data::{Footage, Window, batch};
use crate::error::Result;
use crate::interrupt;
use candle_core::{Device, Tensor};

/// The windows of footage in which films and futures are watched.
#[derive(Clone)]
pub struct Screening<'a> {
    /// All films.
    pub footage: &'a [Footage],
    /// Of at least [`Plan::length`] frames each.
    pub windows: &'a [Window],
    /// What each film shows where nothing moves.
    pub background: &'a FilmBackgrounds,
    /// When and how futures are drawn.
    pub plan: Plan,
    /// Where predictors compute.
    pub device: &'a Device,
}

impl Screening<'_> {
    /// The same with so many futures of each window.
    pub fn of_futures(mut self, futures: usize) -> Self {
        self.plan.futures = futures;
        self
    }

    /// Shows each window, with its number, beside the futures of `predictor`, or by itself
    /// where there is none. One window is held at a time.
    ///
    /// # Errors
    /// Footage that cannot be read, those of `see`, and [`crate::Error::Interrupted`].
    pub fn watch(
        &self,
        predictor: Option<Predictor>,
        see: &mut dyn FnMut(usize, SideBySide) -> Result<()>,
    ) -> Result<()> {
        for (index, window) in self.windows.iter().enumerate() {
            interrupt::check()?;
            let frames = batch(self.footage, &[*window], self.plan.length(), self.device)?;
            let both = match predictor {
                Some(predictor) => {
                    let past = self.plan.past(self.footage, window, self.device)?;
                    SideBySide::new(predictor, (&past, &frames), &self.plan, index)?
                }
                None => SideBySide::film(&frames, &self.plan)?,
            };
            let background = self.background.film(window.file, both.seen());
            see(index, both.before(background))?;
        }
        Ok(())
    }
}

/// The frames of one window that came, and those of a predictor's futures, as bytes.
///
/// A film's pixels are whole numbers from 0 to 255. Drawn pixels are rounded to such
/// numbers too, so that nothing tells the two apart that a written film would not show.
#[derive(Debug, Clone)]
pub struct SideBySide {
    shape: [usize; 3],
    /// Frames of the film up to and with the last that was seen.
    context: usize,
    /// Those and all after them, (C, H, W) each.
    film: Vec<Vec<u8>>,
    /// What the film shows where nothing moves, (C, H, W).
    background: Vec<u8>,
    /// The times of a future's frames, ascending.
    times: Vec<usize>,
    /// For each future, its frames at these times.
    futures: Vec<Vec<Vec<u8>>>,
}

impl SideBySide {
    /// The window `frames` (1, T, C, H, W) in [0, 1], number `index`, beside the futures of
    /// `predictor` at the plan's horizons, after what it sees of the window, `x`.
    ///
    /// # Errors
    /// Those of [`Predictor::futures`].
    pub fn new(
        predictor: Predictor,
        (x, frames): (&Tensor, &Tensor),
        plan: &Plan,
        index: usize,
    ) -> Result<Self> {
        let futures = predictor.futures(x, plan, index)?;
        let mut both = Self::film(frames, plan)?;
        for future in 0..futures.dim(0)? {
            both.futures.push(bytes(&futures.get(future)?)?);
        }
        Ok(both)
    }

    /// The window by itself, without futures.
    ///
    /// # Errors
    /// A tensor of another rank.
    pub fn film(frames: &Tensor, plan: &Plan) -> Result<Self> {
        let (_, _, channels, height, width) = frames.dims5()?;
        let film = bytes(&frames.squeeze(0)?)?;
        Ok(Self {
            shape: [channels, height, width],
            context: plan.context,
            background: median(&film[..plan.context]).unwrap_or_default(),
            film,
            times: plan.horizons.clone(),
            futures: Vec::new(),
        })
    }

    /// The same before this background (C, H, W).
    pub fn before(mut self, background: Vec<u8>) -> Self {
        self.background = background;
        self
    }

    /// What the film shows where nothing moves, (C, H, W): the median of the frames that were
    /// seen, unless it was told.
    pub fn background(&self) -> &[u8] {
        &self.background
    }

    /// [C, H, W] of each frame.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// How many futures there are.
    pub fn futures(&self) -> usize {
        self.futures.len()
    }

    /// The frames that were seen, (C, H, W) each.
    pub fn seen(&self) -> &[Vec<u8>] {
        &self.film[..self.context]
    }

    /// The film's frame (C, H, W), `time` frames after the last that was seen. Before the
    /// first of the context comes that one again. Panics past the window's end.
    pub fn film_at(&self, time: isize) -> &[u8] {
        let index = (self.context as isize - 1 + time).max(0);
        &self.film[index as usize]
    }

    /// The same of a future, which begins after the film's last frame that was seen.
    /// Panics where there is no such future and at a time that the plan did not name.
    pub fn future_at(&self, future: usize, time: isize) -> &[u8] {
        if time <= 0 {
            return self.film_at(time);
        }
        let at = self.times.binary_search(&(time as usize));
        &self.futures[future][at.expect("a time of the plan")]
    }
}

/// Frames (T, C, H, W) in [0, 1], rounded; values beyond are cut off.
fn bytes(frames: &Tensor) -> Result<Vec<Vec<u8>>> {
    let frames: Vec<Vec<f32>> = frames.flatten_from(1)?.to_vec2()?;
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    Ok(frames
        .into_iter()
        .map(|frame| frame.into_iter().map(byte).collect())
        .collect())
}

/// A frame of bytes as numbers in [0, 1].
pub fn numbers(frame: &[u8]) -> Vec<f32> {
    frame.iter().map(|&byte| f32::from(byte) / 255.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn a_future_goes_on_where_the_film_was_seen() {
        let values: Vec<f32> = (0..5u8).map(|time| f32::from(time) / 255.0).collect();
        let frames = Tensor::from_vec(values, (1, 5, 1, 1, 1), &Device::Cpu).unwrap();
        let plan = Plan {
            context: 2,
            horizons: vec![1, 3],
            futures: 4,
            temperature: 1.0,
            seed: Seed(0),
        };
        let x = frames.narrow(1, 0, 2).unwrap();
        let both = SideBySide::new(Predictor::Copy, (&x, &frames), &plan, 0).unwrap();
        assert_eq!((both.futures(), both.shape()), (1, [1, 1, 1]));
        let film: Vec<u8> = (-3..=3).map(|time| both.film_at(time)[0]).collect();
        assert_eq!(film, [0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(both.background(), [0]);
        let future = [-3, -1, 0, 1, 3].map(|time| both.future_at(0, time)[0]);
        assert_eq!(future, [0, 0, 1, 1, 1]);
        assert_eq!(numbers(&[0, 255]), [0.0, 1.0]);
    }
}
