//! A sheet: the whole frame, moved by a smooth field.
//!
//! Before a camera that moves, and where the subject never leaves its place, no background is known.
//! There x_T itself bends: ŷ(p) = x_T(p − D(p)), and D is a sum of cosines that are slow in space.

use super::pose::Yx;
use super::texels::Texels;
use std::f64::consts::PI;

/// The field's shapes: cos(iπ(y + ½)/H)·cos(jπ(x + ½)/W) for i, j below `modes`, slow ones first.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// H and W in the model's pixels.
    pub size: (usize, usize),
    /// The model's pixels of a step of 1.
    pub reach: f64,
    modes: usize,
    /// i and j of each shape.
    order: Vec<(usize, usize)>,
}

/// The field at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct SheetField<'a> {
    sheet: &'a Sheet,
    /// For each i and j how far it moves down and right, in the model's pixels.
    steps: Vec<Yx>,
}

/// The number of `modes` along an axis of a sheet with so many ways, 2·modes². None where there is none.
pub fn modes_of(ways: usize) -> Option<usize> {
    let modes = (ways / 2).isqrt();
    (modes > 0 && 2 * modes * modes == ways).then_some(modes)
}

impl Sheet {
    /// Of frames (H, W), with 2·`modes`² ways: down and right for each shape, the first two for all places alike.
    pub fn new(size: (usize, usize), modes: usize, reach: f64) -> Self {
        let mut order: Vec<(usize, usize)> = (0..modes)
            .flat_map(|i| (0..modes).map(move |j| (i, j)))
            .collect();
        order.sort_by_key(|&(i, j)| (i * i + j * j, i));
        Self {
            size,
            reach,
            modes,
            order,
        }
    }

    /// How slow each shape is: i² + j².
    pub fn waves(&self) -> impl Iterator<Item = f64> + '_ {
        self.order.iter().map(|&(i, j)| (i * i + j * j) as f64)
    }

    /// The field of one number a way.
    pub fn field(&self, ways: &[f64]) -> SheetField<'_> {
        let mut steps = vec![(0.0, 0.0); self.modes * self.modes];
        let (pairs, _) = ways.as_chunks();
        for (&(i, j), [down, right]) in self.order.iter().zip(pairs) {
            steps[i * self.modes + j] = (self.reach * down, self.reach * right);
        }
        SheetField { sheet: self, steps }
    }

    fn waves_at(&self, place: f64, length: usize) -> Vec<f64> {
        let phase = PI * (place + 0.5) / length as f64;
        (0..self.modes).map(|i| (i as f64 * phase).cos()).collect()
    }
}

