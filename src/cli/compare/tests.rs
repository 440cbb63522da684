use super::*;
use crate::data::{Split, ValidationPlaces, typical_change};
use crate::inference::Forecaster;
use crate::models::{FrameShape, Weights};
use crate::outputs::film::write_film;
use crate::outputs::model::{LATENT, MSE, UNITS};
use crate::rng::Seed;
use crate::training::Settings;
use crate::training::checkpoint;
use crate::video::worlds::{FRAME_RATE, Galton, World as _};
use candle_core::Device;
use clap::Parser;
use serde_json::Value;
use std::fs;

mod looks;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: CompareArgs,
}

/// A folder with a short film and two untrained models beside each other.
fn saved() -> tempfile::TempDir {
    saved_at(16)
}

/// The same, of frames of `side` pixels.
fn saved_at(side: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let film = Galton::new(Seed(1)).film(200);
    let path = folder.path().join("film.safetensors");
    write_film(&path, &film.frames, film.shape, FRAME_RATE, 1).unwrap();
    let inputs = vec![path.display().to_string()];

    let mut settings = Settings::default();
    settings.data.width = side;
    settings.data.height = side;
    settings.model.hidden = 8;
    settings.model.backbone.width = 8;
    settings.latent.dimension = 4;
    settings.evaluation.horizon = 4;
    let cache = folder.path().join("cache");
    let footage = prepare(
        &crate::video::inputs::expand(&inputs).unwrap(),
        &settings.data,
        Some(&cache),
    )
    .unwrap();
    let split = Split::new(&footage, settings.window(), settings.longest()).unwrap();
    let config = ModelConfig {
        shape: FrameShape {
            channels: 3,
            height: side,
            width: side,
            change: typical_change(&footage, &split.train).unwrap(),
        },
        frame_rate: footage[0].frame_rate(),
        inputs,
        models: vec![MSE.to_owned(), LATENT.to_owned()],
        validation: ValidationPlaces::Spread,
        persistence: 0.0,
        draws: Default::default(),
        trained: None,
        settings,
    };
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    for name in [MSE, LATENT] {
        let model = &config.settings.model;
        Forecaster::new(model, config.beside(name), config.shape, name, &mut weights).unwrap();
    }
    let model = folder.path().join("model.safetensors");
    checkpoint::save(&model, &weights.tensors(), &[]).unwrap();
    checkpoint::save_config(&folder.path().join("config.json"), &config, UNITS).unwrap();
    folder
}

/// Without real or drawn?, which learns for a while.
fn args(folder: &Path, more: &[&str]) -> CompareArgs {
    all_args(folder, &[&["--no-real-or-drawn"], more].concat())
}

