//! A small Galton board: one ball at a time falls through rows of pegs, left
//! or right at each by a fair coin, and out through a bin.
//!
//! All but the coin is fixed: where a ball enters, when it meets a peg, how it
//! hops. Two past frames therefore tell the next one, save right after a ball
//! meets a peg, where there are exactly two equally likely next frames at
//! known places: see [`State`].
//!
//! Places are in pixels from the top left corner of the frame: pixel (row r,
//! column c) covers [c, c + 1) × [r, r + 1).

use super::canvas::Canvas;
use super::fate::Fate;
use super::{Outcome, Question, SIZE, World};
use crate::rng::Seed;

/// Frames between one peg and the next.
pub const HOP_FRAMES: usize = 4;
/// Frames from one ball's first frame to the next ball's: 2 of entry, 3 hops,
/// 2 of leaving and 1 empty frame.
pub const BALL_FRAMES: usize = ENTRY_FRAMES + ROWS * HOP_FRAMES + 3;
/// The ball's radius, in pixels.
pub const BALL_RADIUS: f32 = 4.0;

const ROWS: usize = 3;
const ENTRY_FRAMES: usize = 2;
const PEG_RADIUS: f32 = 1.6;
/// Sideways way of one hop: half the distance between two pegs of a row.
const SIDE: f32 = 8.0;
/// Downward way of one hop: the distance between two rows.
const DROP: f32 = 14.0;
/// How hard the ball bounces off a peg: its upward speed, in pixels per hop.
const BOUNCE: f32 = 6.0;
const CENTRE: f32 = SIZE as f32 / 2.0;
const FIRST_PEG: f32 = 19.0;
const BIN_TOP: f32 = 54.0;

/// A place on the board, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// From the left edge.
    pub x: f32,
    /// From the top edge.
    pub y: f32,
}

impl Place {
    /// Euclidean distance, in pixels.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// What is true of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The ball's centre; `None` where no part of a ball is in view.
    pub ball: Option<Place>,
    /// The ball touches a peg: the next frame is uncertain.
    pub meets_peg: bool,
    /// Every possible place of the ball in the next frame, all equally likely: two
    /// (left, right) where the ball meets a peg, else one.
    pub outcomes: Vec<Option<Place>>,
}

/// The world: a seed makes one endless film.
#[derive(Debug, Clone, Copy)]
pub struct Galton {
    fate: Fate,
}

impl Galton {
    /// The world whose coins come from `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            fate: Fate::new(seed),
        }
    }

    /// What is true of frame `time`.
    pub fn state(&self, time: usize) -> State {
        state(&self.coins(time / BALL_FRAMES), time % BALL_FRAMES)
    }

    /// −1 (left) or 1 (right) for each row.
    fn coins(&self, ball: usize) -> [f32; ROWS] {
        let all = |shown: usize| {
            let mut rng = self.fate.stream(shown, "galton coins", ball);
            std::array::from_fn::<f32, ROWS, _>(|_| if rng.below(2) == 0 { -1.0 } else { 1.0 })
        };
        std::array::from_fn(|row| {
            let met = ball * BALL_FRAMES + ENTRY_FRAMES + row * HOP_FRAMES;
            all(met + 1)[row]
        })
    }
}

impl World for Galton {
    fn channels(&self) -> usize {
        3
    }

    fn frame(&self, time: usize) -> Vec<u8> {
        draw(self.state(time).ball)
    }

    /// Where a ball meets a peg: of the next frame, and of the third, in which the
    /// two sides are further apart.
    fn questions(&self, time: usize) -> Vec<Question> {
        if !self.state(time).meets_peg {
            return Vec::new();
        }
        let (coins, age) = (self.coins(time / BALL_FRAMES), time % BALL_FRAMES);
        let question = |ahead: usize| Question {
            ahead,
            outcomes: sides(&coins, age)
                .map(|coins| Outcome {
                    frame: draw(place(&coins, age + ahead)),
                    probability: 0.5,
                })
                .into(),
        };
        vec![question(1), question(3)]
    }