impl SheetField<'_> {
    /// For each texel of a canvas, row by row, its index and the place of x_T that is shown there.
    pub fn each(&self, canvas: &Texels, mut show: impl FnMut(usize, Yx)) {
        self.rows(canvas, |row| {
            for at in 0..canvas.size.1 {
                show(row.first + at, row.from[at]);
            }
        });
    }

    fn rows(&self, canvas: &Texels, mut show: impl FnMut(&SheetRow)) {
        let (sheet, modes) = (self.sheet, self.sheet.modes);
        let across: Vec<Vec<f64>> = (0..canvas.size.1)
            .map(|column| sheet.waves_at(canvas.centre(0, column).1, sheet.size.1))
            .collect();
        let mut from = vec![(0.0, 0.0); canvas.size.1];
        for row in 0..canvas.size.0 {
            let y = canvas.centre(row, 0).0;
            let down = sheet.waves_at(y, sheet.size.0);
            let line: Vec<Yx> = (0..modes)
                .map(|j| {
                    let column = down.iter().zip(self.steps[j..].iter().step_by(modes));
                    column.fold((0.0, 0.0), |sum, (wave, step)| {
                        (sum.0 + wave * step.0, sum.1 + wave * step.1)
                    })
                })
                .collect();
            for (column, (from, across)) in from.iter_mut().zip(&across).enumerate() {
                let mut place = (y, canvas.centre(row, column).1);
                for (wave, step) in across.iter().zip(&line) {
                    place.0 -= wave * step.0;
                    place.1 -= wave * step.1;
                }
                *from = place;
            }
            show(&SheetRow {
                first: row * canvas.size.1,
                down: &down,
                across: &across,
                from: &from,
            });
        }
    }

    /// Sums over all pixels of half the squared error's slope in each way, and of the upper half of its Gauss–Newton curvature,
    /// row after row. `look` gives for each pixel and the place it shows the products of the picture's slopes, down·down,
    /// down·right and right·right, and down and right times the error, all summed over channels.
    pub fn sums(
        &self,
        canvas: &Texels,
        (slope, curvature): (&mut [f64], &mut [f64]),
        mut look: impl FnMut(usize, Yx) -> ([f32; 3], (f32, f32)),
    ) {
        let (sheet, modes) = (self.sheet, self.sheet.modes);
        let ways = 2 * sheet.order.len();
        let mut pulls = vec![(0.0, 0.0); modes];
        let mut pairs = vec![[0.0; 3]; modes * modes];
        self.rows(canvas, |row| {
            pulls.fill((0.0, 0.0));
            pairs.fill([0.0; 3]);
            for (at, across) in row.across.iter().enumerate() {
                let (products, pull) = look(row.first + at, row.from[at]);
                let products = products.map(f64::from);
                for (j, one) in across.iter().enumerate() {
                    pulls[j].0 += one * f64::from(pull.0);
                    pulls[j].1 += one * f64::from(pull.1);
                    for (l, other) in across.iter().enumerate().skip(j) {
                        let both = one * other;
                        let sum = &mut pairs[j * modes + l];
                        for (sum, product) in sum.iter_mut().zip(products) {
                            *sum += both * product;
                        }
                    }
                }
            }
            let reach = sheet.reach;
            for (m, &(i, j)) in sheet.order.iter().enumerate() {
                let weight = -reach * row.down[i];
                slope[2 * m] += weight * pulls[j].0;
                slope[2 * m + 1] += weight * pulls[j].1;
                for (n, &(k, l)) in sheet.order.iter().enumerate().skip(m) {
                    let weight = reach * reach * row.down[i] * row.down[k];
                    let [yy, yx, xx] = pairs[j.min(l) * modes + j.max(l)];
                    curvature[2 * m * ways + 2 * n] += weight * yy;
                    curvature[2 * m * ways + 2 * n + 1] += weight * yx;
                    curvature[(2 * m + 1) * ways + 2 * n + 1] += weight * xx;
                    if n > m {
                        curvature[(2 * m + 1) * ways + 2 * n] += weight * yx;
                    }
                }
            }
        });
    }
}

/// One row of a canvas under a field.
struct SheetRow<'a> {
    /// The index of its first texel.
    first: usize,
    /// The cosines along y, and for each column those along x.
    down: &'a [f64],
    across: &'a [Vec<f64>],
    /// The places of x_T that are shown.
    from: &'a [Yx],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas() -> Texels {
        Texels::of_frame(&[0.0; 12 * 16], (12, 16), 1.0)
    }

    #[test]
    fn the_first_two_ways_move_all_alike() {
        let sheet = Sheet::new((12, 16), 3, 2.0);
        let mut ways = [0.0; 18];
        (ways[0], ways[1]) = (0.5, -1.0);
        let canvas = canvas();
        sheet.field(&ways).each(&canvas, |at, from| {
            let (y, x) = canvas.centre(at / 16, at % 16);
            assert_eq!(from, (y - 1.0, x + 2.0));
        });
        assert_eq!(sheet.waves().collect::<Vec<_>>()[..3], [0.0, 1.0, 1.0]);
    }

    #[test]
    fn a_finer_canvas_moves_alike() {
        let sheet = Sheet::new((12, 16), 2, 2.0);
        let ways: Vec<f64> = (0..8).map(|way| 0.3 - 0.1 * f64::from(way)).collect();
        let values = vec![[0.0; 4]; 36 * 48];
        let fine = Texels::new((36, 48), values, 1.0 / 3.0, (-0.5, -0.5));
        let mut coarse = Vec::new();
        sheet
            .field(&ways)
            .each(&canvas(), |_, from| coarse.push(from));
        sheet.field(&ways).each(&fine, |at, from| {
            let (row, column) = (at / 48, at % 48);
            if row % 3 == 1 && column % 3 == 1 {
                let other = coarse[row / 3 * 16 + column / 3];
                assert!((other.0 - from.0).hypot(other.1 - from.1) < 1e-9);
            }
        });
    }

    #[test]
    fn only_twice_a_square_is_a_number_of_ways() {
        let squares: Vec<_> = [2, 8, 18, 4, 0, 9].map(modes_of).into();
        assert_eq!(squares, [Some(1), Some(2), Some(3), None, None, None]);
    }
}
