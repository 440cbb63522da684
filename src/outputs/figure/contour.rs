//! An energy on a plane as bands of heights and the lines between them.

use crate::energy::Plane;
use std::collections::{HashMap, VecDeque};

/// Colours of a map.
pub(super) const BANDS: usize = 12;

/// The band of each energy, 0 the lowest, and the levels between bands. Bands grow wider
/// upwards (their borders are squares), so that a narrow valley shows as well as the
/// hills around it; the highest tenth is one band.
pub(super) fn bands(energies: &[f64]) -> (Vec<usize>, Vec<f64>) {
    let mut sorted: Vec<f64> = energies.iter().copied().filter(|e| e.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * sorted.len().saturating_sub(1) as f64) as usize;
        sorted.get(index).copied().unwrap_or(0.0)
    };
    let (low, high) = (at(0.0), at(0.9));
    let level = |band: usize| low + (high - low) * (band as f64 / BANDS as f64).powf(1.5);
    let levels: Vec<f64> = (1..BANDS).map(level).collect();
    let band = |energy: &f64| levels.partition_point(|level| level < energy);
    (energies.iter().map(band).collect(), levels)
}

/// Two places.
pub(super) type Corners = [(f64, f64); 2];

/// Cells of one band beside each other as one rectangle.
pub(super) fn runs(plane: &Plane, bands: &[usize]) -> Vec<(Corners, usize)> {
    let width = plane.width();
    let place = |index: usize| -plane.reach + index as f64 * width;
    let mut runs = Vec::new();
    for (row, bands) in bands.chunks(plane.side.max(1)).enumerate() {
        let mut start = 0;
        for end in 1..=bands.len() {
            if end == bands.len() || bands[end] != bands[start] {
                let corners = [(place(start), place(row)), (place(end), place(row + 1))];
                runs.push((corners, bands[start]));
                start = end;
            }
        }
    }
    runs
}

/// The line on which the energy is `level`, in pieces (marching squares between the
/// cells' middles).
pub(super) fn contour(plane: &Plane, energies: &[f64], level: f64) -> Vec<Corners> {
    let axis = plane.axis();
    let mut pieces = Vec::new();
    for row in 0..plane.side.saturating_sub(1) {
        for column in 0..plane.side - 1 {
            let corner = |dx: usize, dy: usize| {
                let (x, y) = (column + dx, row + dy);
                (axis[x], axis[y], energies[y * plane.side + x] - level)
            };
            let corners = [corner(0, 0), corner(1, 0), corner(1, 1), corner(0, 1)];
            let crossings: Vec<(f64, f64)> = (0..4)
                .filter_map(|side| {
                    let (a, b) = (corners[side], corners[(side + 1) % 4]);
                    ((a.2 < 0.0) != (b.2 < 0.0)).then(|| {
                        let t = a.2 / (a.2 - b.2);
                        (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))
                    })
                })
                .collect();
            pieces.extend(crossings.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
        }
    }
    pieces
}

/// Pieces that end where others begin, as lines of many places.
pub(super) fn joined(pieces: Vec<Corners>) -> Vec<Vec<(f64, f64)>> {
    let key = |place: (f64, f64)| {
        (
            (place.0 * 1e7).round() as i64,
            (place.1 * 1e7).round() as i64,
        )
    };
    let mut ends: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        for end in piece {
            ends.entry(key(*end)).or_default().push(index);
        }
    }
    let mut used = vec![false; pieces.len()];
    let mut lines = Vec::new();
    for start in 0..pieces.len() {
        if std::mem::replace(&mut used[start], true) {
            continue;
        }
        let mut line = VecDeque::from(pieces[start]);
        for ahead in [true, false] {
            loop {
                let tip = if ahead { line[line.len() - 1] } else { line[0] };
                let next = ends[&key(tip)].iter().copied().find(|&index| !used[index]);
                let Some(next) = next else { break };
                used[next] = true;
                let [a, b] = pieces[next];
                let far = if key(a) == key(tip) { b } else { a };
                if ahead {
                    line.push_back(far);
                } else {
                    line.push_front(far);
                }
            }
        }
        lines.push(line.into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANE: Plane = Plane {
        reach: 1.0,
        side: 20,
    };

    fn bowl() -> Vec<f64> {
        let points = PLANE.points();
        points.iter().map(|y| y[0] * y[0] + y[1] * y[1]).collect()
    }

    #[test]
    fn a_contour_lies_where_the_energy_is_its_level() {
        let pieces = contour(&PLANE, &bowl(), 0.49);
        assert!(pieces.len() > 30);
        for (x, y) in pieces.into_iter().flatten() {
            assert!(((x * x + y * y).sqrt() - 0.7).abs() < 0.01, "{x} {y}");
        }
        // One ring, once around.
        let count = contour(&PLANE, &bowl(), 0.49).len();
        let lines = joined(contour(&PLANE, &bowl(), 0.49));
        assert_eq!((lines.len(), lines[0].len()), (1, count + 1));
    }

    #[test]
    fn runs_cover_the_plane_once() {
        let (bands, levels) = bands(&bowl());
        assert_eq!(levels.len(), BANDS - 1);
        assert!(bands.contains(&0) && bands.contains(&(BANDS - 1)));
        let area: f64 = runs(&PLANE, &bands)
            .iter()
            .map(|([a, b], _)| (b.0 - a.0) * (b.1 - a.1))
            .sum();
        assert!((area - 4.0).abs() < 1e-9, "{area}");
    }
}
