//! A piece through all blocks of a future.
//!
//! After the horizon's last frame a piece is not cut out anew: what it looks like stays what the film showed. Its place, size and turn
//! go on from where they are; its bends ease back while new ones begin.

use super::pose::{Body, Pose, Yx};
use super::time_basis::TimeBasis;

/// A piece has grown so many times at most, and shrunk.
const GROWN: f64 = 3.0;
/// A piece is gone where it lies outside of the frame by so many radii.
const GONE: f64 = 2.0;

/// A turn, a growth and a step: p ↦ M·p + o.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// eᵍ cos θ and eᵍ sin θ, as of a [`Pose`].
    forth: (f64, f64),
    offset: Yx,
}

impl Similarity {
    /// Nothing changes.
    pub const NONE: Self = Self {
        forth: (1.0, 0.0),
        offset: (0.0, 0.0),
    };

    /// What a pose does beside its bends.
    pub fn of(pose: &Pose) -> Self {
        let (forth, at, centre) = pose.similarity();
        let linear = Self {
            forth,
            offset: (0.0, 0.0),
        };
        let (y, x) = linear.forward(centre);
        Self {
            forth,
            offset: (at.0 - y, at.1 - x),
        }
    }

    /// Where a place lies.
    pub fn forward(&self, (y, x): Yx) -> Yx {
        let (cos, sin) = self.forth;
        (
            y * cos + x * sin + self.offset.0,
            x * cos - y * sin + self.offset.1,
        )
    }

    /// The place that lies there.
    pub fn backward(&self, (y, x): Yx) -> Yx {
        let (cos, sin) = self.forth;
        let (y, x) = (y - self.offset.0, x - self.offset.1);
        let size = cos * cos + sin * sin;
        ((y * cos - x * sin) / size, (x * cos + y * sin) / size)
    }

    /// First `first`, then this.
    pub fn after(&self, first: &Self) -> Self {
        let ((cos, sin), (its_cos, its_sin)) = (self.forth, first.forth);
        Self {
            forth: (cos * its_cos - sin * its_sin, cos * its_sin + sin * its_cos),
            offset: self.forward(first.offset),
        }
    }

    /// ln of how much larger all becomes.
    fn growth(&self) -> f64 {
        self.forth.0.hypot(self.forth.1).ln()
    }
}

/// Where a piece is when a block begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Actor {
    /// Its centre and size then.
    pub body: Body,
    /// What p(z | x) sees of it.
    pub features: Vec<f64>,
    /// How the block before left it, of which bends ease back.
    last: Option<Pose>,
    /// What the blocks before that did.
    base: Similarity,
    /// ln of how much larger it is than at first.
    grown: f64,
}

/// How a piece lies at one time: `now`, on top of what was before.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedPiece {
    now: Pose,
    last: Option<Pose>,
    base: Similarity,
}

impl Actor {
    /// A piece of the last frame seen.
    pub fn new(body: Body, features: Vec<f64>) -> Self {
        Self {
            body,
            features,
            last: None,
            base: Similarity::NONE,
            grown: 0.0,
        }
    }

    /// How it lies where a share `tau` of the block is over, moved so.
    pub fn placed(&self, ways: &[f64], tau: f64) -> PlacedPiece {
        PlacedPiece {
            now: self.pose(ways),
            last: self.last.as_ref().map(|last| last.eased(1.0 - tau)),
            base: self.base,
        }
    }

    /// Where it is after a block that moved it so at last; `features` are what p(z | x) sees then.
    pub fn after(self, ways: &[f64], features: impl FnOnce(&Body) -> Vec<f64>) -> Self {
        let end = self.pose(ways);
        let before = self.last.as_ref().map_or(Similarity::NONE, Similarity::of);
        let growth = Similarity::of(&end).growth();
        let body = Body {
            centre: end.forward(self.body.centre),
            radius: self.body.radius * growth.exp(),
            ..self.body
        };
        Self {
            features: features(&body),
            body,
            grown: self.grown + growth,
            base: before.after(&self.base),
            last: Some(end),
        }
    }

    /// What it grows to stays within bounds.
    fn pose(&self, ways: &[f64]) -> Pose {
        let mut ways = ways.to_vec();
        if let Some(growth) = ways.get_mut(2) {
            let most = GROWN.ln();
            *growth = (self.grown + *growth).clamp(-most, most) - self.grown;
        }
        Pose::new(self.body, &ways)
    }

    /// Whether nothing of it can be seen in a frame (H, W).
    pub fn is_gone(&self, (height, width): (usize, usize)) -> bool {
        let beyond = |place: f64, length: usize| (-place).max(place - (length as f64 - 1.0));
        let (y, x) = self.body.centre;
        beyond(y, height).max(beyond(x, width)) > GONE * self.body.radius
    }
}

impl PlacedPiece {
    /// Where a place of the sprite is shown.
    pub fn forward(&self, s: Yx) -> Yx {
        let s = self.base.forward(s);
        let s = self.last.as_ref().map_or(s, |last| last.forward(s));
        self.now.forward(s)
    }

