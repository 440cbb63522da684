//! Slopes and curvatures of the error, summed over pixels at one time.

use super::pose::Yx;

/// Sums over the pixels of one piece, or of a sheet, at one time.
pub struct MotionSums {
    ways: usize,
    /// One number a way.
    pub slope: Vec<f64>,
    /// Row after row, the upper half.
    pub curvature: Vec<f64>,
}

impl MotionSums {
    /// None yet.
    pub fn new(ways: usize) -> Self {
        Self {
            ways,
            slope: vec![0.0; ways],
            curvature: vec![0.0; ways * ways],
        }
    }

    /// Adds a pixel: how its place changes with each way, and how its colours with the place.
    pub fn add(&mut self, slopes: &[Yx], across: [f32; 3], pull: (f32, f32)) {
        let [yy, yx, xx] = across.map(f64::from);
        for (a, one) in slopes.iter().enumerate() {
            self.slope[a] += one.0 * f64::from(pull.0) + one.1 * f64::from(pull.1);
            let pushed = (yy * one.0 + yx * one.1, yx * one.0 + xx * one.1);
            for (b, other) in slopes.iter().enumerate().skip(a) {
                self.curvature[a * self.ways + b] += pushed.0 * other.0 + pushed.1 * other.1;
            }
        }
    }

    /// From numbers of this time to those of each function of time.
    pub fn spread(
        &self,
        functions: &[f64],
        weight: f64,
        (slope, curvature): (&mut [f64], &mut [f64]),
    ) {
        let (count, ways) = (functions.len(), self.ways);
        let size = ways * count;
        for a in 0..ways {
            for (k, one) in functions.iter().enumerate() {
                slope[a * count + k] += weight * one * self.slope[a];
                let row = &mut curvature[(a * count + k) * size..][..size];
                for b in 0..ways {
                    let entry = self.curvature[a.min(b) * ways + a.max(b)];
                    for (l, other) in functions.iter().enumerate() {
                        row[b * count + l] += weight * one * other * entry;
                    }
                }
            }
        }
    }
}
