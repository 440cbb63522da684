//! Films as tensors: `.frames`, `.safetensors` and idx files.

use super::runs;
use crate::case::Case;
use crate::target::{FuzzTarget, made, program, word};
use candle_core::Device;
use nextframe::Result;
use nextframe::data::{self, Footage, Split, Window};
use nextframe::video::{ReadSettings, Source};
use std::path::Path;

pub const FRAMES: FuzzTarget = FuzzTarget {
    name: "frames",
    about: "prepared films, .frames, inspected, cut into windows and given to a model",
    kept: &["run/"],
    seeds: frames_seeds,
    read: read_frames,
};

pub const TENSORS: FuzzTarget = FuzzTarget {
    name: "tensors",
    about: "films as a tensor `frames` in a .safetensors",
    kept: &[],
    seeds: tensors_seeds,
    read: |folder| watch(&folder.join("film.safetensors"), folder),
};

pub const IDX: FuzzTarget = FuzzTarget {
    name: "idx",
    about: "MNIST's idx files, gzipped or not, from which `synth digits` draws",
    kept: &[],
    seeds: idx_seeds,
    read: read_idx,
};

fn frames_seeds() -> Result<Vec<Case>> {
    let run = runs::trained("default")?;
    let whole = made(|folder| film(folder, 120, &[]))?;
    let cut = made(|folder| film(folder, 130, &[9, 12]))?;
    let seed = |mut case: Case| {
        let model = run.files.iter().filter(|file| file.name != "film.frames");
        case.files.extend(model.cloned());
        case
    };
    Ok([whole, cut].map(seed).into())
}

/// Writes film.frames: a bright square that goes to and fro, grey, 8 × 8.
pub fn film(folder: &Path, length: usize, cuts: &[usize]) -> Result<()> {
    let frames: Vec<u8> = (0..length)
        .flat_map(|time| {
            let left = [0, 1, 2, 3, 4, 5, 4, 3, 2, 1][time % 10];
            let top = (time * time / 7) % 5;
            (0..64).map(move |at| {
                let inside = (left..left + 3).contains(&(at % 8));
                let bright = inside && (top..top + 3).contains(&(at / 8));
                if bright { 220 } else { 20 }
            })
        })
        .collect();
    let path = folder.join("film.frames");
    data::keep(&path, &frames, [length, 1, 8, 8], 12.5, cuts)
}

fn read_frames(folder: &Path) -> Result<String> {
    let (run, film) = (word(folder, "run"), word(folder, "film.frames"));
    let out = word(folder, "out.safetensors");
    let few = ["--futures", "2", "--seed", "1"];
    let generate = ["generate", &run, &film, "--frames", "2", "-o", &out];
    let compare = ["compare", &run, "--input", &film, "--windows", "1"];
    // The classifier of compare reads no file, and takes seconds.
    let few_and_short = [&few[..], &["--no-real-or-drawn"]].concat();
    // What one refuses, another may stumble over.
    let all = [
        look(Path::new(&film)),
        program(&[&generate[..], &few].concat()),
        program(&[&compare[..], &few_and_short].concat()),
    ];
    let found = data::inspect(&Source::file(Path::new(&film))?)?;
    all.into_iter().collect::<Result<()>>()?;
    let cuts = found.scene_cuts.len().min(2);
    Ok(format!("{} of {cuts} cuts", found.codec))
}

/// Touches every frame, and windows of them, as training does, forwards and backwards.
fn look(path: &Path) -> Result<()> {
    let footage = data::open_cache(path)?;
    for footage in [footage.backwards(), footage] {
        read_all(&footage)?;
        assert_eq!(footage.times().len(), footage.len());
        let footage = [footage];
        let split = Split::new(&footage, 3, 4)?;
        data::typical_change(&footage, &split.train)?;
        let windows: Vec<Window> = split.train.spread(3, 4);
        data::batch(&footage, &windows, 3, &Device::Cpu)?;
    }
    Ok(())
}

fn read_all(footage: &Footage) -> Result<()> {
    for index in 0..footage.len() {
        assert_eq!(footage.frame(index)?.len(), footage.frame_bytes());
    }
    Ok(())
}

fn tensors_seeds() -> Result<Vec<Case>> {
    let tensor = |shape: &[usize]| {
        let count: usize = shape.iter().product();
        let bytes: Vec<u8> = (0..count).map(|at| (at * 7 % 256) as u8).collect();
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::U8, shape.into(), &bytes);
        let view = view.expect("the bytes fit the shape");
        let file = safetensors::serialize([("frames", view)], None);
        Case::one("film.safetensors", file.expect("one tensor makes a file"))
    };
    Ok(vec![tensor(&[6, 3, 5, 4]), tensor(&[2, 3, 1, 4, 4])])
}

/// Reads all frames of a film of any kind, as they are and as a model takes them.
pub fn watch(path: &Path, folder: &Path) -> Result<String> {
    let source = Source::file(path)?;
    let found = data::inspect(&source)?;
    let settings = ReadSettings {
        width: 16,
        height: 12,
        ..ReadSettings::default()
    };
    let inputs = [path.display().to_string()];
    let cache = folder.join("cache");
    let all = data::prepare(&inputs, &settings, Some(&cache), &mut |_| {})?;
    for footage in &all {
        assert_eq!(footage.shape(), (3, 12, 16));
        read_all(footage)?;
    }
    Ok(format!(
        "{} {} turned by {} mirrored {} damaged {} cuts {}",
        found.codec,
        found.pixel_format,
        found.rotation / 90,
        found.mirrored,
        found.damaged_frames.min(1),
        found.scene_cuts.len().min(1)
    ))
}

fn idx_seeds() -> Result<Vec<Case>> {
    let mut bytes = vec![0, 0, 8, 3];
    for number in [8u32, 6, 5] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend((0..8 * 6 * 5).map(|at| (at * 11 % 256) as u8));
    let packed = crate::mutate::gzipped(&bytes).expect("writing to memory");
    Ok(vec![
        Case::one("images", bytes),
        Case::one("images.gz", packed),
    ])
}

fn read_idx(folder: &Path) -> Result<String> {
    let name = ["images", "images.gz"]
        .into_iter()
        .find(|name| folder.join(name).exists())
        .unwrap_or("images");
    let (images, out) = (word(folder, name), word(folder, "out.frames"));
    let synth = [
        "synth", "digits", "--images", &images, "--frames", "3", "-o", &out,
    ];
    program(&synth)?;
    Ok(name.to_owned())
}
