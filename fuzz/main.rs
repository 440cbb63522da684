//! `cargo run --release --example fuzz`: changed files for all that reads files.
//!
//! Each target has whole files as seeds. They are changed at random and given to a worker
//! process, which has to read or to refuse them: no panic, no death, no hang, no growth. See
//! `fuzz/README.md`.

mod case;
mod chunks;
mod finds;
mod hunt;
mod mutate;
mod process;
#[cfg(test)]
mod smoke;
mod target;
mod targets;
mod verdict;
mod worker;

use case::Case;
use clap::Parser;
use hunt::{End, hunt};
use nextframe::rng::Seed;
use process::{Limits, Workers};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use target::FuzzTarget;
use targets::TARGETS;
use verdict::Verdict;

/// Changes files at random and reads them, target by target
#[derive(Debug, Parser)]
struct Arguments {
    /// How long in all, such as 10m or 2h; each target gets the same
    #[arg(long, default_value = "10m", value_parser = humantime::parse_duration)]
    time: Duration,
    /// So many cases for each target instead
    #[arg(long, conflicts_with = "time")]
    cases: Option<u64>,
    /// The same seed makes the same cases
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only this target; may be repeated
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Name the targets
    #[arg(long)]
    list: bool,
    /// Read one case again: a find's folder, or a file for one --target
    #[arg(long, value_name = "PATH")]
    replay: Vec<PathBuf>,
    /// Where finds go
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/finds"))]
    finds: PathBuf,
    /// The longest that a case may take
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    limit: Duration,
    /// The most memory that a case may take, in MiB
    #[arg(long, default_value_t = 2048)]
    memory: u64,
    /// Print each kind of answer, and how often it came
    #[arg(long)]
    answers: bool,
}

/// Address space that the program takes before it reads anything, in bytes.
const OWN: u64 = 512 << 20;

fn main() -> ExitCode {
    nextframe::ops::use_one_pool();
    let result = match worker::asked() {
        Some(done) => done.map(|()| 0),
        None => do_all(&Arguments::parse()),
    };
    match result {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what is asked, and says how many failures there were.
fn do_all(arguments: &Arguments) -> io::Result<usize> {
    if arguments.list {
        return Ok(list());
    }
    match arguments.replay.is_empty() {
        true => hunt_all(arguments),
        false => replay(arguments),
    }
}

fn named(name: &str) -> io::Result<&'static FuzzTarget> {
    targets::find(name).ok_or_else(|| {
        let names = TARGETS.map(|target| target.name).join(", ");
        io::Error::other(format!("no target '{name}'; there are {names}"))
    })
}

fn list() -> usize {
    for target in TARGETS {
        println!("{:14} {}", target.name, target.about);
    }
    0
}

fn limits(arguments: &Arguments) -> Limits {
    Limits {
        time: arguments.limit,
        memory: (arguments.memory << 20) + OWN,
    }
}

/// How many of the cases named fail.
fn replay(arguments: &Arguments) -> io::Result<usize> {
    let mut failed = 0;
    for path in &arguments.replay {
        let target = match arguments.target.as_slice() {
            [name] => named(name)?,
            _ => named(&folder_of(path))?,
        };
        let mut workers = Workers::new(target, limits(arguments))?;
        let verdict = workers.ask(&Case::read(path)?)?;
        println!("{}: {verdict:?}", path.display());
        failed += usize::from(matches!(verdict, Verdict::Failed(..)));
    }
    Ok(failed)
}

/// The name of the folder that something lies in.
fn folder_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

/// How many different failures there are.
fn hunt_all(arguments: &Arguments) -> io::Result<usize> {
    let chosen: Vec<&FuzzTarget> = match arguments.target.as_slice() {
        [] => TARGETS.to_vec(),
        names => names
            .iter()
            .map(|name| named(name))
            .collect::<io::Result<_>>()?,
    };
    let end = match arguments.cases {
        Some(cases) => End::Cases(cases),
        None => End::After(arguments.time / chosen.len() as u32),
    };
    let mut finds = 0;
    for target in chosen {
        let begun = std::time::Instant::now();
        let seed = Seed(arguments.seed);
        let tally = hunt(target, seed, end, limits(arguments), &arguments.finds)?;
        println!(
            "{:14} {} cases in {:.0} s, {} kinds of answers, {} finds",
            target.name,
            tally.cases,
            begun.elapsed().as_secs_f64(),
            tally.shapes.len(),
            tally.finds
        );
        for (shape, times) in tally.shapes.iter().filter(|_| arguments.answers) {
            println!("  {times:>8} {}", shape.escape_debug());
        }
        finds += tally.finds;
    }
    Ok(finds)
}
