//! How much memory there is, asked of the machine: the system lets a process reserve far
//! more than there is, and ends it without a word once it uses that.

use crate::error::{Error, Result};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

const GIB: f64 = (1u64 << 30) as f64;

/// Bytes that this process may still take; infinite where unknown.
pub fn available() -> f64 {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    // A container's limit may be lower. (What it says is free leaves out what the system
    // would give back.)
    let limit = system.cgroup_limits().map(|limits| limits.total_memory);
    [Some(system.available_memory()), limit]
        .into_iter()
        .flatten()
        .filter(|&bytes| bytes > 0)
        .fold(f64::INFINITY, |least, bytes| least.min(bytes as f64))
}

/// Refuses what takes more than is [`available`]; `subject` needs about `bytes`.
///
/// # Errors
/// Names both amounts, and `hint`.
pub fn check(bytes: f64, subject: &str, hint: impl FnOnce() -> String) -> Result<()> {
    let has = available();
    if bytes <= has {
        return Ok(());
    }
    Err(Error::input(
        subject,
        format!(
            "needs about {} of memory, {} is left",
            size(bytes),
            size(has)
        ),
        hint(),
    ))
}

/// In GiB, or in powers of ten where that is easier to read.
fn size(bytes: f64) -> String {
    match bytes / GIB {
        gib if gib < 10.0 => format!("{gib:.1} GiB"),
        gib if gib < 1e6 => format!("{gib:.0} GiB"),
        gib => format!("{gib:.0e} GiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused_and_a_little_is_not() {
        check(1.0, "a byte", String::new).unwrap();
        let said = check(1e21, "8 futures", || "lower --futures".to_owned());
        let said = said.unwrap_err().to_string();
        assert!(
            said.starts_with("8 futures: needs about 9e11 GiB of memory"),
            "{said}"
        );
        assert!(said.ends_with("GiB is left; lower --futures"), "{said}");
        assert!(check(f64::INFINITY, "all", String::new).is_err());
        assert!(available() > GIB / 8.0);
    }
}
