//! Grain: what still pixels do from frame to frame, the camera's and the codec's noise.
//!
//! Moved pixels carry the noise of the last frame seen, and still ones stand frozen, which no film
//! does. A future takes the noise of other moments of the film, as it was: its spectrum, its
//! codec's blocks and its course in time are true. Of the noise of x_T a share ρ remains after t frames.

use super::background::Background;
use super::piece::threshold;
use super::sprite::largest;
use super::texels::Texels;
use crate::data::Window;
use crate::error::Result;
use crate::rng::Rng;

/// Numbers that sequences of noise may hold together.
const NUMBERS: usize = 2_000_000;
/// Sequences of noise, at least and at most.
const FEWEST: usize = 2;
const MOST: usize = 8;
/// The rim about what moved is this part of the width.
const RIM: usize = 32;

/// Numbers of noise by which it is seen how much is much, and how many times the median that is.
const LOOKED_AT: usize = 20_000;
const MUCH: f32 = 5.0;

/// The noise of still pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grain {
    /// ρ at each frame of the horizon, in [0, 1].
    pub persistence: Vec<f32>,
    /// Some sequences: of each frame of the horizon what still pixels are off the background,
    /// (C, H, W); 0 where something moved.
    pub sequences: Vec<Vec<Vec<f32>>>,
}

/// The noise of one future: a mixture of two sequences, either of which may be upside down in brightness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrainDraw {
    sequences: [usize; 2],
    signs: [f32; 2],
}

/// The frames (C, H, W) in [0, 1] of a window from its last of the context on.
pub type NoiseFrames<'a> = &'a dyn Fn(&Window) -> Result<Vec<Vec<f32>>>;

impl Grain {
    /// Which of these windows its sequences are of, where frames have so many `numbers` and `ahead` are drawn.
    pub fn of_which(windows: &[Window], numbers: usize, ahead: usize) -> Vec<Window> {
        let kept = (NUMBERS / (ahead * numbers).max(1)).clamp(FEWEST, MOST);
        let step = windows.len().div_ceil(kept).max(1);
        windows.iter().step_by(step).copied().collect()
    }

    /// Of `windows`, of which each has 1 + `ahead` frames.
    ///
    /// # Errors
    /// Frames that cannot be read.
    pub fn of(
        windows: &[Window],
        background: &Background,
        ahead: usize,
        noise: NoiseFrames,
    ) -> Result<Self> {
        let least = threshold(background);
        let plane = background.noise.len();
        let mut sequences = Vec::new();
        let (mut shared, mut own) = (vec![0f64; ahead], 0f64);
        for window in windows {
            let mut frames = noise(window)?;
            let mut moved = vec![0f32; plane];
            for frame in &frames {
                let distance = background.distance(frame);
                let over = distance.iter().zip(&least);
                let each = moved
                    .iter_mut()
                    .zip(over.map(|(distance, least)| distance > least));
                each.for_each(|(moved, over)| *moved = moved.max(f32::from(u8::from(over))));
            }
            // The rim of what moved, and its shadow, are no noise.
            let [_, height, width] = background.shape;
            let moved = largest(&moved, (height, width), width / RIM);
            for frame in &mut frames {
                for (index, (value, usual)) in frame.iter_mut().zip(&background.pixels).enumerate()
                {
                    *value = match moved[index % plane] > 0.0 {
                        true => 0.0,
                        false => *value - usual,
                    };
                }
            }
            let first = frames.remove(0);
            own += product(&first, &first);
            for (shared, frame) in shared.iter_mut().zip(&frames) {
                *shared += product(&first, frame);
            }
            sequences.push(frames);
        }
        // Without any noise nothing changes.
        let persistence = shared.into_iter().map(|shared| match own > 0.0 {
            true => (shared / own).clamp(0.0, 1.0) as f32,
            false => 1.0,
        });
        Ok(Self {
            persistence: persistence.collect(),
            sequences,
        })
    }

    /// The noise of a future; none where none was seen.
    pub fn sample(&self, rng: &mut Rng) -> Option<GrainDraw> {
        let count = self.sequences.len();
        (count > 0).then(|| GrainDraw {
            sequences: [rng.below(count), rng.below(count)],
            signs: [(); 2].map(|()| if rng.below(2) == 0 { 1.0 } else { -1.0 }),
        })
    }

    /// Takes from what is behind the pieces the share of x_T's noise that is gone at frame `t`, counted from 0.
    pub fn fade(&self, rest: &mut Texels, background: &Background, t: usize) {
        let gone = 1.0 - self.persistence[t];
        let plane = background.noise.len();
        let channels = background.shape[0];
        for (pixel, (texel, least)) in rest
            .values
            .iter_mut()
            .zip(threshold(background))
            .enumerate()
        {
            let usual = |c: usize| background.pixels[c.min(channels - 1) * plane + pixel];
            let off = [0, 1, 2].map(|c| texel[c] - usual(c));
            if off.iter().all(|off| off.abs() <= least) {
                (0..3).for_each(|c| texel[c] -= gone * off[c]);
            }
        }
    }

