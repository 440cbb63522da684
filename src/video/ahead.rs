//! Decoding on a thread of its own, a few frames ahead.

use super::frame::{Description, Frame, Frames};
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

/// Frames handed over at once: waking a thread for each small frame takes
/// longer than the frame itself.
const BUNDLE: usize = 16;
/// Bytes that wait to be taken.
const ROOM: usize = 4 << 20;

/// Frames of a source that another thread reads. It waits when it is ahead by
/// some megabytes, and ends when this is dropped.
pub struct Ahead {
    bundles: Receiver<Bundle>,
    current: std::vec::IntoIter<Frame>,
    /// How the frames end, once the last bundle has come.
    end: Option<Result<()>>,
    description: Description,
    lost: Arc<AtomicUsize>,
}

/// Some frames, and in the last bundle how they end.
struct Bundle {
    frames: Vec<Frame>,
    end: Option<Result<()>>,
}

impl Ahead {
    /// Opens the source on its thread; frames have `frame_bytes` bytes.
    pub fn start<F: Frames>(
        frame_bytes: usize,
        open: impl FnOnce() -> Result<F> + Send + 'static,
    ) -> Result<Self> {
        let size = (ROOM / 4 / frame_bytes.max(1)).clamp(1, BUNDLE);
        let room = (ROOM / (size * frame_bytes).max(1)).clamp(1, 4);
        let (opened, description) = sync_channel(1);
        let (sender, bundles) = sync_channel(room);
        let lost = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&lost);
        std::thread::spawn(move || {
            let mut source = match open() {
                Ok(source) => source,
                Err(error) => {
                    let _ = opened.send(Err(error));
                    return;
                }
            };
            let _ = opened.send(Ok(source.description().clone()));
            loop {
                let bundle = Bundle::read(&mut source, size);
                count.store(source.lost(), Ordering::Release);
                let last = bundle.end.is_some();
                // Where nobody listens any more, there is nothing left to do.
                if sender.send(bundle).is_err() || last {
                    return;
                }
            }
        });
        Ok(Self {
            description: description.recv().map_err(|_| died())??,
            bundles,
            current: Vec::new().into_iter(),
            end: None,
            lost,
        })
    }
}

impl Bundle {
    fn read(source: &mut impl Frames, size: usize) -> Self {
        let mut frames = Vec::with_capacity(size);
        while frames.len() < size {
            let end = match source.next_frame() {
                Ok(Some(frame)) => {
                    frames.push(frame);
                    continue;
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            let end = Some(end);
            return Self { frames, end };
        }
        Self { frames, end: None }
    }
}

impl Frames for Ahead {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.current.next() {
                return Ok(Some(frame));
            }
            if let Some(end) = &mut self.end {
                // An error is told once; after it there is nothing.
                return std::mem::replace(end, Ok(())).map(|()| None);
            }
            let bundle = self.bundles.recv().map_err(|_| died())?;
            self.current = bundle.frames.into_iter();
            self.end = bundle.end;
        }
    }

    fn description(&self) -> &Description {
        &self.description
    }

    fn lost(&self) -> usize {
        self.lost.load(Ordering::Acquire)
    }
}

fn died() -> Error {
    Error::input(
        "video",
        "its decoder stopped unexpectedly",
        "report this with the file that did it",
    )
}
