//! Sparse modelling (strategy A2; Olshausen & Field 1996): E(y, z) = ½‖y − Wz‖² + λ‖z‖₁,
//! with W's columns of length 1. F(y) = min_z E by ISTA, by FISTA, or at a glance by LISTA,
//! a network in ISTA's shape whose matrices are learned (Gregor & LeCun 2010).

use super::desk::Desk;
use super::film::Film;
use super::learner::{Learner, unwatched};
use super::sets::{Set, batch, tensor};
use crate::energy::{Bowl, Plane, Quadratic};
use crate::error::Result;
use crate::inference::{Fista, Inference as _, Inferred};
use crate::latent::Sparse;
use crate::models::{Init, Scope};
use crate::outputs::figure::{Figure, GREEN, ORANGE, Panel, VIOLET};
use crate::rng::{Rng, Seed};
use candle_core::Tensor;

/// W, its columns as places of the plane, and λ.
#[derive(Debug, Clone, PartialEq)]
pub struct Dictionary {
    /// Columns of length 1.
    pub columns: Vec<[f64; 2]>,
    /// λ, above 0.
    pub weight: f64,
}

impl Dictionary {
    /// `count` columns in random directions.
    pub fn start(count: usize, weight: f64, rng: &mut Rng) -> Self {
        let column = |_| {
            let [u, v] = [rng.normal(), rng.normal()];
            [u / u.hypot(v), v / u.hypot(v)]
        };
        Self {
            columns: (0..count).map(column).collect(),
            weight,
        }
    }

    fn fista(&self, steps: usize) -> Fista {
        let latent = Sparse {
            dimension: self.columns.len(),
            weight: self.weight,
        };
        Fista { latent, steps }
    }

    /// E(y, ·) of one point, without λ‖z‖₁.
    fn bowl(&self, y: [f64; 2]) -> Bowl {
        let product = |a: &[f64; 2], b: &[f64; 2]| a[0] * b[0] + a[1] * b[1];
        let columns = || self.columns.iter();
        Bowl {
            precision: 1.0,
            constant: product(&y, &y),
            slope: columns().map(|column| product(column, &y)).collect(),
            curvature: columns()
                .flat_map(|a| columns().map(move |b| product(a, b)))
                .collect(),
        }
    }

    /// z* and F of each point by FISTA.
    ///
    /// # Errors
    /// A point that is not finite.
    pub fn infer(&self, points: &[[f64; 2]]) -> Result<Inferred> {
        let field = Quadratic::from_bowls(points.iter().map(|&y| self.bowl(y)).collect());
        let mut rng = Seed(0).stream("lecture/sparse", 0);
        self.fista(300).infer(&field, 1.0, &mut rng)
    }

    /// One step of W down the mean of F at z*, its columns then made of length 1 again; the
    /// mean of F before it.
    ///
    /// # Errors
    /// A point that is not finite.
    pub fn learn(&mut self, points: &[[f64; 2]], rate: f64) -> Result<f64> {
        let inferred = self.infer(points)?;
        let share = rate / points.len() as f64;
        let mut steps = vec![[0.0; 2]; self.columns.len()];
        for (y, z) in points.iter().zip(&inferred.best) {
            let pairs = || self.columns.iter().zip(z);
            let off = [0, 1].map(|a| y[a] - pairs().map(|(w, z)| w[a] * z).sum::<f64>());
            for (step, z) in steps.iter_mut().zip(z) {
                *step = [step[0] + share * z * off[0], step[1] + share * z * off[1]];
            }
        }
        for (column, step) in self.columns.iter_mut().zip(steps) {
            let [u, v] = [column[0] + step[0], column[1] + step[1]];
            *column = [u / u.hypot(v), v / u.hypot(v)];
        }
        Ok(inferred.energy.iter().sum::<f64>() / points.len() as f64)
    }
}

/// z₀ = 0, z ← shrink(A y + S z, θ): as many layers as steps, each with its own A, S, θ.
#[derive(Debug, Clone)]
pub struct Lista {
    layers: Vec<[Tensor; 3]>,
}

impl Lista {
    /// Layers that do nothing yet.
    fn new(depth: usize, count: usize, mut scope: Scope) -> Result<Self> {
        let layer = |index: usize| -> Result<_> {
            let mut scope = scope.scope(&format!("layer{index}"));
            Ok([
                scope.get("a", (2, count), Init::Zeros)?,
                scope.get("s", (count, count), Init::Zeros)?,
                scope.get("threshold", count, Init::Zeros)?,
            ])
        };
        Ok(Self {
            layers: (0..depth).map(layer).collect::<Result<_>>()?,
        })
    }

