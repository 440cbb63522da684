//! A training's course: how far it is, and the loop that all trainings go through.

use crate::error::{Error, Result};
use crate::interrupt;
use crate::outputs::model::Trained;
use crate::outputs::progress::{Progress, Tick};
use crate::training::budget::Budget;
use std::path::Path;
use std::time::{Duration, Instant};

/// Validations in a run.
pub(in crate::cli) const VALIDATIONS: f64 = 10.0;
/// Steps between two lines of metrics.
const METRICS_APART: u64 = 10;

/// How far a run is, and how far it is to go.
#[derive(Debug)]
pub(in crate::cli) struct Pace {
    budget: Budget,
    save_every: Duration,
    /// Steps made.
    pub step: u64,
    /// Validations made.
    pub validations: u32,
    /// Time trained before this session.
    before: Duration,
    started: Instant,
    saved: Instant,
}

impl Pace {
    /// Of a new run.
    pub fn new(budget: Budget, save_every: Duration) -> Self {
        let now = Instant::now();
        Self {
            budget,
            save_every,
            step: 0,
            validations: 0,
            before: Duration::ZERO,
            started: now,
            saved: now,
        }
    }

    /// Goes on where a save left off, `elapsed` seconds into the run. With a larger budget
    /// than before, some validations are due again.
    pub fn resume(&mut self, step: u64, elapsed: f64, validations: u32) {
        self.step = step;
        self.before = Duration::from_secs_f64(elapsed);
        self.validations = validations.min(self.due());
    }

    /// Whether what is chosen after the last step was chosen, of a run that was `trained` so.
    pub fn is_concluded(&self, trained: Option<Trained>) -> bool {
        trained.is_some_and(|trained| trained.done && trained.steps == self.step)
    }

    /// Says that a run's budget is used up.
    pub fn tell_spent(&self, folder: &Path) {
        tracing::info!(
            "{}: nothing left to do: after step {} the budget, {}, is used up; it counts from the \
             run's beginning, so give a larger one to go on",
            folder.display(),
            self.step,
            self.budget,
        );
    }

    /// Time trained, all sessions together.
    pub fn elapsed(&self) -> Duration {
        self.before + self.started.elapsed()
    }

    fn used(&self) -> f64 {
        self.budget.used(self.step, self.elapsed())
    }

    /// Validations that should have been made by now.
    fn due(&self) -> u32 {
        match self.step {
            // Not before anything is learned, however short the time is.
            0 => 0,
            _ => (self.used() * VALIDATIONS) as u32,
        }
    }

    /// Whether the budget is used up; a step is made in any case.
    pub fn is_spent(&self) -> bool {
        self.step > 0 && self.budget.spent(self.step, self.elapsed())
    }
}

/// What trains: a session's own part of the loop.
pub(in crate::cli) trait Course {
    /// What a step reports.
    type Report;

    fn pace(&self) -> &Pace;
    fn pace_mut(&mut self) -> &mut Pace;
    /// Samples in a step.
    fn batch_size(&self) -> usize;
    /// Makes a step, of which the energy is shown; goes back where training diverges. Where
    /// it fails otherwise than by the network itself, all is as it was before.
    fn step(&mut self, used: f64, progress: &Progress) -> Result<(f64, Self::Report)>;
    /// Writes what a step reports.
    fn log(&mut self, report: &Self::Report) -> Result<()>;
    /// Judges the model so far.
    fn validate(&mut self, progress: &Progress) -> Result<()>;
    /// Saves all that going on from here needs.
    fn save(&mut self) -> Result<()>;
}

