//! TensorBoard's event files: numbers and pictures over steps.
//!
//! The format is TFRecord (length, masked CRC-32C of it, data, masked CRC-32C
//! of the data; `tensorflow/core/lib/io/record_writer.cc`) around protobuf
//! messages (`tensorflow/core/util/event.proto`, `framework/summary.proto`),
//! of which four are needed: too little to build on a protobuf compiler.

use super::run::Run;
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// An open event file. A resumed run has one for each of its parts.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// Starts a new event file in the run's folder. TensorBoard forgets what
    /// earlier files of the run say of steps after its latest save.
    pub fn open(run: &Run) -> Result<Self> {
        let time = now();
        // TensorBoard reads the files in the order of their names.
        let (path, file) = (0..1000)
            .find_map(|turn| {
                let name = format!("events.out.tfevents.{:010}.{turn:03}", time.as_secs());
                let path = run.folder().join(name);
                let opened = OpenOptions::new().create_new(true).write(true).open(&path);
                match opened {
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => None,
                    opened => Some((path, opened)),
                }
            })
            .ok_or_else(|| {
                Error::input(
                    run.folder().display().to_string(),
                    "has too many event files",
                    "remove some of the events.out.tfevents.* files",
                )
            })?;
        let file = file.map_err(|error| Error::io(&path, error))?;
        let mut events = Self { path, file };
        events.append(&version(time))?;
        let next = run.latest().map_or(0, |saved| saved.step + 1);
        events.append(&start(time, next))?;
        Ok(events)
    }

    /// A number at a step; `tag` names the curve, and its part before a `/`
    /// the group.
    pub fn scalar(&mut self, step: u64, tag: &str, value: f64) -> Result<()> {
        self.append(&scalar(now(), step, tag, value))
    }

    /// A picture at a step, as the bytes of a PNG file.
    ///
    /// # Errors
    /// If they are not a PNG's.
    pub fn picture(&mut self, step: u64, tag: &str, png: &[u8]) -> Result<()> {
        let event = picture(now(), step, tag, png).ok_or_else(|| {
            Error::input(
                format!("picture '{tag}'"),
                "is not a PNG file",
                "give the bytes of a PNG file",
            )
        })?;
        self.append(&event)
    }

    fn append(&mut self, event: &[u8]) -> Result<()> {
        self.file
            .write_all(&record(event))
            .map_err(|error| Error::io(&self.path, error))
    }
}

/// The first event of every file.
fn version(time: Duration) -> Vec<u8> {
    event(time, 0, |event| event.bytes(3, b"brain.Event:2"))
}

/// A (re)start before this step: `SessionLog { status: START }`.
fn start(time: Duration, step: u64) -> Vec<u8> {
    event(time, step, |event| {
        event.message(7, |session| session.varint(1, 1));
    })
}

fn scalar(time: Duration, step: u64, tag: &str, value: f64) -> Vec<u8> {
    summary(time, step, tag, |entry| entry.float(2, value as f32))
}

fn picture(time: Duration, step: u64, tag: &str, png: &[u8]) -> Option<Vec<u8>> {
    let rest = png.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR")?;
    let (width, rest) = rest.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    let size = [height, width].map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
    Some(summary(time, step, tag, |entry| {
        entry.message(4, |image| {
            image.varint(1, size[0]);
            image.varint(2, size[1]);
            image.varint(3, 3);
            image.bytes(4, png);
        });
    }))
}

fn summary(time: Duration, step: u64, tag: &str, fill: impl FnOnce(&mut Message)) -> Vec<u8> {
    event(time, step, |event| {
        event.message(5, |summary| {
            summary.message(1, |entry| {
                entry.bytes(1, tag.as_bytes());
                fill(entry);
            });
        });
    })
}

fn event(time: Duration, step: u64, fill: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut event = Message(Vec::new());
    event.double(1, time.as_secs_f64());
    // protobuf leaves zeros out.
    if step > 0 {
        event.varint(2, step);
    }
    fill(&mut event);
    event.0
}

/// A TFRecord.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked(crc32c::crc32c(&length)).to_le_bytes());
    record.extend(data);
    record.extend(masked(crc32c::crc32c(data)).to_le_bytes());
    record
}

/// TFRecord's masking: a checksum of data that holds checksums is weak.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// A protobuf message under construction. Each field is a key (number and
/// kind of encoding) and a value.
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, field: u64, value: u64) {
        self.raw(field << 3);
        self.raw(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.raw(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.raw(field << 3 | 2);
        self.raw(value.len() as u64);
        self.0.extend(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.raw(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self(Vec::new());
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn raw(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::run::Existing;

    /// The start of a PNG file, 300 wide and 2 high.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x2c\0\0\0\x02";

    /// Reference (tensorboard 2.21):
    /// ```python
    /// from tensorboard.compat.proto import event_pb2, summary_pb2
    /// from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
    /// import struct
    /// def record(e):
    ///     d = e.SerializeToString(deterministic=True); n = struct.pack("<Q", len(d))
    ///     return n + struct.pack("<I", masked_crc32c(n)) + d + struct.pack("<I", masked_crc32c(d))
    /// E, S = event_pb2.Event, summary_pb2.Summary
    /// V = S.Value
    /// png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", 300, 2)
    /// I = S.Image(height=2, width=300, colorspace=3, encoded_image_string=png)
    /// for e in [E(wall_time=1.5, file_version="brain.Event:2"),
    ///           E(wall_time=1.5, step=1001, session_log=event_pb2.SessionLog(status=1)),
    ///           E(wall_time=1.5, step=1000, summary=S(value=[V(tag="loss/mse", simple_value=0.25)])),
    ///           E(wall_time=1.5, step=1000, summary=S(value=[V(tag="futures", image=I)]))]:
    ///     print(record(e).hex())
    /// ```
    #[test]
    fn records_are_tensorboards_own() {
        let time = Duration::from_millis(1500);
        let hex = |event: Vec<u8>| -> String {
            let record = record(&event);
            record.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(
            hex(version(time)),
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
        );
        assert_eq!(
            hex(start(time, 1001)),
            "100000000000000095fbfe1809000000000000f83f10e9073a0208018a3249ed"
        );
        assert_eq!(
            hex(scalar(time, 1000, "loss/mse", 0.25)),
            "1f00000000000000514b441809000000000000f83f10e8072a110a0f0a086c6f73732f6d7365150000803e\
             e44345eb"
        );
        assert_eq!(
            hex(picture(time, 1000, "futures", PNG).unwrap()),
            "3c00000000000000c8b7a35209000000000000f83f10e8072a2e0a2c0a0766757475726573222108021\
             0ac021803221889504e470d0a1a0a0000000d494844520000012c0000000201193625"
        );
    }

    #[test]
    fn each_part_of_a_run_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run::begin(folder.path(), Existing::Refuse).unwrap();
        let mut first = Events::open(&run).unwrap();
        first.scalar(5, "energy", 0.5).unwrap();
        first.picture(5, "futures", PNG).unwrap();
        assert!(first.picture(5, "futures", b"GIF89a").is_err());
        run.save(5, &[], &()).unwrap();
        let second = Events::open(&run).unwrap();
        assert!(first.path < second.path);
        let sizes = [&first, &second].map(|events| std::fs::read(&events.path).unwrap().len());
        assert!(sizes[0] > sizes[1], "{sizes:?}");
    }
}
