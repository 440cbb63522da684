//! K-means (strategy A1): E(y, z) = (κ/2)·‖y − Wz‖², z one-hot. F(y) = min_z E has K
//! wells and no more: the volume of low energy is bounded by how the machine is built.

use super::desk::Desk;
use super::film::Film;
use super::sets::Set;
use crate::energy::{Bowl, Plane, Quadratic, Table};
use crate::error::{Error, Result};
use crate::inference::Search;
use crate::latent::Codes;
use crate::outputs::figure::{Figure, GREEN, ORANGE, Panel, VIOLET};
use crate::rng::Rng;
use std::time::{Duration, Instant};

/// K places of the plane: the columns of the decoder W.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// Where the wells are.
    pub centres: Vec<[f64; 2]>,
}

impl KMeans {
    /// `count` ≥ 2 wells at points drawn without replacement.
    ///
    /// # Errors
    /// Fewer points than wells.
    pub fn start(points: &[[f64; 2]], count: usize, rng: &mut Rng) -> Result<Self> {
        if count < 2 || points.len() < count {
            return Err(Error::input(
                "K-means",
                format!("{count} wells for {} points", points.len()),
                "use at least 2 wells, and no more than there are points",
            ));
        }
        let mut left: Vec<[f64; 2]> = points.to_vec();
        let centres = (0..count)
            .map(|_| left.swap_remove(rng.below(left.len())))
            .collect();
        Ok(Self { centres })
    }

    /// E of every z at each point, without the log K that a code costs: κ/2·‖y − W z‖².
    ///
    /// # Errors
    /// A point whose energy is not finite.
    pub fn energies(&self, points: &[[f64; 2]], precision: f64) -> Result<Table> {
        let count = self.centres.len();
        let latent = Codes::new(1, count)?;
        let product = |a: &[f64; 2], b: &[f64; 2]| a[0] * b[0] + a[1] * b[1];
        let pairs = self.centres.iter();
        let curvature: Vec<f64> = pairs
            .flat_map(|a| self.centres.iter().map(move |b| product(a, b)))
            .collect();
        let bowl = |y: &[f64; 2]| Bowl {
            precision,
            constant: product(y, y),
            slope: self
                .centres
                .iter()
                .map(|centre| product(y, centre))
                .collect(),
            curvature: curvature.clone(),
        };
        let field = Quadratic::from_bowls(points.iter().map(bowl).collect());
        let table = Search { latent }.energies(&field)?;
        let code = (count as f64).ln();
        let rows = table.rows().iter();
        Table::new(
            rows.map(|row| row.iter().map(|e| e - code).collect())
                .collect(),
        )
    }

    /// The mean over the points of F(y) = min_z ½‖y − Wz‖², and each point's well.
    fn infer(&self, points: &[[f64; 2]]) -> Result<(f64, Vec<usize>)> {
        let table = self.energies(points, 1.0)?;
        let energy = table.least().iter().sum::<f64>() / points.len() as f64;
        Ok((energy, table.best()))
    }

    /// One turn of coordinate descent (Lloyd 1982): z is the best, then W is; an empty
    /// well stays. The energy before it.
    ///
    /// # Errors
    /// Those of [`Self::energies`].
    pub fn alternate(&mut self, points: &[[f64; 2]]) -> Result<f64> {
        let (energy, codes) = self.infer(points)?;
        let mut sums = vec![([0.0; 2], 0.0); self.centres.len()];
        for (y, code) in points.iter().zip(codes) {
            let (sum, count) = &mut sums[code];
            *sum = [sum[0] + y[0], sum[1] + y[1]];
            *count += 1.0;
        }
        for (centre, (sum, count)) in self.centres.iter_mut().zip(sums) {
            if count > 0.0 {
                *centre = sum.map(|v| v / count);
            }
        }
        Ok(energy)
    }

    /// One step of gradient descent on the mean of F, W ← W − rate·∂F/∂W, z found anew
    /// each time. The energy before it.
    ///
    /// # Errors
    /// Those of [`Self::energies`]: after steps too long, what is not finite.
    pub fn descend(&mut self, points: &[[f64; 2]], rate: f64) -> Result<f64> {
        let (energy, codes) = self.infer(points)?;
        let share = rate / points.len() as f64;
        // ∂F/∂W of all points first, W after.
        let mut steps = vec![[0.0; 2]; self.centres.len()];
        for (y, code) in points.iter().zip(codes) {
            let centre = self.centres[code];
            for axis in [0, 1] {
                steps[code][axis] += share * (y[axis] - centre[axis]);
            }
        }
        for (centre, step) in self.centres.iter_mut().zip(steps) {
            *centre = [centre[0] + step[0], centre[1] + step[1]];
        }
        Ok(energy)
    }
}

