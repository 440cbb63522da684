//! How a training goes, as a film.

use crate::error::Result;
use crate::outputs::figure::{Figure, Panel};
use crate::outputs::picture::Picture;

/// Pictures before the last.
const PICTURES: usize = 20;

/// Some twenty pictures of a training, evenly spaced, and one of its end.
pub(super) struct Film {
    unit: &'static str,
    steps: usize,
    pictures: Vec<Picture>,
}

impl Film {
    /// Of `steps` steps, which are called `unit`.
    pub fn new(unit: &'static str, steps: usize) -> Self {
        Self {
            unit,
            steps,
            pictures: Vec::new(),
        }
    }

    /// What `draw` makes of the title, if a picture is due before step number `step` (from
    /// 0 on); none is after the last.
    ///
    /// # Errors
    /// What cannot be drawn.
    pub fn take(&mut self, step: usize, draw: impl FnOnce(&str) -> Result<Panel>) -> Result<()> {
        let due = step <= self.steps && PICTURES * step >= self.pictures.len() * self.steps;
        if due {
            let panel = draw(&format!("{} {step}", self.unit))?;
            self.pictures.push(Figure::new(1, vec![panel]).picture()?);
        }
        Ok(())
    }

    /// The pictures so far.
    pub fn pictures(&self) -> &[Picture] {
        &self.pictures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_evenly_spaced_and_end_with_the_end() {
        for (steps, expected) in [(1000, 21), (30, 21), (15, 16)] {
            let mut film = Film::new("step", steps);
            let mut taken = Vec::new();
            for step in 0..=steps + 10 {
                let draw = |title: &str| {
                    taken.push(title.to_owned());
                    Ok(Panel::plane(title, 1.0))
                };
                film.take(step, draw).unwrap();
            }
            assert_eq!(film.pictures().len(), expected, "{steps}");
            assert_eq!(taken[0], "step 0");
            assert_eq!(taken[expected - 1], format!("step {steps}"));
        }
    }
}
