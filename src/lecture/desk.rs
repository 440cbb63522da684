//! Where a show puts its numbers and its figures.

use super::film::Film;
use super::likelihood::exact_model;
use super::sets::Set;
use crate::energy::ScalarNetwork;
use crate::error::{Error, Result};
use crate::outputs::figure::Figure;
use crate::outputs::film::write_film;
use crate::outputs::picture::Picture;
use crate::outputs::standard;
use crate::outputs::table::table;
use crate::rng::{Rng, Seed};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Text on standard output.
pub(super) fn print(text: &str) -> Result<()> {
    standard::print(text)
}

/// Pictures of a film shown a second.
const FRAME_RATE: f64 = 5.0;

/// A folder for figures, a text for numbers, and a seed.
#[derive(Clone)]
pub struct Desk {
    folder: PathBuf,
    /// Of everything that is drawn.
    pub seed: Seed,
    name: &'static str,
    said: Vec<String>,
    models: HashMap<Set, ScalarNetwork>,
}

impl Desk {
    /// Makes the folder where there is none.
    ///
    /// # Errors
    /// A folder that cannot be made or written into.
    pub fn new(folder: &Path, seed: Seed) -> Result<Self> {
        let fail = |error| Error::io(folder, error);
        fs::create_dir_all(folder).map_err(fail)?;
        // Found out now, and not after minutes of training.
        tempfile::tempfile_in(folder).map_err(fail)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            seed,
            name: "",
            said: Vec::new(),
            models: HashMap::new(),
        })
    }

    /// A desk for one show, which knows the models that this one does.
    pub(super) fn of_show(&self, name: &'static str, about: &str) -> Self {
        Self {
            name,
            said: vec![format!("{name}: {about}")],
            ..self.clone()
        }
    }

    /// All that was said, line by line.
    pub(super) fn said(&self) -> String {
        self.said.join("\n")
    }

    /// Randomness for `purpose`, the same whatever ran before.
    pub fn rng(&self, purpose: &str) -> Rng {
        self.seed.stream(&format!("lecture/{purpose}"), 0)
    }

    /// A set's energy as it is learned exactly, once for all shows that ask.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn exact_model(&mut self, set: Set) -> Result<ScalarNetwork> {
        if !self.models.contains_key(&set) {
            self.learn(&[set])?;
        }
        Ok(self.models[&set].clone())
    }

    /// Learns the exact energies of these sets, at once.
    ///
    /// # Errors
    /// Training that diverges.
    pub(super) fn learn(&mut self, sets: &[Set]) -> Result<()> {
        let of = |&set: &Set| Ok((set, exact_model(set, self.seed)?.frozen));
        let models: Vec<_> = sets.par_iter().map(of).collect::<Result<_>>()?;
        self.models.extend(models);
        Ok(())
    }

    /// A line of the text.
    pub fn say(&mut self, line: impl Into<String>) {
        self.said.push(line.into());
    }

    /// A table of the text.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        self.say(table(header, rows));
    }

    /// Writes NAME.svg and NAME.png, where NAME is the show's.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn figure(&mut self, figure: &Figure) -> Result<()> {
        figure.save(&self.folder, self.name)?;
        let path = self.folder.join(self.name);
        self.say(format!("  {0}.svg, {0}.png", path.display()));
        Ok(())
    }

    /// Writes NAME.gif: how training went.
    ///
    /// # Errors
    /// What cannot be written.
    pub(super) fn film(&mut self, film: &Film) -> Result<()> {
        let path = self.folder.join(format!("{}.gif", self.name));
        let (frames, shape) = Picture::film(film.pictures());
        write_film(&path, &frames, shape, FRAME_RATE, 1)?;
        self.say(format!("  {}", path.display()));
        Ok(())
    }
}
