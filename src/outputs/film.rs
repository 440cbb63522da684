//! Films to files: the ending of the name says how.

use super::gif;
use crate::error::{Error, Result};
use crate::folders::{Filled, is_counted, replace_folder};
use crate::video::intervals::rate_words;
use crate::video::settings::FRAME_RATES;
use crate::{files, interrupt};
use safetensors::{Dtype, tensor::TensorView};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Once;

/// Frames to a row in a `.png`.
const STRIP: usize = 16;

/// Writes a film, whole or not at all.
///
/// `frames` is (T, C, H, W), C being 1 (grey) or 3 (RGB), and `frame_rate` is
/// in frames per second; where a file cannot say so many or so few, the film is
/// slowed down or sped up, with a warning. By the ending of `path`:
/// - `.mp4`, `.webm`, `.mkv`, `.mov`, `.avi`: a video (feature `ffmpeg`),
/// - `.gif`: an endless animation, exact where a frame has at most 256 colours,
/// - `.png`: one picture, frames from left to right, 16 to a row,
/// - none: a folder of `frame-00000.png`, …,
/// - `.safetensors`: the tensor `frames`, (T, C, H, W) u8, as it is.
///
/// Except for the last, each pixel becomes `scale` × `scale` pixels, so that
/// small frames can be seen.
pub fn write_film(
    path: &Path,
    frames: &[u8],
    shape: [usize; 4],
    frame_rate: f64,
    scale: usize,
) -> Result<()> {
    let film = Film::new(path, frames, shape, scale)?;
    if !(frame_rate.is_finite() && frame_rate > 0.0) {
        return Err(Error::input(
            path.display().to_string(),
            format!("a frame rate of {frame_rate} frames per second"),
            "give one above 0",
        ));
    }
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let frame_rate = shown_rate(ending.as_deref().unwrap_or(""), frame_rate);
    match ending.as_deref() {
        Some("mp4" | "webm" | "mkv" | "mov" | "avi") => film.write_video(path, frame_rate),
        Some("gif") => {
            let [_, _, height, width] = film.scaled();
            gif::write(path, film.pictures(), [height, width], frame_rate)
        }
        Some("png") => film.write_strip(path),
        None => film.write_folder(path),
        Some("safetensors") => film.write_tensor(path, frame_rate),
        Some(other) => Err(Error::input(
            path.display().to_string(),
            format!("no writer for .{other}"),
            "end the name with .mp4, .webm, .mkv, .mov, .avi, .gif, .png or .safetensors, \
             or with nothing for a folder of pictures",
        )),
    }
}

/// The nearest rate that a file of this ending can say. A GIF counts hundredths of a second
/// in two bytes, and players show one picture in a hundredth for a tenth; Matroska counts
/// thousandths, and FFmpeg writes no AVI that is faster. What is told once is not told of every film.
fn shown_rate(ending: &str, rate: f64) -> f64 {
    static TOLD: Once = Once::new();
    let (least, most) = (*FRAME_RATES.start(), *FRAME_RATES.end());
    let shown = match ending {
        "gif" if rate > 100.0 => 50.0,
        "gif" => rate.max(100.0 / 65_535.0),
        "mkv" | "webm" | "avi" => rate.clamp(least, 1000.0),
        "mp4" | "mov" => rate.clamp(least, most),
        _ => rate,
    };
    if shown != rate {
        TOLD.call_once(|| {
            let (by, how) = match shown < rate {
                true => (rate / shown, "slower"),
                false => (shown / rate, "faster"),
            };
            tracing::warn!(
                "a .{ending} cannot show {} frames per second: films are written with {}, {} \
                 times {how}",
                rate_words(rate),
                rate_words(shown),
                rate_words(by)
            );
        });
    }
    shown
}

/// A film whose shape has been checked.
struct Film<'a> {
    frames: &'a [u8],
    shape: [usize; 4],
    scale: usize,
}

