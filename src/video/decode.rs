//! FFmpeg's decoder as a stream of frames.

use super::clock::{Clock, Stated};
use super::container;
use super::damage::Damage;
use super::frame::{Description, Frame, Frames};
use super::library;
use super::scale::Scaler;
use super::settings::ReadSettings;
use super::stated::{codec_name, orientation, pixel_name, positive};
use crate::error::{Error, Result};
use ffmpeg_next::codec::{self, packet::side_data::Type as SideData};
use ffmpeg_next::format::{context::Input, stream::Disposition};
use ffmpeg_next::util::frame::Video;
use ffmpeg_next::{Packet, decoder, ffi, media};
use std::path::{Path, PathBuf};

/// Pictures with more pixels are refused, before memory is taken for them.
const MOST_PIXELS: i64 = 1 << 26;

/// Decodes the best video stream of one file.
///
/// It begins with as many threads as there are cores. Where a file is damaged,
/// what FFmpeg shows and flags then depends on which thread is first; so after
/// the first error that FFmpeg tells of, the file is read again by one thread,
/// up to the frame that is due and on from there. FFmpeg has told of a frame's
/// errors before it hands the frame out: those handed out are right.
pub struct Decoder {
    path: PathBuf,
    settings: ReadSettings,
    threads: Threads,
    /// FFmpeg's errors when reading began.
    errors: usize,
    /// Frames returned.
    returned: usize,
    input: Input,
    decoder: decoder::Video,
    stream: usize,
    /// What times are multiples of, and how far apart frames are said to be.
    stated: Stated,
    description: Description,
    /// The container's word on the pixels' shape goes before the codec's.
    stated_aspect: Option<f64>,
    scaler: Scaler,
    skip_before: f64,
    picture: Video,
    packet: Packet,
    draining: bool,
    refused: usize,
    /// Frames returned that are damaged.
    damaged: usize,
    damage: Damage,
    encrypted: bool,
    said: String,
    frames: usize,
    clock: Clock,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threads {
    /// One per core.
    All,
    One,
}

impl Decoder {
    /// Opens `path`. Frames before `settings.start` are decoded, where no key
    /// frame lies nearer, but not returned; the end is the caller's to watch.
    pub fn open(path: &Path, settings: &ReadSettings) -> Result<Self> {
        Self::open_with(path, settings, Threads::All)
    }

    fn open_with(path: &Path, settings: &ReadSettings, threads: Threads) -> Result<Self> {
        let mut decoder = Self::at_start(path, settings, threads)?;
        let Some(start) = settings.start.filter(|&start| start > 10.0) else {
            return Ok(decoder);
        };
        let target = ((start + decoder.description.origin) * f64::from(ffi::AV_TIME_BASE)) as i64;
        if decoder.input.seek(target, ..target).is_err() {
            return Self::at_start(path, settings, threads);
        }
        // A seek may land late; then only decoding from the start is right.
        decoder.skip_before = 0.0;
        let first = decoder.decode_next()?.map(|()| decoder.time_of_picture());
        if first.is_none_or(|time| time > start) {
            return Self::at_start(path, settings, threads);
        }
        let _ = decoder.input.seek(target, ..target);
        decoder.restart(start);
        Ok(decoder)
    }

