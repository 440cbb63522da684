//! Decoding on a thread of its own, a few frames ahead.

use super::frame::{Description, Frame, Frames};
use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

/// Frames of a source that another thread reads. It waits when it is ahead by
/// some megabytes, and ends when this is dropped.
pub struct Ahead {
    frames: Receiver<Result<Option<Frame>>>,
    description: Description,
    lost: Arc<AtomicUsize>,
    finished: bool,
}

impl Ahead {
    /// Opens the source on its thread; frames have `frame_bytes` bytes.
    pub fn start<F: Frames>(
        frame_bytes: usize,
        open: impl FnOnce() -> Result<F> + Send + 'static,
    ) -> Result<Self> {
        let room = ((4 << 20) / frame_bytes.max(1)).clamp(1, 64);
        let (opened, description) = sync_channel(1);
        let (sender, frames) = sync_channel(room);
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
                let next = source.next_frame();
                count.store(source.lost(), Ordering::Release);
                let last = !matches!(next, Ok(Some(_)));
                // Where nobody listens any more, there is nothing left to do.
                if sender.send(next).is_err() || last {
                    return;
                }
            }
        });
        Ok(Self {
            description: description.recv().map_err(|_| died())??,
            frames,
            lost,
            finished: false,
        })
    }
}

impl Frames for Ahead {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        if self.finished {
            return Ok(None);
        }
        let next = self.frames.recv().map_err(|_| died())?;
        self.finished = !matches!(next, Ok(Some(_)));
        next
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