    fn otherwise(&self, after: usize, seed: Seed) -> Box<dyn World> {
        Box::new(Self {
            fate: self.fate.turned(after, seed),
        })
    }
}

/// The coins of a ball that meets a peg at `age`, with that peg's coin left and
/// right.
fn sides(coins: &[f32; ROWS], age: usize) -> [[f32; ROWS]; 2] {
    [-1.0, 1.0].map(|coin| {
        let mut coins = *coins;
        coins[(age - ENTRY_FRAMES) / HOP_FRAMES] = coin;
        coins
    })
}

/// A frame with a ball at `place`, (3, H, W); without one, the empty board.
pub fn draw(place: Option<Place>) -> Vec<u8> {
    let board = board();
    place
        .map_or_else(|| board.clone(), |place| with_ball(&board, place))
        .bytes()
}

fn state(coins: &[f32; ROWS], age: usize) -> State {
    let fallen = age.saturating_sub(ENTRY_FRAMES);
    let row = fallen / HOP_FRAMES;
    let meets_peg = age >= ENTRY_FRAMES && fallen.is_multiple_of(HOP_FRAMES) && row < ROWS;
    let outcomes = match meets_peg {
        true => sides(coins, age).map(|coins| place(&coins, age + 1)).into(),
        false => vec![place(coins, (age + 1) % BALL_FRAMES)],
    };
    State {
        ball: place(coins, age),
        meets_peg,
        outcomes,
    }
}

/// Where a ball of this age is. A hop falls on a parabola and slows down
/// sideways, so that it meets the next peg from straight above and its
/// direction before says nothing of the direction after.
fn place(coins: &[f32; ROWS], age: usize) -> Option<Place> {
    let contact = FIRST_PEG - PEG_RADIUS - BALL_RADIUS;
    let hop = |t: f32| (DROP + BOUNCE) * t * t - BOUNCE * t;
    let place = if age < ENTRY_FRAMES {
        // Free fall from rest above the frame, with a hop's gravity.
        let t = (age + 4 - ENTRY_FRAMES) as f32 / HOP_FRAMES as f32;
        Place {
            x: CENTRE,
            y: contact - (DROP + BOUNCE) * (1.0 - t * t),
        }
    } else {
        let fallen = age - ENTRY_FRAMES;
        let row = (fallen / HOP_FRAMES).min(ROWS - 1);
        let t = (fallen - row * HOP_FRAMES) as f32 / HOP_FRAMES as f32;
        let left = 1.0 - t.min(1.0);
        let before: f32 = coins[..row].iter().sum();
        Place {
            x: CENTRE + SIDE * (before + coins[row] * (1.0 - left * left)),
            y: contact + DROP * row as f32 + hop(t),
        }
    };
    (place.y < SIZE as f32 + BALL_RADIUS).then_some(place)
}

/// Background, bins, pegs.
fn board() -> Canvas {
    let mut canvas = Canvas::new();
    canvas.paint(|_, y| {
        // Night blue, a little lighter above, as if lit by a lamp there.
        let light = 1.0 - (y / SIZE as f32).powf(0.8);
        (
            [
                12.0 + 10.0 * light,
                17.0 + 15.0 * light,
                34.0 + 24.0 * light,
            ],
            1.0,
        )
    });
    canvas.paint(|x, y| {
        let from_wall = (x - (x / (2.0 * SIDE)).round() * 2.0 * SIDE).abs();
        let cover = (1.5 - from_wall).clamp(0.0, 1.0) * (y - BIN_TOP + 0.5).clamp(0.0, 1.0);
        ([52.0, 66.0, 98.0], cover)
    });
    for row in 0..ROWS {
        let shift = if row % 2 == 0 { 0.0 } else { SIDE };
        let y0 = FIRST_PEG + DROP * row as f32;
        for column in 0..=4 {
            let x0 = 2.0 * SIDE * column as f32 + shift;
            canvas.paint(|x, y| {
                let cover = (PEG_RADIUS + 0.5 - (x - x0).hypot(y - y0)).clamp(0.0, 1.0);
                let lit = (0.5 - 0.25 * (y - y0 + 0.5 * (x - x0))).clamp(0.0, 1.0);
                let colour = [84.0 + 62.0 * lit, 112.0 + 66.0 * lit, 158.0 + 62.0 * lit];
                (colour, cover)
            });
        }
    }
    canvas
}

