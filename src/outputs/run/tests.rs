use super::*;
use candle_core::Device;

type Parts = [(String, Tensor); 1];

fn part(value: u64) -> Parts {
    let tensor = Tensor::full(value as f32, 3, &Device::Cpu).unwrap();
    [("weight".to_owned(), tensor)]
}

fn save(run: &mut Run, step: u64) {
    let tensors = part(step);
    let parts: [(&str, &[_]); 2] = [(MODEL, &tensors), ("optimizer", &tensors)];
    run.save(step, &parts, &step).unwrap();
}

fn write(run: &Run, step: u64) -> Place {
    let tensors = part(step);
    let parts: [(&str, &[_]); 2] = [(MODEL, &tensors), ("optimizer", &tensors)];
    run.write(step, &parts, &step).unwrap()
}

fn value(checkpoint: &Checkpoint) -> u64 {
    checkpoint.tensors["weight"].to_vec1::<f32>().unwrap()[0] as u64
}

/// The step of a save, after checking that all of its parts are of that step.
fn step_of(saved: &Saved) -> u64 {
    for name in [MODEL, "optimizer"] {
        let checkpoint = saved.load(name).unwrap();
        assert_eq!(value(&checkpoint), saved.step);
        assert_eq!(checkpoint.metadata["step"], saved.step.to_string());
    }
    assert_eq!(saved.state::<u64>().unwrap(), saved.step);
    saved.step
}

fn latest(folder: &Path) -> u64 {
    let latest = step_of(&Run::open(folder).unwrap().latest().unwrap());
    assert_eq!(latest, step_of(&resume(folder).latest().unwrap()));
    latest
}

fn resume(folder: &Path) -> Run {
    Run::begin(folder, Existing::Resume).unwrap()
}

fn begun() -> (tempfile::TempDir, Run) {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::begin(folder.path(), Existing::Refuse).unwrap();
    run.describe(&Settings { width: 3 }, &Settings { width: 3 }, &[])
        .unwrap();
    (folder, run)
}

#[derive(Serialize)]
struct Settings {
    width: usize,
}

fn saves_kept(run: &Run) -> usize {
    files::entries(&run.folder.join(CHECKPOINTS)).unwrap().len()
}

#[test]
fn a_save_is_found_again_and_earlier_ones_go() {
    let (folder, mut run) = begun();
    assert_eq!(run.latest(), None);
    for step in [10, 20, 20, 30] {
        save(&mut run, step);
        assert_eq!(latest(folder.path()), step);
        assert_eq!(saves_kept(&run), 1);
        assert_eq!(value(&checkpoint::load(&run.model()).unwrap()), step);
    }
}

/// Ends a save after each of its steps, as `kill -9` would.
#[test]
fn a_save_that_dies_between_its_steps_leaves_a_whole_one() {
    let (folder, mut run) = begun();
    save(&mut run, 10);
    save(&mut run, 20);

    // While its files are written.
    let place = write(&run, 30);
    let torn = run.folder.join(CHECKPOINTS).join(&place.folder);
    fs::remove_file(torn.join("optimizer.safetensors")).unwrap();
    fs::write(torn.join("model.safetensors"), b"ha").unwrap();
    assert_eq!(
        step_of(&Run::open(folder.path()).unwrap().latest().unwrap()),
        20
    );
    assert_eq!(value(&checkpoint::load(&run.model()).unwrap()), 20);

    // The same step again beside the torn one, before the switch.
    let place = write(&run, 30);
    assert_eq!(
        step_of(&Run::open(folder.path()).unwrap().latest().unwrap()),
        20
    );

    // After the switch: the model beside it is one save behind, but whole.
    run.switch(place).unwrap();
    assert_eq!(
        step_of(&Run::open(folder.path()).unwrap().latest().unwrap()),
        30
    );
    assert_eq!(value(&checkpoint::load(&run.model()).unwrap()), 20);

    // After all but the removal of earlier saves.
    run.publish().unwrap();
    assert_eq!(value(&checkpoint::load(&run.model()).unwrap()), 30);
    assert_eq!(saves_kept(&run), 3);
    assert_eq!(latest(folder.path()), 30);
    assert_eq!(saves_kept(&run), 1);
}

#[test]
fn a_save_that_fails_leaves_the_last_one() {
    let (folder, mut run) = begun();
    save(&mut run, 10);
    // A state that cannot be written stands for a full disk.
    let bad = std::collections::HashMap::from([((1, 2), 3)]);
    assert!(run.save(20, &[(MODEL, &part(20))], &bad).is_err());
    assert_eq!(latest(folder.path()), 10);
    assert_eq!(saves_kept(&run), 1);
}

#[test]
fn a_run_is_not_overwritten_by_accident() {
    let (folder, mut run) = begun();
    save(&mut run, 10);
    let message = Run::begin(folder.path(), Existing::Refuse)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("--resume") && message.contains("--overwrite"),
        "{message}"
    );
    assert_eq!(latest(folder.path()), 10);
    fs::write(folder.path().join("notes.txt"), b"mine").unwrap();
    let run = Run::begin(folder.path(), Existing::Overwrite).unwrap();
    assert_eq!(run.latest(), None);
    assert!(!run.model().exists() && !run.recipe().exists());
    assert!(folder.path().join("notes.txt").exists());
}

