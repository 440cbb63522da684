//! The picture of a comparison: what came, and what was predicted.

use super::contenders::Contender;
use crate::error::Result;
use crate::evaluation::comparison::Plan;
use crate::outputs::picture::{Cell, Picture, Row, spread};
use candle_core::{IndexOp as _, Tensor};

/// Single futures that are shown of a model with several.
const SHOWN: usize = 3;

/// About how wide a frame is drawn, in pixels.
const WIDE: usize = 192;

/// One window (1, T, C, H, W), number `index`, of which predictors see x: a column for each horizon, and
/// the last frame of the context in front of the real future.
pub fn draw(
    contenders: &[Contender],
    (x, window): (&Tensor, &Tensor),
    plan: &Plan,
    index: usize,
) -> Result<Picture> {
    let window = window.squeeze(0)?;
    let mut real = vec![Cell::tensor(&window.i(plan.context - 1)?)?.caption("last")];
    for horizon in &plan.horizons {
        let cell = Cell::tensor(&window.i(plan.context - 1 + horizon)?)?;
        real.push(cell.caption(format!("+{horizon}")));
    }
    let mut rows = vec![Row::new("real", real)];
    let mut put = |label: String, cells: Vec<Cell>| {
        let gap = std::iter::once(Cell::gap());
        rows.push(Row::new(label, gap.chain(cells).collect()));
    };
    for Contender {
        name, predictor, ..
    } in contenders
    {
        let futures = predictor.futures(x, plan, index)?;
        if predictor.is_certain() {
            put(name.clone(), cells(&futures.i(0)?)?);
            continue;
        }
        // Spread over all of them, so that several members are seen.
        let shown = SHOWN.min(plan.futures);
        for number in 0..shown {
            let label = format!("{name} {}", number + 1);
            put(label, cells(&futures.i(number * plan.futures / shown)?)?);
        }
        put(format!("{name} mean"), cells(&futures.mean(0)?)?);
        put("spread".to_owned(), spreads(&futures)?);
    }
    let scale = (WIDE / window.dim(3)?.max(1)).clamp(1, 8);
    Ok(Picture::rows(&rows, scale))
}

/// The frames of one future (horizons, C, H, W).
fn cells(future: &Tensor) -> Result<Vec<Cell>> {
    let each = 0..future.dim(0)?;
    each.map(|at| Cell::tensor(&future.i(at)?)).collect()
}

/// How futures (N, horizons, C, H, W) differ at each, all on one scale.
fn spreads(futures: &Tensor) -> Result<Vec<Cell>> {
    let mut maps = Vec::new();
    let mut most = 0f32;
    for at in 0..futures.dim(1)? {
        let map = spread(&futures.i((.., at))?.contiguous()?)?;
        most = most.max(map.flatten_all()?.max(0)?.to_scalar()?);
        maps.push(map);
    }
    maps.iter().map(|map| Cell::heat(map, most)).collect()
}
