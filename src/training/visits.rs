//! A z of its own for each training window, over its visits.

use crate::error::{Error, Result};
use candle_core::{Device, Tensor};
use std::collections::{BTreeMap, HashMap};

/// Training windows (B, context + 2, C, H, W) and, where they may be met again, what each
/// is called.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The frames.
    pub windows: &'a Tensor,
    /// A number for each window, the same whenever it comes; empty where unknown.
    pub names: &'a [u64],
}

impl<'a> From<&'a Tensor> for Batch<'a> {
    fn from(windows: &'a Tensor) -> Self {
        Self {
            windows,
            names: &[],
        }
    }
}

impl<'a> Batch<'a> {
    /// The windows from `start` up to `end`.
    pub(super) fn part(&self, start: usize, end: usize) -> Result<(Tensor, &'a [u64])> {
        let names = self.names.get(start..end).unwrap_or(&[]);
        Ok((self.windows.narrow(0, start, end - start)?, names))
    }
}

/// Where z was left at each window's last visit (GLO's table, Bojanowski et al. 2018).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Visits {
    rows: BTreeMap<u64, Vec<f64>>,
}

impl Visits {
    /// Where to start at these windows; nothing for one that is new.
    pub fn starts(&self, names: &[u64]) -> Vec<Option<Vec<f64>>> {
        names
            .iter()
            .map(|name| self.rows.get(name).cloned())
            .collect()
    }

    /// Keeps where z was left.
    pub fn note(&mut self, names: &[u64], left: &[Vec<f64>]) {
        let rows = names.iter().copied().zip(left.iter().cloned());
        self.rows.extend(rows);
    }

    /// Windows that were visited.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none was.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As tensors for a checkpoint, by names that start with `prefix`; none where it is
    /// empty.
    pub fn tensors(&self, prefix: &str) -> Result<Vec<(String, Tensor)>> {
        let Some(width) = self.rows.values().next().map(Vec::len) else {
            return Ok(Vec::new());
        };
        let halves = |name: &u64| [(name >> 32) as u32, *name as u32];
        let names: Vec<u32> = self.rows.keys().flat_map(halves).collect();
        let z: Vec<f64> = self.rows.values().flatten().copied().collect();
        let names = Tensor::from_vec(names, (self.len(), 2), &Device::Cpu)?;
        let z = Tensor::from_vec(z, (self.len(), width), &Device::Cpu)?;
        Ok(vec![
            (format!("{prefix}.{NAMES}"), names),
            (format!("{prefix}.{ROWS}"), z),
        ])
    }

    /// From tensors that [`Self::tensors`] made.
    ///
    /// # Errors
    /// One of the two without the other, or of another shape.
    pub fn load(tensors: &HashMap<String, Tensor>, prefix: &str) -> Result<Self> {
        let of = |name: &str| tensors.get(&format!("{prefix}.{name}"));
        let (names, z) = match (of(NAMES), of(ROWS)) {
            (None, None) => return Ok(Self::default()),
            (Some(names), Some(z)) if names.dims() == [z.dim(0)?, 2] => (names, z),
            _ => {
                return Err(Error::input(
                    format!("{prefix}.{ROWS}"),
                    "the table of z and the names of its windows do not belong together",
                    "resume from another checkpoint, or train anew",
                ));
            }
        };
        let name = |halves: Vec<u32>| u64::from(halves[0]) << 32 | u64::from(halves[1]);
        let names = names.to_vec2::<u32>()?.into_iter().map(name);
        Ok(Self {
            rows: names.zip(z.to_vec2::<f64>()?).collect(),
        })
    }
}

/// The names of a table's tensors.
const NAMES: &str = "table.windows";
const ROWS: &str = "table.z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_a_checkpoint() {
        let mut visits = Visits::default();
        assert!(visits.tensors("latent").unwrap().is_empty());
        visits.note(&[7, u64::MAX - 3], &[vec![0.5, -1.0], vec![2.0, 0.25]]);
        visits.note(&[7], &[vec![0.75, -1.0]]);
        assert_eq!(visits.starts(&[8, 7]), [None, Some(vec![0.75, -1.0])]);
        let mut tensors: HashMap<_, _> = visits.tensors("latent").unwrap().into_iter().collect();
        assert_eq!(Visits::load(&tensors, "latent").unwrap(), visits);
        assert!(Visits::load(&tensors, "mse").unwrap().is_empty());
        tensors.remove("latent.table.windows");
        let error = Visits::load(&tensors, "latent").unwrap_err();
        assert!(error.to_string().contains("latent.table.z"));
    }
}