    /// The place of the sprite that is shown there.
    pub fn backward(&self, p: Yx) -> Yx {
        let p = self.now.backward(p);
        let p = self.last.as_ref().map_or(p, |last| last.backward(p));
        self.base.backward(p)
    }
}

impl From<Pose> for PlacedPiece {
    fn from(now: Pose) -> Self {
        Self {
            now,
            last: None,
            base: Similarity::NONE,
        }
    }
}

/// How a piece moved before, along `basis`, by where it was: `back(s)` gives its ways s frames before now, less those of now, for
/// s from 1. The coefficients have the least squared error.
pub fn motion_before(basis: &TimeBasis, ways: usize, back: impl Fn(usize) -> Vec<f64>) -> Vec<f64> {
    let frames = basis.frames();
    let were: Vec<Vec<f64>> = (1..=frames).map(back).collect();
    let each = (0..ways).flat_map(|way| {
        let (mut a, mut b) = ([0.0; 3], [0.0; 2]);
        for (at, were) in were.iter().enumerate() {
            let functions = basis.at(at);
            let [f, g] = [functions[0], functions[1]];
            let were = were.get(way).copied().unwrap_or(0.0);
            a = [a[0] + f * f, a[1] + f * g, a[2] + g * g];
            b = [b[0] + f * were, b[1] + g * were];
        }
        // A single frame tells a speed alone.
        let determinant = a[0] * a[2] - a[1] * a[1];
        match determinant > 1e-9 * a[0] * a[2] {
            true => [
                (a[2] * b[0] - a[1] * b[1]) / determinant,
                (a[0] * b[1] - a[1] * b[0]) / determinant,
            ],
            false => [b[0] / a[0].max(1e-12), 0.0],
        }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: Body = Body {
        centre: (20.0, 30.0),
        radius: 6.0,
        reach: 8.0,
    };

    fn off(a: Yx, b: Yx) -> f64 {
        (a.0 - b.0).hypot(a.1 - b.1)
    }

    #[test]
    fn a_piece_goes_on_from_where_it_is() {
        let first = [0.4, -0.3, 0.1, 0.7, 0.1, -0.08];
        let second = [-0.2, 0.5, 0.2, -0.4, 0.0, 0.05];
        let start = Actor::new(BODY, vec![1.0]);
        let next = start.clone().after(&first, |body| vec![body.radius]);
        assert!((next.features[0] - 6.0 * 0.1f64.exp()).abs() < 1e-9);
        let third = next.clone().after(&second, |_| Vec::new());
        let still = [0.0; 6];
        for s in [(20.0, 30.0), (24.0, 33.0), (16.0, 27.0)] {
            // A block begins where the one before it ended.
            let (end, begin) = (start.placed(&first, 1.0), next.placed(&still, 0.0));
            assert!(off(end.forward(s), begin.forward(s)) < 1e-9);
            let (end, begin) = (next.placed(&second, 1.0), third.placed(&still, 0.0));
            assert!(off(end.forward(s), begin.forward(s)) < 1e-9);
            let placed = third.placed(&first, 0.5);
            assert!(off(placed.backward(placed.forward(s)), s) < 0.03);
        }
        // Bends ease back to a similarity.
        let eased = next.placed(&still, 1.0);
        let [a, b, c] = [(20.0, 30.0), (24.0, 30.0), (20.0, 34.0)].map(|s| eased.forward(s));
        assert!((off(a, b) - off(a, c)).abs() < 1e-9);
        assert!((off(a, b) - 4.0 * 0.1f64.exp()).abs() < 1e-9);
    }

    #[test]
    fn a_piece_never_becomes_a_giant() {
        let mut actor = Actor::new(BODY, Vec::new());
        for _ in 0..8 {
            actor = actor.after(&[0.0, 0.0, 0.5], |_| Vec::new());
        }
        assert!((actor.body.radius - 18.0).abs() < 1e-9);
        assert!(!actor.is_gone((40, 40)));
        actor = actor.after(&[0.0, 9.0], |_| Vec::new());
        assert!(actor.is_gone((40, 40)));
    }

    #[test]
    fn its_past_is_what_it_did() {
        let basis = TimeBasis::before(3, 16);
        let motion = [0.8, -0.3, 0.1, 0.05];
        let back = |s: usize| -> Vec<f64> {
            let functions = basis.at(s - 1);
            let way = |at: usize| motion[at] * functions[0] + motion[at + 1] * functions[1];
            vec![way(0), way(2)]
        };
        let found = motion_before(&basis, 2, back);
        let apart = found.iter().zip(motion).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-9, "{found:?}");
        // Of one frame a speed is known.
        let one = motion_before(&TimeBasis::before(1, 16), 1, |_| vec![-0.1]);
        assert!((one[0] - 1.6).abs() < 1e-9 && one[1] == 0.0, "{one:?}");
    }
}
