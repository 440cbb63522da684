//! Prints what videos hold.
use clap::Parser;
#[derive(clap::Parser)]
struct Args {
    #[command(flatten)]
    inspect: nextframe::cli::inspect::InspectArgs,
}
fn main() {
    if let Err(e) = nextframe::cli::inspect::run(&Args::parse().inspect) {
        eprintln!("error: {e}");
        std::process::exit(1)
    }
}
