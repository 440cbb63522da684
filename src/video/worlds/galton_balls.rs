//! Counts the whole balls in a frame of the Galton board, real or predicted.

use super::SIZE;
use super::galton::{BALL_RADIUS, Place, draw};

/// How much of a pixel must be ball to belong to a whole one: above the half
/// of each ball in a ghost that averages two.
const SOLID: f32 = 0.7;
/// Pixels with less ball in them than this are a glow, or a network's haze.
const FAINT: f32 = 0.25;

/// What a frame shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Balls {
    /// The centres of whole balls: solid, and of a ball's size and shape.
    pub whole: Vec<Place>,
    /// What is ball elsewhere (ghosts, halves, smears), in balls' areas.
    pub stray: f32,
}

impl Balls {
    /// One whole ball and, beside it, less than a quarter of another.
    pub fn is_one(&self) -> bool {
        self.whole.len() == 1 && self.stray < 0.25
    }

    /// No ball, nor a quarter of one.
    pub fn is_none(&self) -> bool {
        self.whole.is_empty() && self.stray < 0.25
    }
}

/// Finds balls in frames of the board that [`super::galton::Galton`] renders.
#[derive(Debug, Clone)]
pub struct BallFinder {
    /// Red of the empty board, in [0, 1], (H, W).
    board: Vec<f32>,
}

impl Default for BallFinder {
    fn default() -> Self {
        Self::new()
    }
}

impl BallFinder {
    /// A finder for the one board there is.
    pub fn new() -> Self {
        let red = &draw(None)[..SIZE * SIZE];
        Self {
            board: red.iter().map(|&value| f32::from(value) / 255.0).collect(),
        }
    }

    /// The balls in `frame`, (3, 64, 64) in [0, 1]. Panics on another size.
    ///
    /// A ball is 0.96 to 1 in red and the board is dark there, so the share of
    /// a pixel that is ball is how far red has come from the one to the other.
    /// A whole ball is a connected patch of solid pixels whose area is within
    /// 40% of a ball's and which a ball's outline holds.
    pub fn find(&self, frame: &[f32]) -> Balls {
        assert_eq!(frame.len(), 3 * SIZE * SIZE, "a frame is (3, 64, 64)");
        let share: Vec<f32> = frame
            .iter()
            .zip(&self.board)
            .map(|(&red, &board)| ((red - board) / (0.97 - board)).clamp(0.0, 1.0))
            .collect();
        let area = std::f32::consts::PI * BALL_RADIUS * BALL_RADIUS;
        let mut found = Balls {
            whole: Vec::new(),
            stray: 0.0,
        };
        let mut solid: Vec<bool> = share.iter().map(|&share| share >= SOLID).collect();
        for start in 0..solid.len() {
            let patch = take_patch(&mut solid, start);
            let count = patch.len() as f32;
            if (count / area - 1.0).abs() > 0.4 {
                continue;
            }
            let mean = |part: fn(usize) -> usize| {
                patch.iter().map(|&i| part(i) as f32 + 0.5).sum::<f32>() / count
            };
            let centre = Place {
                x: mean(|i| i % SIZE),
                y: mean(|i| i / SIZE),
            };
            let inside = |i: &&usize| middle(**i).distance(centre) <= BALL_RADIUS + 1.0;
            if patch.iter().filter(inside).count() as f32 >= 0.95 * count {
                found.whole.push(centre);
            }
        }
        let elsewhere = |&(i, &share): &(usize, &f32)| {
            share >= FAINT
                && (found.whole.iter()).all(|ball| middle(i).distance(*ball) > BALL_RADIUS + 1.5)
        };
        let stray: f32 = (share.iter().enumerate().filter(elsewhere))
            .map(|(_, s)| s)
            .sum();
        found.stray = stray / area;
        found
    }
}

fn middle(index: usize) -> Place {
    Place {
        x: (index % SIZE) as f32 + 0.5,
        y: (index / SIZE) as f32 + 0.5,
    }
}

