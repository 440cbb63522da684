//! Names of inputs by which they are found from any folder.

use std::path::{Path, absolute};

/// `inputs` with the current folder before those that are relative to it. Standard input
/// has no other name; a folder whose name is no text has none that config.json could hold.
pub(super) fn lasting(inputs: &[String]) -> Vec<String> {
    let last = |input: &String| lasting_name(input).unwrap_or_else(|| input.clone());
    inputs.iter().map(last).collect()
}

fn lasting_name(input: &str) -> Option<String> {
    if input == "-" || Path::new(input).is_absolute() {
        return None;
    }
    if Path::new(input).exists() {
        return absolute(input).ok()?.into_os_string().into_string().ok();
    }
    // A glob: the folder before it stands for itself.
    let folder = std::env::current_dir().ok()?;
    let folder = glob::Pattern::escape(folder.to_str()?);
    Path::new(&folder)
        .join(input)
        .into_os_string()
        .into_string()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_relative_gets_its_folder_and_the_rest_stays() {
        let folder = std::env::current_dir().unwrap().display().to_string();
        let names = ["-", "./Cargo.toml", "/films/a.mp4", "films/*.mp4"].map(str::to_owned);
        let found = lasting(&names);
        assert_eq!((&found[0], &found[2]), (&names[0], &names[2]));
        assert_eq!(found[1], format!("{folder}/Cargo.toml"));
        assert!(found[3].ends_with("/films/*.mp4"), "{}", found[3]);
        assert_eq!(lasting(&found), found);
    }
}
