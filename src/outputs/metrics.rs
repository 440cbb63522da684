//! `metrics.jsonl`: one JSON object per line.

use super::run::Run;
use crate::error::{Error, Result};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

/// An open `metrics.jsonl`.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// Opens the run's metrics, cut back to what they were at its latest save,
    /// so that a resumed run writes no line twice.
    pub fn open(run: &Run) -> Result<Self> {
        let path = run.metrics();
        let opened = || -> std::io::Result<File> {
            let mut options = OpenOptions::new();
            let options = options.create(true).truncate(false).read(true).write(true);
            let mut file = options.open(&path)?;
            let (length, at_save) = (file.metadata()?.len(), run.metrics_at_save());
            if length > at_save {
                file.set_len(at_save)?;
            } else if length < at_save {
                tracing::warn!(
                    "{}: holds {length} bytes, and {at_save} at the latest save: lines are lost, \
                     those to come are added",
                    path.display()
                );
            }
            // A line that is torn stays a line of its own.
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                let mut last = [0];
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            Ok(file)
        };
        let file = opened().map_err(|error| Error::io(&path, error))?;
        Ok(Self { path, file })
    }

    /// Appends one record, which must serialise as an object. Numbers that are
    /// not finite become `null`.
    pub fn write<R: Serialize>(&mut self, record: &R) -> Result<()> {
        let mut line = serde_json::to_vec(record)
            .map_err(|error| Error::io(&self.path, std::io::Error::other(error)))?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .map_err(|error| Error::io(&self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::run::Existing;

    #[test]
    fn a_resumed_run_writes_no_line_twice() {
        let folder = tempfile::tempdir().unwrap();
        let lines = || std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        let steps = |metrics: &mut Metrics, steps: &[u64]| {
            for step in steps {
                let record = serde_json::json!({"step": step, "energy": f64::NAN});
                metrics.write(&record).unwrap();
            }
        };
        let mut run = Run::begin(folder.path(), Existing::Refuse).unwrap();
        let mut metrics = Metrics::open(&run).unwrap();
        steps(&mut metrics, &[10, 20]);
        run.save(20, &[], &()).unwrap();
        let at_save = lines();
        assert_eq!(at_save.lines().count(), 2);
        assert!(at_save.starts_with("{\"step\":10,\"energy\":null}\n"));

        // Killed in the middle of a line after the save.
        steps(&mut metrics, &[30]);
        metrics.file.write_all(b"{\"step\":4").unwrap();
        let run = Run::begin(folder.path(), Existing::Resume).unwrap();
        let mut metrics = Metrics::open(&run).unwrap();
        assert_eq!(lines(), at_save);
        steps(&mut metrics, &[30, 40]);
        assert_eq!(lines().lines().count(), 4);
    }

    #[test]
    fn what_is_lost_of_metrics_does_not_spoil_what_comes() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run::begin(folder.path(), Existing::Refuse).unwrap();
        std::fs::write(run.metrics(), "{\"step\":1}\n{\"step\":2}\n").unwrap();
        run.save(2, &[], &()).unwrap();
        std::fs::write(run.metrics(), "{\"step\":1}\n{\"st").unwrap();
        let mut metrics = Metrics::open(&run).unwrap();
        metrics.write(&serde_json::json!({"step": 3})).unwrap();
        let text = std::fs::read_to_string(run.metrics()).unwrap();
        assert_eq!(text, "{\"step\":1}\n{\"st\n{\"step\":3}\n");
    }

    #[test]
    fn a_run_without_a_save_starts_its_metrics_anew() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::begin(folder.path(), Existing::Refuse).unwrap();
        std::fs::write(run.metrics(), "{\"step\":1}\n").unwrap();
        Metrics::open(&run).unwrap();
        assert_eq!(std::fs::read(run.metrics()).unwrap(), b"");
    }
}