    /// How much noise is much, for what moves: fine patterns that shake add their own where they are, and pieces do not
    /// take that on.
    pub fn much(&self) -> f32 {
        let frames = || self.sequences.iter().flatten();
        let numbers: usize = frames().map(Vec::len).sum();
        let step = numbers.div_ceil(LOOKED_AT).max(1);
        let some = frames().flat_map(|frame| frame.iter().step_by(step));
        let mut some: Vec<f32> = some.map(|off| off.abs()).filter(|off| *off > 0.0).collect();
        some.sort_unstable_by(f32::total_cmp);
        MUCH * some.get(some.len() / 2).copied().unwrap_or(0.0)
    }

    /// Adds the future's own noise, as it is at frame `t` of the horizon, to a frame (C, H, W) that keeps as much of
    /// x_T's as frame `kept` does. Where pieces cover what is behind them, it is at most `much`.
    pub fn add(
        &self,
        draw: GrainDraw,
        frame: &mut [f32],
        (t, kept): (usize, usize),
        (covered, much): (&[bool], f32),
    ) {
        let share = (1.0 - self.persistence[kept].powi(2)).max(0.0).sqrt();
        let [one, other] = draw.sequences.map(|sequence| &self.sequences[sequence][t]);
        // Two different ones add up like noise, twice the same like itself.
        let scale = match draw.sequences[0] == draw.sequences[1] {
            true => [share * draw.signs[0], 0.0],
            false => draw
                .signs
                .map(|sign| share * sign * std::f32::consts::FRAC_1_SQRT_2),
        };
        let each = frame.iter_mut().zip(one.iter().zip(other)).enumerate();
        for (at, (value, (one, other))) in each {
            let mut noise = scale[0] * one + scale[1] * other;
            if covered[at % covered.len()] {
                noise = noise.clamp(-much, much);
            }
            *value = (*value + noise).clamp(0.0, 1.0);
        }
    }
}

fn product(one: &[f32], other: &[f32]) -> f64 {
    let products = one.iter().zip(other).map(|(a, b)| f64::from(a * b));
    products.sum()
}

#[cfg(test)]
mod tests {
    use super::super::learning::frames;
    use super::*;
    use crate::data::Footage;
    use crate::rng::Seed;

    /// A grey film of noise of a deviation of 4 levels, of which each frame keeps a share of 0.8.
    fn film() -> ([Footage; 1], Background, Vec<Window>) {
        let mut rng = Seed(0).stream("test", 0);
        let mut noise = vec![0f64; 144];
        let mut frames = Vec::new();
        for _ in 0..400 {
            for noise in &mut noise {
                *noise = 0.8 * *noise + 0.6 * rng.normal();
            }
            frames.push(
                noise
                    .iter()
                    .map(|noise| (128.0 + 4.0 * noise).round() as u8)
                    .collect(),
            );
        }
        let background = Background::of_frames(&frames, [1, 12, 12]);
        let footage = Footage::from_frames("film", frames.concat(), (400, 1, 12, 12), 10.0, vec![]);
        let windows = (0..40).map(|index| Window::new(0, index * 9)).collect();
        ([footage.unwrap()], background, windows)
    }

    #[test]
    fn drawn_noise_is_as_strong_and_as_lasting_as_the_films() {
        let (footage, background, windows) = film();
        let windows = Grain::of_which(&windows, 144, 6);
        let noise = |window: &Window| Ok(frames(&footage, window, 9)?.split_off(2));
        let grain = Grain::of(&windows, &background, 6, &noise).unwrap();
        assert_eq!(grain.sequences.len(), MOST);
        for (t, share) in grain.persistence.iter().enumerate() {
            let wanted = 0.8f32.powi(t as i32 + 1);
            assert!((share - wanted).abs() < 0.1, "{t}: {share} {wanted}");
        }
        let mut rng = Seed(1).stream("test", 0);
        let x = frames(&footage, &windows[0], 3).unwrap().pop().unwrap();
        let (mut spread, mut kept) = (0.0, 0.0);
        let off = |frame: &[f32]| -> Vec<f32> {
            let pairs = frame.iter().zip(&background.pixels);
            pairs.map(|(value, usual)| value - usual).collect()
        };
        let own = product(&off(&x), &off(&x));
        for _ in 0..50 {
            let mut rest = Texels::of_frame(&x, (12, 12), 1.0);
            grain.fade(&mut rest, &background, 1);
            let mut frame = rest.frame(1);
            let draw = grain.sample(&mut rng).unwrap();
            grain.add(draw, &mut frame, (1, 1), (&[false; 144], 0.0));
            spread += product(&off(&frame), &off(&frame)) / own / 50.0;
            kept += product(&off(&frame), &off(&x)) / own / 50.0;
        }
        assert!((0.75..1.35).contains(&spread), "{spread}");
        assert!(
            (kept - f64::from(grain.persistence[1])).abs() < 0.15,
            "{kept}"
        );
        // A piece takes on no more than much.
        let much = grain.much();
        assert!((0.02..0.08).contains(&much), "{much}");
        let mut frame = vec![0.5; 144];
        let covered: Vec<bool> = (0..144).map(|at| at % 2 == 0).collect();
        let draw = grain.sample(&mut rng).unwrap();
        grain.add(draw, &mut frame, (1, 1), (&covered, 1e-3));
        let most = |which: usize| {
            let each = frame.iter().skip(which).step_by(2);
            each.map(|value| (value - 0.5).abs()).fold(0.0, f32::max)
        };
        assert!(
            most(0) < 1.1e-3 && most(1) > 5e-3,
            "{} {}",
            most(0),
            most(1)
        );
    }
}
