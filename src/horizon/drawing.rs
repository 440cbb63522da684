//! Futures of a whole-horizon model as tensors.

use super::background::Background;
use super::motion_scene::{MotionScene, paste_all};
use super::sprite::{Cut, cut, uncut};
use super::texels::Texels;
use super::whole_horizon::{SeenPast, WholeHorizon};
use crate::error::Result;
use crate::interrupt;
use crate::rng::Rng;
use candle_core::Tensor;
use rayon::prelude::*;

/// Is shown each frame as it is drawn: of which future, at which time, the first after the
/// context being 1, and its values.
pub type Onlooker<'a> = dyn Fn(usize, usize, &[f32]) + Sync + 'a;

/// What is drawn after a context.
#[derive(Clone, Copy)]
pub struct Drawing<'a> {
    /// N, how many futures.
    pub futures: usize,
    /// Which frames are kept, the first after the context being 1.
    pub times: &'a [usize],
    /// Below 1 futures are more alike.
    pub temperature: f64,
    /// Sees every frame up to the last one kept.
    pub watch: Option<&'a Onlooker<'a>>,
}

/// The last frame seen at another size, from whose pixels futures are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct LargeFrame {
    /// (C, H·n, W·n) in [0, 1].
    pub pixels: Vec<f32>,
    /// What is behind what moves, of the same shape.
    pub background: Background,
}

impl LargeFrame {
    /// The frame `last` (C, H·n, W·n), cut as a scene of the model's (H, W) is.
    fn cut(&self, last: &[f32], scene: &MotionScene, columns: usize) -> Cut {
        let [_, height, width] = self.background.shape;
        let pitch = columns as f64 / width as f64;
        match scene.sheet {
            Some(_) => uncut(Texels::of_frame(last, (height, width), pitch)),
            None => cut(last, &self.background, &scene.pieces, columns),
        }
    }
}

impl WholeHorizon {
    /// Futures (N, times, C, H, W) in [0, 1] after the context x (1, T, C, H, W), of which the last
    /// frames count. Beyond the horizon one block of frames follows on another.
    ///
    /// # Errors
    /// Fewer frames of context than the model looks at, energies that are not finite, an interrupt.
    pub fn futures(&self, x: &Tensor, drawing: Drawing, rng: &mut Rng) -> Result<Tensor> {
        self.futures_of(x, None, drawing, rng)
    }

    /// [`Self::futures`] (N, times, C, H·n, W·n) from the pixels of a `large` last frame: z has no resolution.
    ///
    /// # Errors
    /// As [`Self::futures`].
    pub fn large_futures(
        &self,
        x: &Tensor,
        large: &LargeFrame,
        drawing: Drawing,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        self.futures_of(x, Some(large), drawing, rng)
    }

    fn futures_of(
        &self,
        x: &Tensor,
        large: Option<&LargeFrame>,
        drawing: Drawing,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let time = x.dim(1)?;
        let shape = large.map_or(self.background.shape, |large| large.background.shape);
        let [channels, height, width] = shape;
        let seen = x.narrow(1, time.saturating_sub(self.context), self.context.min(time))?;
        let past: Vec<Vec<f32>> = seen.squeeze(0)?.flatten_from(1)?.to_vec2()?;
        let first = self.see(&past)?;
        let size = channels * height * width;
        let mut values = vec![0f32; drawing.futures * drawing.times.len() * size];
        let rngs: Vec<Rng> = (0..drawing.futures).map(|_| rng.branch()).collect();
        let films = values.par_chunks_exact_mut((drawing.times.len() * size).max(1));
        let films = films.zip(rngs).enumerate();
        films.try_for_each(|(future, (film, mut rng))| {
            self.go_on((&past, &first), large, drawing, &mut rng, |time, frame| {
                if let Some(watch) = drawing.watch {
                    watch(future, time, frame);
                }
                if let Some(at) = drawing.times.iter().position(|&kept| kept == time) {
                    film[at * size..(at + 1) * size].copy_from_slice(frame);
                }
            })
        })?;
        let shape = (
            drawing.futures,
            drawing.times.len(),
            channels,
            height,
            width,
        );
        Ok(Tensor::from_vec(values, shape, x.device())?)
    }

    /// One future, shown frame by frame.
    fn go_on(
        &self,
        (past, first): (&[Vec<f32>], &SeenPast),
        large: Option<&LargeFrame>,
        drawing: Drawing,
        rng: &mut Rng,
        mut show: impl FnMut(usize, &[f32]),
    ) -> Result<()> {
        let last = drawing.times.iter().copied().max().unwrap_or(0);
        let mut later: Option<SeenPast> = None;
        let mut drawn = past.to_vec();
        let [channels, _, columns] = self.background.shape;
        let mut last_large = large.map(|large| large.pixels.clone());
        let mut time = 0;
        while time < last {
            interrupt::check()?;
            let seen = later.as_ref().unwrap_or(first);
            let motion = self.sample(seen, drawing.temperature, rng);
            let entering = self.entering.sample(rng);
            let grain = self.grain.sample(rng);
            let cut = (large.zip(last_large.as_ref()))
                .map(|(large, last)| large.cut(last, &seen.scene, columns));
            for t in 0..self.frames.min(last - time) {
                let placed = self.placed(seen, &motion, t);
                let shown = |cut: &Cut, mut canvas: Texels| {
                    paste_all(&mut canvas, cut, &placed);
                    self.enter(entering, &mut canvas, t);
                    canvas.frame(channels)
                };
                let cut_small = &seen.scene.levels[0];
                let mut rest = cut_small.rest.clone();
                if grain.is_some() {
                    self.grain.fade(&mut rest, &self.background, t);
                }
                let mut frame = shown(cut_small, rest);
                if let Some(grain) = grain {
                    self.grain.add(grain, &mut frame, t);
                }
                time += 1;
                match &cut {
                    Some(cut) => {
                        let large = shown(cut, cut.rest.clone());
                        show(time, &large);
                        last_large = Some(large);
                    }
                    None => show(time, &frame),
                }
                drawn.push(frame);
            }
            drawn.drain(..drawn.len().saturating_sub(self.context));
            if time < last {
                later = Some(self.see(&drawn)?);
            }
        }
        Ok(())
    }
}
