//! A mixture of Gaussians (strategy A1): E(y, k) = −log share_k − log N_k(y), and
//! F(y) = −log Σ_k exp(−E): K-means' wells of any shape, at temperature 1, whose
//! volume is 1 as it is built.

use super::desk::Desk;
use super::film::Film;
use super::kmeans::KMeans;
use super::sets::Set;
use crate::energy::{Bell, Plane, Table, Wells};
use crate::error::{Error, Result};
use crate::outputs::figure::{Figure, ORANGE, Panel, VIOLET};

/// Added to each variance, so that a bell on one point does not shrink to nothing.
const LEAST: f64 = 1e-6;

/// E(y, k) of each point.
///
/// # Errors
/// A point that is not finite.
pub fn energies(wells: &Wells, points: &[[f64; 2]]) -> Result<Table> {
    let row = |y: &[f64; 2]| {
        let pairs = wells.shares.iter().zip(&wells.bells);
        pairs
            .map(|(share, bell)| bell.cost(*y) - share.ln())
            .collect()
    };
    Table::new(points.iter().map(row).collect())
}

/// One turn of expectation–maximisation (Dempster, Laird & Rubin 1977), which is
/// coordinate descent on F with p(k | y) for the best k; the mean of F before it, −log
/// likelihood per point.
///
/// # Errors
/// A bell that lost all its points.
pub fn turn(wells: &mut Wells, points: &[[f64; 2]]) -> Result<f64> {
    let table = energies(wells, points)?;
    let shares = table.shares(1.0);
    for index in 0..wells.bells.len() {
        let weights: Vec<f64> = shares.iter().map(|row| row[index]).collect();
        let total: f64 = weights.iter().sum();
        if total < 1e-9 {
            return Err(Error::input(
                format!("a mixture's bell {index}"),
                "it explains no point any more",
                "use fewer bells, or begin with others",
            ));
        }
        let pairs = || weights.iter().zip(points);
        let mean = [0, 1].map(|a| pairs().map(|(w, y)| w * y[a]).sum::<f64>() / total);
        let mut covariance = [0, 1].map(|a| {
            [0, 1].map(|b| {
                let each = pairs().map(|(w, y)| w * (y[a] - mean[a]) * (y[b] - mean[b]));
                each.sum::<f64>() / total
            })
        });
        covariance[0][0] += LEAST;
        covariance[1][1] += LEAST;
        covariance[1][0] = covariance[0][1];
        wells.bells[index] = Bell::new(mean, covariance)?;
        wells.shares[index] = total / points.len() as f64;
    }
    Ok(table.free_energy(1.0).iter().sum::<f64>() / points.len() as f64)
}

/// A mixture of as many bells as `means` has wells, after at most `turns` turns from
/// round ones there; and the mean of F. `watch` sees it before each turn, with the turn's
/// number.
///
/// # Errors
/// A bell that lost all its points.
pub fn fit_mixture(
    means: &[[f64; 2]],
    variance: f64,
    points: &[[f64; 2]],
    turns: usize,
    mut watch: impl FnMut(usize, &Wells) -> Result<()>,
) -> Result<(Wells, f64)> {
    let round = [[variance, 0.0], [0.0, variance]];
    let bells = means.iter().map(|&mean| Bell::new(mean, round));
    let mut wells = Wells {
        shares: vec![1.0 / means.len() as f64; means.len()],
        bells: bells.collect::<Result<_>>()?,
    };
    let mut before = f64::INFINITY;
    for index in 0..turns {
        watch(index, &wells)?;
        let energy = turn(&mut wells, points)?;
        if before - energy < 1e-12 {
            break;
        }
        before = energy;
    }
    let free = energies(&wells, points)?.free_energy(1.0);
    Ok((wells, free.iter().sum::<f64>() / points.len() as f64))
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 120,
    };
    let map = |title: &str, wells: &Wells, points: &[[f64; 2]]| -> Result<Panel> {
        let free = energies(wells, &plane.points())?.free_energy(1.0);
        let centres: Vec<_> = wells.bells.iter().map(|bell| bell.mean).collect();
        Ok(Panel::plane(title, 1.4)
            .map(plane, free)
            .points(&points[..300], ORANGE, 1)
            .points(&centres, VIOLET, 3))
    };
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    // Later turns change little.
    let mut film = Film::new("turn", 40);
    for (name, set, count) in [("spiral", Set::Spiral, 12), ("ellipse", Set::Ellipse, 8)] {
        let mut rng = desk.rng(&format!("mixture/{name}"));
        let points = set.draw(1000, &mut rng);
        let held_out = set.draw(2000, &mut rng);
        let mut means = KMeans::start(&points, count, &mut rng)?;
        for _ in 0..20 {
            means.alternate(&points)?;
        }
        let watch = |turn: usize, wells: &Wells| match set {
            Set::Spiral => film.take(turn, |title| map(title, wells, &points)),
            _ => Ok(()),
        };
        let (wells, free) = fit_mixture(&means.centres, 0.02, &points, 300, watch)?;
        let of_held_out = energies(&wells, &held_out)?.free_energy(1.0);
        let of_held_out = of_held_out.iter().sum::<f64>() / held_out.len() as f64;
        rows.push(vec![
            name.to_owned(),
            count.to_string(),
            format!("{:.3}", -free),
            format!("{:.3}", -of_held_out),
        ]);
        let title = format!("mixture: F(y), {name}");
        panels.push(map(&title, &wells, &points)?);
    }
    desk.table(
        &["", "bells", "log-likelihood (nats/point)", "held out"],
        &rows,
    );
    desk.figure(&Figure::new(2, panels))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::super::kmeans::tests::points;
    use super::super::unwatched;
    use super::*;

    #[test]
    fn the_fit_is_scikit_learns() {
        // With y as in the test of K-means:
        // from sklearn.mixture import GaussianMixture
        // m = GaussianMixture(4, tol=1e-12, max_iter=5000, reg_covar=1e-6,
        //     weights_init=np.full(4, 0.25), means_init=y[::50],
        //     precisions_init=np.stack([np.eye(2) / 0.1] * 4)).fit(y)
        // print(m.score(y), m.means_, m.weights_, m.covariances_[0])
        let points = points();
        let start: Vec<_> = (0..4).map(|k| points[50 * k]).collect();
        let (wells, free) = fit_mixture(&start, 0.1, &points, 5000, unwatched).unwrap();
        assert!((free - 0.863_331_817).abs() < 1e-6, "{free}");
        let means = [
            [0.08189349, 0.23748323],
            [0.30920936, -0.43182497],
            [-0.58467777, 0.04628196],
            [0.40613581, 0.62444713],
        ];
        let shares = [0.25862178, 0.43502245, 0.14816455, 0.15819122];
        for k in 0..4 {
            assert!((wells.shares[k] - shares[k]).abs() < 1e-4);
            for axis in [0, 1] {
                assert!((wells.bells[k].mean[axis] - means[k][axis]).abs() < 1e-4);
            }
        }
        let [[a, b], [_, d]] = wells.bells[0].covariance;
        for (found, expected) in [(a, 0.07263511), (b, -0.06398224), (d, 0.06376655)] {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }
}
