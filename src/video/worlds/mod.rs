//! Worlds that the project renders itself, so that what can come next, and how
//! likely, is known exactly.

mod canvas;
pub mod digits;
mod fate;
pub mod fork;
pub mod galton;
pub mod galton_balls;
pub mod idx;
pub mod occlusion;

pub use digits::Digits;
pub use fork::Fork;
pub use galton::Galton;
pub use occlusion::Occlusion;

use crate::rng::Seed;

/// Height and width of a frame.
pub const SIZE: usize = 64;
/// Frames per second, chosen so that a GIF's centiseconds hold it exactly.
pub const FRAME_RATE: f64 = 12.5;

/// A frame that may come.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// (C, H, W), 0 to 255.
    pub frame: Vec<u8>,
    /// In [0, 1]. 0: it cannot come, and stands here to be told from those that
    /// can.
    pub probability: f64,
}

/// What the past leaves open, or tells only those who remember.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Which frame is asked for: so many after the one at which the past ends, at
    /// least 1.
    pub ahead: usize,
    /// Each frame that may be there, no two the same; probabilities sum to 1.
    pub outcomes: Vec<Outcome>,
}

/// One endless film, made of a seed.
pub trait World: Send + Sync {
    /// 1 (grey) or 3 (red, green, blue).
    fn channels(&self) -> usize;

    /// Frame `time`, (C, H, W).
    fn frame(&self, time: usize) -> Vec<u8>;

    /// Whether frame `time` has nothing to do with those before it.
    fn starts(&self, _time: usize) -> bool {
        false
    }

    /// What can be asked of one who has seen the film up to frame `time`, this
    /// one included.
    fn questions(&self, time: usize) -> Vec<Question>;

    /// The `ahead` frames after frame `time` as they may come, each (C, H, W): drawn with
    /// the probability they have to whoever has seen the film up to `time`, this one
    /// included and at least two frames of whatever it shows. Another seed, another draw.
    fn future(&self, time: usize, ahead: usize, seed: Seed) -> Vec<Vec<u8>> {
        let other = self.otherwise(time, seed);
        (time + 1..=time + ahead).map(|t| other.frame(t)).collect()
    }

    /// A world whose film is this one's up to frame `after`, this one included, and of which
    /// what no frame up to there shows comes from `seed`; of a world that is itself another's
    /// otherwise, that other's.
    fn otherwise(&self, after: usize, seed: Seed) -> Box<dyn World>;

    /// The first `frames` frames. A longer film starts with the shorter one.
    fn film(&self, frames: usize) -> Film {
        Film {
            frames: (0..frames).flat_map(|time| self.frame(time)).collect(),
            shape: [frames, self.channels(), SIZE, SIZE],
            cuts: (1..frames).filter(|&time| self.starts(time)).collect(),
        }
    }
}

/// A rendered film.
#[derive(Debug, Clone, PartialEq)]
pub struct Film {
    /// Pixels, (T, C, H, W).
    pub frames: Vec<u8>,
    /// T, C, H, W.
    pub shape: [usize; 4],
    /// Frames that have nothing to do with those before them, ascending,
    /// without 0.
    pub cuts: Vec<usize>,
}

impl Film {
    /// The pixels of frame `time`, (C, H, W).
    pub fn frame(&self, time: usize) -> &[u8] {
        let size = self.shape[1..].iter().product::<usize>();
        &self.frames[time * size..(time + 1) * size]
    }
}

/// What must hold of every world, for its tests.
#[cfg(test)]
fn check(world: &dyn World, frames: usize) {
    check_futures(world, frames);
    let film = world.film(frames);
    assert_eq!(film.frames.len(), film.shape.iter().product::<usize>());
    assert!(film.frames == world.film(frames).frames, "two films");
    let mut asked = 0;
    for time in 0..frames {
        for question in world.questions(time) {
            let total: f64 = question.outcomes.iter().map(|o| o.probability).sum();
            assert!((total - 1.0).abs() < 1e-9, "{time}: {total}");
            let came = time + question.ahead;
            assert!((time + 1..=came).all(|time| !world.starts(time)), "{time}");
            let real = world.frame(came);
            let it = question.outcomes.iter().find(|o| o.frame == real);
            assert!(it.is_some_and(|o| o.probability > 0.0), "{time}");
            for (index, outcome) in question.outcomes.iter().enumerate() {
                let others = &question.outcomes[..index];
                assert!(others.iter().all(|o| o.frame != outcome.frame), "{time}");
            }
            asked += 1;
        }
    }
    assert!(asked > 0, "nothing to ask in {frames} frames");
}

/// Futures that are drawn come as often as they should, at the first moments.
#[cfg(test)]
fn check_futures(world: &dyn World, frames: usize) {
    const DRAWS: u64 = 300;
    const MOMENTS: usize = 6;
    let asked = (0..frames).map(|time| (time, world.questions(time)));
    for (time, questions) in asked.filter(|(_, q)| !q.is_empty()).take(MOMENTS) {
        let last = questions.iter().map(|question| question.ahead).max();
        let futures: Vec<_> = (0..DRAWS)
            .map(|seed| world.future(time, last.unwrap_or(0), Seed(1000 + seed)))
            .collect();
        for question in questions {
            let mut counts = vec![0f64; question.outcomes.len()];
            for future in &futures {
                let frame = &future[question.ahead - 1];
                let it = question.outcomes.iter().position(|o| o.frame == *frame);
                counts[it.expect("a frame that can come")] += 1.0;
            }
            for (count, outcome) in counts.iter().zip(&question.outcomes) {
                let p = outcome.probability;
                let deviation = (DRAWS as f64 * p * (1.0 - p)).sqrt();
                let off = (count - DRAWS as f64 * p).abs();
                assert!(
                    off <= 5.0 * deviation,
                    "{time}: {count} of {DRAWS}, not {p}"
                );
            }
        }
    }
}
