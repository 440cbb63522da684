//! All futures beside each other, as a picture and as a film.

use super::futures::Futures;
use super::target::Made;
use crate::error::Result;
use crate::outputs::film::write_film;
use crate::outputs::picture::{Cell, Picture, Row, spread};
use candle_core::Tensor;
use std::path::Path;

/// Futures that are shown; the others count in the mean and the spread.
const SHOWN: usize = 8;
/// Columns of the picture.
const COLUMNS: usize = 10;
/// Cells in a row of the film.
const ACROSS: usize = 4;
/// About how many pixels wide or high a frame of the picture gets.
const PICTURE_SIDE: usize = 128;
/// The same for a film.
const FILM_SIDE: usize = 192;
/// A spread below this is drawn dark.
const LEAST_SPREAD: f32 = 0.02;

/// How often pixels of a film are repeated, so that small frames can be seen.
pub(super) fn film_scale(shape: [usize; 3]) -> usize {
    scale(FILM_SIDE, shape)
}

fn scale(side: usize, [_, height, width]: [usize; 3]) -> usize {
    (side / height.max(width)).clamp(1, 8)
}

/// The first sequence's context, real future and predictions.
pub(super) struct Grid<'a> {
    made: &'a Made<'a>,
    shape: [usize; 3],
    /// The futures' mean and spread at each time; none of a single future.
    summary: Vec<(Tensor, Tensor)>,
    /// The spread that is drawn brightest.
    most: f32,
}

impl<'a> Grid<'a> {
    pub fn new(made: &'a Made<'a>) -> Result<Self> {
        let futures = &made.futures;
        let [_, count, frames, ..] = futures.shape;
        let mut summary = Vec::new();
        let mut most = LEAST_SPREAD;
        if count > 1 {
            for time in 0..frames {
                let all = futures.at(time)?;
                let spread = spread(&all)?;
                most = most.max(spread.max_all()?.to_vec0()?);
                summary.push((all.mean(0)?, spread));
            }
        }
        Ok(Self {
            made,
            shape: futures.frame_shape(),
            summary,
            most,
        })
    }

    /// Time from left to right, at most [`COLUMNS`] of it.
    pub fn save_picture(&self, path: &Path) -> Result<()> {
        let futures = &self.made.futures;
        let past = spaced(self.made.moment.context);
        let times = spaced(futures.shape[2]);
        let past = past.into_iter().map(|index| {
            let before = self.made.moment.context - 1 - index;
            let caption = if before == 0 {
                "t".to_owned()
            } else {
                format!("t-{before}")
            };
            Ok(self.cell(&self.made.past(index)?)?.caption(caption))
        });
        let mut rows = vec![Row::new("context", past.collect::<Result<_>>()?)];
        let row = |label: String, cell: &dyn Fn(usize) -> Result<Cell>| -> Result<Row> {
            let cells = times
                .iter()
                .map(|&time| cell(time))
                .collect::<Result<_>>()?;
            Ok(Row::new(label, cells))
        };
        if self.made.moment.real > 0 {
            rows.push(row("real".to_owned(), &|time| self.real(time))?);
        }
        if let Some(mse) = &self.made.mse {
            rows.push(row("mse".to_owned(), &|time| {
                self.cell(mse.frame(0, time))
            })?);
        }
        for future in 0..self.shown() {
            rows.push(row(format!("future {}", future + 1), &|time| {
                self.cell(futures.frame(future, time))
            })?);
        }
        if !self.summary.is_empty() {
            rows.push(row("mean".to_owned(), &|time| {
                Cell::tensor(&self.summary[time].0)
            })?);
            rows.push(row(format!("spread 0-{:.2}", self.most), &|time| {
                Cell::heat(&self.summary[time].1, self.most)
            })?);
        }
        if let Some(row) = rows.get_mut(1) {
            row.cells = std::mem::take(&mut row.cells)
                .into_iter()
                .zip(&times)
                .map(|(cell, time)| cell.caption(format!("t+{}", time + 1)))
                .collect();
        }
        Picture::rows(&rows, scale(PICTURE_SIDE, self.shape)).save(path)
    }

    /// The context, then what follows it, side by side.
    pub fn save_film(&self, path: &Path) -> Result<()> {
        let context = self.made.moment.context;
        let frames = self.made.futures.shape[2];
        let pictures = (0..context + frames)
            .map(|index| {
                let cells = self.moment(index.checked_sub(context), index)?;
                let offset = index as i64 - (context as i64 - 1);
                let mut rows: Vec<Row> = cells
                    .chunks(ACROSS)
                    .map(|cells| Row::new("", cells.to_vec()))
                    .collect();
                // As wide for each time, so that nothing jumps.
                rows[0].label = format!("{offset:>+5}");
                Ok(Picture::rows(&rows, 1))
            })
            .collect::<Result<Vec<_>>>()?;
        let (bytes, shape) = Picture::film(&pictures);
        let rate = self.made.input.footage.frame_rate();
        write_film(path, &bytes, shape, rate, film_scale(self.shape))
    }

    /// Every cell of the film at `time` of the future, or in the past, where
    /// all show frame `index` of the context.
    fn moment(&self, time: Option<usize>, index: usize) -> Result<Vec<Cell>> {
        let futures = &self.made.futures;
        let predicted = |of: &Futures, future: usize| match time {
            Some(time) => self.cell(of.frame(future, time)),
            None => self.cell(&self.made.past(index)?),
        };
        let mut cells = Vec::new();
        if self.made.moment.real > 0 {
            let cell = match time {
                Some(time) => self.real(time)?,
                None => self.cell(&self.made.past(index)?)?,
            };
            cells.push(cell.caption("real"));
        }
        if let Some(mse) = &self.made.mse {
            cells.push(predicted(mse, 0)?.caption("mse"));
        }
        for future in 0..self.shown() {
            cells.push(predicted(futures, future)?.caption(format!("future {}", future + 1)));
        }
        if !self.summary.is_empty() {
            let (mean, spread) = match time {
                Some(time) => {
                    let (mean, spread) = &self.summary[time];
                    (Cell::tensor(mean)?, Cell::heat(spread, self.most)?)
                }
                None => {
                    let none = self.summary[0].1.zeros_like()?;
                    (
                        self.cell(&self.made.past(index)?)?,
                        Cell::heat(&none, self.most)?,
                    )
                }
            };
            cells.extend([mean.caption("mean"), spread.caption("spread")]);
        }
        Ok(cells)
    }

    fn shown(&self) -> usize {
        self.made.futures.shape[1].min(SHOWN)
    }

    fn cell(&self, frame: &[u8]) -> Result<Cell> {
        Cell::frame(frame, self.shape)
    }

    /// The real frame, or a gap where the input has ended.
    fn real(&self, time: usize) -> Result<Cell> {
        if time < self.made.moment.real {
            self.cell(&self.made.past(self.made.moment.context + time)?)
        } else {
            Ok(Cell::gap())
        }
    }
}

/// At most [`COLUMNS`] of `count` indices, evenly spaced, both ends included.
fn spaced(count: usize) -> Vec<usize> {
    let columns = count.min(COLUMNS);
    let last = columns.max(2) - 1;
    (0..columns)
        .map(|column| (column * (count - 1) + last / 2) / last)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_evenly_spaced() {
        assert_eq!(spaced(1), [0]);
        assert_eq!(spaced(3), [0, 1, 2]);
        assert_eq!(spaced(16), [0, 2, 3, 5, 7, 8, 10, 12, 13, 15]);
    }
}
