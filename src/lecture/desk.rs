//! Where a show puts its numbers and its figures.

use super::film::Film;
use super::likelihood::exact_model;
use super::sets::Set;
use crate::energy::ScalarNetwork;
use crate::error::{Error, Result};
use crate::outputs::figure::Figure;
use crate::outputs::film::write_film;
use crate::outputs::picture::Picture;
use crate::outputs::table::table;
use crate::rng::{Rng, Seed};
use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A line on standard output.
pub(super) fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").map_err(|error| Error::io("standard output", error))
}

/// Pictures of a film shown a second.
const FRAME_RATE: f64 = 5.0;

/// A folder for figures, standard output for numbers, and a seed.
pub struct Desk {
    folder: PathBuf,
    /// Of everything that is drawn.
    pub seed: Seed,
    name: &'static str,
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
            models: HashMap::new(),
        })
    }

    /// Announces a show.
    pub(super) fn begin(&mut self, name: &'static str, about: &str) -> Result<()> {
        self.name = name;
        self.say(&format!("{name}: {about}"))
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
        if let Some(model) = self.models.get(&set) {
            return Ok(model.clone());
        }
        let model = exact_model(set, self.seed)?.frozen;
        self.models.insert(set, model.clone());
        Ok(model)
    }

    /// A line on standard output.
    ///
    /// # Errors
    /// An output that is closed.
    pub fn say(&self, line: &str) -> Result<()> {
        print(line)
    }

    /// A table on standard output.
    ///
    /// # Errors
    /// An output that is closed.
    pub fn table(&self, header: &[&str], rows: &[Vec<String>]) -> Result<()> {
        self.say(&table(header, rows))
    }

    /// Writes NAME.svg and NAME.png, where NAME is the show's.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn figure(&self, figure: &Figure) -> Result<()> {
        figure.save(&self.folder, self.name)?;
        let path = self.folder.join(self.name);
        self.say(&format!("  {0}.svg, {0}.png", path.display()))
    }

    /// Writes NAME.gif: how training went.
    ///
    /// # Errors
    /// What cannot be written.
    pub(super) fn film(&self, film: &Film) -> Result<()> {
        let path = self.folder.join(format!("{}.gif", self.name));
        let (frames, shape) = Picture::film(film.pictures());
        write_film(&path, &frames, shape, FRAME_RATE, 1)?;
        self.say(&format!("  {}", path.display()))
    }
}
