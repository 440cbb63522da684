//! What `fill` writes.

use crate::cli::input::Input;
use crate::error::{Error, Result};
use crate::evaluation::crps::crps;
use crate::evaluation::energy_score::energy_score;
use crate::evaluation::filling::Mask;
use crate::folders::{Filled, is_counted, replace_folder};
use crate::interrupt;
use crate::outputs::film::write_film;
use crate::outputs::picture::{Cell, Picture, Row, spread};
use crate::outputs::standard::{print, print_json};
use candle_core::Tensor;
use serde::Serialize;
use std::path::Path;

/// Fillings that are shown in the picture.
const SHOWN: usize = 6;
/// Columns of the picture.
const COLUMNS: usize = 10;
/// About how many pixels wide or high a frame of the picture gets.
const SIDE: usize = 128;
/// A spread below this is drawn dark.
const LEAST_SPREAD: f32 = 0.02;
/// What stands where a frame is hidden.
const HIDDEN: f32 = 0.5;

/// All that is written.
pub(super) struct Made<'a> {
    pub input: &'a Input,
    /// The film's first frame in the input.
    pub start: usize,
    /// As it is, (T, C, H, W).
    pub film: Tensor,
    pub mask: Mask,
    /// (N, T, C, H, W).
    pub fillings: Tensor,
    /// Least squares', (1, T, C, H, W).
    pub mse: Option<Tensor>,
}

/// How far fillings are from what the video shows behind the mask, means over hidden
/// frames, on pixels in [0, 1].
#[derive(Debug, Serialize)]
struct Scores {
    /// Of all hidden pixels of a frame together.
    energy_score: f64,
    /// Of each.
    crps: f64,
}

/// The paths of what was written, and the scores.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    grid: String,
    fillings: Vec<String>,
    scores: Scores,
    /// Of the least-squares model, where the run has one.
    mse: Option<Scores>,
    /// Of what each hidden pixel last showed.
    copy: Scores,
}

const FOLDER: Filled = Filled {
    mark: "grid.png",
    ours: is_ours,
};

/// Whether `fill` writes files of that name.
fn is_ours(name: &str) -> bool {
    let Some((stem, ending)) = name.split_once('.') else {
        return false;
    };
    let counted = (stem.strip_prefix("filling-")).is_some_and(|number| is_counted(number, 2));
    name == "grid.png" || (matches!(ending, "mp4" | "gif") && counted)
}

/// Refuses a place where nothing may be written, before any work is done.
pub(super) fn check(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    if !path.is_dir() {
        return Err(Error::input(
            path.display().to_string(),
            "it is a file",
            "name a folder",
        ));
    }
    FOLDER.check(path)
}

