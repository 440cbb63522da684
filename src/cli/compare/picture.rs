//! The picture of a comparison: what came, and what was predicted.

use crate::error::Result;
use crate::evaluation::comparison::{Plan, Predictor};
use crate::outputs::picture::{Cell, Picture, Row, spread};
use candle_core::{IndexOp as _, Tensor};

/// Single futures that are shown of a model with several.
const SHOWN: usize = 3;

/// About how wide a frame is drawn, in pixels.
const WIDE: usize = 192;

/// One window (1, T, C, H, W), number `index`: a column for each horizon, and
/// the last frame of the context in front of the real future.
pub fn draw(
    named: &[(&str, Predictor, usize)],
    window: &Tensor,
    plan: &Plan,
    index: usize,
) -> Result<Picture> {
    let window = window.squeeze(0)?;
    let x = window.narrow(0, 0, plan.context)?.unsqueeze(0)?;
    let future = window.narrow(0, plan.context, plan.length() - plan.context)?;
    let mut real = vec![Cell::tensor(&window.i(plan.context - 1)?)?.caption("last")];
    for (horizon, cell) in plan.horizons.iter().zip(cells(&future, plan)?) {
        real.push(cell.caption(format!("+{horizon}")));
    }
    let mut rows = vec![Row::new("real", real)];
    let mut put = |label: String, cells: Vec<Cell>| {
        let gap = std::iter::once(Cell::gap());
        rows.push(Row::new(label, gap.chain(cells).collect()));
    };
    for (name, predictor, _) in named {
        let futures = predictor.futures(&x, plan, index)?;
        if predictor.is_certain() {
            put((*name).to_owned(), cells(&futures.i(0)?, plan)?);
            continue;
        }
        for number in 0..SHOWN.min(plan.futures) {
            let label = format!("{name} {}", number + 1);
            put(label, cells(&futures.i(number)?, plan)?);
        }
        put(format!("{name} mean"), cells(&futures.mean(0)?, plan)?);
        put("spread".to_owned(), spreads(&futures, plan)?);
    }
    let scale = (WIDE / window.dim(3)?.max(1)).clamp(1, 8);
    Ok(Picture::rows(&rows, scale))
}

/// The frames at the horizons of one future (T, C, H, W).
fn cells(future: &Tensor, plan: &Plan) -> Result<Vec<Cell>> {
    let each = plan.horizons.iter();
    each.map(|horizon| Cell::tensor(&future.i(horizon - 1)?))
        .collect()
}

/// How futures (N, T, C, H, W) differ at the horizons, all on one scale.
fn spreads(futures: &Tensor, plan: &Plan) -> Result<Vec<Cell>> {
    let mut maps = Vec::new();
    let mut most = 0f32;
    for horizon in &plan.horizons {
        let map = spread(&futures.i((.., horizon - 1))?.contiguous()?)?;
        most = most.max(map.flatten_all()?.max(0)?.to_scalar()?);
        maps.push(map);
    }
    maps.iter().map(|map| Cell::heat(map, most)).collect()
}
