//! A hunt: changed cases of one target, until its time is up.

use crate::case::Case;
use crate::finds;
use crate::mutate::mutate;
use crate::process::{Limits, Workers};
use crate::target::FuzzTarget;
use crate::verdict::{Fault, Verdict};
use nextframe::rng::{Rng, Seed};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// The most cases that are changed further.
const MOST_KEPT: usize = 1000;
/// Cases after which a process makes way for a new one.
const CASES_OF_A_PROCESS: u64 = 20_000;

/// When a hunt ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    After(Duration),
    /// After so many changed cases.
    Cases(u64),
}

/// What a hunt has seen.
#[derive(Debug, Default)]
pub struct Tally {
    /// Cases tried.
    pub cases: u64,
    /// Shapes of verdicts, each with its number.
    pub shapes: BTreeMap<String, u64>,
    /// Different failures.
    pub finds: usize,
}

/// A hunt under way.
struct Hunt<'a> {
    target: &'a FuzzTarget,
    workers: Workers<'a>,
    /// Seeds, then cases whose verdicts were new.
    pool: Vec<Case>,
    seeds: usize,
    tally: Tally,
    finds: &'a Path,
}

/// Hunts in one target, and writes finds below the folder `finds`.
///
/// # Errors
/// Seeds that cannot be made, a worker that cannot be started, a folder that cannot be written.
pub fn hunt(
    target: &FuzzTarget,
    seed: Seed,
    end: End,
    limits: Limits,
    finds: &Path,
) -> io::Result<Tally> {
    let workers = Workers::new(target, limits)?;
    let seeds = workers.seeds()?;
    let mut hunt = Hunt {
        target,
        workers,
        seeds: seeds.len(),
        pool: seeds,
        tally: Tally::default(),
        finds,
    };
    for index in 0..hunt.seeds {
        let case = hunt.pool[index].clone();
        let verdict = hunt.workers.ask(&case)?;
        if !matches!(verdict, Verdict::Read(_)) {
            println!("  {}: seed {index} is not read: {verdict:?}", target.name);
            hunt.find(&case, verdict.clone())?;
        }
        hunt.count(&verdict);
    }
    let begun = Instant::now();
    for number in 0.. {
        let over = match end {
            End::After(time) => begun.elapsed() >= time,
            End::Cases(most) => number >= most,
        };
        if over {
            break;
        }
        if number % CASES_OF_A_PROCESS == CASES_OF_A_PROCESS - 1 {
            hunt.workers.renew()?;
        }
        // A case is named by the seed and its number: no other draws matter.
        hunt.step(&mut seed.stream(&format!("fuzz/{}", target.name), number))?;
    }
    Ok(hunt.tally)
}

impl Hunt<'_> {
    fn step(&mut self, rng: &mut Rng) -> io::Result<()> {
        let pick = |rng: &mut Rng| match rng.below(2) {
            0 => rng.below(self.seeds.max(1)),
            _ => rng.below(self.pool.len()),
        };
        let mut case = self.pool[pick(rng)].clone();
        let other = &self.pool[pick(rng)];
        mutate(&mut case, other, self.target.kept, rng);
        let verdict = self.workers.ask(&case)?;
        let new = self.count(&verdict);
        match verdict {
            Verdict::Failed(..) if new => self.find(&case, verdict)?,
            Verdict::Failed(..) => {}
            _ if new && self.pool.len() < MOST_KEPT => self.pool.push(case),
            _ => {}
        }
        Ok(())
    }

    /// Counts a verdict; whether it is the first of its shape.
    fn count(&mut self, verdict: &Verdict) -> bool {
        self.tally.cases += 1;
        let times = self.tally.shapes.entry(verdict.shape()).or_insert(0);
        *times += 1;
        *times == 1
    }

    /// Keeps a case that failed, if it does so alone; a busy machine lets cases hang too.
    fn find(&mut self, case: &Case, verdict: Verdict) -> io::Result<()> {
        self.workers.renew()?;
        let again = self.workers.ask(case)?;
        let alone = again.fails_like(&verdict);
        if !alone && matches!(verdict, Verdict::Failed(Fault::Hang, ..)) {
            return Ok(());
        }
        let least = match alone {
            true => finds::smaller(case, &verdict, &mut self.workers)?,
            false => case.clone(),
        };
        let path = finds::keep(self.finds, self.target.name, &least, &verdict)?;
        let after = if alone {
            ""
        } else {
            " (only after other cases)"
        };
        println!("  {}: {}{after}", self.target.name, verdict.shape());
        println!("    {} ({} bytes)", path.display(), least.size());
        self.tally.finds += 1;
        Ok(())
    }
}