    fn at_start(path: &Path, settings: &ReadSettings, threads: Threads) -> Result<Self> {
        library::start();
        let errors = library::errors();
        let input = container::open(path)?;
        let is_cover = |disposition| Disposition::contains(&disposition, Disposition::ATTACHED_PIC);
        let stream = input
            .streams()
            .best(media::Type::Video)
            .filter(|stream| !is_cover(stream.disposition()))
            .ok_or_else(|| {
                let kinds: Vec<String> = input
                    .streams()
                    .filter(|stream| !is_cover(stream.disposition()))
                    .map(|stream| format!("{:?}", stream.parameters().medium()).to_lowercase())
                    .collect();
                let found = match kinds.as_slice() {
                    [] => "no streams at all".to_owned(),
                    kinds => format!("only {}", kinds.join(", ")),
                };
                refuse(path, format!("it has no video stream, {found}"))
            })?;
        let unsupported = |error: ffmpeg_next::Error| {
            let name = codec_name(&stream.parameters());
            refuse(path, format!("this FFmpeg cannot decode {name} ({error})"))
        };
        let mut context =
            codec::context::Context::from_parameters(stream.parameters()).map_err(unsupported)?;
        // SAFETY: the context is alive and not opened yet, the only time when
        // threads may be chosen; 0 threads means one per core. Decoders with
        // both kinds take frame threads, which are faster.
        unsafe {
            let raw = context.as_mut_ptr();
            (*raw).thread_count = match threads {
                Threads::All => 0,
                Threads::One => 1,
            };
            (*raw).max_pixels = MOST_PIXELS;
            (*raw).thread_type = ffi::FF_THREAD_FRAME | ffi::FF_THREAD_SLICE;
        }
        let mut decoder = context.decoder().video().map_err(unsupported)?;
        decoder.set_packet_time_base(stream.time_base());
        let stated = Stated::of(&stream);
        let orientation = orientation(&stream);
        // SAFETY: the input owns the stream and both outlive this read.
        let (aspect, origin) = unsafe {
            (
                (*stream.as_ptr()).sample_aspect_ratio,
                (*input.as_ptr()).start_time,
            )
        };
        let stated_aspect = positive(aspect.into());
        let seconds = |ticks: i64| ticks as f64 / f64::from(ffi::AV_TIME_BASE);
        let description = Description {
            codec: codec_name(&stream.parameters()),
            width: decoder.width() as usize,
            height: decoder.height() as usize,
            pixel_format: pixel_name(decoder.format()),
            orientation,
            pixel_aspect: stated_aspect
                .or_else(|| positive(decoder.aspect_ratio()))
                .unwrap_or(1.0),
            origin: if origin == ffi::AV_NOPTS_VALUE {
                0.0
            } else {
                seconds(origin)
            },
            duration: (input.duration() > 0).then(|| seconds(input.duration())),
        };
        Ok(Self {
            path: path.to_owned(),
            settings: settings.clone(),
            threads,
            errors,
            returned: 0,
            stream: stream.index(),
            stated,
            scaler: Scaler::new(settings, orientation),
            skip_before: settings.start.unwrap_or(0.0),
            picture: Video::empty(),
            packet: Packet::empty(),
            draining: false,
            refused: 0,
            damaged: 0,
            damage: Damage::new(stream.parameters().id()),
            encrypted: false,
            said: String::new(),
            frames: 0,
            clock: Clock::default(),
            description,
            stated_aspect,
            input,
            decoder,
        })
    }

    fn restart(&mut self, start: f64) {
        self.decoder.flush();
        self.skip_before = start;
        self.draining = false;
        self.refused = 0;
        self.frames = 0;
        self.clock = Clock::default();
    }

    /// Decodes the next picture that is to be returned into `self.picture` and
    /// says its time; None after the last.
    fn advance(&mut self) -> Result<Option<f64>> {
        while self.decode_next()?.is_some() {
            let time = self.time_of_picture();
            if self.clock.reaches(time, self.skip_before) {
                return Ok(Some(time));
            }
        }
        Ok(None)
    }

    /// The same by one thread, from the start, where the file proves damaged.
    fn advance_surely(&mut self) -> Result<Option<f64>> {
        let next = self.advance()?;
        if self.threads == Threads::One || library::errors() == self.errors {
            return Ok(next);
        }
        let again = Self::open_with(&self.path, &self.settings, Threads::One)?;
        let before = std::mem::replace(self, again);
        for _ in 0..before.returned {
            self.advance()?;
        }
        self.returned = before.returned;
        self.damaged = before.damaged;
        self.scaler = before.scaler;
        self.advance()
    }

