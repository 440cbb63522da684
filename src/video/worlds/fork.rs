//! A junction: one vehicle at a time drives up a road and turns left, turns right
//! or goes on, with probabilities 0.2, 0.3 and 0.5.
//!
//! Nothing else is open: all drive at one speed, and which way one goes shows a
//! frame after it was in the middle of the junction.

use super::canvas::{Canvas, cover};
use super::fate::Fate;
use super::{Outcome, Question, SIZE, World};
use crate::rng::Seed;

/// Probabilities of left, right and on.
pub const PROBABILITIES: [f64; 3] = [0.2, 0.3, 0.5];
/// Frames from one vehicle's first frame to the next one's: on the way to the
/// junction, out of it, and 2 empty ones.
pub const VEHICLE_FRAMES: usize = 2 * WAY + 2;

/// Frames from out of sight to the middle of the junction.
const WAY: usize = 13;
/// Pixels a frame.
const SPEED: f32 = 3.0;
const CENTRE: f32 = SIZE as f32 / 2.0;
/// Half of a vehicle's length and width.
const HALF: (f32, f32) = (5.0, 3.0);
/// Half of a road's width.
const ROAD: f32 = 7.0;
const COLOURS: [[f32; 3]; 4] = [
    [235.0, 80.0, 60.0],
    [245.0, 200.0, 70.0],
    [90.0, 180.0, 250.0],
    [235.0, 235.0, 240.0],
];
/// Directions of left, right and on.
const TURNS: [(f32, f32); 3] = [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0)];

/// The world: a seed makes one endless film.
#[derive(Debug, Clone, Copy)]
pub struct Fork {
    fate: Fate,
}

impl Fork {
    /// The world whose vehicles and turns come from `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            fate: Fate::new(seed),
        }
    }

    /// Which way vehicle `index` goes, an index into [`PROBABILITIES`], and its
    /// colour.
    fn vehicle(&self, index: usize) -> (usize, [f32; 3]) {
        let drawn = |shown: usize| {
            let mut rng = self.fate.stream(shown, "fork vehicle", index);
            let turn = rng.weighted(&PROBABILITIES.map(|p| p as f32));
            (turn, COLOURS[rng.below(COLOURS.len())])
        };
        let first = index * VEHICLE_FRAMES;
        (drawn(first + WAY + 1).0, drawn(first + 1).1)
    }
}

impl World for Fork {
    fn channels(&self) -> usize {
        3
    }

    fn frame(&self, time: usize) -> Vec<u8> {
        let (turn, colour) = self.vehicle(time / VEHICLE_FRAMES);
        draw(turn, colour, time % VEHICLE_FRAMES)
    }

    /// Where a vehicle is in the middle of the junction: of the next frame, and of
    /// the third, in which the ways are further apart.
    fn questions(&self, time: usize) -> Vec<Question> {
        if time % VEHICLE_FRAMES != WAY {
            return Vec::new();
        }
        let (_, colour) = self.vehicle(time / VEHICLE_FRAMES);
        let question = |ahead| Question {
            ahead,
            outcomes: (0..TURNS.len())
                .map(|turn| Outcome {
                    frame: draw(turn, colour, WAY + ahead),
                    probability: PROBABILITIES[turn],
                })
                .collect(),
        };
        vec![question(1), question(3)]
    }

    fn otherwise(&self, after: usize, seed: Seed) -> Box<dyn World> {
        Box::new(Self {
            fate: self.fate.turned(after, seed),
        })
    }
}

/// The frame in which a vehicle is `age` frames old.
fn draw(turn: usize, colour: [f32; 3], age: usize) -> Vec<u8> {
    let mut canvas = roads();
    let after = age.saturating_sub(WAY) as f32;
    let before = WAY.saturating_sub(age) as f32;
    let (x, y) = if after > 0.0 { TURNS[turn] } else { TURNS[2] };
    let middle = (
        CENTRE + after * SPEED * x,
        CENTRE + after * SPEED * y + before * SPEED,
    );
    canvas.paint(|px, py| {
        let (dx, dy) = (px - middle.0, py - middle.1);
        // Along and across the way it goes.
        let (along, across) = (dx * x + dy * y, dx * y - dy * x);
        let from_edge = (along.abs() - HALF.0).max(across.abs() - HALF.1);
        // A dark pane in front shows where it goes.
        let pane = cover((along - 1.75).abs() - 1.25) * cover(across.abs() - 2.0);
        (
            colour.map(|part| part * (1.0 - 0.7 * pane)),
            cover(from_edge),
        )
    });
    canvas.bytes()
}

/// The empty junction: a road from below that forks to three sides.
fn roads() -> Canvas {
    let mut canvas = Canvas::new();
    canvas.paint(|x, y| {
        let shade = 6.0 * (0.35 * x).sin() * (0.3 * y).cos();
        ([34.0 + shade, 62.0 + shade, 44.0 + shade], 1.0)
    });
    canvas.paint(|x, y| {
        let from_edge = ((x - CENTRE).abs() - ROAD).min((y - CENTRE).abs() - ROAD);
        ([72.0, 74.0, 80.0], cover(from_edge))
    });
    canvas
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn the_truth_is_exact_and_turns_come_as_often_as_they_should() {
        let world = Fork::new(Seed(5));
        check(&world, 20 * VEHICLE_FRAMES);
        assert_eq!(world.questions(WAY).len(), 2);
        let mut counts = [0; 3];
        (0..10_000).for_each(|index| counts[world.vehicle(index).0] += 1);
        for (count, probability) in counts.into_iter().zip(PROBABILITIES) {
            // A standard deviation is at most 0.005.
            let share = f64::from(count) / 1e4;
            assert!((share - probability).abs() < 0.02, "{counts:?}");
        }
    }

    #[test]
    fn the_way_shows_after_the_junction_only() {
        for turn in 0..3 {
            for age in 0..=WAY {
                assert_eq!(draw(turn, COLOURS[0], age), draw(2, COLOURS[0], age));
            }
            let empty = roads().bytes();
            assert_eq!(draw(turn, COLOURS[0], 0), empty);
            assert_eq!(draw(turn, COLOURS[0], 2 * WAY), empty);
        }
    }
}
