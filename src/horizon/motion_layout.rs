//! Which numbers a piece's z has, and which features.

use super::kernel_ridge::KernelRidge;
use super::motion_prior::MotionExample;
use crate::error::Result;

/// What the numbers of a piece's z and its features are.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionLayout {
    /// How many of z's first numbers say where a piece goes. They are as far off as s(x) says, and curves foretell them. The others
    /// say how it turns and grows, which large pieces tell.
    pub scaled: usize,
    /// How many of the last features tell, beside how much moved, which moments are alike. The very last is the size.
    pub marks: usize,
    /// Numbers of z, each with the feature that it equals if all goes on as before.
    pub carried: Vec<(usize, usize)>,
}

impl MotionLayout {
    /// z of something that goes on as before.
    pub fn going_on(&self, features: &[f64], size: usize) -> Vec<f64> {
        let mut on = vec![0.0; size];
        for &(number, feature) in &self.carried {
            on[number] = features[feature];
        }
        on
    }

    /// Features in deviations, weighted by how much they tell of likeness: growth, turns and changes of speed tell half as
    /// much as speed, place and size. At a distance of 1 features are a deviation apart on the average.
    pub(super) fn row(&self, standard: &[f64]) -> Vec<f64> {
        let scales = self.scales(standard.len());
        standard.iter().zip(scales).map(|(x, s)| x * s).collect()
    }

    /// The first numbers of how far all is from going on, foretold.
    pub(super) fn curve(
        &self,
        examples: &[MotionExample],
        rows: &[Vec<f64>],
        offs: &[Vec<f64>],
    ) -> Result<(KernelRidge, Vec<Vec<f64>>)> {
        let scaled: Vec<Vec<f64>> = rows.iter().map(|row| self.row(row)).collect();
        let targets: Vec<&[f64]> = offs.iter().map(|off| &off[..self.scaled]).collect();
        let area = |e: &MotionExample| match self.marks {
            0 => 1.0,
            _ => (2.0 * e.features.last().copied().unwrap_or(0.0)).exp(),
        };
        let areas: Vec<f64> = examples.iter().map(area).collect();
        let (mut curve, left) = KernelRidge::learn(&scaled, &targets, &areas)?;
        for line in &mut curve.lines {
            let scales = self.scales(line.len() - 1);
            line.iter_mut()
                .zip(scales)
                .for_each(|(slope, s)| *slope *= s);
        }
        Ok((curve, left))
    }

    fn scales(&self, count: usize) -> Vec<f64> {
        let tells = |at: usize| match self.marks {
            0 => 1.0,
            marks if at < 2 || at + marks >= count => 1.0,
            _ => 0.5f64,
        };
        let squares: f64 = (0..count).map(|at| tells(at).powi(2)).sum();
        (0..count).map(|at| tells(at) / squares.sqrt()).collect()
    }
}
