//! Runs: a model that `generate` loads, and a run that `train` goes on with.

use super::films::film;
use crate::case::Case;
use crate::target::{FuzzTarget, made, program, word};
use nextframe::Result;
use std::path::Path;

pub const MODELS: FuzzTarget = FuzzTarget {
    name: "models",
    about: "a run's config.json, model.safetensors and horizon.safetensors, as `generate` loads them",
    kept: &["film.frames"],
    seeds: models_seeds,
    read: read_model,
};

pub const RESUMED: FuzzTarget = FuzzTarget {
    name: "resumed",
    about: "state.json, checkpoints, config.json and metrics.jsonl of a run that goes on",
    kept: &["film.frames", "recipe"],
    seeds: resumed_seeds,
    read: resume,
};

/// Recipes whose models differ in what they load, with settings after their names.
const RECIPES: [&str; 8] = [
    "default",
    "codes",
    "contrastive",
    "flow",
    "galton",
    "score",
    "sparse",
    "tokens model.cells=2",
];

/// Makes any recipe small and quick.
const SMALL: [&str; 25] = [
    "data.width=8",
    "data.height=8",
    "data.channels=grey",
    "training.members=1",
    "training.batch=2",
    "training.rehearsal=0",
    "training.shift=1",
    "model.context=2",
    "model.hidden=8",
    "model.basis=4",
    "model.backbone.width=8",
    "model.backbone.depth=1",
    "evaluation.horizon=2",
    "evaluation.futures=2",
    "model.patch=4",
    "model.reach=1",
    "model.cells=1",
    "latent.dimension=4",
    "latent.size=4",
    "latent.components=2",
    "energy.width=8",
    "energy.depth=1",
    "energy.replay=8",
    "horizon.ways=4",
    "horizon.functions=2",
];

fn train(folder: &Path, recipe: &str, more: &[&str]) -> Result<()> {
    let (film, run) = (word(folder, "film.frames"), word(folder, "run"));
    let (name, own) = recipe.split_once(' ').unwrap_or((recipe, ""));
    let mut words = vec!["train", &film, "--out", &run, "--recipe", name];
    for setting in SMALL.into_iter().chain(own.split_whitespace()) {
        words.extend(["--set", setting]);
    }
    words.extend(more);
    program(&words)
}

/// A film and a run of one step, without what is only looked at.
fn whole(recipe: &str) -> Result<Case> {
    let mut case = made(|folder| {
        film(folder, 160, &[])?;
        train(folder, recipe, &["--steps", "1"])
    })?;
    settle_length(&mut case);
    case.files.retain(|file| {
        let looked_at = ["run/pictures/", "run/events."];
        !looked_at.iter().any(|start| file.name.starts_with(start))
    });
    Ok(case)
}

/// Has state.json say how long metrics.jsonl is, now that its times are others.
fn settle_length(case: &mut Case) {
    let of = |name: &str| case.files.iter().position(|file| file.name == name);
    let (Some(state), Some(metrics)) = (of("run/state.json"), of("run/metrics.jsonl")) else {
        return;
    };
    let length = case.files[metrics].bytes.len();
    let bytes = &mut case.files[state].bytes;
    if let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(bytes) {
        value["metrics"] = length.into();
        *bytes = format!("{value:#}\n").into_bytes();
    }
}

/// A film and the two files of a model.
pub fn trained(recipe: &str) -> Result<Case> {
    let mut case = whole(recipe)?;
    let needed = [
        "film.frames",
        "run/config.json",
        "run/model.safetensors",
        "run/horizon.safetensors",
    ];
    case.files
        .retain(|file| needed.contains(&file.name.as_str()));
    Ok(case)
}

fn models_seeds() -> Result<Vec<Case>> {
    RECIPES.into_iter().map(trained).collect()
}

fn read_model(folder: &Path) -> Result<String> {
    let (run, film) = (word(folder, "run"), word(folder, "film.frames"));
    let out = word(folder, "out.safetensors");
    let few = ["--futures", "2", "--frames", "2", "--seed", "1", "-o", &out];
    let words = [&["generate", &run, &film][..], &few].concat();
    if folder.join("run/horizon.safetensors").exists() {
        let by = ["--overwrite", "--by", "horizon"];
        program(&[&words[..], &by].concat())?;
    }
    program(&[&words[..], &["--overwrite"]].concat())?;
    Ok("futures".to_owned())
}

fn resumed_seeds() -> Result<Vec<Case>> {
    let seed = |recipe: &str| Ok(whole(recipe)?.with("recipe", recipe));
    ["default", "contrastive", "tokens"]
        .into_iter()
        .map(seed)
        .collect()
}

fn resume(folder: &Path) -> Result<String> {
    let recipe = std::fs::read_to_string(folder.join("recipe")).unwrap_or_default();
    train(folder, &recipe, &["--steps", "2", "--resume"])?;
    Ok(format!("resumed {recipe}"))
}
