//! A step in parts: each goes forward and back on a thread of its own.
//!
//! What an operation cannot share between threads (candle's sums of gradients,
//! small products, packed weights) then runs beside itself.

use super::example::Example;
use super::objective::{Found, Objective};
use crate::error::Result;
use crate::rng::Rng;
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;

/// With fewer samples a part packs weights for longer than its thread saves.
const AT_LEAST: usize = 8;

/// How many parts a batch of `samples` is best made in.
pub(super) fn best_count(samples: usize, device: &Device) -> usize {
    match device {
        Device::Cpu => rayon::current_num_threads().min(samples / AT_LEAST).max(1),
        _ => 1,
    }
}

/// The gradients of `vars` at the objective's mean over all windows, made in `count` parts (at least 1), and what was found. `own` is
/// whether the model's own frames are gone on from, `used` the share of the budget
/// that is used.
pub(super) fn gradients(
    objective: &Objective,
    windows: &Tensor,
    vars: &[(String, Var)],
    count: usize,
    (own, used): (bool, f64),
    rng: &mut Rng,
) -> Result<(GradStore, Found)> {
    let samples = windows.dim(0)?;
    let start = |part: usize| part * samples / count;
    let parts: Vec<_> = (0..count)
        .map(|part| (start(part), start(part + 1), rng.branch()))
        .collect();
    let made: Vec<(GradStore, (f64, Found))> = parts
        .into_par_iter()
        .with_max_len(1)
        .map(|(start, end, mut rng)| {
            let share = (end - start) as f64 / samples as f64;
            let windows = windows.narrow(0, start, end - start)?;
            let settings = (objective.settings, used);
            let example = Example::draw(objective.frozen, &windows, own, settings, &mut rng)?;
            let (loss, found) = objective.of(&example, used, &mut rng)?;
            Ok(((loss * share)?.backward()?, (share, found)))
        })
        .collect::<Result<_>>()?;
    let (stores, found): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    Ok((sum(stores, vars)?, Found::together(found)?))
}

/// The sums of each of `vars`' gradients; none where none has one.
pub(super) fn sum(mut stores: Vec<GradStore>, vars: &[(String, Var)]) -> Result<GradStore> {
    if stores.len() > 1 {
        let sums: Vec<_> = vars
            .par_iter()
            .map(|(_, var)| {
                let mut each = stores.iter().filter_map(|store| store.get(var)).cloned();
                let first = each.next();
                first.map(|first| each.try_fold(first, |sum, next| sum + next))
            })
            .collect();
        for ((_, var), sum) in vars.iter().zip(sums) {
            if let Some(sum) = sum {
                stores[0].insert(var, sum?);
            }
        }
    }
    Ok(stores.swap_remove(0))
}
