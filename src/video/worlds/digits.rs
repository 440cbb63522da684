//! Stochastic Moving MNIST, as in SVG (Denton & Fergus 2018): two digits fly
//! through a 64 × 64 frame and bounce off its walls at speeds and in directions
//! that nobody can know.
//!
//! A digit's corner is at most 31 from the top and left. Past a wall it is put on
//! the wall, and both parts of its speed are drawn anew: away from the wall one of
//! 1, 2, 3, 4 pixels a frame, along it one of −4 to 4. So after a bounce there are
//! 36 equally likely next frames, 5.17 bits; all else two frames tell.

use super::fate::Fate;
use super::idx::Images;
use super::{Outcome, Question, SIZE, World};
use crate::error::{Error, Result};
use crate::rng::{Rng, Seed};
use std::path::Path;
use std::sync::Arc;

/// Side of a digit in pixels.
const DIGIT: usize = 32;
/// A digit's last place.
const LAST: i32 = (SIZE - DIGIT) as i32 - 1;
/// Pixels a frame, at most.
const FASTEST: i32 = 4;

/// Which images digits are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The first five sixths: 50,000 of MNIST's training images.
    Training,
    /// The rest, for digits that nobody learned from.
    HeldOut,
}

/// The world: images and a seed make one endless film of sequences.
#[derive(Debug, Clone)]
pub struct Digits {
    images: Arc<Images>,
    taken: Taken,
    fate: Fate,
    /// Frames of a sequence.
    length: usize,
}

/// A digit's corner (from the left and the top) and its speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flight {
    x: i32,
    y: i32,
    dx: i32,
    dy: i32,
}

/// Which walls a digit ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hit {
    x: bool,
    y: bool,
}

impl Flight {
    fn drawn(rng: &mut Rng) -> Self {
        let mut place = || rng.below(LAST as usize + 1) as i32;
        let (y, x) = (place(), place());
        let (dx, dy) = (along(rng), along(rng));
        Self { x, y, dx, dy }
    }

    /// Back into the frame, with a new speed where it had left it.
    fn bounce(&mut self, rng: &mut Rng) -> Hit {
        let hit = Hit {
            x: !(0..=LAST).contains(&self.x),
            y: !(0..=LAST).contains(&self.y),
        };
        // First from below or above, then from aside, as in SVG's code.
        if hit.y {
            self.dy = away(self.y, rng);
            self.dx = along(rng);
        }
        if hit.x {
            self.dx = away(self.x, rng);
            self.dy = along(rng);
        }
        self.clamp();
        hit
    }

    fn clamp(&mut self) {
        self.x = self.x.clamp(0, LAST);
        self.y = self.y.clamp(0, LAST);
    }

    fn go(&mut self) {
        self.x += self.dx;
        self.y += self.dy;
    }
}

/// From the wall that `place` is beyond.
fn away(place: i32, rng: &mut Rng) -> i32 {
    let speed = 1 + rng.below(FASTEST as usize) as i32;
    if place < 0 { speed } else { -speed }
}

fn along(rng: &mut Rng) -> i32 {
    rng.below(2 * FASTEST as usize + 1) as i32 - FASTEST
}

impl Digits {
    /// The world of the images in the idx file `path`, see [`Images::read`], in
    /// sequences of `length` frames.
    ///
    /// # Errors
    /// Of the file; fewer than six images; sequences of no frame.
    pub fn new(path: &Path, taken: Taken, length: usize, seed: Seed) -> Result<Self> {
        let images = Images::read(path)?;
        if images.count < 6 || length == 0 {
            return Err(Error::input(
                path.display().to_string(),
                format!(
                    "{} images in sequences of {length} frames make no world",
                    images.count
                ),
                "give at least 6 images and a frame",
            ));
        }
        Ok(Self {
            images: Arc::new(images),
            taken,
            fate: Fate::new(seed),
            length,
        })
    }

    /// The image of one of a sequence's two digits, and where it is at each frame
    /// up to `frame`, with which walls it has run into there.
    fn digit(&self, sequence: usize, which: usize, frame: usize) -> (usize, Vec<(Flight, Hit)>) {
        let kind = format!("digits {which}");
        let start = sequence * self.length;
        let mut rng = self.fate.stream(start, &kind, sequence);
        let first_held_out = self.images.count - self.images.count / 6;
        let image = match self.taken {
            Taken::Training => rng.below(first_held_out),
            Taken::HeldOut => first_held_out + rng.below(self.images.count - first_held_out),
        };
        let mut flight = Flight::drawn(&mut rng);
        let mut flights = Vec::with_capacity(frame + 1);
        // What comes otherwise.
        let mut other = None;
        for age in 0..=frame {
            // The speed after a bounce shows a frame later.
            let shown = start + age + 1;
            let turns = self.fate.turns_before(shown) && !self.fate.turns_before(start);
            if other.is_none() && turns {
                other = Some(self.fate.stream(shown, &kind, sequence));
            }
            let hit = flight.bounce(other.as_mut().unwrap_or(&mut rng));
            flights.push((flight, hit));
            flight.go();
        }
        (image, flights)
    }

    fn draw(&self, digits: [(&[f32], Flight); 2]) -> Vec<u8> {
        let mut frame = vec![0f32; SIZE * SIZE];
        for (image, at) in digits {
            for (row, line) in image.chunks_exact(DIGIT).enumerate() {
                let start = (at.y as usize + row) * SIZE + at.x as usize;
                let pixels = frame[start..start + DIGIT].iter_mut().zip(line);
                pixels.for_each(|(pixel, value)| *pixel += value);
            }
        }
        let byte = |value: f32| (value.min(1.0) * 255.0).round() as u8;
        frame.into_iter().map(byte).collect()
    }
}