impl Made<'_> {
    /// Writes everything, or nothing.
    pub(super) fn write(&self, path: &Path) -> Result<Written> {
        let mut written = None;
        replace_folder(path, &FOLDER, |folder| {
            self.picture()?.save(&folder.join("grid.png"))?;
            let place = |name: &str| path.join(name).display().to_string();
            let count = self.fillings.dim(0)?;
            let digits = count.to_string().len().max(2);
            let ending = if cfg!(feature = "ffmpeg") {
                "mp4"
            } else {
                "gif"
            };
            let mut fillings = Vec::new();
            for filling in 0..count {
                interrupt::check()?;
                let name = format!("filling-{:0digits$}.{ending}", filling + 1);
                self.film(&self.fillings.get(filling)?, &folder.join(&name))?;
                fillings.push(place(&name));
            }
            written = Some(Written {
                grid: place("grid.png"),
                fillings,
                scores: self.scores(&self.fillings)?,
                mse: (self.mse.as_ref())
                    .map(|mse| self.scores(mse))
                    .transpose()?,
                copy: self.scores(&self.seen(None)?.unsqueeze(0)?)?,
            });
            Ok(())
        })?;
        written.ok_or(Error::Interrupted)
    }

    fn film(&self, frames: &Tensor, path: &Path) -> Result<()> {
        let frames = &match self.input.footage.is_backwards() {
            true => frames.flip(&[0])?,
            false => frames.clone(),
        };
        let (length, channels, height, width) = frames.dims4()?;
        let values = frames.flatten_all()?.to_vec1::<f32>()?;
        let bytes: Vec<u8> = (values.iter()).map(|v| (v * 255.0).round() as u8).collect();
        let rate = self.input.footage.frame_rate();
        let scale = (192 / height.max(width)).clamp(1, 8);
        write_film(path, &bytes, [length, channels, height, width], rate, scale)
    }

    /// Time from left to right: with a frame on each side of what is hidden.
    fn picture(&self) -> Result<Picture> {
        let (first, last) = self.mask.span().unwrap_or((0, 0));
        let shown = first.saturating_sub(1)..(last + 2).min(self.film.dim(0)?);
        let columns = shown.len().min(COLUMNS);
        let mut times: Vec<usize> = (0..columns)
            .map(|column| shown.start + column * (shown.len() - 1) / (columns - 1).max(1))
            .collect();
        let footage = &self.input.footage;
        if footage.is_backwards() {
            times.reverse();
        }
        let seconds = |time: usize| footage.clock(footage.times()[self.start + time]);
        let row = |label: String, frames: &Tensor| -> Result<Row> {
            let cells = (times.iter()).map(|&time| Cell::tensor(&frames.get(time)?));
            Ok(Row::new(label, cells.collect::<Result<_>>()?))
        };
        let mut real = row("real".to_owned(), &self.film)?;
        real.cells = (real.cells.into_iter().zip(&times))
            .map(|(cell, &time)| cell.caption(format!("{:.2} s", seconds(time))))
            .collect();
        let mut rows = vec![real, row("seen".to_owned(), &self.seen(Some(HIDDEN))?)?];
        if let Some(mse) = &self.mse {
            rows.push(row("mse".to_owned(), &mse.get(0)?)?);
        }
        let count = self.fillings.dim(0)?;
        for filling in 0..count.min(SHOWN) {
            let frames = self.fillings.get(filling)?;
            rows.push(row(format!("filling {}", filling + 1), &frames)?);
        }
        if count > 1 {
            let spreads: Vec<Tensor> = (times.iter())
                .map(|&time| spread(&self.fillings.narrow(1, time, 1)?.squeeze(1)?))
                .collect::<Result<_>>()?;
            let mut most = LEAST_SPREAD;
            for spread in &spreads {
                most = most.max(spread.max_all()?.to_scalar()?);
            }
            let cells = spreads.iter().map(|spread| Cell::heat(spread, most));
            let cells = cells.collect::<Result<_>>()?;
            rows.push(Row::new(format!("spread 0-{most:.2}"), cells));
        }
        let (_, _, height, width) = self.film.dims4()?;
        let scale = (SIDE / height.max(width)).clamp(1, 8);
        Ok(Picture::rows(&rows, scale))
    }

    /// The film with `instead` of what is hidden, or with what each pixel last showed.
    fn seen(&self, instead: Option<f32>) -> Result<Tensor> {
        let mut values = self.film.flatten_all()?.to_vec1::<f32>()?;
        let size = values.len() / self.film.dim(0)?.max(1);
        for time in 0..self.film.dim(0)? {
            let hidden = self.mask.of(time).unwrap_or(&[]);
            for (pixel, _) in hidden.iter().enumerate().filter(|(_, hidden)| **hidden) {
                // The first frame is whole.
                let at = time * size + pixel;
                values[at] = instead.unwrap_or(values[at.saturating_sub(size)]);
            }
        }
        Ok(Tensor::from_vec(
            values,
            self.film.dims(),
            self.film.device(),
        )?)
    }

    fn scores(&self, fillings: &Tensor) -> Result<Scores> {
        let (mut energy, mut each, mut count) = (0.0, 0.0, 0);
        for time in 0..self.film.dim(0)? {
            let Some(hidden) = self.mask.of(time) else {
                continue;
            };
            let truth = self.film.get(time)?.flatten_all()?.to_vec1::<f32>()?;
            let made = fillings
                .narrow(1, time, 1)?
                .flatten_from(1)?
                .to_vec2::<f32>()?;
            let made: Vec<&[f32]> = made.iter().map(Vec::as_slice).collect();
            if let (Some(score), Some(of_each)) = (
                energy_score(&made, &truth, Some(hidden)),
                crps(&made, &truth, Some(hidden)),
            ) {
                energy += score;
                each += of_each;
                count += 1;
            }
        }
        let count = f64::from(count.max(1));
        Ok(Scores {
            energy_score: energy / count,
            crps: each / count,
        })
    }
}

impl Written {
    /// To standard output.
    pub(super) fn print(&self, json: bool) -> Result<()> {
        if json {
            return print_json(self);
        }
        let paths = std::iter::once(&self.grid).chain(&self.fillings);
        print(&paths.cloned().collect::<Vec<_>>().join("\n"))?;
        let score = |scores: &Scores| {
            format!(
                "energy score {:.4}, CRPS {:.4}",
                scores.energy_score, scores.crps
            )
        };
        tracing::info!("behind the mask: {}", score(&self.scores));
        if let Some(mse) = &self.mse {
            tracing::info!("least squares:   {}", score(mse));
        }
        tracing::info!("last seen:       {}", score(&self.copy));
        Ok(())
    }
}
