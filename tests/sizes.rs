//! Sizes that no machine has, in every number of a run and of a recipe.

#[path = "common/untrained.rs"]
mod untrained;

use candle_core::Device;
use nextframe::outputs::model::{MSE, Model};
use nextframe::training::Settings;
use nextframe::training::recipe::{self, Recipe};
use serde_json::{Value, json};
use untrained::Bench;

/// The paths of all numbers in a tree.
fn numbers(tree: &Value, prefix: &str, found: &mut Vec<String>) {
    let mut each = |key: &str, value: &Value| {
        let path = format!("{prefix}/{key}");
        match value {
            Value::Number(_) => found.push(path),
            _ => numbers(value, &path, found),
        }
    };
    match tree {
        Value::Object(map) => map.iter().for_each(|(key, value)| each(key, value)),
        Value::Array(list) => {
            let list = list.iter().enumerate();
            list.for_each(|(at, value)| each(&at.to_string(), value));
        }
        _ => {}
    }
}

#[test]
fn a_run_with_any_number_changed_loads_or_says_why_not() {
    let bench = Bench::new(&[MSE, "latent"]);
    let path = bench.path("config.json");
    let good: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut keys = Vec::new();
    numbers(&good, "", &mut keys);
    assert!(keys.len() > 50, "{keys:?}");
    for key in keys {
        for value in [
            json!(0),
            json!(-1),
            json!(-0.5),
            json!(1_000_000_000),
            json!(i64::MAX),
            json!(u64::MAX),
            json!(1e300),
            Value::Null,
        ] {
            let mut config = good.clone();
            *config.pointer_mut(&key).unwrap() = value.clone();
            std::fs::write(&path, config.to_string()).unwrap();
            // It must come back; most say why not.
            if let Err(error) = Model::load(bench.folder.path(), &Device::Cpu) {
                let said = error.to_string();
                let named = said.contains("config.json") || said.contains("does not fit");
                assert!(named || said.contains(": "), "{key} = {value}: {said}");
                assert!(!said.contains('\n'), "{key} = {value}: {said}");
            }
        }
    }
    std::fs::write(&path, good.to_string()).unwrap();
    Model::load(bench.folder.path(), &Device::Cpu).unwrap();
}

#[test]
fn weights_that_are_not_finite_are_named() {
    let bench = Bench::new(&[MSE, "latent", "latent-2"]);
    let path = bench.path("model.safetensors");
    let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for name in ["mse.network.mean.weight", "latent-2.unexplained"] {
            let mut tensors = tensors.clone();
            let spoiled = (tensors[name].zeros_like().unwrap() + f64::from(bad)).unwrap();
            tensors.insert(name.to_owned(), spoiled);
            candle_core::safetensors::save(&tensors, &path).unwrap();
            let loaded = Model::load(bench.folder.path(), &Device::Cpu);
            let said = loaded
                .err()
                .map_or_else(String::new, |error| error.to_string());
            assert!(said.contains(name) && said.contains("not finite"), "{said}");
        }
    }
}

#[test]
fn every_number_of_every_recipe_has_its_range() {
    for name in Recipe::bundled() {
        let recipe = Recipe::find(name).unwrap();
        // Others are of text.
        let Ok(settings) = recipe::resolve::<Settings>(Some(&recipe), &[]) else {
            continue;
        };
        settings.check().unwrap();
        let mut keys = Vec::new();
        numbers(&serde_json::to_value(&settings).unwrap(), "", &mut keys);
        for key in keys {
            let key = key.trim_start_matches('/').replace('/', ".");
            for value in ["-1", "9223372036854775807", "nan", "inf"] {
                let set = format!("{key}={value}");
                let settings = recipe::resolve::<Settings>(Some(&recipe), &[set]);
                let refused = settings.and_then(|settings| settings.check());
                let said = refused
                    .expect_err(&format!("{name}: {key}={value}"))
                    .to_string();
                let last = key.rsplit('.').next().unwrap();
                assert!(said.contains(last), "{name}: {key}={value}: {said}");
            }
        }
    }
}