/// Trains until the budget is used up or Ctrl-C, and saves; whether anything was left to
/// do.
///
/// # Errors
/// Those of the course. What was trained until then is saved, unless it is the network that
/// failed.
pub(in crate::cli) fn go(course: &mut impl Course) -> Result<bool> {
    let budget = course.pace().budget;
    // A last validation that was broken off is made when the run goes on.
    if course.pace().is_spent() && course.pace().due() <= course.pace().validations {
        return Ok(false);
    }
    let mut progress = Progress::new(budget);
    let mut energy = None;
    match steps(course, &mut progress, &mut energy) {
        // What was asked for in a validation comes to the same as between two steps.
        Ok(()) | Err(Error::Interrupted) => {}
        Err(error @ (Error::Tensor(_) | Error::NotFinite { .. })) => return Err(error),
        Err(error) => {
            // The first error is the one to tell.
            match save(course) {
                Ok(()) => tracing::warn!(
                    "saved after step {}; --resume goes on from there",
                    course.pace().step
                ),
                Err(error) => tracing::warn!("not saved: {error}"),
            }
            return Err(error);
        }
    }
    let energy = energy.unwrap_or(0.0);
    progress.finish(tick(&*course, energy));
    save(course)?;
    if !energy.is_finite() {
        return Err(Error::NotFinite {
            what: format!("the energy of step {}, the last one", course.pace().step),
        });
    }
    Ok(true)
}

/// The steps, and the validations that are due after them.
fn steps(
    course: &mut impl Course,
    progress: &mut Progress,
    energy: &mut Option<f64>,
) -> Result<()> {
    while !interrupt::interrupted() {
        // First, so that a run whose validation was broken off makes it when it goes on.
        let due = course.pace().due();
        if due > course.pace().validations {
            let before = std::mem::replace(&mut course.pace_mut().validations, due);
            if let Err(error) = course.validate(progress) {
                course.pace_mut().validations = before;
                return Err(error);
            }
        }
        if course.pace().is_spent() {
            break;
        }
        let used = course.pace().used();
        let (last, report) = course.step(used, progress)?;
        course.pace_mut().step += 1;
        // A step that was not finite, from which training recovered, leaves no trace.
        let old = energy.filter(|old| old.is_finite());
        let smooth = old.map_or(last, |old| old + 0.05 * (last - old));
        *energy = Some(smooth);
        if course.pace().step % METRICS_APART == 1 {
            course.log(&report)?;
        }
        if course.pace().saved.elapsed() >= course.pace().save_every {
            save(course)?;
        }
        progress.update(tick(&*course, smooth));
    }
    Ok(())
}

fn save(course: &mut impl Course) -> Result<()> {
    course.save()?;
    course.pace_mut().saved = Instant::now();
    Ok(())
}

fn tick(course: &impl Course, energy: f64) -> Tick {
    let pace = course.pace();
    Tick {
        step: pace.step,
        elapsed: pace.elapsed(),
        samples: pace.step.saturating_mul(course.batch_size() as u64),
        energy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of these energies.
    struct Told {
        pace: Pace,
        energies: Vec<f64>,
        saves: usize,
    }

    impl Course for Told {
        type Report = ();

        fn pace(&self) -> &Pace {
            &self.pace
        }

        fn pace_mut(&mut self) -> &mut Pace {
            &mut self.pace
        }

        fn batch_size(&self) -> usize {
            1
        }

        fn step(&mut self, _: f64, _: &Progress) -> Result<(f64, ())> {
            Ok((self.energies[self.pace.step as usize], ()))
        }

        fn log(&mut self, (): &()) -> Result<()> {
            Ok(())
        }

        fn validate(&mut self, _: &Progress) -> Result<()> {
            Ok(())
        }

        fn save(&mut self) -> Result<()> {
            self.saves += 1;
            Ok(())
        }
    }

    #[test]
    fn a_last_step_that_is_not_finite_is_no_success() {
        let told = |energies: &[f64]| {
            let budget = Budget::Steps(energies.len() as u64);
            let mut course = Told {
                pace: Pace::new(budget, Duration::from_secs(60)),
                energies: energies.to_vec(),
                saves: 0,
            };
            let ended = go(&mut course);
            assert_eq!((course.saves, course.pace.step), (1, energies.len() as u64));
            ended
        };
        let said = told(&[1.0, 0.5, f64::NAN]).unwrap_err().to_string();
        assert!(said.contains("the energy of step 3"), "{said}");
        // Training recovered from one that was not finite before.
        assert!(told(&[1.0, f64::NAN, 0.5, 0.4]).unwrap());
    }
}
