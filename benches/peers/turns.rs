//! The project's half of `turns.py`: answers lines with numbers.

use std::io::{BufRead, Write};
use std::time::Instant;

/// Answers each line on standard input with the milliseconds of one `run`, and
/// `memory` with the most that this process held, in MiB.
pub fn serve<E: Into<Box<dyn std::error::Error>>>(
    mut run: impl FnMut() -> Result<(), E>,
) -> Result<(), Box<dyn std::error::Error>> {
    for line in std::io::stdin().lock().lines() {
        let answer = if line? == "memory" {
            peak()?
        } else {
            let start = Instant::now();
            run().map_err(Into::into)?;
            start.elapsed().as_secs_f64() * 1e3
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn peak() -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kilobytes.ok_or("no VmHWM")?.parse::<f64>()? / 1024.0)
}