impl<'a> Film<'a> {
    fn new(path: &Path, frames: &'a [u8], shape: [usize; 4], scale: usize) -> Result<Self> {
        let [_, channels, ..] = shape;
        let elements = shape.iter().product::<usize>();
        if elements == 0 || elements != frames.len() || !matches!(channels, 1 | 3) || scale == 0 {
            return Err(Error::input(
                path.display().to_string(),
                format!(
                    "cannot write {} bytes as frames of shape {shape:?} at scale {scale}",
                    frames.len()
                ),
                "give (T, C, H, W) with one or three channels, no side 0, and a scale of 1 or more",
            ));
        }
        Ok(Self {
            frames,
            shape,
            scale,
        })
    }

    /// T, 3, H, W of what is written.
    fn scaled(&self) -> [usize; 4] {
        let [time, _, height, width] = self.shape;
        [time, 3, height * self.scale, width * self.scale]
    }

    /// Every frame, scaled: (H, W, 3).
    fn pictures(&self) -> impl Iterator<Item = Vec<u8>> {
        (0..self.shape[0]).map(|time| self.picture(time))
    }

    fn picture(&self, time: usize) -> Vec<u8> {
        let [_, channels, height, width] = self.shape;
        let plane = height * width;
        let frame = &self.frames[time * channels * plane..(time + 1) * channels * plane];
        let mut picture = Vec::with_capacity(3 * plane * self.scale * self.scale);
        for y in 0..height * self.scale {
            for x in 0..width * self.scale {
                let pixel = (y / self.scale) * width + x / self.scale;
                let at = |channel| frame[(channel % channels) * plane + pixel];
                picture.extend([at(0), at(1), at(2)]);
            }
        }
        picture
    }

    #[cfg(feature = "ffmpeg")]
    fn write_video(&self, path: &Path, frame_rate: f64) -> Result<()> {
        let [_, _, height, width] = self.scaled();
        let pictures = self.pictures().take_while(|_| !interrupt::interrupted());
        files::replace_by_name(path, |temporary| {
            crate::video::encode::encode(temporary, pictures, [height, width], frame_rate)
                .map_err(|reason| {
                    Error::input(
                        path.display().to_string(),
                        format!("FFmpeg could not write it ({reason})"),
                        "try another ending, such as .mp4 or .gif",
                    )
                })?;
            interrupt::check()
        })
    }

    #[cfg(not(feature = "ffmpeg"))]
    fn write_video(&self, path: &Path, _: f64) -> Result<()> {
        Err(Error::input(
            path.display().to_string(),
            "this build has no FFmpeg to write it with",
            "end the name with .gif, .png or .safetensors, or build with --features ffmpeg",
        ))
    }

    fn write_strip(&self, path: &Path) -> Result<()> {
        let [time, _, height, width] = self.scaled();
        let (columns, rows) = (time.min(STRIP), time.div_ceil(STRIP));
        let mut strip = vec![0; 3 * columns * width * rows * height];
        for (index, picture) in self.pictures().enumerate() {
            let (row, column) = (index / STRIP, index % STRIP);
            for (y, line) in picture.chunks_exact(3 * width).enumerate() {
                let start = 3 * width * ((row * height + y) * columns + column);
                strip[start..start + 3 * width].copy_from_slice(line);
            }
        }
        let bytes = png(path, &strip, [rows * height, columns * width])?;
        files::replace_bytes(path, &bytes)
    }

    fn write_folder(&self, path: &Path) -> Result<()> {
        let [_, _, height, width] = self.scaled();
        replace_folder(path, &FOLDER, |folder| {
            for (index, picture) in self.pictures().enumerate() {
                interrupt::check()?;
                let name = folder.join(format!("frame-{index:05}.png"));
                let bytes = png(path, &picture, [height, width])?;
                std::fs::write(name, bytes).map_err(|error| Error::io(path, error))?;
            }
            Ok(())
        })
    }

