//! Object permanence: a ball flies behind a wall and comes out on the other side,
//! at the speed and height it had.
//!
//! Nothing is left to chance. Whoever remembers how fast the ball was knows when
//! it comes out; behind the wall no frame shows it.

use super::canvas::{Canvas, cover};
use super::fate::Fate;
use super::{Outcome, Question, SIZE, World};
use crate::rng::Seed;

/// Frames from one ball's first frame to the next one's, with which a sequence of
/// its own starts.
pub const BALL_FRAMES: usize = 26;

const RADIUS: f32 = 4.0;
/// Left and right edge of the wall.
const WALL: (f32, f32) = (22.0, 42.0);
/// How many frames too early and too late a ball is told from one in time.
const OFF: i32 = 3;

/// The world: a seed makes one film of sequences.
#[derive(Debug, Clone, Copy)]
pub struct Occlusion {
    fate: Fate,
}

/// One flight.
#[derive(Debug, Clone, Copy)]
struct Flight {
    /// From the left, else from the right.
    from_left: bool,
    /// Pixels a frame.
    speed: f32,
    /// How far it has come when it is first seen, from the side it comes from.
    start: f32,
    height: f32,
    colour: [f32; 3],
}

impl Occlusion {
    /// The world whose balls come from `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            fate: Fate::new(seed),
        }
    }

    fn flight(&self, index: usize) -> Flight {
        let shown = index * BALL_FRAMES;
        let mut rng = self.fate.stream(shown, "occlusion flight", index);
        let speed = [2.0, 3.0, 4.0][rng.below(3)];
        // Four to six frames are seen before it touches the wall.
        let seen = 4.0 + rng.below(3) as f32;
        Flight {
            from_left: rng.below(2) == 0,
            speed,
            start: WALL.0 - RADIUS - seen * speed,
            height: 14.0 + rng.below(37) as f32,
            colour: [[250.0, 120.0, 60.0], [120.0, 220.0, 140.0]][rng.below(2)],
        }
    }
}

impl Flight {
    /// How far it has come, from the side it comes from: the wall stands in the
    /// middle, so that both sides are alike.
    fn way(&self, age: f32) -> f32 {
        self.start + self.speed * age
    }

    /// The first age at which all of it is behind the wall.
    fn hidden(&self) -> usize {
        self.first(WALL.0 + RADIUS)
    }

    /// The first age at which all of it is out again.
    fn out(&self) -> usize {
        self.first(WALL.1 + RADIUS)
    }

    fn first(&self, way: f32) -> usize {
        ((way - self.start) / self.speed).ceil() as usize
    }

    fn draw(&self, age: f32) -> Vec<u8> {
        let mut canvas = Canvas::new();
        canvas.paint(|_, y| {
            let low = y / SIZE as f32;
            (
                [30.0 + 20.0 * low, 40.0 + 30.0 * low, 70.0 + 10.0 * low],
                1.0,
            )
        });
        let way = self.way(age);
        let x0 = if self.from_left {
            way
        } else {
            SIZE as f32 - way
        };
        canvas.paint(|x, y| {
            let (dx, dy) = (x - x0, y - self.height);
            let light = 1.0 - 0.25 * ((dx + dy) / RADIUS).clamp(-1.0, 1.0);
            let colour = self.colour.map(|part| (part * light).min(255.0));
            (colour, cover(dx.hypot(dy) - RADIUS))
        });
        canvas.paint(|x, y| {
            let row = (y / 6.0).floor();
            let shift = if row % 2.0 == 0.0 { 0.0 } else { 5.0 };
            let joint = y % 6.0 < 1.0 || (x + shift) % 10.0 < 1.0;
            let colour = if joint {
                [92.0, 84.0, 80.0]
            } else {
                [140.0, 82.0, 70.0]
            };
            let inside = (WALL.0..WALL.1).contains(&x);
            (colour, f32::from(u8::from(inside)))
        });
        canvas.bytes()
    }
}

impl World for Occlusion {
    fn channels(&self) -> usize {
        3
    }

    fn frame(&self, time: usize) -> Vec<u8> {
        let flight = self.flight(time / BALL_FRAMES);
        flight.draw((time % BALL_FRAMES) as f32)
    }

    fn starts(&self, time: usize) -> bool {
        time.is_multiple_of(BALL_FRAMES)
    }

    /// Where the ball has just gone out of sight: of the frame in which all of it is
    /// out again. What cannot come is the ball frames too early or too late, and
    /// none at all.
    fn questions(&self, time: usize) -> Vec<Question> {
        let (flight, age) = (self.flight(time / BALL_FRAMES), time % BALL_FRAMES);
        if age != flight.hidden() {
            return Vec::new();
        }
        let out = flight.out();
        let mut outcomes: Vec<Outcome> = Vec::new();
        let early_and_late = (1..=OFF).flat_map(|off| [off, -off]);
        for off in std::iter::once(0).chain(early_and_late) {
            let frame = flight.draw(out as f32 + off as f32);
            // Too early may be still behind the wall, as one and as another.
            if outcomes.iter().all(|outcome| outcome.frame != frame) {
                let probability = f64::from(u8::from(off == 0));
                outcomes.push(Outcome { frame, probability });
            }
        }
        vec![Question {
            ahead: out - age,
            outcomes,
        }]
    }

    fn otherwise(&self, after: usize, seed: Seed) -> Box<dyn World> {
        Box::new(Self {
            fate: self.fate.turned(after, seed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn the_truth_is_exact() {
        let world = Occlusion::new(Seed(3));
        check(&world, 60 * BALL_FRAMES);
        for index in 0..60 {
            let flight = world.flight(index);
            let (hidden, out) = (flight.hidden(), flight.out());
            assert!(out < BALL_FRAMES, "{flight:?}");
            // Hidden, it is not seen; before and after it is.
            let wall = flight.draw(1e6);
            assert_eq!(flight.draw(hidden as f32), wall, "{flight:?}");
            assert_ne!(flight.draw(hidden as f32 - 1.0), wall, "{flight:?}");
            assert_ne!(flight.draw(out as f32), wall, "{flight:?}");
            // Two frames of the whole ball tell its speed.
            assert!(flight.way(1.0) + RADIUS <= WALL.0, "{flight:?}");
            let question = &world.questions(index * BALL_FRAMES + hidden)[0];
            let possible = question.outcomes.iter().filter(|o| o.probability > 0.0);
            assert_eq!(possible.count(), 1);
            assert!(question.outcomes.len() > OFF as usize);
        }
    }
}