/// How one of the two ways went.
struct Course {
    energies: Vec<f64>,
    time: Duration,
    end: KMeans,
}

/// `turn` until the energy falls by less than a millionth of itself.
fn course(
    mut means: KMeans,
    most: usize,
    mut turn: impl FnMut(&mut KMeans) -> Result<f64>,
) -> Result<Course> {
    let start = Instant::now();
    let mut energies: Vec<f64> = Vec::new();
    while energies.len() < most {
        let energy = turn(&mut means)?;
        let still = energies
            .last()
            .is_some_and(|last| last - energy < 1e-6 * last);
        energies.push(energy);
        if still {
            break;
        }
    }
    Ok(Course {
        energies,
        time: start.elapsed(),
        end: means,
    })
}

impl Course {
    /// Turns until the energy is within a percent of `goal`.
    fn reaches(&self, goal: f64) -> Option<usize> {
        self.energies
            .iter()
            .position(|&energy| energy <= 1.01 * goal)
    }

    fn last(&self) -> f64 {
        self.energies.last().copied().unwrap_or_default()
    }

    /// The logarithms of the first energies, by turn.
    fn curve(&self) -> Vec<[f64; 2]> {
        let energies = self.energies.iter().take(60).enumerate();
        energies
            .map(|(turn, energy)| [turn as f64, energy.ln()])
            .collect()
    }
}

/// What digs the wells in the figure: K of them.
const WELLS: usize = 20;

/// A row of the table; turns and time until the energy is within a percent of `goal`.
fn row(name: &str, course: &Course, goal: f64) -> Vec<String> {
    let turns = course.energies.len();
    let each = course.time.as_secs_f64() / turns as f64;
    let (reached, time) = match course.reaches(goal) {
        Some(at) => (at.to_string(), format!("{:.1} ms", 1e3 * each * at as f64)),
        None => ("-".to_owned(), "-".to_owned()),
    };
    vec![
        name.to_owned(),
        format!("{:.6}", course.last()),
        turns.to_string(),
        reached,
        time,
    ]
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 120,
    };
    let map = |title: &str, means: &KMeans, points: &[[f64; 2]]| -> Result<Panel> {
        let energies = means.energies(&plane.points(), 1.0 / 0.01)?;
        Ok(Panel::plane(title, 1.4)
            .map(plane, energies.least())
            .points(&points[..400], ORANGE, 1)
            .points(&means.centres, VIOLET, 3))
    };
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut film = Film::new("turn", 16);
    for (name, set) in [("spiral", Set::Spiral), ("ellipse", Set::Ellipse)] {
        let mut rng = match set {
            Set::Spiral => desk.rng("kmeans"),
            _ => desk.rng(&format!("kmeans/{name}")),
        };
        let points = set.draw(1000, &mut rng);
        let start = KMeans::start(&points, WELLS, &mut rng)?;
        let lloyd = course(start.clone(), 500, |means| means.alternate(&points))?;
        // A well of a K-th of the points moves by half of what would be best.
        let rate = 0.5 * WELLS as f64;
        let slope = course(start.clone(), 2000, |means| means.descend(&points, rate))?;
        for (way, course) in [("coordinate", &lloyd), ("gradient", &slope)] {
            rows.push(row(&format!("{name}, {way} descent"), course, lloyd.last()));
        }
        panels.push(map(&format!("F(y), {name}"), &lloyd.end, &points)?);
        panels.push(
            Panel::chart(format!("two ways down, {name}"), ["turn", "log of mean F"])
                .curve(lloyd.curve(), ORANGE, "coordinate")
                .curve(slope.curve(), GREEN, "gradient"),
        );
        if set == Set::Spiral {
            let mut means = start;
            for turn in 0..=16 {
                film.take(turn, |title| map(title, &means, &points))?;
                means.alternate(&points)?;
            }
        }
    }
    desk.table(
        &[
            "",
            "F at the end",
            "turns",
            "within 1% of coordinate descent's",
            "in",
        ],
        &rows,
    );
    desk.figure(&Figure::new(2, panels))?;
    desk.film(&film)
}