    fn write_tensor(&self, path: &Path, frame_rate: f64) -> Result<()> {
        let fail = |error| Error::Tensor(candle_core::Error::SafeTensor(error));
        let view = TensorView::new(Dtype::U8, self.shape.to_vec(), self.frames).map_err(fail)?;
        let about = HashMap::from([("frame_rate".to_string(), frame_rate.to_string())]);
        let bytes = safetensors::serialize([("frames", view)], Some(about)).map_err(fail)?;
        files::replace_bytes(path, &bytes)
    }
}

/// A folder of pictures.
const FOLDER: Filled = Filled {
    mark: "frame-00000.png",
    ours: is_frame,
};

fn is_frame(name: &str) -> bool {
    let number = name.strip_prefix("frame-");
    let number = number.and_then(|rest| rest.strip_suffix(".png"));
    number.is_some_and(|number| is_counted(number, 5))
}

/// `pixels`, (H, W, 3) of `size` = [H, W], as the bytes of a PNG for `path`.
pub(super) fn png(path: &Path, pixels: &[u8], size: [usize; 2]) -> Result<Vec<u8>> {
    use image::ImageEncoder;
    let [height, width] = size.map(|side| side as u32);
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(pixels, width, height, image::ExtendedColorType::Rgb8)
        .map_err(|error| Error::io(path, std::io::Error::other(error)))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::video::worlds::{Galton, World as _};
    use image::AnimationDecoder;

    fn gif(path: &Path) -> Vec<image::Frame> {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let decoder = image::codecs::gif::GifDecoder::new(file).unwrap();
        decoder.into_frames().collect_frames().unwrap()
    }

    /// Players show a delay of one centisecond for ten.
    #[test]
    fn a_fast_gif_has_no_delay_that_players_ignore() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gif");
        let film = Galton::new(Seed(1)).film(60);
        write_film(&path, &film.frames, film.shape, 60.0, 1).unwrap();
        let delays = gif(&path);
        let delays: Vec<u32> = (delays.iter())
            .map(|frame| frame.delay().numer_denom_ms().0)
            .collect();
        assert!(delays.iter().all(|&delay| delay >= 20), "{delays:?}");
        assert_eq!(delays.iter().sum::<u32>(), 1000);
    }

    #[test]
    fn a_gif_of_the_board_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gif");
        let film = Galton::new(Seed(1)).film(40);
        write_film(&path, &film.frames, film.shape, 12.0, 1).unwrap();
        let frames = gif(&path);
        assert_eq!(frames.len(), 40);
        let mut duration = 0.0;
        for (time, frame) in frames.iter().enumerate() {
            let (numerator, denominator) = frame.delay().numer_denom_ms();
            duration += f64::from(numerator) / f64::from(denominator);
            for (x, y, pixel) in frame.buffer().enumerate_pixels() {
                let at = |c: usize| film.frame(time)[c * 4096 + y as usize * 64 + x as usize];
                assert_eq!(pixel.0, [at(0), at(1), at(2), 255], "{time}: {x}, {y}");
            }
        }
        // 40 frames at 12 per second, on average right though a GIF counts centiseconds.
        assert!((duration - 40_000.0 / 12.0).abs() < 10.0, "{duration}");
    }

    #[test]
    fn pictures_and_tensors_hold_the_frames() {
        let folder = tempfile::tempdir().unwrap();
        let film = Galton::new(Seed(1)).film(18);
        let write = |name: &str, scale| {
            let path = folder.path().join(name);
            write_film(&path, &film.frames, film.shape, 10.0, scale).unwrap();
            path
        };
        let strip = image::open(write("a.png", 2)).unwrap().to_rgb8();
        assert_eq!(strip.dimensions(), (16 * 128, 2 * 128));
        let at = |c: usize| film.frame(17)[c * 4096 + 10 * 64 + 33];
        let pixel = strip.get_pixel(128 + 66, 128 + 20);
        assert_eq!(pixel.0, [at(0), at(1), at(2)]);

        let pictures = write("frames", 1);
        let last = image::open(pictures.join("frame-00017.png")).unwrap();
        assert_eq!(last.to_rgb8().get_pixel(33, 10).0, [at(0), at(1), at(2)]);

        let bytes = std::fs::read(write("a.safetensors", 3)).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let frames = tensors.tensor("frames").unwrap();
        assert_eq!(frames.shape(), film.shape);
        assert_eq!(frames.data(), film.frames);
    }

    #[cfg(feature = "ffmpeg")]
    #[test]
    fn a_video_keeps_its_frames() {
        let folder = tempfile::tempdir().unwrap();
        // An odd size: padded to an even one.
        let shape = [7, 1, 9, 15];
        let frames: Vec<u8> = (0..shape.iter().product())
            .map(|i| (i % 200) as u8)
            .collect();
        for name in ["a.mp4", "a.mkv", "a.avi", "a.webm", "a.mov"] {
            let path = folder.path().join(name);
            write_film(&path, &frames, shape, 29.97, 3).unwrap();
            let mut input = ffmpeg_next::format::input(&path).unwrap();
            let stream = input.streams().next().unwrap();
            let context =
                ffmpeg_next::codec::context::Context::from_parameters(stream.parameters()).unwrap();
            let decoder = context.decoder().video().unwrap();
            assert_eq!((decoder.width(), decoder.height()), (46, 28), "{name}");
            assert_eq!(input.packets().count(), 7, "{name}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5);
    }

    /// What `inspect` says of a film of `count` frames written at `rate`.
    fn read_back(name: &str, count: usize, rate: f64) -> crate::data::Inspection {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let frames: Vec<u8> = (0..count * 256).map(|i| (i / 256 * 9) as u8).collect();
        write_film(&path, &frames, [count, 1, 16, 16], rate, 1).unwrap();
        crate::data::inspect(&crate::video::Source::file(&path).unwrap()).unwrap()
    }

    #[cfg(feature = "ffmpeg")]
    #[test]
    fn slow_and_fast_films_are_read_back_as_written() {
        let rates: [f64; 7] = [0.001, 1.0 / 300.0, 0.5, 29.97, 65.537, 2000.0, 100_000.0];
        for ending in ["mp4", "mov", "avi", "mkv", "webm"] {
            for rate in rates {
                let shown = match ending {
                    "mp4" | "mov" => rate,
                    _ => rate.min(1000.0),
                };
                let found = read_back(&format!("a.{ending}"), 20, rate);
                let said = found.frame_rate.unwrap();
                assert!((said / shown).ln().abs() < 1e-3, "{ending} {rate}: {said}");
                assert!(
                    !found.variable_rate && found.scene_cuts.is_empty(),
                    "{found:?}"
                );
                assert_eq!(found.frames, 20, "{ending} {rate}");
            }
        }
        // A day between frames is more than a file is asked to say.
        let found = read_back("a.mp4", 5, 1.0 / 86_400.0);
        assert!(
            (found.frame_rate.unwrap() - 0.001).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn a_gif_shows_every_frame_of_a_fast_film_slowed_down() {
        let found = read_back("a.gif", 20, 2000.0);
        assert_eq!(found.frames, 20);
        assert!((found.frame_rate.unwrap() - 50.0).abs() < 1e-6, "{found:?}");
        let found = read_back("a.gif", 5, 0.001);
        assert!(
            (found.frame_rate.unwrap() - 100.0 / 65_535.0).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let path = Path::new("nowhere/a.txt");
        let message = |result: Result<()>| result.unwrap_err().to_string();
        let said = message(write_film(path, &[0; 12], [1, 3, 2, 2], 10.0, 1));
        assert!(said.contains("no writer for .txt"), "{said}");
        let said = message(write_film(path, &[0; 12], [1, 3, 2, 3], 10.0, 1));
        assert!(said.contains("12 bytes"), "{said}");
        let said = message(write_film(path, &[0; 12], [1, 3, 2, 2], 0.0, 1));
        assert!(said.contains("frame rate of 0"), "{said}");
        assert!(!Path::new("nowhere").exists());
    }
}