    /// Decodes one picture into `self.picture`; None after the last.
    fn decode_next(&mut self) -> Result<Option<()>> {
        loop {
            match self.decoder.receive_frame(&mut self.picture) {
                Ok(()) => {
                    self.frames += 1;
                    return Ok(Some(()));
                }
                Err(ffmpeg_next::Error::Eof) => return Ok(None),
                Err(ffmpeg_next::Error::Other { errno }) if errno == ffi::EAGAIN => {
                    if self.draining {
                        return Ok(None);
                    }
                    self.feed()?;
                }
                // The decoder goes on with the next packet.
                Err(error) => {
                    self.refuse_packet(error);
                    if !self.draining {
                        self.feed()?;
                    }
                }
            }
            // A decoder that fails for ever while draining must not hang.
            if self.draining && self.refused > self.frames + 10_000 {
                return Ok(None);
            }
        }
    }

    /// Hands the decoder the stream's next packet, or the end.
    fn feed(&mut self) -> Result<()> {
        loop {
            match self.packet.read(&mut self.input) {
                Ok(()) if self.packet.stream() != self.stream => {}
                Ok(()) => {
                    self.encrypted |= self
                        .packet
                        .side_data()
                        .any(|data| data.kind() == SideData::EncryptionInfo);
                    self.damage.packet(&self.packet);
                    if let Err(error) = self.decoder.send_packet(&self.packet) {
                        self.refuse_packet(error);
                    }
                    return Ok(());
                }
                Err(ffmpeg_next::Error::Other { errno }) if errno == ffi::EAGAIN => {}
                Err(ffmpeg_next::Error::Exit) => return Err(Error::Interrupted),
                Err(ffmpeg_next::Error::Other { errno }) => {
                    let error = std::io::Error::from_raw_os_error(errno);
                    return Err(Error::io(&self.path, error));
                }
                Err(error) => {
                    if error != ffmpeg_next::Error::Eof {
                        self.refuse_packet(error);
                    }
                    self.damage.end(&self.path, &self.input);
                    self.draining = true;
                    let _ = self.decoder.send_eof();
                    return Ok(());
                }
            }
        }
    }

    fn refuse_packet(&mut self, error: ffmpeg_next::Error) {
        self.refused += 1;
        if self.said.is_empty() {
            self.said = error.to_string();
        }
    }

    fn time_of_picture(&mut self) -> f64 {
        let stated = self
            .picture
            .timestamp()
            .map(|ticks| ticks as f64 * self.stated.tick - self.description.origin);
        self.clock.tick(stated, self.stated)
    }

    fn nothing_decoded(&self) -> Error {
        let problem = if self.encrypted {
            "it is encrypted: no frame can be decoded".to_owned()
        } else if self.refused > 0 {
            format!(
                "no frame of it can be decoded ({} pieces refused: {})",
                self.refused, self.said
            )
        } else {
            "its video stream has no frames".to_owned()
        };
        refuse(&self.path, problem)
    }
}

impl Frames for Decoder {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        let Some(time) = self.advance_surely()? else {
            return if self.frames == 0 {
                Err(self.nothing_decoded())
            } else {
                Ok(None)
            };
        };
        self.returned += 1;
        let damaged = self.picture.is_corrupt() || self.picture.has_decode_errors();
        self.damaged += usize::from(damaged);
        let aspect = self
            .stated_aspect
            .or_else(|| positive(self.picture.aspect_ratio()))
            .unwrap_or(1.0);
        let pixels = self
            .scaler
            .run(&mut self.picture, aspect)
            .map_err(|error| {
                let format = pixel_name(self.picture.format());
                refuse(
                    &self.path,
                    format!("its pictures ({format}) cannot be scaled ({error})"),
                )
            })?;
        Ok(Some(Frame {
            time,
            pixels,
            damaged,
            cut: false,
        }))
    }

    fn description(&self) -> &Description {
        &self.description
    }

    fn lost(&self) -> usize {
        self.refused + self.damage.untold(self.refused + self.damaged)
    }
}

fn refuse(path: &Path, problem: String) -> Error {
    Error::input(
        path.display().to_string(),
        problem,
        "give a file with a video that plays",
    )
}
