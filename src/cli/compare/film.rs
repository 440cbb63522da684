//! The film of a comparison: what came, and what was predicted, side by side.

use super::contenders::Contender;
use crate::error::Result;
use crate::evaluation::comparison::Plan;
use crate::outputs::film::write_film;
use crate::outputs::picture::{Cell, Picture, Row};
use candle_core::{IndexOp as _, Tensor};
use std::path::Path;

/// Futures that are shown of a model with several.
const SHOWN: usize = 3;
/// About how wide a frame is drawn, in pixels.
const WIDE: usize = 128;
/// Frames per second, slow enough to look at each.
const RATE: f64 = 5.0;

/// Writes one window (1, T, C, H, W), number `index`, of which predictors see x, as a GIF: the context, then each
/// frame up to the last horizon, a column for each contender.
pub(super) fn write(
    path: &Path,
    contenders: &[Contender],
    (x, window): (&Tensor, &Tensor),
    plan: &Plan,
    index: usize,
) -> Result<()> {
    let window = window.squeeze(0)?;
    let each = Plan {
        horizons: (1..=plan.length() - plan.context).collect(),
        futures: plan.futures.min(SHOWN),
        ..plan.clone()
    };
    let mut columns: Vec<(String, Option<Tensor>)> = vec![("real".to_owned(), None)];
    for Contender {
        name, predictor, ..
    } in contenders
    {
        let futures = predictor.futures(x, &each, index)?;
        for future in 0..futures.dim(0)? {
            let label = match predictor.is_certain() {
                true => name.clone(),
                false => format!("{name} {}", future + 1),
            };
            columns.push((label, Some(futures.i(future)?)));
        }
    }
    let scale = (WIDE / window.dim(3)?.max(1)).clamp(1, 8);
    let mut pictures = Vec::new();
    for time in 0..plan.length() {
        let mut cells = Vec::new();
        for (label, future) in &columns {
            let frame = match (future, time.checked_sub(plan.context)) {
                (Some(future), Some(ahead)) => future.i(ahead)?,
                _ => window.i(time)?,
            };
            cells.push(Cell::tensor(&frame)?.caption(label.clone()));
        }
        let when = time as isize + 1 - plan.context as isize;
        pictures.push(Picture::rows(
            &[Row::new(format!("{when:+}"), cells)],
            scale,
        ));
    }
    let (frames, shape) = Picture::film(&pictures);
    write_film(path, &frames, shape, RATE, 1)
}