    /// z of each y (B, 2): (B, K).
    ///
    /// # Errors
    /// What candle refuses.
    pub fn infer(&self, y: &Tensor) -> Result<Tensor> {
        let mut z: Option<Tensor> = None;
        for [a, s, threshold] in &self.layers {
            let mut sum = y.matmul(a)?;
            if let Some(z) = &z {
                sum = (sum + z.matmul(s)?)?;
            }
            let up = sum.broadcast_sub(threshold)?.relu()?;
            let down = sum.neg()?.broadcast_sub(threshold)?.relu()?;
            z = Some((up - down)?);
        }
        z.map_or_else(|| Ok(y.zeros_like()?), Ok)
    }

    /// E(y, z) at the network's z, (B,).
    ///
    /// # Errors
    /// What candle refuses.
    pub fn energy(&self, dictionary: &Dictionary, y: &Tensor) -> Result<Tensor> {
        let z = self.infer(y)?;
        let off = (y - z.matmul(&tensor(&dictionary.columns)?)?)?;
        let cost = (z.abs()?.sum(1)? * dictionary.weight)?;
        Ok(((off.sqr()?.sum(1)? * 0.5)? + cost)?)
    }

    /// Learns to find z of points (N, 2) in `depth` layers, by E itself.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn fit(
        dictionary: &Dictionary,
        depth: usize,
        data: &Tensor,
        steps: usize,
        seed: Seed,
        rng: &mut Rng,
    ) -> Result<Learner<Self>> {
        let count = dictionary.columns.len();
        let mut learner = Learner::new(seed, |scope| Self::new(depth, count, scope))?;
        // As ISTA: A = W/L, S = I − WᵀW/L, θ = λ/L.
        let columns = &dictionary.columns;
        let product = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
        let sums = columns
            .iter()
            .map(|&a| columns.iter().map(|&b| product(a, b).abs()).sum());
        let most = sums.fold(0.0, f64::max);
        let flat = |values: Vec<f64>, shape: (usize, usize)| -> Result<Tensor> {
            let values: Vec<f32> = values.into_iter().map(|v| v as f32).collect();
            Ok(Tensor::from_vec(values, shape, data.device())?)
        };
        let a = (0..2).flat_map(|axis| columns.iter().map(move |w| w[axis] / most));
        let a = flat(a.collect(), (2, count))?;
        let s = (0..count * count).map(|index| {
            let (i, j) = (index / count, index % count);
            f64::from(u8::from(i == j)) - product(columns[i], columns[j]) / most
        });
        let s = flat(s.collect(), (count, count))?;
        let threshold = Tensor::full((dictionary.weight / most) as f32, count, data.device())?;
        for layer in 0..depth {
            learner.set(&format!("layer{layer}.a"), &a)?;
            learner.set(&format!("layer{layer}.s"), &s)?;
            learner.set(&format!("layer{layer}.threshold"), &threshold)?;
        }
        // z is 0 before the first layer.
        learner.mark_optional("layer0.s")?;
        learner.train(steps, 3e-3, unwatched, |learner| {
            let y = batch(data, 256, rng)?;
            Ok(learner.network.energy(dictionary, &y)?.mean_all()?)
        })?;
        Ok(learner)
    }
}

/// Steps of the figure's W.
const STEPS: usize = 60;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 60,
    };
    let map = |title: &str, dictionary: &Dictionary, points: &[[f64; 2]]| -> Result<Panel> {
        let columns = dictionary.columns.iter();
        let spokes = columns.flat_map(|&w| [([0.0, 0.0], w), ([0.0, 0.0], w.map(|v| -v))]);
        Ok(Panel::plane(title, 1.4)
            .map(plane, dictionary.infer(&plane.points())?.energy)
            .points(&points[..300], ORANGE, 1)
            .arrows(spokes.collect(), VIOLET))
    };
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut film = Film::new("step", STEPS);
    let mut last = None;
    for (name, set, count) in [("spiral", Set::Spiral, 8), ("ellipse", Set::Ellipse, 8)] {
        let mut rng = desk.rng(&format!("sparse/{name}"));
        let points = set.draw(600, &mut rng);
        let mut dictionary = Dictionary::start(count, 0.1, &mut rng);
        let before = dictionary.learn(&points, 0.0)?;
        for step in 0..=STEPS {
            if set == Set::Spiral {
                film.take(step, |title| map(title, &dictionary, &points))?;
            }
            if step < STEPS {
                dictionary.learn(&points, 2.0)?;
            }
        }
        let inferred = dictionary.infer(&points)?;
        let used = inferred
            .best
            .iter()
            .flatten()
            .filter(|z| **z != 0.0)
            .count();
        rows.push(vec![
            name.to_owned(),
            format!("{before:.4}"),
            format!("{:.4}", inferred.energy.iter().sum::<f64>() / 600.0),
            format!("{:.2} of {count}", used as f64 / 600.0),
        ]);
        panels.push(map(&format!("sparse: F(y), {name}"), &dictionary, &points)?);
        if set == Set::Spiral {
            last = Some((dictionary, points, rng));
        }
    }
    desk.table(
        &["", "mean F, random W", "learned W", "numbers of z in use"],
        &rows,
    );
    if let Some((dictionary, points, mut rng)) = last {
        panels.push(race(desk, &dictionary, &points, &mut rng)?);
    }
    desk.figure(&Figure::new(3, panels))?;
    desk.film(&film)
}