#[test]
fn a_folder_of_other_things_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), b"").unwrap();
    for existing in [Existing::Refuse, Existing::Resume, Existing::Overwrite] {
        let message = Run::begin(folder.path(), existing).unwrap_err().to_string();
        assert!(message.contains("thesis.tex"), "{message}");
    }
    let message = Run::open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("holds no run"), "{message}");
}

#[test]
fn a_run_killed_as_it_began_can_be_begun_again() {
    for existing in [Existing::Refuse, Existing::Resume] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("deep/run");
        let run = Run::begin(&out, existing).unwrap();
        checkpoint::save_config(&run.config(), &1, &[]).unwrap();
        fs::write(run.metrics(), b"").unwrap();
        fs::write(out.join(".nextframe-torn.tmp"), b"ha").unwrap();
        let run = Run::begin(&out, existing).unwrap();
        assert_eq!(run.latest(), None);
        assert!(!out.join(".nextframe-torn.tmp").exists());
    }
}

#[test]
fn another_version_and_a_damaged_state_are_refused() {
    let (folder, mut run) = begun();
    save(&mut run, 10);
    let path = folder.path().join(STATE);
    let text = fs::read_to_string(&path).unwrap();
    let other = text.replace("\"version\": 1", "\"version\": 9");
    for (text, says) in [(other.as_str(), "version 9"), (&text[..9], "state.json")] {
        fs::write(&path, text).unwrap();
        for result in [
            Run::open(folder.path()),
            Run::begin(folder.path(), Existing::Resume),
        ] {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }
}

#[test]
fn what_is_not_the_runs_own_is_never_removed() {
    let (folder, mut run) = begun();
    let path = |name: &str| folder.path().join(name);
    let others = [
        "checkpoints/best.safetensors",
        "checkpoints/holiday/1.png",
        "checkpoints/00000099",
        "checkpoints/00000007/thesis.tex",
        "pictures/holiday.png",
    ];
    for other in others {
        fs::create_dir_all(path(other).parent().unwrap()).unwrap();
        fs::write(path(other), b"mine").unwrap();
    }
    fs::write(path("pictures/00000010.png"), b"ours").unwrap();
    save(&mut run, 10);
    save(&mut run, 20);
    assert!(!path("checkpoints/00000010").exists());
    resume(folder.path());
    Run::begin(folder.path(), Existing::Overwrite).unwrap();
    assert!(!path("checkpoints/00000020").exists() && !path("pictures/00000010.png").exists());
    for other in others {
        assert_eq!(fs::read(path(other)).unwrap(), b"mine", "{other}");
    }
}

#[cfg(unix)]
#[test]
fn checkpoints_may_be_a_link_to_a_folder_with_other_files() {
    let (folder, mut run) = begun();
    let (link, elsewhere) = (
        folder.path().join(CHECKPOINTS),
        tempfile::tempdir().unwrap(),
    );
    fs::remove_dir(&link).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
    let thesis = elsewhere.path().join("thesis.tex");
    fs::write(&thesis, b"mine").unwrap();
    save(&mut run, 10);
    save(&mut run, 20);
    assert_eq!(latest(folder.path()), 20);
    Run::begin(folder.path(), Existing::Overwrite).unwrap();
    assert_eq!(files::entries(elsewhere.path()).unwrap(), [thesis]);
}

#[cfg(unix)]
#[test]
fn the_saves_of_another_run_are_not_shared() {
    let (other, mut others) = begun();
    save(&mut others, 3);
    let (folder, run) = begun();
    fs::remove_dir(run.folder.join(CHECKPOINTS)).unwrap();
    let target = other.path().join(CHECKPOINTS);
    std::os::unix::fs::symlink(target, run.folder.join(CHECKPOINTS)).unwrap();
    for existing in [Existing::Resume, Existing::Overwrite] {
        let said = Run::begin(folder.path(), existing)
            .err()
            .unwrap()
            .to_string();
        assert!(said.contains("the saves of another run"), "{said}");
    }
    assert_eq!(latest(other.path()), 3);
}

#[test]
fn a_run_that_was_moved_away_is_not_begun_again_by_halves() {
    let outer = tempfile::tempdir().unwrap();
    let (out, moved) = (outer.path().join("run"), outer.path().join("moved"));
    let mut run = Run::begin(&out, Existing::Refuse).unwrap();
    run.describe(&Settings { width: 3 }, &Settings { width: 3 }, &[])
        .unwrap();
    save(&mut run, 10);
    fs::rename(&out, &moved).unwrap();
    for _ in 0..2 {
        let described = run.describe(&Settings { width: 3 }, &1, &[]);
        for result in [run.save(20, &[(MODEL, &part(20))], &20), described] {
            let message = result.unwrap_err().to_string();
            assert!(message.contains("moved away"), "{message}");
        }
        assert_eq!(files::entries(&out).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(latest(&moved), 10);
        // Another folder of that name is not the run's either.
        fs::create_dir_all(&out).unwrap();
    }
}

#[test]
fn a_state_that_names_no_save_is_refused() {
    let (folder, mut run) = begun();
    save(&mut run, 10);
    let path = folder.path().join(STATE);
    let text = fs::read_to_string(&path).unwrap();
    for name in ["../..", "/", "", "00000010/.."] {
        fs::write(&path, text.replace("00000010", name)).unwrap();
        let message = Run::open(folder.path()).unwrap_err().to_string();
        assert!(message.contains("no save's folder"), "{message}");
    }
}
