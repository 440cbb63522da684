//! Frames to a video file, through FFmpeg.

use super::library;
use ffmpeg_next as ffmpeg;

use ffmpeg::format::{self, Pixel, context::Output};
use ffmpeg::software::scaling;
use ffmpeg::util::error::EAGAIN;
use ffmpeg::{Codec, Dictionary, Error, Packet, Rational, codec, encoder, frame};
use std::path::Path;

/// Writes `pictures`, each (H, W, 3) RGB of `size` = [H, W], at `frame_rate`
/// frames per second, which the container must be able to say. It follows the
/// ending of `path`; the codec is the first that is there of H.264, MPEG-4 and
/// VP9. Odd sizes, which these cannot hold, are padded by repeating the last row
/// or column.
pub fn encode(
    path: &Path,
    pictures: impl Iterator<Item = Vec<u8>>,
    size: [usize; 2],
    frame_rate: f64,
) -> Result<(), Error> {
    library::start();
    let mut film = Film::open(path, size, frame_rate)?;
    for (time, picture) in pictures.enumerate() {
        film.write(&picture, time as i64)?;
    }
    film.finish()
}

/// A file being written.
struct Film {
    output: Output,
    encoder: encoder::Video,
    scaler: scaling::Context,
    /// [H, W] of the pictures; `rgb` is that, made even.
    size: [usize; 2],
    rgb: frame::Video,
    yuv: frame::Video,
    /// Of a frame, and of the stream.
    time_bases: [Rational; 2],
}

impl Film {
    fn open(path: &Path, size: [usize; 2], frame_rate: f64) -> Result<Self, Error> {
        let mut output = format::output(path)?;
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let names: &[&str] = match ending.as_deref() {
            Some("webm") => &["libvpx-vp9", "libvpx"],
            // AVI has no place for the reordered frames of H.264.
            Some("avi") => &["mpeg4"],
            _ => &["libx264", "mpeg4", "libvpx-vp9"],
        };
        let mut opened = Err(Error::EncoderNotFound);
        for codec in names.iter().filter_map(|name| encoder::find_by_name(name)) {
            opened = open_encoder(&output, codec, size, frame_rate).map(|e| (codec, e));
            if opened.is_ok() {
                break;
            }
        }
        let (codec, encoder) = opened?;
        let time_base = duration(frame_rate);
        let mut stream = output.add_stream(codec)?;
        stream.set_parameters(&encoder);
        stream.set_time_base(time_base);
        stream.set_avg_frame_rate(time_base.invert());
        let mut options = Dictionary::new();
        if matches!(ending.as_deref(), Some("mp4" | "mov")) {
            // The index goes in front, so that players can start at once.
            options.set("movflags", "+faststart");
        }
        output.write_header_with(options)?;
        let stream_base = output
            .stream(0)
            .map_or(time_base, |stream| stream.time_base());
        let [height, width] = size.map(|side| side.next_multiple_of(2) as u32);
        let rgb = frame::Video::new(Pixel::RGB24, width, height);
        let yuv = frame::Video::new(Pixel::YUV420P, width, height);
        let flags = scaling::Flags::BICUBIC | scaling::Flags::ACCURATE_RND;
        Ok(Self {
            scaler: scaling::Context::get(
                rgb.format(),
                width,
                height,
                yuv.format(),
                width,
                height,
                flags,
            )?,
            output,
            encoder,
            size,
            rgb,
            yuv,
            time_bases: [time_base, stream_base],
        })
    }

    fn write(&mut self, picture: &[u8], time: i64) -> Result<(), Error> {
        let [height, width] = self.size;
        let stride = self.rgb.stride(0);
        let even = self.rgb.width() as usize;
        let lines = self.rgb.data_mut(0).chunks_mut(stride);
        for (y, line) in lines.take(height.next_multiple_of(2)).enumerate() {
            let start = 3 * width * y.min(height - 1);
            line[..3 * width].copy_from_slice(&picture[start..start + 3 * width]);
            line.copy_within(3 * (width - 1)..3 * width, 3 * (even - 1));
        }
        self.scaler.run(&self.rgb, &mut self.yuv)?;
        self.yuv.set_pts(Some(time));
        self.encoder.send_frame(&self.yuv)?;
        self.drain()
    }

    fn finish(mut self) -> Result<(), Error> {
        self.encoder.send_eof()?;
        self.drain()?;
        self.output.write_trailer()
    }

    fn drain(&mut self) -> Result<(), Error> {
        let mut packet = Packet::empty();
        loop {
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                // It wants more frames first, or has given all.
                Err(Error::Other { errno: EAGAIN } | Error::Eof) => return Ok(()),
                Err(error) => return Err(error),
            }
            packet.set_stream(0);
            // Without a duration an MP4 loses its last frame.
            packet.set_duration(1);
            packet.rescale_ts(self.time_bases[0], self.time_bases[1]);
            packet.write_interleaved(&mut self.output)?;
        }
    }
}

/// Of a frame, in seconds: by the thousandth of a frame per second, and of a second where
/// frames are longer.
fn duration(frame_rate: f64) -> Rational {
    match frame_rate < 1.0 {
        true => Rational((1000.0 / frame_rate).round() as i32, 1000).reduce(),
        false => Rational(1000, (frame_rate * 1000.0).round() as i32).reduce(),
    }
}

fn open_encoder(
    output: &Output,
    codec: Codec,
    size: [usize; 2],
    frame_rate: f64,
) -> Result<encoder::Video, Error> {
    let mut video = codec::context::Context::new_with_codec(codec)
        .encoder()
        .video()?;
    let [height, width] = size.map(|side| side.next_multiple_of(2) as u32);
    video.set_width(width);
    video.set_height(height);
    video.set_format(Pixel::YUV420P);
    // Codecs say no more than this, and players follow the container. MPEG-4 has two bytes.
    let mut time_base = duration(frame_rate.clamp(1.0, 1000.0));
    if time_base.denominator() > 65_535 {
        time_base = Rational(1, frame_rate.clamp(1.0, 1000.0).round() as i32);
    }
    video.set_time_base(time_base);
    video.set_frame_rate(Some(time_base.invert()));
    if (output.format().flags()).contains(format::Flags::GLOBAL_HEADER) {
        video.set_flags(codec::Flags::GLOBAL_HEADER);
    }
    let mut options = Dictionary::new();
    let settings: &[(&str, &str)] = match codec.name() {
        "libx264" => &[("crf", "12"), ("preset", "medium")],
        "mpeg4" => &[("flags", "+qscale"), ("global_quality", "236")],
        _ => &[("crf", "15"), ("b", "0"), ("cpu-used", "4")],
    };
    settings
        .iter()
        .for_each(|(key, value)| options.set(key, value));
    video.open_with(options)
}