/// The mean of E after each step: ISTA, FISTA, and LISTA of as many layers.
fn race(
    desk: &mut Desk,
    dictionary: &Dictionary,
    points: &[[f64; 2]],
    rng: &mut Rng,
) -> Result<Panel> {
    let best = dictionary.infer(points)?.energy.iter().sum::<f64>() / points.len() as f64;
    let above = |energy: f64| (energy - best).max(1e-7).log10();
    let course = |momentum: bool| -> Vec<[f64; 2]> {
        let fista = dictionary.fista(30);
        let courses: Vec<Vec<f64>> = (points.iter())
            .map(|&y| fista.course(&dictionary.bowl(y), momentum))
            .collect();
        (0..=30)
            .map(|step| {
                // One that has stopped stays where it is.
                let at = |course: &Vec<f64>| course[step.min(course.len() - 1)];
                let sum: f64 = courses.iter().map(at).sum();
                [step as f64, above(sum / points.len() as f64)]
            })
            .collect()
    };
    let data = tensor(points)?;
    let mut lista = Vec::new();
    let mut rows = Vec::new();
    let (ista, fista) = (course(false), course(true));
    for depth in [1, 2, 3, 5, 8] {
        let learner = Lista::fit(dictionary, depth, &data, 600, desk.seed, rng)?;
        let energy = learner.frozen.energy(dictionary, &data)?.mean_all()?;
        lista.push([depth as f64, above(f64::from(energy.to_scalar::<f32>()?))]);
        let at = |course: &[[f64; 2]]| format!("{:.4}", 10f64.powf(course[depth][1]));
        rows.push(vec![
            depth.to_string(),
            at(&ista),
            at(&fista),
            format!("{:.4}", 10f64.powf(lista[lista.len() - 1][1])),
        ]);
    }
    desk.table(&["steps: E above min E", "ISTA", "FISTA", "LISTA"], &rows);
    Ok(Panel::chart("E above its minimum", ["steps", "log10"])
        .curve(ista, GREEN, "ISTA")
        .curve(fista, VIOLET, "FISTA")
        .curve(lista, ORANGE, "LISTA"))
}

#[cfg(test)]
mod tests {
    use super::super::kmeans::tests::points;
    use super::*;

    fn dictionary() -> Dictionary {
        let column = |k: usize| {
            let (sin, cos) = (0.2 + 0.55 * k as f64).sin_cos();
            [cos, sin]
        };
        Dictionary {
            columns: (0..6).map(column).collect(),
            weight: 0.1,
        }
    }

    #[test]
    fn f_is_scikit_learns_lasso() {
        // With y as in the test of K-means:
        // from sklearn.linear_model import Lasso
        // a = 0.2 + 0.55 * np.arange(6); W = np.stack([np.cos(a), np.sin(a)])
        // for p in y[[10, 100, 190]]:
        //     z = Lasso(0.1 / 2, fit_intercept=False, tol=1e-14, max_iter=10**6).fit(W, p).coef_
        //     print(((p - W @ z)**2).sum() / 2 + 0.1 * np.abs(z).sum())
        let points = points();
        let some = [points[10], points[100], points[190]];
        let found = dictionary().infer(&some).unwrap().energy;
        for (found, expected) in found
            .into_iter()
            .zip([0.015964463, 0.053964038, 0.100352921])
        {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn learning_lowers_f_and_keeps_columns_of_length_one() {
        let points = points();
        let mut dictionary = dictionary();
        let before = dictionary.learn(&points, 0.5).unwrap();
        for _ in 0..20 {
            dictionary.learn(&points, 0.5).unwrap();
        }
        let after = dictionary.learn(&points, 0.5).unwrap();
        assert!(after < before, "{before} {after}");
        for [u, v] in dictionary.columns {
            assert!((u.hypot(v) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn lista_comes_near_the_minimum_and_every_weight_learns() {
        let points = points();
        let data = tensor(&points).unwrap();
        let mut rng = Seed(1).stream("test", 0);
        let dictionary = dictionary();
        let learner = Lista::fit(&dictionary, 3, &data, 500, Seed(1), &mut rng).unwrap();
        let best = dictionary.infer(&points).unwrap().energy;
        let best = best.iter().sum::<f64>() / points.len() as f64;
        let loss = learner.network.energy(&dictionary, &data).unwrap();
        let gradients = loss.sum_all().unwrap().backward().unwrap();
        for (name, var) in learner.weights().pairs() {
            // z is 0 before the first layer.
            let gets = gradients.get(var).is_some();
            assert_eq!(gets, name != "layer0.s", "{name}");
        }
        let found = f64::from(loss.mean_all().unwrap().to_scalar::<f32>().unwrap());
        assert!(
            found >= best - 1e-5 && found < 1.05 * best,
            "{found} {best}"
        );
    }
}
