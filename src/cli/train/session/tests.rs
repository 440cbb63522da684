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
        validation: ValidationPlaces::Spread,
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
    let seen = |name: &str| -> Vec<f32> {
        let frames = several.plan.batch(name, 3).unwrap();
        frames.flatten_all().unwrap().to_vec1().unwrap()
    };
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
            done,
        };
        conclude(&session.plan, &session.run, trained).unwrap()
    };
    let warnings = conclude(true).unwrap();
    let ignored = |whose: &str| {
        let start = format!("{whose}z is ignored");
        warnings.iter().any(|warning| warning.starts_with(&start))
    };
    assert!(ignored("") && ignored("member 2: "), "{warnings:?}");
    assert_eq!(conclude(false), None);
}

impl Session {
    fn config(&self) -> ModelConfig {
        ModelConfig::read(&self.run.config()).unwrap()
    }

    /// The same run, gone on with.
    fn again(self) -> Self {
        let out = self.run.folder().to_path_buf();
        Self::begin(self.plan, &out, Existing::Resume).unwrap()
    }
}

#[test]
fn what_was_left_after_the_last_step_is_done_when_the_run_goes_on() {
    let (_folder, mut session) = session(3);
    session.train().unwrap();
    let whole = session.config();
    assert!(whole.trained.unwrap().done);
    // As an interrupt leaves it, or a kill after the last save.
    for trained in [
        None,
        Some(Trained {
            done: false,
            ..whole.trained.unwrap()
        }),
    ] {
        let broken = ModelConfig {
            trained,
            persistence: 0.0,
            draws: Default::default(),
            ..whole.clone()
        };
        session
            .run
            .describe(&session.plan.settings, &broken, UNITS)
            .unwrap();
        session = session.again();
        session.train().unwrap();
        let config = session.config();
        assert_eq!(config.persistence, whole.persistence);
        assert!(config.trained.unwrap().done);
    }
    // Once is enough.
    session = session.again();
    session.train().unwrap();
    let left = |trained: Option<Trained>| session.pace.is_concluded(trained);
    assert!(left(session.trained));
    assert!(!left(Some(Trained {
        steps: 2,
        ..whole.trained.unwrap()
    })));
}

#[test]
fn weights_that_are_not_finite_end_a_training_with_an_error() {
    let (_folder, mut session) = session(1);
    (session.pace.step, session.pace.validations) = (1, 10);
    session.scale_weights(f64::INFINITY);
    session.save().unwrap();
    let said = session.train().unwrap_err().to_string();
    assert!(
        said.contains("not finite") && said.contains("tensor '"),
        "{said}"
    );
}

#[test]
fn a_step_that_cannot_read_leaves_a_save_and_a_validation_that_fails_is_made_again() {
    let (_folder, mut session) = session(20);
    // Pictures cannot be written where a file is in the way.
    let pictures = session.run.pictures();
    std::fs::remove_dir(&pictures).unwrap();
    std::fs::write(&pictures, "").unwrap();
    let said = session.train().unwrap_err().to_string();
    assert!(said.contains("pictures"), "{said}");
    // It fails in the first validation, after two steps, which are saved.
    assert_eq!(session.run.latest().unwrap().step, 2);
    std::fs::remove_file(&pictures).unwrap();
    let mut session = session.again();
    assert_eq!((session.pace.step, session.pace.validations), (2, 0));
    session.train().unwrap();
    assert!(pictures.join("00000002.png").exists());
}

#[test]
fn a_state_that_no_training_writes_is_refused() {
    let (_folder, mut session) = session(3);
    session.train().unwrap();
    let saved = session.run.latest().unwrap();
    let path = (session.run.folder().join("checkpoints/00000003")).join("state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let good: Value = serde_json::from_str(&text).unwrap();
    let wrong = [
        ("/elapsed", json!(-5)),
        ("/elapsed", json!(1e300)),
        ("/elapsed", json!("long")),
        ("/elapsed", Value::Null),
        ("/step", json!(4)),
        ("/step", json!(u64::MAX)),
        ("/step", json!(-1)),
        ("/validations", json!(1e300)),
        ("/best", json!([])),
        ("/learners", json!([])),
        ("/learners/0/steps", json!(9_000_000_000_000_000_000_u64)),
        ("/learners/0/caution", json!(-1.0)),
        ("/learners/0/watch/best", json!(-1e300)),
        ("/learners/0/watch/steps", json!(u64::MAX)),
    ];
    let out = session.run.folder().to_path_buf();
    for (key, value) in wrong {
        let mut state = good.clone();
        *state.pointer_mut(key).unwrap() = value.clone();
        std::fs::write(&path, state.to_string()).unwrap();
        let learners = &mut session.learners;
        let restored = State::restore(&out, &saved, learners, &mut session.best);
        let said = restored.unwrap_err().to_string();
        assert!(
            said.contains("state.json") || said.contains("--only"),
            "{key} {value}: {said}"
        );
    }
    std::fs::write(&path, text).unwrap();
    State::restore(&out, &saved, &mut session.learners, &mut session.best).unwrap();
}

#[test]
fn footage_that_is_cut_short_while_training_ends_it_with_a_saved_run() {
    let (folder, mut session) = session(3);
    let files = std::fs::read_dir(folder.path().join("cache")).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "frames"));
    let open = std::fs::File::options().write(true).open(file.unwrap());
    open.unwrap().set_len(9000).unwrap();
    let said = session.train().unwrap_err().to_string();
    assert!(
        said.contains(".frames") && said.contains("changed while it was in use"),
        "{said}"
    );
    let run = Run::open(session.run.folder()).unwrap();
    assert!(run.latest().is_some());
    crate::outputs::model::Model::load(session.run.folder(), &Device::Cpu).unwrap();
}

#[test]
fn a_run_of_before_keeps_its_validation_part() {
    let (_folder, mut session) = session(2);
    session.train().unwrap();
    let path = session.run.config();
    let place = || {
        checkpoint::load_config::<ModelConfig>(&path)
            .unwrap()
            .validation
    };
    assert_eq!(place(), ValidationPlaces::Spread);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.contains("\"validation\":"));
    std::fs::write(&path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(place(), ValidationPlaces::End);
}
