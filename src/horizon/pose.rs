//! How a piece lies at one time: moved, turned, grown and bent.

/// A place, a step or a slope: down and right.
pub type Yx = (f64, f64);

/// The most ways in which a piece moves: two of place, growth, turn, two of shear and six of bending.
pub const WAYS: usize = 12;
/// Rounds of the search for the place that a bend moves to a given one.
const ROUNDS: usize = 4;
/// Bends grow with the distance from the centre up to so many radii, and no further.
const FURTHEST: f64 = 2.0;

/// A piece's own centre and size, and the units of what moves it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Body {
    /// The centre, in model pixels.
    pub centre: Yx,
    /// The radius of a disc of the same area, in model pixels.
    pub radius: f64,
    /// Model pixels of a step of 1.
    pub reach: f64,
}

/// Where a piece's places lie at one time.
///
/// Place s is shown at c + d + eᵍ·R(θ)·(v + B(v)), v = s − c, with c the centre, d a
/// step, θ a turn, g the growth and B shear and bending, which turn along with the piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Pose {
    body: Body,
    /// Where the centre is shown.
    at: Yx,
    /// cos θ·e⁻ᵍ and sin θ·e⁻ᵍ.
    back: (f64, f64),
    /// eᵍ cos θ and eᵍ sin θ.
    forth: (f64, f64),
    /// Shear and bends, in model pixels at the radius.
    bends: Vec<f64>,
}

impl Pose {
    /// The pose of `motion`, one number a way: down and right by `reach`, growth, radians, bends by half the
    /// radius. Ways that are left out are 0.
    pub fn new(body: Body, motion: &[f64]) -> Self {
        let way = |index: usize| motion.get(index).copied().unwrap_or(0.0);
        let (sin, cos) = way(3).sin_cos();
        let grown = way(2).clamp(-2.0, 2.0).exp();
        let unit = bend_unit(body);
        Self {
            body,
            at: (
                body.centre.0 + body.reach * way(0),
                body.centre.1 + body.reach * way(1),
            ),
            back: (cos / grown, sin / grown),
            forth: (cos * grown, sin * grown),
            bends: motion.iter().skip(4).map(|bend| bend * unit).collect(),
        }
    }

    /// Turn and growth, where the centre is shown, and the centre.
    pub(super) fn similarity(&self) -> ((f64, f64), Yx, Yx) {
        (self.forth, self.at, self.body.centre)
    }

    /// The same with a share of its bends.
    pub(super) fn eased(&self, share: f64) -> Self {
        Self {
            bends: self.bends.iter().map(|bend| share * bend).collect(),
            ..self.clone()
        }
    }

    /// Where place `s` of the piece is shown.
    pub fn forward(&self, s: Yx) -> Yx {
        let v = (s.0 - self.body.centre.0, s.1 - self.body.centre.1);
        let bent = self.bend(v);
        let (y, x) = turned((v.0 + bent.0, v.1 + bent.1), self.forth);
        (self.at.0 + y, self.at.1 + x)
    }

    /// The place of the piece that is shown at `p`.
    pub fn backward(&self, p: Yx) -> Yx {
        let w = self.unturned(p);
        let v = self.unbent(w);
        (v.0 + self.body.centre.0, v.1 + self.body.centre.1)
    }

    /// How the place that is shown at `p` changes with each of `ways` numbers of the motion.
    pub fn slopes(&self, p: Yx, ways: usize, slopes: &mut [Yx]) -> Yx {
        let w = self.unturned(p);
        let v = self.unbent(w);
        let reach = self.body.reach;
        let (cos, sin) = self.back;
        // −∂p/∂(motion), turned back; a step down, a step right, growth, a turn.
        let mut each = [(0.0, 0.0); WAYS];
        each[0] = (-reach * cos, -reach * sin);
        each[1] = (reach * sin, -reach * cos);
        each[2] = (-w.0, -w.1);
        each[3] = (-w.1, w.0);
        if ways > 4 {
            let unit = bend_unit(self.body);
            let shapes = shapes(self.near(v));
            for (way, shape) in each[4..].iter_mut().zip(shapes) {
                *way = (-unit * shape.0, -unit * shape.1);
            }
            let inverse = self.inverse_stretch(v);
            for way in &mut each[..ways] {
                *way = (
                    inverse[0] * way.0 + inverse[1] * way.1,
                    inverse[2] * way.0 + inverse[3] * way.1,
                );
            }
        }
        slopes[..ways].copy_from_slice(&each[..ways]);
        (v.0 + self.body.centre.0, v.1 + self.body.centre.1)
    }

