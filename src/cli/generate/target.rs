//! Where futures go, and in which files.

use super::{Format, Futures, Grid, Input, Moment, grid};
use crate::error::{Error, Result};
use crate::folders::{Filled, is_counted, replace_folder};
use crate::outputs::film::write_film;
use crate::{files, interrupt};
use safetensors::{Dtype, SafeTensorError, tensor::TensorView};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// All that is written.
pub(super) struct Made<'a> {
    pub input: &'a Input,
    pub moment: Moment,
    pub futures: Futures,
    /// The least-squares prediction for the first sequence.
    pub mse: Option<Futures>,
}

impl Made<'_> {
    /// Frame `index` of the first sequence, from the context's first one on.
    ///
    /// # Errors
    /// Where the footage changes meanwhile.
    pub fn past(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.input.footage.frame(self.moment.start + index)
    }
}

/// The paths of what was written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    grid: Option<String>,
    animation: Option<String>,
    real: Option<String>,
    futures: Vec<String>,
    /// Of the futures of the first context: the sum over frames of log p(z | x), a
    /// density where z is continuous.
    log_probabilities: Option<Vec<f32>>,
    /// Which member of the model drew each of them, the first being 1.
    members: Vec<usize>,
}

impl Written {
    /// All of them, the grid first.
    pub fn paths(&self) -> Vec<String> {
        let one = [&self.grid, &self.animation, &self.real];
        one.into_iter()
            .flatten()
            .chain(&self.futures)
            .cloned()
            .collect()
    }
}

/// Where futures go.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    /// One file instead of a folder.
    single: bool,
    format: Option<Format>,
}

impl Target {
    /// # Errors
    /// A path that is taken or does not go with the format.
    pub fn new(path: &Path, format: Option<Format>, overwrite: bool) -> Result<Self> {
        let refuse = |problem: String, hint: &str| {
            Err(Error::input(path.display().to_string(), problem, hint))
        };
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_lowercase());
        let single = ending.as_deref() == Some("safetensors");
        if let (Some("mp4" | "gif" | "png"), false) = (ending.as_deref(), path.is_dir()) {
            return refuse(
                "each future becomes a file of its own".to_owned(),
                "name a folder, and give the ending as --format",
            );
        }
        if single && !matches!(format, None | Some(Format::Safetensors)) {
            return refuse(
                "--output and --format name different formats".to_owned(),
                "name a folder, or leave --format out",
            );
        }
        if format == Some(Format::Mp4) && !cfg!(feature = "ffmpeg") {
            return Err(Error::input(
                "--format mp4",
                "this build has no FFmpeg to write it with",
                "use gif, png or safetensors, or build with --features ffmpeg",
            ));
        }
        if single && path.is_dir() {
            return refuse("it is a folder".to_owned(), "name a file");
        }
        if single && path.exists() && !overwrite {
            return refuse(
                "it exists".to_owned(),
                "add --overwrite, or name another file",
            );
        }
        if !single && path.exists() {
            if !path.is_dir() {
                return refuse(
                    "it is a file".to_owned(),
                    "name a folder, or a .safetensors",
                );
            }
            FOLDER.check(path)?;
        }
        Ok(Self {
            path: path.to_path_buf(),
            single,
            format: if single {
                Some(Format::Safetensors)
            } else {
                format
            },
        })
    }

    /// The target for a batch of `rows` sequences.
    ///
    /// # Errors
    /// A format that holds only one.
    pub fn batched(self, rows: usize) -> Result<Self> {
        match self.format {
            _ if rows == 1 => Ok(self),
            None | Some(Format::Safetensors) => {
                if !self.single {
                    tracing::info!("the grid shows the first of {rows} sequences");
                }
                Ok(Self {
                    format: Some(Format::Safetensors),
                    ..self
                })
            }
            Some(_) => Err(Error::input(
                "--format",
                format!("the input is a batch of {rows} sequences, a film shows one"),
                "use --format safetensors",
            )),
        }
    }

    /// Writes everything, or nothing.
    pub fn write(&self, made: &Made) -> Result<Written> {
        if self.single {
            write_tensors(&self.path, made)?;
            return Ok(Written {
                grid: None,
                animation: None,
                real: None,
                futures: vec![self.path.display().to_string()],
                log_probabilities: log_probabilities(made),
                members: members(made),
            });
        }
        let films = if cfg!(feature = "ffmpeg") {
            Format::Mp4
        } else {
            Format::Gif
        };
        let format = self.format.unwrap_or(films);
        let animated = match format {
            Format::Mp4 | Format::Gif => format,
            Format::Png => Format::Gif,
            Format::Safetensors => films,
        };
        let mut written = None;
        replace_folder(&self.path, &FOLDER, |folder| {
            written = Some(self.fill(folder, made, format, animated)?);
            Ok(())
        })?;
        written.ok_or(Error::Interrupted)
    }

    fn fill(&self, new: &Path, made: &Made, format: Format, animated: Format) -> Result<Written> {
        let place = |name: &str| self.path.join(name).display().to_string();
        let shape = made.futures.frame_shape();
        let rate = made.input.footage.frame_rate();
        let write = |name: &str, frames: &[u8]| -> Result<String> {
            let [channels, height, width] = shape;
            let length = frames.len() / (channels * height * width);
            let size = [length, channels, height, width];
            interrupt::check()?;
            write_film(&new.join(name), frames, size, rate, grid::film_scale(shape))?;
            Ok(place(name))
        };
        let all = Grid::new(made)?;
        all.save_picture(&new.join("grid.png"))?;
        let animation = format!("grid.{}", ending(animated));
        all.save_film(&new.join(&animation))?;
        let real = match made.moment.real {
            _ if format == Format::Safetensors && made.input.sequences.len() > 1 => None,
            0 => None,
            count => {
                let after = made.moment.context..made.moment.context + count;
                let frames = after.map(|index| made.past(index));
                let frames = frames.collect::<Result<Vec<_>>>()?.concat();
                Some(write(&format!("real.{}", ending(format)), &frames)?)
            }
        };
        let futures = if format == Format::Safetensors {
            write_tensors(&new.join(TENSORS), made)?;
            vec![place(TENSORS)]
        } else {
            let count = made.futures.shape[1];
            let digits = count.to_string().len().max(2);
            let one = |future: usize| {
                let name = format!("future-{:0digits$}.{}", future + 1, ending(format));
                write(&name, made.futures.film(future))
            };
            (0..count).map(one).collect::<Result<_>>()?
        };
        Ok(Written {
            grid: Some(place("grid.png")),
            animation: Some(place(&animation)),
            real,
            futures,
            log_probabilities: log_probabilities(made),
            members: members(made),
        })
    }
}