/// The board with a ball on it. Shading is left to green and blue; red stays
/// near its peak across the ball, so that red alone says how much of a pixel
/// is ball ([`super::galton_balls`]).
fn with_ball(board: &Canvas, ball: Place) -> Canvas {
    let mut canvas = board.clone();
    canvas.paint(|x, y| {
        let (dx, dy) = ((x - ball.x) / BALL_RADIUS, (y - ball.y) / BALL_RADIUS);
        let from_edge = (dx.hypot(dy) - 1.0) * BALL_RADIUS;
        if from_edge > 0.75 {
            // A faint warm glow on the board.
            let glow = (1.0 - from_edge / 4.0).max(0.0);
            return ([255.0, 150.0, 60.0], 0.10 * glow * glow);
        }
        let height = (1.0 - dx * dx - dy * dy).max(0.0).sqrt();
        let light = (0.62 * height - 0.42 * dx - 0.55 * dy).clamp(0.0, 1.0);
        let shine = light.powi(6);
        let colour = [
            246.0 + 9.0 * light,
            96.0 + 104.0 * light + 40.0 * shine,
            24.0 + 36.0 * light + 130.0 * shine,
        ];
        (colour, (0.75 - from_edge).min(1.5) / 1.5)
    });
    canvas
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn the_truth_is_exact() {
        let world = Galton::new(Seed(7));
        check(&world, 10 * BALL_FRAMES);
        let mut pegs = 0;
        for time in 0..40 * BALL_FRAMES {
            let (now, next) = (world.state(time), world.state(time + 1));
            // The next ball is among the outcomes.
            assert!(now.outcomes.contains(&next.ball), "{time}");
            assert_eq!(now.outcomes.len(), if now.meets_peg { 2 } else { 1 });
            if now.meets_peg {
                let [left, right] = [0, 1].map(|side| now.outcomes[side].unwrap());
                assert_eq!(right.x - left.x, 7.0);
                assert_eq!(right.y, left.y);
                pegs += 1;
            }
        }
        assert_eq!(pegs, 40 * ROWS);
    }

    #[test]
    fn two_frames_tell_the_next_one_except_at_a_peg() {
        let world = Galton::new(Seed(3));
        let film = world.film(200 * BALL_FRAMES);
        let mut seen = std::collections::HashMap::new();
        for time in 2..film.shape[0] {
            let past = (film.frame(time - 2), film.frame(time - 1));
            let next: &mut Vec<&[u8]> = seen.entry(past).or_default();
            if !next.contains(&film.frame(time)) {
                next.push(film.frame(time));
            }
            let expected = world.state(time - 1).outcomes.len();
            assert!(next.len() <= expected, "frame {time}");
        }
        assert!(seen.values().any(|next| next.len() == 2));
    }

    #[test]
    fn the_coin_is_fair_and_the_seed_decides() {
        let world = Galton::new(Seed(11));
        let mut right = 0;
        for time in 0..2000 * BALL_FRAMES {
            let state = world.state(time);
            right +=
                usize::from(state.meets_peg && world.state(time + 1).ball == state.outcomes[1]);
        }
        // 6000 coins: a standard deviation is 38.7.
        assert!((2845..=3155).contains(&right), "{right} of 6000");
        let film = |seed, frames| Galton::new(Seed(seed)).film(frames).frames;
        assert_eq!(film(1, 60), film(1, 100)[..60 * 3 * SIZE * SIZE]);
        assert_ne!(film(1, 100), film(2, 100));
    }
}
