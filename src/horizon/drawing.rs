//! Futures of a whole-horizon model as tensors.

use super::appearance::Appearance;
use super::background::Background;
use super::completion::Completions;
use super::kept_background::LATELY;
use super::motion_scene::MotionScene;
use super::scene_prior::ScenePrior;
use super::sprite::{Cut, cut, uncut};
use super::texels::Texels;
use super::whole_horizon::{SeenPast, WholeHorizon};
use crate::error::Result;
use crate::rng::Rng;
use candle_core::Tensor;
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::OnceLock;

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
    /// Below 1 futures are more alike. At 0 all are what is expected: z is its mean, nothing enters, and there is no grain.
    pub temperature: f64,
    /// Sees every frame up to the last one kept.
    pub watch: Option<&'a Onlooker<'a>>,
}

/// The last frame seen at another size, from whose pixels futures are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LargeFrame<'a> {
    /// (C, H·n, W·n) in [0, 1].
    pub pixels: &'a [f32],
    /// How the film looks at that size.
    pub appearance: &'a Appearance,
}

/// The frame `last` (C, H·n, W·n) before a background, cut as a scene of the model's (H, W) is.
fn large_cut(last: &[f32], background: &Background, scene: &MotionScene, columns: usize) -> Cut {
    let [_, height, width] = background.shape;
    let pitch = columns as f64 / width as f64;
    match scene.sheet {
        Some(_) => uncut(Texels::of_frame(last, (height, width), pitch)),
        None => cut(last, background, &scene.pieces, columns),
    }
}

/// What all futures of a past are drawn from, at one size.
pub(super) struct DrawingParts<'a> {
    pub appearance: &'a Appearance,
    /// Behind the pieces, kept up.
    background: Cow<'a, Background>,
    pub cut: Cow<'a, Cut>,
    pub whole: Completions,
    /// See [`super::Grain::much`].
    pub much_noise: f32,
    /// What lies behind the pieces in each frame.
    rests: Vec<OnceLock<Texels>>,
}

/// What all futures of a past have in common.
pub(super) struct Opening<'a> {
    pub past: &'a [Vec<f32>],
    pub seen: &'a SeenPast,
    /// p(z | x) of the first block.
    pub prior: ScenePrior<'a>,
    /// At the model's size and, where there is a frame of another, at that.
    pub parts: Vec<DrawingParts<'a>>,
}

impl<'a> DrawingParts<'a> {
    fn new(
        (appearance, background): (&'a Appearance, Cow<'a, Background>),
        cut: Cow<'a, Cut>,
        (seen, frames): (&SeenPast, usize),
    ) -> Self {
        let scene = &seen.scene;
        let size = scene.levels[0].rest.size;
        let whole = match scene.sheet {
            Some(_) => Completions::none(&cut),
            None => Completions::of(&cut, &scene.pieces, size, &appearance.whole),
        };
        Self {
            appearance,
            background,
            cut,
            whole,
            much_noise: appearance.grain.much(),
            rests: vec![OnceLock::new(); frames],
        }
    }

    /// What lies behind the pieces in frame `t`, counted from 0: the share of x_T's noise that the film keeps is left.
    pub fn rest(&self, t: usize) -> &Texels {
        let grain = &self.appearance.grain;
        if grain.sequences.is_empty() {
            return &self.cut.rest;
        }
        self.rests[t].get_or_init(|| {
            let mut rest = self.cut.rest.clone();
            grain.fade(&mut rest, &self.background, t);
            rest
        })
    }
}

impl WholeHorizon {
    /// Futures (N, times, C, H, W) in [0, 1] after the past x (1, T, C, H, W), of which the last
    /// frames count: those of the context, and 64 ([`LATELY`]) to keep up the background where there are so many. Beyond the horizon one block of frames follows on another.
    ///
    /// # Errors
    /// Fewer frames of context than the model looks at, energies that are not finite, an interrupt.
    pub fn futures(&self, x: &Tensor, drawing: Drawing, rng: &mut Rng) -> Result<Tensor> {
        Ok(self.likely_futures(x, None, drawing, rng)?.0)
    }

    /// [`Self::futures`], and of each ln p(z | x) in nats, NaN where nothing moved in training. From the pixels of a
    /// `large` last frame they are (N, times, C, H·n, W·n): z has no resolution.
    ///
    /// # Errors
    /// As [`Self::futures`].
    pub fn likely_futures(
        &self,
        x: &Tensor,
        large: Option<LargeFrame>,
        drawing: Drawing,
        rng: &mut Rng,
    ) -> Result<(Tensor, Vec<f32>)> {
        let time = x.dim(1)?;
        let appearance = large.map_or(&self.appearance, |large| large.appearance);
        let shape = appearance.background.shape;
        let [channels, height, width] = shape;
        let seen = self.context.max(LATELY).min(time);
        let seen = x.narrow(1, time - seen, seen)?;
        let past: Vec<Vec<f32>> = seen.squeeze(0)?.flatten_from(1)?.to_vec2()?;
        let first = self.see(&past)?;
        let opening = Opening {
            past: &past,
            seen: &first,
            prior: self.prior_given(&first),
            parts: self.parts(&first, large.map(|large| (large, large.pixels))),
        };
        let size = channels * height * width;
        let mut values = vec![0f32; drawing.futures * drawing.times.len() * size];
        let rngs: Vec<Rng> = (0..drawing.futures).map(|_| rng.branch()).collect();
        let films = values.par_chunks_exact_mut((drawing.times.len() * size).max(1));
        let films = films.zip(rngs).enumerate();
        let likely = films.map(|(future, (film, mut rng))| {
            self.go_on(&opening, large, drawing, &mut rng, &mut |time, frame| {
                if let Some(watch) = drawing.watch {
                    watch(future, time, frame);
                }
                if let Some(at) = drawing.times.iter().position(|&kept| kept == time) {
                    film[at * size..(at + 1) * size].copy_from_slice(frame);
                }
            })
        });
        let likely: Vec<f32> = likely.collect::<Result<_>>()?;
        let shape = (
            drawing.futures,
            drawing.times.len(),
            channels,
            height,
            width,
        );
        Ok((Tensor::from_vec(values, shape, x.device())?, likely))
    }

    /// What is drawn after a past, at the model's size and, where there is a last frame of another, at that.
    pub(super) fn parts<'a>(
        &'a self,
        seen: &'a SeenPast,
        large: Option<(LargeFrame<'a>, &[f32])>,
    ) -> Vec<DrawingParts<'a>> {
        let cut = Cow::Borrowed(&seen.scene.levels[0]);
        let about = (seen, self.frames);
        let own = (&self.appearance, Cow::Borrowed(self.background(seen)));
        let mut parts = vec![DrawingParts::new(own, cut, about)];
        let columns = self.appearance.background.shape[2];
        parts.extend(large.map(|(large, last)| {
            let background = &large.appearance.background;
            let background = match &seen.kept {
                Some(kept) => Cow::Owned(kept.at_size_of(background, last)),
                None => Cow::Borrowed(background),
            };
            let cut = large_cut(last, &background, &seen.scene, columns);
            DrawingParts::new((large.appearance, background), Cow::Owned(cut), about)
        }));
        parts
    }
}