/// Clears and returns the pixels connected to `start` by their sides.
fn take_patch(solid: &mut [bool], start: usize) -> Vec<usize> {
    let (mut patch, mut open) = (Vec::new(), vec![start]);
    while let Some(index) = open.pop() {
        if !std::mem::take(&mut solid[index]) {
            continue;
        }
        patch.push(index);
        let (x, y) = (index % SIZE, index / SIZE);
        open.extend((x > 0).then(|| index - 1));
        open.extend((x + 1 < SIZE).then(|| index + 1));
        open.extend((y > 0).then(|| index - SIZE));
        open.extend((y + 1 < SIZE).then(|| index + SIZE));
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::super::World as _;
    use super::super::galton::{BALL_FRAMES, Galton};
    use super::*;
    use crate::rng::Seed;

    fn unit(frame: &[u8]) -> Vec<f32> {
        frame.iter().map(|&v| f32::from(v) / 255.0).collect()
    }

    #[test]
    fn every_real_frame_is_read_right() {
        let world = Galton::new(Seed(1));
        let finder = BallFinder::new();
        for time in 0..60 * BALL_FRAMES {
            let state = world.state(time);
            let found = finder.find(&unit(&world.frame(time)));
            let whole = |p: &Place| (BALL_RADIUS..=SIZE as f32 - BALL_RADIUS).contains(&p.y);
            match state.ball {
                Some(ball) if whole(&ball) => {
                    assert!(found.is_one(), "{time}: {found:?}");
                    assert!(
                        found.whole[0].distance(ball) < 0.5,
                        "{time}: {found:?} {ball:?}"
                    );
                }
                // Entering or leaving: a part of a ball.
                Some(_) => assert!(!found.is_one(), "{time}: {found:?}"),
                None => assert!(found.is_none(), "{time}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_ghost_is_neither_one_ball_nor_none() {
        let world = Galton::new(Seed(2));
        let finder = BallFinder::new();
        let states = (0..20 * BALL_FRAMES).map(|time| world.state(time));
        for state in states.filter(|state| state.meets_peg) {
            let [left, right] = [0, 1].map(|i| unit(&draw(state.outcomes[i])));
            let mix = |share: f32| -> Vec<f32> {
                let pairs = left.iter().zip(&right);
                pairs.map(|(l, r)| share * l + (1.0 - share) * r).collect()
            };
            for share in [0.35, 0.5, 0.6] {
                let found = finder.find(&mix(share));
                assert!(!found.is_one() && !found.is_none(), "{share}: {found:?}");
                assert!(found.whole.is_empty(), "{share}: {found:?}");
            }
            assert!(finder.find(&mix(0.95)).is_one());
            let both: Vec<f32> = left.iter().zip(&right).map(|(l, r)| l.max(*r)).collect();
            assert!(!finder.find(&both).is_one());
        }
    }

    #[test]
    fn a_network_s_soft_and_noisy_ball_is_still_one() {
        let mut rng = Seed(4).stream("noise", 0);
        let ball = Place { x: 27.5, y: 30.25 };
        let sharp = unit(&draw(Some(ball)));
        let mut soft = sharp.clone();
        for i in (0..soft.len()).filter(|i| (SIZE + 1..SIZE * (SIZE - 1) - 1).contains(&(i % 4096)))
        {
            let rows = [i - SIZE, i, i + SIZE];
            let mean = rows
                .iter()
                .map(|&i| sharp[i - 1..=i + 1].iter().sum::<f32>());
            soft[i] = mean.sum::<f32>() / 9.0 + 0.03 * rng.normal() as f32;
        }
        let found = BallFinder::new().find(&soft);
        assert!(found.is_one(), "{found:?}");
        assert!(found.whole[0].distance(ball) < 0.5, "{found:?}");
    }

    #[test]
    fn an_empty_board_has_no_ball() {
        assert!(BallFinder::new().find(&unit(&draw(None))).is_none());
    }
}
