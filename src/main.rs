//! The `nextframe` program: parse, run, print the error, exit.

use clap::{Parser, Subcommand};
use nextframe::Error;
use nextframe::cli::{
    compare, fill, generate, hub, inspect, lecture, outcomes, synth, text, train,
};
use nextframe::interrupt;
use std::io::Write as _;
use std::process::ExitCode;

// Large buffers come and go at every step: the system's allocator gives their
// pages back each time and takes them again, fault by fault.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Learns from any video to predict what comes next, and shows several
/// plausible futures instead of one blurry average
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say less on standard error: only warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(train::TrainArgs),
    Generate(generate::GenerateArgs),
    Fill(fill::FillArgs),
    Compare(compare::CompareArgs),
    Inspect(inspect::InspectArgs),
    Outcomes(outcomes::OutcomesArgs),
    Synth(synth::SynthArgs),
    Lecture(lecture::LectureArgs),
    Text(text::TextArgs),
    Hub(hub::HubArgs),
}

fn main() -> ExitCode {
    nextframe::ops::use_one_pool();
    nextframe::ops::keep_memory();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.kind() == clap::error::ErrorKind::InvalidUtf8 => {
            let odd = std::env::args_os().find(|word| word.to_str().is_none());
            let odd = odd.unwrap_or_default();
            let _ = writeln!(
                std::io::stderr(),
                "error: {}: its bytes are no UTF-8; name its folder or a glob, or rename it",
                odd.to_string_lossy()
            );
            return ExitCode::FAILURE;
        }
        Err(error) => error.exit(),
    };
    let level = if arguments.quiet { "warn" } else { "info" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(format!("nextframe={level}")));
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Standard error that cannot be written is no reason to stop, nor to panic.
        .log_internal_errors(false)
        .with_ansi(colour)
        .with_target(false)
        .without_time()
        .init();
    let command = || match &arguments.command {
        Command::Train(args) => train::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Fill(args) => fill::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Outcomes(args) => outcomes::run(args),
        Command::Synth(args) => synth::run(args),
        Command::Lecture(args) => lecture::run(args),
        Command::Text(args) => text::run(args),
        Command::Hub(args) => hub::run(args),
    };
    // What a command has begun to write must not stay half written.
    let result = interrupt::install().and_then(|()| nextframe::ops::in_pool(command));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even that cannot be written, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            match error {
                // As shells report a Ctrl-C.
                Error::Interrupted => ExitCode::from(130),
                _ => ExitCode::FAILURE,
            }
        }
    }
}
