//! The first picture of a run: futures of the whole-horizon model, before the networks learn.

use super::Plan;
use crate::data::Window;
use crate::error::Result;
use crate::horizon::{Drawing, WholeHorizon, frames, with_past};
use crate::outputs::picture::{Cell, Picture, Row};
use candle_core::{IndexOp as _, Tensor};

/// Windows among which the liveliest is shown, futures, and columns at most.
const WINDOWS: usize = 24;
const FUTURES: usize = 4;
const COLUMNS: usize = 8;
/// About how wide a frame is drawn, in pixels.
const WIDE: usize = 128;

/// Futures of the validation part's liveliest window, below what came; none where it has no window.
///
/// # Errors
/// Footage that cannot be read, an interrupt.
pub(super) fn first_picture(plan: &Plan, model: &WholeHorizon) -> Result<Option<Picture>> {
    let length = model.context + model.frames;
    let mut liveliest: Option<(f64, Window)> = None;
    for window in plan.split.validation.spread(length, WINDOWS) {
        let frames = frames(&plan.footage, &window, length)?;
        let (first, last) = (&frames[model.context - 1], &frames[length - 1]);
        let change = first
            .iter()
            .zip(last)
            .map(|(a, b)| f64::from((a - b).powi(2)));
        let change = change.sum();
        if liveliest.is_none_or(|(most, _)| change > most) {
            liveliest = Some((change, window));
        }
    }
    let Some((_, window)) = liveliest else {
        return Ok(None);
    };
    let (film, before) = with_past(&plan.footage, &window, length)?;
    let seen = before + model.context;
    let [channels, height, width] = model.appearance.background.shape;
    let tensor = |frames: &[Vec<f32>]| {
        let shape = (1, frames.len(), channels, height, width);
        Tensor::from_vec(frames.concat(), shape, &candle_core::Device::Cpu)
    };
    let columns = COLUMNS.min(model.frames);
    let mut times: Vec<usize> = (1..=columns)
        .map(|column| column * model.frames / columns)
        .collect();
    times.dedup();
    let drawing = Drawing {
        futures: FUTURES,
        times: &times,
        temperature: plan.settings.evaluation.temperature,
        watch: None,
    };
    let mut rng = plan.seed.stream("first picture", 0);
    let futures = model.futures(&tensor(&film[..seen])?, drawing, &mut rng)?;
    let real = tensor(&film)?.squeeze(0)?;
    let mut cells = vec![Cell::tensor(&real.i(seen - 1)?)?.caption("last")];
    for time in &times {
        let cell = Cell::tensor(&real.i(seen - 1 + time)?)?;
        cells.push(cell.caption(format!("+{time}")));
    }
    let mut rows = vec![Row::new("real", cells)];
    for future in 0..FUTURES {
        let drawn = (0..times.len()).map(|at| Cell::tensor(&futures.i((future, at))?));
        let mut cells = vec![Cell::gap()];
        cells.extend(drawn.collect::<Result<Vec<_>>>()?);
        rows.push(Row::new(format!("future {}", future + 1), cells));
    }
    let scale = (WIDE / width.max(1)).clamp(1, 8);
    Ok(Some(Picture::rows(&rows, scale)))
}