    fn unturned(&self, p: Yx) -> Yx {
        let (y, x) = (p.0 - self.at.0, p.1 - self.at.1);
        let (cos, sin) = self.back;
        (y * cos - x * sin, y * sin + x * cos)
    }

    /// v with v + B(v) = w.
    fn unbent(&self, w: Yx) -> Yx {
        if self.bends.iter().all(|&bend| bend == 0.0) {
            return w;
        }
        let mut v = w;
        for _ in 0..ROUNDS {
            let bent = self.bend(v);
            v = (w.0 - bent.0, w.1 - bent.1);
        }
        v
    }

    fn near(&self, v: Yx) -> Yx {
        let scale = |value: f64| (value / self.body.radius).clamp(-FURTHEST, FURTHEST);
        (scale(v.0), scale(v.1))
    }

    fn bend(&self, v: Yx) -> Yx {
        let each = self.bends.iter().zip(shapes(self.near(v)));
        each.fold((0.0, 0.0), |sum, (bend, shape)| {
            (sum.0 + bend * shape.0, sum.1 + bend * shape.1)
        })
    }

    /// (I + ∂B/∂v)⁻¹, row after row.
    fn inverse_stretch(&self, v: Yx) -> [f64; 4] {
        let step = 1e-3 * self.body.radius;
        let slope = |a: Yx, b: Yx| {
            let (a, b) = (self.bend(a), self.bend(b));
            ((a.0 - b.0) / (2.0 * step), (a.1 - b.1) / (2.0 * step))
        };
        let down = slope((v.0 + step, v.1), (v.0 - step, v.1));
        let right = slope((v.0, v.1 + step), (v.0, v.1 - step));
        let [a, b, c, d] = [1.0 + down.0, right.0, down.1, 1.0 + right.1];
        let determinant = (a * d - b * c).max(0.1);
        [d, -b, -c, a].map(|entry| entry / determinant)
    }
}

fn bend_unit(body: Body) -> f64 {
    0.5 * body.radius
}

/// R(θ) times a scale.
fn turned((y, x): Yx, (cos, sin): (f64, f64)) -> Yx {
    (y * cos + x * sin, x * cos - y * sin)
}

/// Shear and bends at a place in radii.
fn shapes((y, x): Yx) -> [Yx; WAYS - 4] {
    [
        (y, -x),
        (x, y),
        (y * y, 0.0),
        (y * x, 0.0),
        (x * x, 0.0),
        (0.0, y * y),
        (0.0, y * x),
        (0.0, x * x),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: Body = Body {
        centre: (20.0, 30.0),
        radius: 6.0,
        reach: 8.0,
    };
    const MOTION: [f64; WAYS] = [
        0.4, -0.3, 0.1, 0.7, 0.05, -0.04, 0.03, 0.02, -0.03, 0.04, -0.02, 0.03,
    ];

    #[test]
    fn backward_undoes_forward() {
        for ways in [2, 3, 4, 6, WAYS] {
            let pose = Pose::new(BODY, &MOTION[..ways]);
            for s in [(20.0, 30.0), (25.0, 33.0), (14.0, 27.5)] {
                let back = pose.backward(pose.forward(s));
                let off = (back.0 - s.0).hypot(back.1 - s.1);
                assert!(off < 0.02, "{ways} ways: {s:?} {back:?}");
            }
        }
    }

    #[test]
    fn slopes_are_finite_differences() {
        let p = (26.0, 31.0);
        for ways in [2, 4, 6, WAYS] {
            let mut slopes = [(0.0, 0.0); WAYS];
            Pose::new(BODY, &MOTION[..ways]).slopes(p, ways, &mut slopes);
            for way in 0..ways {
                let at = |step: f64| {
                    let mut motion = MOTION;
                    motion[way] += step;
                    Pose::new(BODY, &motion[..ways]).backward(p)
                };
                let (a, b) = (at(1e-5), at(-1e-5));
                let found = ((a.0 - b.0) / 2e-5, (a.1 - b.1) / 2e-5);
                let off = (found.0 - slopes[way].0).hypot(found.1 - slopes[way].1);
                let size = found.0.hypot(found.1);
                assert!(
                    off < 0.01 * size + 0.01,
                    "way {way}: {found:?} {:?}",
                    slopes[way]
                );
            }
        }
    }
}