fn all_args(folder: &Path, more: &[&str]) -> CompareArgs {
    let model = folder.join("model.safetensors").display().to_string();
    let cache = folder.join("cache").display().to_string();
    let first = ["compare", &model, "--cache", &cache, "--device", "cpu"];
    let words = first.iter().chain(more);
    Command::parse_from(words).args
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn figures_are_written_as_documented_and_follow_the_seed() {
    let folder = saved();
    let figures = |seed: &str| {
        let more = ["--futures", "11", "--windows", "2", "--seed", seed];
        let tables = produce(&args(folder.path(), &more)).unwrap();
        for part in [
            "+4  latent",
            "moves",
            "Whole frames",
            "÷ mse model's",
            "real or drawn was left out",
        ] {
            assert!(tables.contains(part), "no {part:?} in\n{tables}");
        }
        let printed = produce(&args(folder.path(), &[&more[..], &["--json"]].concat())).unwrap();
        let written = fs::read_to_string(folder.path().join("compare.json")).unwrap();
        assert_eq!(printed, written.trim_end());
        printed
    };
    let text = figures("5");
    assert_eq!(text, figures("5"));
    assert_ne!(text, figures("6"));
    let picture = fs::read(folder.path().join("pictures/compare.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));

    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        keys(&json),
        ["data", "models", "trial", "large", "seeds", "text"]
    );
    assert_eq!(json["data"]["windows"], 2);
    assert_eq!(json["data"]["futures"], 11);
    assert_eq!(keys(&json["data"]["still_windows"]), ["1", "4"]);
    let models = json["models"].as_array().unwrap();
    let names: Vec<_> = models.iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["copy", "mse", "latent"]);
    for model in models {
        let latent = model["name"] == "latent";
        assert_eq!(
            keys(model),
            [
                "name",
                "latent",
                "parameters",
                "trained",
                "horizons",
                "whole_futures",
                "calibration",
                "real_or_drawn",
                "shape",
                "health",
                "energy",
                "whole_horizon"
            ]
        );
        assert_eq!(model["latent"], latent);
        assert_eq!(model["parameters"] == 0, model["name"] == "copy");
        assert_eq!(keys(&model["horizons"]), ["1", "4"]);
        // Between that of the one horizon and of the other.
        for key in ["spread_skill", "predictive_spread_skill"] {
            let at =
                |horizon: &str| model["horizons"][horizon]["whole_frame"][key]["value"].as_f64();
            let together = model["calibration"][key]["value"].as_f64();
            let (Some(one), Some(other), Some(together)) = (at("1"), at("4"), together) else {
                assert!(!latent && together.is_none());
                continue;
            };
            assert!(together > one.min(other) && together < one.max(other));
        }
        assert!(keys(&model["real_or_drawn"]).is_empty());
        assert_eq!(keys(&model["shape"]), ["1", "4"]);
        let area = &model["shape"]["4"]["area"];
        let [low, median, high] = ["low", "median", "high"].map(|key| area[key].as_f64());
        assert!(low.unwrap() >= 0.0 && low <= median && median <= high && high > Some(0.0));
        for horizon in ["1", "4"] {
            let figures = &model["horizons"][horizon];
            let measures = [
                "psnr",
                "ssim",
                "sharpness_ratio",
                "sharpness_difference",
                "crps",
                "energy_score",
                "spread_skill",
                "predictive_spread_skill",
                "crps_of_best",
                "energy_score_of_best",
                "rank_histogram",
                "reliability",
                "calibration_error",
                "best_of",
            ];
            let mut all = measures.to_vec();
            all.push("whole_frame");
            assert_eq!(keys(figures), all);
            assert_eq!(keys(&figures["whole_frame"]), measures);
            for figures in [figures, &figures["whole_frame"]] {
                assert!(figures["psnr"]["value"].as_f64().unwrap() > 5.0);
                assert_eq!(
                    keys(&figures["best_of"]),
                    ["1", "2", "5", "10", "20", "50", "100"]
                );
                assert!(figures["best_of"]["10"]["ssim"].is_number());
                assert_eq!(figures["best_of"]["100"]["psnr"].is_number(), !latent);
                // Counted with the spread, and learned of a model with futures alone.
                let ratio = |key: &str| figures[key]["value"].as_f64();
                let predictive = ratio("predictive_spread_skill");
                assert_eq!(predictive.is_some(), latent);
                assert!(!latent || predictive > ratio("spread_skill"));
            }
        }
        assert_eq!(model["health"][0].is_object(), latent);
    }
    let health = &models[2]["health"][0];
    let error = &health["error"];
    let number = |key: &str| error[key].as_f64().unwrap();
    let ratio = health["of_mse"]["best_z"].as_f64().unwrap();
    assert_eq!(ratio, number("best_z") / number("mse"));
    // A network that has learned nothing copies: from another past, badly.
    assert!(number("shuffled_x") > number("copy"));
    assert!(health["wrong_above_right"].is_number() && health["whole_frame"]["mse"].is_number());
}

#[test]
fn footage_that_moved_is_named_and_may_be_given() {
    let folder = saved();
    let (old, new) = (
        folder.path().join("film.safetensors"),
        folder.path().join("new.safetensors"),
    );
    fs::rename(&old, &new).unwrap();
    let few = ["--futures", "1", "--windows", "1"];
    let message = produce(&args(folder.path(), &few)).unwrap_err().to_string();
    assert!(message.contains(old.to_str().unwrap()), "{message}");
    assert!(message.contains("--input PATH"), "{message}");
    let new = new.display().to_string();
    let given = [&few[..], &["--input", &new]].concat();
    produce(&args(folder.path(), &given)).unwrap();
}

#[test]
fn several_runs_are_compared_on_the_same_windows() {
    let folder = saved();
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    for name in ["model.safetensors", "config.json"] {
        fs::copy(folder.path().join(name), other.join(name)).unwrap();
    }
    let other = other.display().to_string();
    let few = ["--futures", "3", "--windows", "3", "--json"];
    let mut both = args(folder.path(), &few);
    both.runs.push(other.clone().into());
    let json: Value = serde_json::from_str(&produce(&both).unwrap()).unwrap();
    // Equal settings: as two seeds of one recipe.
    let seeds = json["seeds"].as_array().unwrap();
    let names: Vec<_> = seeds.iter().map(|group| &group["models"][1]).collect();
    assert_eq!(names, ["other mse", "other latent"]);
    let crps = &seeds[1]["horizons"]["4"]["CRPS"];
    assert!(crps["mean"].is_number());
    assert_eq!(crps["least"], crps["most"]);
    let models = json["models"].as_array().unwrap();
    assert_eq!(models.len(), 5);
    assert_eq!(models[0]["name"], "copy");
    assert_eq!(models[3]["name"], "other mse");
    assert_eq!(models[4]["name"], "other latent");
    // The same weights, windows and seed.
    for (a, b) in [(1, 3), (2, 4)] {
        assert_eq!(
            models[a]["horizons"]["4"]["psnr"],
            models[b]["horizons"]["4"]["psnr"]
        );
    }
    let page = fs::read_to_string(folder.path().join("compare.html")).unwrap();
    for part in [
        "other latent",
        "<svg",
        "data:image/gif;base64,",
        "data:image/png;base64,",
    ] {
        assert!(page.contains(part), "no {part}");
    }
    let csv = fs::read_to_string(folder.path().join("compare.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("model,frames_ahead,region,measure,value,low,high")
    );
    assert!(lines.all(|line| line.split(',').count() == 7));
    assert!(csv.contains("other latent,4,moving,crps_of_best,"));

    // Not on other footage.
    let config = Path::new(&other).join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("film.safetensors", "another.safetensors"),
    )
    .unwrap();
    let message = produce(&both).unwrap_err().to_string();
    assert!(
        message.contains("another.safetensors") && message.contains("same footage"),
        "{message}"
    );
    // Unless it is said where both films are now.
    let film = folder.path().join("film.safetensors");
    both.input = vec![film.display().to_string()];
    produce(&both).unwrap();
}

#[test]
fn a_picture_of_another_kind_is_refused_before_any_work() {
    let wrong = args(Path::new("no-such-run"), &["-o", "compare.jpg"]);
    let message = produce(&wrong).unwrap_err().to_string();
    assert!(
        message.contains("compare.jpg") && message.contains(".png"),
        "{message}"
    );
}

#[test]
fn a_perfect_sampler_of_the_world_stands_beside() {
    let folder = saved_at(crate::video::worlds::SIZE);
    let more = ["--futures", "8", "--windows", "12", "--json"];
    let world = ["--world", "galton", "--world-seed"];
    let with = |seed: &'static str| [&more[..], &world, &[seed]].concat();
    let json = produce(&args(folder.path(), &with("1"))).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    let models = json["models"].as_array().unwrap();
    let names: Vec<_> = models.iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["copy", "truth", "mse", "latent"]);
    let score = |of: usize| {
        let figures = &models[of]["horizons"]["4"]["whole_frame"];
        figures["energy_score"]["value"].as_f64().unwrap()
    };
    assert!(score(1) < 0.5 * score(3), "{} {}", score(1), score(3));

    let other = produce(&args(folder.path(), &with("2"))).unwrap_err();
    assert!(other.to_string().contains("seed"), "{other}");
    let small = produce(&args(saved().path(), &with("1"))).unwrap_err();
    assert!(small.to_string().contains("16"), "{small}");
}
