//! A model that was built but not trained: its futures are noise, what is written is not.

#![allow(dead_code, reason = "each test file uses some of it")]

use candle_core::Device;
use nextframe::data::ValidationPlaces;
use nextframe::inference::Forecaster;
use nextframe::models::{FrameShape, Weights};
use nextframe::outputs::film::write_film;
use nextframe::outputs::model::{MSE, ModelConfig, UNITS};
use nextframe::rng::Seed;
use nextframe::training::{Settings, checkpoint};
use std::fs;
use std::path::PathBuf;

pub const SIDE: usize = 16;
/// The typical change of its pixels.
pub const CHANGE: f64 = 0.1;

/// A folder with a model and an input.
pub struct Bench {
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new(models: &[&str]) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        bench.build(models, SIDE);
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn build(&self, models: &[&str], side: usize) {
        let mut settings = Settings::default();
        (settings.data.width, settings.data.height) = (side, side);
        settings.evaluation.horizon = 5;
        let members = models.iter().filter(|name| **name != MSE);
        settings.training.members = members.count().max(1);
        // Untrained, z must be seen in bytes.
        settings.model.latent_start = 5.0;
        let mut config = ModelConfig {
            settings,
            shape: FrameShape {
                channels: 3,
                height: side,
                width: side,
                change: CHANGE,
            },
            frame_rate: 10.0,
            inputs: vec!["film.safetensors".to_owned()],
            models: models.iter().map(|&name| name.to_owned()).collect(),
            validation: ValidationPlaces::Spread,
            persistence: 0.0,
            draws: Default::default(),
            trained: None,
        };
        config.settings.model.backbone.width = 16;
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        for name in models {
            let (model, beside) = (&config.settings.model, config.beside(name));
            Forecaster::new(model, beside, config.shape, name, &mut weights).unwrap();
        }
        checkpoint::save(&self.path("model.safetensors"), &weights.tensors(), &[]).unwrap();
        checkpoint::save_config(&self.path("config.json"), &config, UNITS).unwrap();
    }

    /// `frames` frames (C, H, W) whose values tell them apart.
    pub fn film(&self, name: &str, frames: usize) -> Vec<u8> {
        let size = 3 * SIDE * SIDE;
        let bytes: Vec<u8> = (0..frames * size)
            .map(|i| (i / size * 8 + i % 7) as u8)
            .collect();
        let shape = [frames, 3, SIDE, SIDE];
        write_film(&self.path(name), &bytes, shape, 10.0, 1).unwrap();
        bytes
    }

    /// The words that name `command`, model, input, output and cache below this folder, and
    /// `words`.
    pub fn words(&self, command: [&str; 3], words: &[&str]) -> Vec<std::ffi::OsString> {
        let path = |name: &str| self.path(name).into_os_string();
        let [name, input, output] = command;
        let fixed = [name.into(), path("model.safetensors"), path(input)];
        let places = ["-o".into(), path(output), "--cache".into(), path("cache")];
        let words = words.iter().map(|word| word.into());
        fixed.into_iter().chain(places).chain(words).collect()
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }
}
