//! The lecture's two questions to an energy: given y₁, what is y₂? And: where on the
//! manifold is the point that y should have been? Both are minimisations.

use super::desk::{Desk, print};
use super::likelihood::exact_model;
use super::sets::{Set, pairs, tensor};
use crate::energy::{Descent, Field, Plane};
use crate::error::{Error, Result};
use crate::outputs::figure::{Figure, GREEN, INK, ORANGE, Panel, VIOLET};
use crate::outputs::table::table;
use crate::rng::Seed;
use candle_core::{Device, Tensor};

/// An answer to "given y₁": a minimum of F(y₁, ·), and how it compares with the best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// y₂.
    pub y2: f64,
    /// F(y₁, y₂) above the least of all answers, in nats at temperature 1.
    pub above: f64,
}

/// Places looked at along the line.
const PLACES: usize = 600;

/// All minima of F(y₁, ·) for y₂ in [−reach, reach], the best first: one y₁ may have
/// several answers, and an average of them is none.
///
/// # Errors
/// A y₁ that is not a finite number; an energy that is not.
pub fn predict(field: &dyn Field, y1: f64, reach: f64) -> Result<Vec<Answer>> {
    finite("y1", y1)?;
    let place = |index: usize| -reach + 2.0 * reach * index as f64 / (PLACES - 1) as f64;
    let line: Vec<[f64; 2]> = (0..PLACES).map(|index| [y1, place(index)]).collect();
    let energies = field.energy(&tensor(&line)?)?.to_vec1::<f32>()?;
    let least = energies.iter().copied().fold(f32::INFINITY, f32::min);
    if !least.is_finite() {
        return Err(Error::NotFinite {
            what: "the least energy along the line".to_owned(),
        });
    }
    let mut answers: Vec<Answer> = (1..PLACES - 1)
        .filter(|&i| energies[i] < energies[i - 1] && energies[i] <= energies[i + 1])
        .map(|i| {
            // The lowest point of the parabola through three.
            let [a, b, c] = [energies[i - 1], energies[i], energies[i + 1]].map(f64::from);
            let bend = a - 2.0 * b + c;
            let shift = if bend > 0.0 {
                0.5 * (a - c) / bend
            } else {
                0.0
            };
            Answer {
                y2: place(i) + shift * 2.0 * reach / (PLACES - 1) as f64,
                above: b - f64::from(least),
            }
        })
        .collect();
    answers.sort_by(|a, b| a.above.total_cmp(&b.above));
    Ok(answers)
}

/// Where each point comes to lie that walks down F, by small steps that never rise.
///
/// # Errors
/// A point that is not finite.
pub fn project(field: &dyn Field, points: &[[f64; 2]]) -> Result<Vec<[f64; 2]>> {
    for &v in points.iter().flatten() {
        finite("y", v)?;
    }
    let descent = Descent {
        steps: 120,
        size: 1e-4,
    };
    pairs(&descent.descend(field, &tensor(points)?)?.0)
}

/// Learns an energy of the spiral and prints the answers to "given y₁, which y₂?".
///
/// # Errors
/// Those of [`predict`].
pub fn tell_predicted(y1: f64, reach: f64, seed: Seed) -> Result<()> {
    finite("y1", y1)?;
    let learner = exact_model(Set::Spiral, seed)?;
    let rows: Vec<Vec<String>> = predict(&learner.frozen, y1, reach)?
        .iter()
        .map(|answer| vec![format!("{:+.3}", answer.y2), format!("{:.2}", answer.above)])
        .collect();
    print(&table(&["y2", "F above the least (nats)"], &rows))
}

/// Learns an energy of the spiral and prints where a point comes to lie on it.
///
/// # Errors
/// Those of [`project`].
pub fn tell_projected(point: [f64; 2], seed: Seed) -> Result<()> {
    point.iter().try_for_each(|&v| finite("y", v))?;
    let learner = exact_model(Set::Spiral, seed)?;
    let [place] = project(&learner.frozen, &[point])?[..] else {
        return Ok(());
    };
    print(&format!("{:+.3},{:+.3}", place[0], place[1]))
}

fn finite(name: &str, value: f64) -> Result<()> {
    match value.is_finite() {
        true => Ok(()),
        false => Err(Error::input(
            name,
            format!("it is {value}"),
            "give a finite number, within [-1.2, 1.2] to be near the spiral",
        )),
    }
}

