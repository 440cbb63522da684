//! A process that saves again and again, killed at moments of chance.

use candle_core::{Device, Tensor};
use nextframe::outputs::run::{Existing, MODEL, Run};
use nextframe::rng::Seed;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "NEXTFRAME_TEST_SAVE_INTO";
const KILLS: u64 = 8;

#[test]
fn a_killed_process_leaves_a_whole_save() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        save_for_ever(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut rng = Seed(1).stream("kill", 0);
    let mut last = 0;
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_leaves_a_whole_save"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(40 + rng.below(160) as u64));
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();

        let run = Run::begin(folder.path(), Existing::Resume).unwrap();
        let Some(saved) = run.latest() else {
            assert_eq!(last, 0, "a save was lost");
            continue;
        };
        assert!(
            saved.step >= last,
            "went back from {last} to {}",
            saved.step
        );
        last = saved.step;
        for name in [MODEL, "optimizer"] {
            let weight = &saved.load(name).unwrap().tensors["weight"];
            let sum = weight.sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert_eq!(sum, last as f32 * 4096.0);
        }
        assert_eq!(saved.state::<u64>().unwrap(), last);
        let model = nextframe::training::checkpoint::load(&run.model());
        assert!(model.is_ok() || last == 1, "{model:?}");
    }
    assert!(last > 0, "no process lived long enough to save");
}

fn save_for_ever(folder: &Path) -> ! {
    let mut run = Run::begin(folder, Existing::Resume).unwrap();
    loop {
        let step = run.latest().map_or(0, |saved| saved.step) + 1;
        let weight = Tensor::full(step as f32, 4096, &Device::Cpu).unwrap();
        let tensors = [("weight".to_owned(), weight)];
        let parts: [(&str, &[_]); 2] = [(MODEL, &tensors), ("optimizer", &tensors)];
        run.save(step, &parts, &step).unwrap();
    }
}
