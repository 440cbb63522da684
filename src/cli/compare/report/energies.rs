//! What was found about energies, in words.

use crate::evaluation::energy_health::{DRAWS, EnergyHealth};
use crate::evaluation::horizon_health::HorizonHealth;
use crate::outputs::table::table;
use console::style;

/// What was found about the energy of a whole-horizon model.
pub(super) fn horizon_checks(name: &str, health: &HorizonHealth) -> String {
    let share = |share: f64| format!("{:.0}%", 100.0 * share);
    let mut text = format!(
        "\nThe energy of {name}, {} windows in which something moves\nerror with z* ÷ copying's: {:.2}\n\
         F(x, wrong y) > F(x, y): reversed in time {}, a jump {}, another window {}, mirrored {}; a picture \
         that froze has an F_β below the lowest 5% of true futures' in {}\n",
        health.windows,
        health.error,
        share(health.reversed),
        share(health.jump),
        share(health.another),
        share(health.mirrored),
        share(health.frozen),
    );
    for warning in &health.warnings {
        text += &format!("{}\n", style(format!("warning: {warning}")).red());
    }
    text
}

/// What was found about an energy over frames.
pub(super) fn energy_checks(name: &str, health: &EnergyHealth) -> String {
    let moving = &health.moving;
    let rows: Vec<Vec<String>> = [
        ("expected", moving.expected),
        ("drawn", moving.drawn),
        (&format!("best of {DRAWS} drawn"), moving.best),
    ]
    .into_iter()
    .map(|(name, value)| vec![name.to_owned(), format!("{value:.3e}")])
    .collect();
    let mut text = format!(
        "\nThe energy of {name}: squared error one frame ahead where the scene moves\n{}\n\
         F(x, wrong y) > F(x, y) in {:.1}% of {} pairs; F of data {:.3} and of samples {:.3} a number; \
         {:.2}% of drawn pixels lie beyond black or white\n",
        table(&["", "error"], &rows),
        100.0 * health.wrong_above_right,
        health.wrong_pairs,
        health.data,
        health.samples,
        100.0 * health.saturated,
    );
    for warning in &health.warnings {
        text += &format!("{}\n", style(format!("warning: {warning}")).red());
    }
    text
}