/// The distance to the nearest point of the curve.
fn distance(curve: &[[f64; 2]], y: [f64; 2]) -> f64 {
    let squares = curve.iter().map(|&place| super::sets::square(place, y));
    squares.fold(f64::INFINITY, f64::min).sqrt()
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let model = desk.exact_model(Set::Spiral)?;
    let curve = Set::Spiral.curve(2000);
    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let map = |title: &str| -> Result<Panel> {
        let energies = plane.energies(&model, &Device::Cpu)?;
        Ok(Panel::plane(title, 1.4).map(plane, energies))
    };

    let y1 = 0.3;
    let answers = predict(&model, y1, 1.4)?;
    let mut rows = Vec::new();
    for answer in &answers {
        let off = distance(&curve, [y1, answer.y2]);
        rows.push(vec![
            format!("{:+.3}", answer.y2),
            format!("{:.2}", answer.above),
            format!("{off:.3}"),
        ]);
    }
    desk.say(format!("  given y1 = {y1}:"));
    desk.table(&["y2", "F above the least", "from the spiral"], &rows);
    let line: Vec<[f64; 2]> = (0..400)
        .map(|i| [y1, -1.4 + 2.8 * f64::from(i) / 399.0])
        .collect();
    let energies: Tensor = model.energy(&tensor(&line)?)?;
    let profile = (energies.to_vec1::<f32>()?.into_iter().zip(&line))
        .map(|(energy, y)| [y[1], f64::from(energy)])
        .collect();
    let likely: Vec<[f64; 2]> = (answers.iter())
        .filter(|answer| answer.above < 5.0)
        .map(|answer| [y1, answer.y2])
        .collect();

    let mut rng = desk.rng("ask");
    let mut lost = Set::Spiral.draw(60, &mut rng);
    for y in &mut lost {
        *y = y.map(|v| v + 0.12 * rng.normal());
    }
    let found = project(&model, &lost)?;
    let mean = |points: &[[f64; 2]]| {
        points.iter().map(|&y| distance(&curve, y)).sum::<f64>() / points.len() as f64
    };
    desk.say(format!(
        "  from the spiral, on average: {:.3} before, {:.3} projected",
        mean(&lost),
        mean(&found)
    ));
    let arrows = lost.iter().zip(&found);
    let arrows = arrows
        .map(|(a, b)| (*a, [b[0] - a[0], b[1] - a[1]]))
        .collect();
    desk.figure(&Figure::new(
        3,
        vec![
            map("given y1 = 0.3, which y2?")?
                .curve(line.clone(), INK, "")
                .points(&likely, ORANGE, 4),
            Panel::chart("F(0.3, y2)", ["y2", "F"]).curve(profile, GREEN, ""),
            map("back onto the manifold")?
                .arrows(arrows, VIOLET)
                .points(&found, ORANGE, 2),
        ],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Bell, Wells};

    #[test]
    fn each_well_along_the_line_is_an_answer() {
        let round = [[0.02, 0.0], [0.0, 0.02]];
        let wells = Wells {
            shares: vec![0.7, 0.3],
            bells: vec![
                Bell::new([0.0, 0.5], round).unwrap(),
                Bell::new([0.0, -0.6], round).unwrap(),
            ],
        };
        let answers = predict(&wells, 0.0, 1.5).unwrap();
        assert_eq!(answers.len(), 2);
        assert!((answers[0].y2 - 0.5).abs() < 1e-3 && answers[0].above.abs() < 1e-3);
        assert!((answers[1].y2 + 0.6).abs() < 1e-3);
        assert!((answers[1].above - (0.7f64 / 0.3).ln()).abs() < 1e-2);
        let found = project(&wells, &[[0.1, 0.3]]).unwrap();
        assert!((found[0][1] - 0.5).abs() < 1e-2, "{found:?}");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let bell = Bell::new([0.0; 2], [[1.0, 0.0], [0.0, 1.0]]).unwrap();
        let said = predict(&bell, f64::NAN, 1.0).unwrap_err().to_string();
        assert!(said.contains("y1") && said.contains("NaN"), "{said}");
        assert!(project(&bell, &[[f64::INFINITY, 0.0]]).is_err());
    }
}
