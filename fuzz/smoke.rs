//! Each target on its own seeds and on a few changed ones.

use crate::hunt::{End, hunt};
use crate::process::Limits;
use crate::targets::{TARGETS, find};
use crate::worker;
use nextframe::rng::Seed;
use std::time::Duration;

/// Targets that are tried together, and how many changed cases of each.
type Group = (&'static [&'static str], u64);

const FILMS: Group = (&["tensors", "idx", "arrays", "pictures", "animations"], 200);
const SETTINGS: Group = (&["recipes", "text-recipes"], 200);
const TEXTS: Group = (&["tokenizers", "vocabularies", "corpora"], 200);
const SMALL_MODELS: Group = (&["berts", "frames"], 40);
const MODELS: Group = (&["models"], 40);
const RUNS: Group = (&["resumed"], 40);

/// What the processes of these tests run: they are this program again.
#[test]
#[ignore = "a worker of the other tests, not a test"]
fn worker() {
    if let Some(done) = worker::asked() {
        done.unwrap();
    }
}

fn all_are_read_or_refused((names, cases): Group) {
    let finds = tempfile::tempdir().unwrap();
    let limits = Limits {
        time: Duration::from_secs(10),
        memory: 3 << 30,
    };
    for name in names {
        let target = find(name).unwrap();
        let tally = hunt(target, Seed(7), End::Cases(cases), limits, finds.path()).unwrap();
        assert!(tally.cases > cases, "{name} has no seeds");
        // What they are is said above.
        assert_eq!(tally.finds, 0, "{name}");
    }
}

#[test]
fn films() {
    all_are_read_or_refused(FILMS);
}

#[test]
fn settings() {
    all_are_read_or_refused(SETTINGS);
}

#[test]
fn texts() {
    all_are_read_or_refused(TEXTS);
}

#[test]
fn small_models() {
    all_are_read_or_refused(SMALL_MODELS);
}

#[test]
fn models() {
    all_are_read_or_refused(MODELS);
}

#[test]
fn runs() {
    all_are_read_or_refused(RUNS);
}

#[test]
fn no_target_is_left_out() {
    let groups = [FILMS, SETTINGS, TEXTS, SMALL_MODELS, MODELS, RUNS];
    let mut tried: Vec<&str> = groups
        .iter()
        .flat_map(|(names, _)| *names)
        .copied()
        .collect();
    let mut all = TARGETS.map(|target| target.name);
    tried.sort_unstable();
    all.sort_unstable();
    assert_eq!(tried, all);
}