#[cfg(test)]
pub(in crate::lecture) mod tests {
    use super::super::sets::square;
    use super::*;
    use crate::rng::Seed;

    /// The points of the script below.
    pub(in crate::lecture) fn points() -> Vec<[f64; 2]> {
        (0..200)
            .map(|i| {
                let t = f64::from(i) / 199.0;
                let (sin, cos) = (3.0 * std::f64::consts::PI * t).sin_cos();
                let radius = 0.2 + 0.85 * t;
                let off = [(12.9 * f64::from(i)).sin(), (7.3 * f64::from(i)).cos()];
                [radius * sin + 0.05 * off[0], radius * cos + 0.05 * off[1]]
            })
            .collect()
    }

    fn start() -> KMeans {
        let points = points();
        KMeans {
            centres: (0..8).map(|k| points[25 * k]).collect(),
        }
    }

    #[test]
    fn coordinate_descent_is_scikit_learns() {
        // import numpy as np; from sklearn.cluster import KMeans
        // i = np.arange(200); t = i / 199; a = 3 * np.pi * t; r = 0.2 + 0.85 * t
        // y = np.stack([r * np.sin(a) + 0.05 * np.sin(12.9 * i),
        //               r * np.cos(a) + 0.05 * np.cos(7.3 * i)], 1)
        // k = KMeans(8, init=y[::25], n_init=1, algorithm="lloyd", tol=0, max_iter=1000).fit(y)
        // print(k.inertia_ / 400); print(k.cluster_centers_[:3])
        let points = points();
        let mut means = start();
        let mut energy = f64::INFINITY;
        for _ in 0..100 {
            energy = means.alternate(&points).unwrap();
        }
        assert!((energy - 0.031806586).abs() < 1e-7, "{energy}");
        for (found, expected) in means.centres.iter().zip([
            [0.11362612, 0.20734266],
            [0.33045211, 0.00084121],
            [0.22547716, -0.38477382],
        ]) {
            assert!(square(*found, expected).sqrt() < 1e-5, "{found:?}");
        }
    }

    #[test]
    fn gradient_descent_reaches_the_same_energy() {
        let points = points();
        let (mut lloyd, mut slope) = (start(), start());
        let (mut by_lloyd, mut by_slope) = (0.0, 0.0);
        for _ in 0..100 {
            by_lloyd = lloyd.alternate(&points).unwrap();
        }
        for _ in 0..2000 {
            by_slope = slope.descend(&points, 1.0).unwrap();
        }
        // From far away, other wells: here better ones.
        assert!(by_slope < by_lloyd, "{by_slope} {by_lloyd}");
        // From near, the same.
        let mut near = lloyd.clone();
        for (index, centre) in near.centres.iter_mut().enumerate() {
            centre[index % 2] += 0.01;
        }
        for _ in 0..2000 {
            by_slope = near.descend(&points, 1.0).unwrap();
        }
        assert!(
            (by_slope / by_lloyd - 1.0).abs() < 1e-6,
            "{by_slope} {by_lloyd}"
        );
    }

    #[test]
    fn a_step_is_down_the_gradient_of_the_mean_energy() {
        let points = points();
        let at = |centres: Vec<[f64; 2]>| KMeans { centres }.infer(&points).unwrap().0;
        let before = start();
        let mut after = before.clone();
        after.descend(&points, 1e-3).unwrap();
        for (k, axis) in [(0, 0), (3, 1), (7, 0)] {
            let moved = |step: f64| {
                let mut centres = before.centres.clone();
                centres[k][axis] += step;
                at(centres)
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let step = after.centres[k][axis] - before.centres[k][axis];
            assert!((step + 1e-3 * slope).abs() < 1e-8, "{step} {slope}");
        }
    }

    #[test]
    fn steps_too_long_and_wells_too_many_are_refused() {
        let points = points();
        let mut means = start();
        let failed = (0..3000).find_map(|_| means.descend(&points, 1e6).err());
        // Thrown far away, a well may also just stay empty.
        if let Some(error) = failed {
            assert!(error.to_string().contains("not finite"), "{error}");
        }
        let mut rng = Seed(1).stream("test", 0);
        assert!(KMeans::start(&points[..3], 4, &mut rng).is_err());
    }
}
