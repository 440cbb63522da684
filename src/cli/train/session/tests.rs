use super::*;
use crate::data::prepare;
use crate::outputs::film::write_film;
use crate::training::checkpoint;
use crate::video::worlds::{FRAME_RATE, Galton, World as _};
use std::collections::HashMap;

/// A session on a small film, and the folder of both.
fn session(steps: u64) -> (tempfile::TempDir, Session) {
    session_of(steps, 1)
}

/// The same with so many members.
fn session_of(steps: u64, members: usize) -> (tempfile::TempDir, Session) {
    session_with(steps, |settings| settings.training.members = members)
}

/// The same with other settings.
fn session_with(steps: u64, change: impl FnOnce(&mut Settings)) -> (tempfile::TempDir, Session) {
    let folder = tempfile::tempdir().unwrap();
    let film = Galton::new(Seed(1)).film(140);
    let input = folder.path().join("film.safetensors");
    write_film(&input, &film.frames, film.shape, FRAME_RATE, 1).unwrap();
    let mut settings = Settings::default();
    (settings.data.width, settings.data.height) = (16, 16);
    settings.model.backbone.width = 8;
    settings.model.backbone.depth = 0;
    settings.training.batch = 2;
    // What is judged are the weights themselves, so that a test can set them.
    settings.training.average = 0.0;
    settings.evaluation.horizon = 4;
    change(&mut settings);
    let inputs = vec![input.display().to_string()];
    let cache = folder.path().join("cache");
    let footage = prepare(&inputs, &settings.data, Some(&cache), &mut |_| {}).unwrap();
    let split = Split::new(&footage, settings.window(), settings.longest()).unwrap();
    let plan = Plan {
        settings,
        footage,
        split,
        inputs,
        only: None,
        budget: Budget::Steps(steps),
        save_every: Duration::from_secs(3600),
        seed: Seed(1),
        device: Device::Cpu,
    };
    let run = folder.path().join("run");
    let session = Session::begin(plan, &run, Existing::Refuse).unwrap();
    (folder, session)
}

impl Session {
    /// Every weight, with the names of both models.
    fn now(&self) -> HashMap<String, Vec<f32>> {
        let tensors = self.learners.iter().flat_map(|l| l.weights().tensors());
        tensors.map(|(name, t)| (name, flat(&t))).collect()
    }

    fn scale_weights(&self, factor: f64) {
        for learner in &self.learners {
            for (_, var) in learner.weights().pairs() {
                let scaled = (var.as_detached_tensor() * factor).unwrap();
                var.set(&scaled).unwrap();
            }
        }
    }

    fn validate_quietly(&mut self) {
        let progress = Progress::new(self.plan.budget);
        self.validate(&progress).unwrap();
    }

    fn published(&self) -> HashMap<String, Vec<f32>> {
        let tensors = checkpoint::load(&self.run.model()).unwrap().tensors;
        tensors.iter().map(|(k, t)| (k.clone(), flat(t))).collect()
    }

    /// The lines of metrics.jsonl that have `key`: its values.
    fn noted(&self, key: &str) -> Vec<Value> {
        let lines = std::fs::read_to_string(self.run.metrics()).unwrap();
        let lines = lines.lines();
        let lines = lines.map(|line| -> Value { serde_json::from_str(line).unwrap() });
        let values = lines.map(|line| line[key].clone());
        values.filter(|value| !value.is_null()).collect()
    }

    /// The energy scores in metrics.jsonl: least squares, latent.
    fn scores(&self) -> Vec<[f64; 2]> {
        let of = |found: &Value| [0, 1].map(|i| found["energy_scores"][i].as_f64().unwrap());
        self.noted("validation").iter().map(of).collect()
    }
}

fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn the_model_is_the_one_with_the_best_validation() {
    let (_folder, mut session) = session(12);
    session.train().unwrap();
    let before = session.scores();
    let trained = session.published();

    // Wrecked weights score worse: the model stays, training would go on
    // from the last ones.
    session.scale_weights(50.0);
    session.pace.step += 1;
    session.validate_quietly();
    session.save().unwrap();
    let wrecked = *session.scores().last().unwrap();
    for model in [0, 1] {
        let best = before
            .iter()
            .skip(FIRST_JUDGED as usize - 1)
            .map(|score| score[model])
            .fold(f64::INFINITY, f64::min);
        assert!(wrecked[model] > best, "{wrecked:?} and {before:?}");
        assert_eq!(session.best[model].score(), Some(best));
    }
    assert_eq!(session.published(), trained);
    assert_ne!(session.now(), trained);
    let last = session.run.latest().unwrap().load(WEIGHTS).unwrap();
    let last: HashMap<_, _> = last
        .tensors
        .iter()
        .map(|(k, t)| (k.clone(), flat(t)))
        .collect();
    assert_eq!(last, session.now());

    // One model gets better again, the other does not: each keeps its own.
    let best = session.best[1].score();
    session.best[0] = Best::default();
    session.pace.step += 1;
    session.validate_quietly();
    session.save().unwrap();
    let (published, now) = (session.published(), session.now());
    assert_eq!(session.best[1].score(), best);
    for (name, values) in &published {
        let expected = if name.starts_with("mse.") {
            &now
        } else {
            &trained
        };
        assert_eq!(values, &expected[name], "{name}");
    }
}

#[test]
fn members_learn_beside_each_other_and_change_nothing_for_the_first() {
    let (_folder, mut alone) = session_of(6, 1);
    alone.train().unwrap();
    let (_folder, mut several) = session_of(6, 3);
    let before = several.now();
    let seen = |name: &str| several.plan.batch(name, 3).unwrap().1;
    assert_eq!(seen("latent"), seen("mse"));
    assert_ne!(seen("latent-2"), seen("latent"));
    assert_ne!(seen("latent-2"), seen("latent-3"));
    several.train().unwrap();
    let (alone, several, run) = (alone.published(), several.published(), several.run.folder());
    let of = |name: &str| -> Vec<(&String, &Vec<f32>)> {
        let own = several.iter().filter(|(key, _)| key.starts_with(name));
        own.collect()
    };
    for (key, values) in of("mse.").into_iter().chain(of("latent.")) {
        assert_eq!(alone[key], *values, "{key}");
    }
    for name in ["latent-2.", "latent-3."] {
        assert_eq!(of(name).len(), of("latent.").len());
        let first = |key: &str| format!("latent.{}", &key[name.len()..]);
        let network = of(&format!("{name}network"));
        let learned = |(key, values): &(&String, &Vec<f32>)| before[*key] != **values;
        let other = |(key, values): &(&String, &Vec<f32>)| several[&first(key)] != **values;
        assert!(network.iter().any(learned), "{name}");
        assert!(network.iter().any(other), "{name}");
    }
    let model = crate::outputs::model::Model::load(run, &Device::Cpu).unwrap();
    let (name, members, parameters) = model.each().last().unwrap();
    assert_eq!((name, members.len()), ("latent", 3));
    let count: usize = of("latent").iter().map(|(_, values)| values.len()).sum();
    assert_eq!(parameters, count);
}

#[test]
fn what_does_not_look_right_of_any_member_is_kept_and_said_at_the_end() {
    let (_folder, mut session) = session_with(3, |settings| {
        settings.training.members = 2;
        // What z does begins at nothing, and is little after three steps.
        settings.model.latent_start = 0.0;
    });
    session.train().unwrap();
    let health = session.noted("health").pop().unwrap();
    assert_eq!(health.as_array().unwrap().len(), 2, "{health}");
    let conclude = |done: bool| {
        let trained = Trained {
            steps: 3,
            seconds: 1.0,
            seed: 1,
            threads: 1,
        };
        conclude(&session.plan, &session.run, trained, done).unwrap()
    };
    let warnings = conclude(true);
    let ignored = |whose: &str| {
        let start = format!("{whose}z is ignored");
        warnings.iter().any(|warning| warning.starts_with(&start))
    };
    assert!(ignored("") && ignored("member 2: "), "{warnings:?}");
    assert!(conclude(false).is_empty());
}