/// The name of the one file with all futures, in a folder.
const TENSORS: &str = "futures.safetensors";

/// What `generate` writes.
const FOLDER: Filled = Filled {
    mark: "grid.png",
    ours: is_ours,
};

/// Whether `generate` writes files of that name.
fn is_ours(name: &str) -> bool {
    const ENDINGS: [&str; 4] = ["mp4", "gif", "png", "safetensors"];
    let Some((stem, ending)) = name.split_once('.') else {
        return false;
    };
    let number = stem.strip_prefix("future-");
    let counted = number.is_some_and(|number| is_counted(number, 2));
    name == TENSORS || (ENDINGS.contains(&ending) && (matches!(stem, "grid" | "real") || counted))
}

fn log_probabilities(made: &Made) -> Option<Vec<f32>> {
    let count = made.futures.shape[1];
    made.futures.likelihoods.get(..count).map(<[f32]>::to_vec)
}

fn members(made: &Made) -> Vec<usize> {
    let count = made.futures.shape[1];
    made.futures.members.iter().take(count).copied().collect()
}

fn ending(format: Format) -> &'static str {
    match format {
        Format::Mp4 => "mp4",
        Format::Gif => "gif",
        Format::Png => "png",
        Format::Safetensors => "safetensors",
    }
}

/// `context` (B, Tc, C, H, W), `futures` (B, N, T, C, H, W) and `member` (B, N), which of the
/// model's drew each, the first being 1, u8, and where there is a z `log_probability` (B, N),
/// f32; where it is learned `remainder` (B, T, C, H, W), f32, the standard deviation of what
/// futures leave unexplained, of values in [0, 1].
fn write_tensors(path: &Path, made: &Made) -> Result<()> {
    let fail = |error| Error::Tensor(candle_core::Error::SafeTensor(error));
    let footage = &made.input.footage;
    let starts = made
        .input
        .sequences
        .iter()
        .map(|sequence| sequence.start + made.moment.start);
    let context = starts
        .flat_map(|start| start..start + made.moment.context)
        .map(|index| footage.frame(index))
        .collect::<Result<Vec<_>>>()?
        .concat();
    let [rows, _, _, channels, height, width] = made.futures.shape;
    let past = vec![rows, made.moment.context, channels, height, width];
    let bytes = |values: &[f32]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let members: Vec<u8> = (made.futures.members.iter())
        .map(|&member| member as u8)
        .collect();
    let likelihoods = bytes(&made.futures.likelihoods);
    let remainder = bytes(&made.futures.remainder);
    let mut tensors = vec![
        (
            "context",
            TensorView::new(Dtype::U8, past, &context).map_err(fail)?,
        ),
        (
            "futures",
            TensorView::new(Dtype::U8, made.futures.shape.to_vec(), &made.futures.bytes)
                .map_err(fail)?,
        ),
        (
            "member",
            TensorView::new(Dtype::U8, made.futures.shape[..2].to_vec(), &members).map_err(fail)?,
        ),
    ];
    if !likelihoods.is_empty() {
        let shape = made.futures.shape[..2].to_vec();
        let view = TensorView::new(Dtype::F32, shape, &likelihoods).map_err(fail)?;
        tensors.push(("log_probability", view));
    }
    if !remainder.is_empty() {
        let [rows, _, frames, channels, height, width] = made.futures.shape;
        let shape = vec![rows, frames, channels, height, width];
        let view = TensorView::new(Dtype::F32, shape, &remainder).map_err(fail)?;
        tensors.push(("remainder", view));
    }
    let about = HashMap::from([("frame_rate".to_owned(), footage.frame_rate().to_string())]);
    files::replace_by_name(path, |temporary| {
        safetensors::serialize_to_file(tensors, Some(about), temporary).map_err(|error| match error
        {
            SafeTensorError::IoError(error) => Error::io(path, error),
            error => fail(error),
        })
    })
}