impl World for Digits {
    fn channels(&self) -> usize {
        1
    }

    fn frame(&self, time: usize) -> Vec<u8> {
        let (sequence, frame) = (time / self.length, time % self.length);
        let digits = [0, 1].map(|which| self.digit(sequence, which, frame));
        let images = [0, 1].map(|which| self.images.resized(digits[which].0, DIGIT));
        self.draw([0, 1].map(|which| (&images[which][..], digits[which].1[frame].0)))
    }

    fn starts(&self, time: usize) -> bool {
        time.is_multiple_of(self.length)
    }

    /// Where one digit has just run into one wall: of the next frame. (Frames that
    /// are the same, near a corner, count as one.)
    fn questions(&self, time: usize) -> Vec<Question> {
        let (sequence, frame) = (time / self.length, time % self.length);
        // Past a wall already when it starts, a digit cannot be; but its first
        // frame tells no speed.
        if frame == 0 || frame + 1 == self.length {
            return Vec::new();
        }
        let digits = [0, 1].map(|which| self.digit(sequence, which, frame));
        let now = [0, 1].map(|which| digits[which].1[frame]);
        let hits = now.map(|(_, hit)| u8::from(hit.x) + u8::from(hit.y));
        let bounced = match hits {
            [1, 0] => 0,
            [0, 1] => 1,
            _ => return Vec::new(),
        };
        let images = [0, 1].map(|which| self.images.resized(digits[which].0, DIGIT));
        let (at, hit) = now[bounced];
        let mut other = now[1 - bounced].0;
        other.go();
        other.clamp();
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(36);
        for speed in 1..=FASTEST {
            for aside in -FASTEST..=FASTEST {
                let inward = |place: i32| if place == 0 { speed } else { -speed };
                let (dx, dy) = match hit.x {
                    true => (inward(at.x), aside),
                    false => (aside, inward(at.y)),
                };
                let mut next = Flight { dx, dy, ..at };
                next.go();
                next.clamp();
                let mut both = [(&images[0][..], other), (&images[1][..], other)];
                both[bounced].1 = next;
                let frame = self.draw(both);
                match outcomes.iter_mut().find(|outcome| outcome.frame == frame) {
                    Some(same) => same.probability += 1.0 / 36.0,
                    None => outcomes.push(Outcome {
                        frame,
                        probability: 1.0 / 36.0,
                    }),
                }
            }
        }
        vec![Question { ahead: 1, outcomes }]
    }

    fn otherwise(&self, after: usize, seed: Seed) -> Box<dyn World> {
        Box::new(Self {
            fate: self.fate.turned(after, seed),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    /// Twelve images, each another rectangle.
    fn images(folder: &Path) -> std::path::PathBuf {
        let mut bytes = vec![0, 0, 8, 3];
        for number in [12u32, 28, 28] {
            bytes.extend(number.to_be_bytes());
        }
        for image in 0..12 {
            bytes.extend((0..28 * 28).map(|i| {
                let (y, x) = (i / 28, i % 28);
                if y > 3 && y < 8 + image && x > 5 && x < 20 - image / 2 {
                    200 + image as u8
                } else {
                    0
                }
            }));
        }
        let path = folder.join("images");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn the_truth_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = images(folder.path());
        let world = Digits::new(&path, Taken::Training, 15, Seed(2)).unwrap();
        check(&world, 300);
        let all = (0..600).flat_map(|time| world.questions(time));
        let open: Vec<usize> = all.map(|question| question.outcomes.len()).collect();
        // Away from corners, all 36 differ.
        assert!(open.iter().filter(|&&open| open == 36).count() > open.len() / 3);
        assert!(open.iter().all(|open| (4..=36).contains(open)), "{open:?}");
    }

    #[test]
    fn held_out_digits_are_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = images(folder.path());
        for (taken, range) in [(Taken::Training, 0..10), (Taken::HeldOut, 10..12)] {
            let world = Digits::new(&path, taken, 15, Seed(2)).unwrap();
            let seen: std::collections::HashSet<usize> = (0..100)
                .map(|sequence| world.digit(sequence, 0, 0).0)
                .collect();
            assert_eq!(seen.len(), range.len());
            assert!(seen.iter().all(|image| range.contains(image)));
        }
    }

    #[test]
    fn speeds_after_a_bounce_are_uniform() {
        let folder = tempfile::tempdir().unwrap();
        let path = images(folder.path());
        let world = Digits::new(&path, Taken::Training, 30, Seed(4)).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        let mut total = 0;
        for sequence in 0..2000 {
            let (_, flights) = world.digit(sequence, 0, 29);
            for (flight, hit) in flights {
                assert!((0..=LAST).contains(&flight.x) && (0..=LAST).contains(&flight.y));
                if hit.x && !hit.y {
                    *counts.entry((flight.dx.abs(), flight.dy)).or_insert(0) += 1;
                    assert!(flight.x == 0 || flight.x == LAST);
                    assert_eq!(flight.dx > 0, flight.x == 0);
                    total += 1;
                }
            }
        }
        assert_eq!(counts.len(), 36, "{counts:?}");
        // Each a 36th, give or take five standard deviations.
        let mean = f64::from(total) / 36.0;
        let near = |count: &i32| (f64::from(*count) - mean).abs() < 5.0 * mean.sqrt();
        assert!(counts.values().all(near), "{counts:?}");
    }
}
