//! Data flows one way: a file imports only from rooms above its own, in the
//! order of `src/lib.rs`, and from the ground floor (the rooms that are one
//! file).

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn imports_point_up() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let library = fs::read_to_string(src.join("lib.rs")).unwrap();
    let rooms: Vec<Room> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(|name| Room {
            name: name.to_owned(),
            ground: src.join(format!("{name}.rs")).exists(),
        })
        .collect();
    assert!(rooms.len() > 10, "lib.rs was not understood: {rooms:?}");

    let mut faults = Vec::new();
    let mut seen = 0;
    for (index, room) in rooms.iter().enumerate() {
        let files = if room.ground {
            vec![src.join(format!("{}.rs", room.name))]
        } else {
            sources(&src.join(&room.name))
        };
        for file in files {
            seen += 1;
            let text = fs::read_to_string(&file).unwrap();
            for name in imports(&text) {
                if let Some(fault) = fault(&rooms, index, &name) {
                    let file = file.strip_prefix(&src).unwrap();
                    faults.push(format!("src/{}: {fault}", file.display()));
                }
            }
        }
    }
    // lib.rs and main.rs belong to no room.
    assert_eq!(
        seen + 2,
        sources(&src).len(),
        "a file is in no room of lib.rs"
    );
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[derive(Debug)]
struct Room {
    name: String,
    ground: bool,
}

/// What is wrong with the room at `index` importing `name`.
fn fault(rooms: &[Room], index: usize, name: &str) -> Option<String> {
    if name.starts_with(char::is_uppercase) {
        return None; // re-exported at the root from the ground floor
    }
    let importer = &rooms[index];
    match rooms.iter().position(|room| room.name == name) {
        None => Some(format!("crate::{name} is no room of lib.rs")),
        Some(other) if rooms[other].ground => None,
        Some(other) if other > index || importer.ground => Some(format!(
            "'{}' imports from '{name}', which is not above it",
            importer.name
        )),
        Some(_) => None,
    }
}

/// The first names of all `crate::` paths, comments left out.
fn imports(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut names = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_names(group)),
            None => names.push(word(rest)),
        }
    }
    names
}

/// The first names of `a::b, c::{d, e}, f}…`, up to the closing brace.
fn group_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(word(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn paths_are_found_and_judged() {
    let text = "
        use crate::error::{Error, Result};
        use crate::{rng::Seed, data::{clip, cache},
            Error};
        // use crate::cli;
        fn f() -> crate::Result<()> { crate::training::run(mycrate::x) }
        macro_rules! m { () => { $crate::ops::relu() } }
    ";
    assert_eq!(
        imports(text),
        ["error", "rng", "data", "Error", "Result", "training", "ops"]
    );
    let rooms = ["error", "ops", "models"].map(|name| Room {
        name: name.to_owned(),
        ground: name == "error",
    });
    let allowed = |index, name| fault(&rooms, index, name).is_none();
    assert!(allowed(2, "ops") && allowed(1, "error") && allowed(1, "ops") && allowed(0, "Result"));
    assert!(!allowed(1, "models") && !allowed(0, "ops") && !allowed(1, "attic"));
}
