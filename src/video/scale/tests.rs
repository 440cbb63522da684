//! Every pixel format that FFmpeg reads comes out as FFmpeg converts it.

use super::*;
use crate::video::Fit;

/// All formats that FFmpeg's scaler reads.
fn formats() -> Vec<Pixel> {
    let mut found = Vec::new();
    let mut known = std::ptr::null();
    loop {
        // SAFETY: the table is static; null begins and ends it.
        let id = unsafe {
            known = ffi::av_pix_fmt_desc_next(known);
            if known.is_null() {
                return found;
            }
            ffi::av_pix_fmt_desc_get_id(known)
        };
        // SAFETY: a plain question about a number.
        if unsafe { ffi::sws_isSupportedInput(id) } > 0 {
            found.push(Pixel::from(id));
        }
    }
}

fn source(format: Pixel, (width, height): (usize, usize)) -> Source {
    Source {
        width: width as u32,
        height: height as u32,
        format,
        space: Space::Unspecified,
        range: Range::Unspecified,
        aspect: 1.0,
    }
}

/// FFmpeg's own conversion, all of the picture.
fn converted(picture: &Video, to: Pixel) -> Video {
    let (width, height) = (picture.width(), picture.height());
    let (from, flags) = (picture.format(), Flags::BICUBIC);
    let mut context = Context::get(from, width, height, to, width, height, flags).unwrap();
    colours(
        &mut context,
        source(from, (width as usize, height as usize)),
    );
    let mut made = Video::empty();
    context.run(picture, &mut made).unwrap();
    made
}

/// A picture of this format: a ramp of colours, half of it transparent where
/// it may be. `mask` cuts all bytes of formats that FFmpeg does not write.
fn picture(format: Pixel, (width, height): (usize, usize)) -> Video {
    let mut ramp = Video::new(Pixel::RGBA, width as u32, height as u32);
    let stride = ramp.stride(0);
    for (y, row) in ramp.data_mut(0).chunks_mut(stride).enumerate().take(height) {
        for (x, pixel) in row[..4 * width].as_chunks_mut().0.iter_mut().enumerate() {
            let share = |at: usize, all: usize| (60 + 100 * at / all.max(2)) as u8;
            let across = share(x, width);
            *pixel = [across, share(y, height), 250 - across, across];
        }
    }
    // SAFETY: a plain question about a number.
    if unsafe { ffi::sws_isSupportedOutput(format.into()) } > 0 {
        return converted(&ramp, format);
    }
    let mut made = Video::new(format, width as u32, height as u32);
    for plane in 0..made.planes() {
        let stride = made.stride(plane);
        for (y, row) in made.data_mut(plane).chunks_mut(stride).enumerate() {
            for (x, value) in row.iter_mut().enumerate() {
                *value = (60 + x / 4 + y / 2) as u8;
            }
        }
    }
    if format == Pixel::PAL8 {
        // SAFETY: a picture of this format has a palette of 256 colours of four bytes behind its
        // first plane, which nothing has filled yet.
        let palette = unsafe { std::slice::from_raw_parts_mut((*made.as_mut_ptr()).data[1], 1024) };
        for (index, colour) in palette.chunks_exact_mut(4).enumerate() {
            let index = index as u8;
            colour.copy_from_slice(&[index, index / 2, 255 - index, 255]);
        }
    }
    made
}

/// The part of the picture that is kept, converted with all of the rest, on
/// black.
fn kept(picture: &Video, place: &Placement) -> Video {
    let alpha = alpha(picture.format());
    let whole = converted(picture, if alpha { Pixel::RGBA } else { Pixel::RGB24 });
    let step = if alpha { 4 } else { 3 };
    let mut made = Video::new(Pixel::RGB24, place.width as u32, place.height as u32);
    let stride = made.stride(0);
    let rows = whole.data(0).chunks(whole.stride(0)).skip(place.top);
    let made_rows = made.data_mut(0).chunks_mut(stride).take(place.height);
    for (from, to) in rows.zip(made_rows) {
        let pixels = from[step * place.left..].chunks(step).take(place.width);
        for (from, to) in pixels.zip(to.chunks_mut(3)) {
            let share = from.get(3).map_or(1.0, |&alpha| f64::from(alpha) / 255.0);
            for (from, to) in from.iter().zip(to) {
                *to = (f64::from(*from) * share).round() as u8;
            }
        }
    }
    made
}

#[test]
fn every_format_comes_out_as_ffmpeg_converts_it() {
    let all = formats();
    assert!(all.len() > 150, "{}", all.len());
    let mut wrong = Vec::new();
    // Cropped at odd columns and rows; as large as it is, and made smaller.
    for (size, wanted) in [
        ((98, 64), (64, 64)),
        ((39, 51), (39, 21)),
        ((86, 48), (12, 12)),
        ((90, 41), (13, 13)),
        ((47, 95), (9, 6)),
    ] {
        let settings = ReadSettings {
            width: wanted.0,
            height: wanted.1,
            ..ReadSettings::default()
        };
        let place = Placement::new(size, 1.0, Orientation::default(), &settings);
        for &format in &all {
            let mut given = picture(format, size);
            let right = {
                let mut kept = kept(&given, &place);
                Scaler::new(&settings, Orientation::default())
                    .run(&mut kept, 1.0)
                    .unwrap()
            };
            let mut scaler = Scaler::new(&settings, Orientation::default());
            let found = scaler.run(&mut given, 1.0).unwrap();
            let apart = found.iter().zip(&right).map(|(&a, &b)| a.abs_diff(b));
            let worst = apart.max().unwrap();
            if worst > 2 {
                wrong.push(format!("{format:?} {size:?} to {wanted:?}: {worst}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pictures_of_any_shape_are_scaled_or_refused() {
    for size in [(1, 1), (1, 50), (50, 1), (2, 3), (5000, 2), (3, 5000)] {
        for fit in [Fit::Crop, Fit::Letterbox] {
            let settings = ReadSettings {
                width: 16,
                height: 16,
                fit,
                ..ReadSettings::default()
            };
            for format in formats() {
                let bayer = has(format, ffi::AV_PIX_FMT_FLAG_BAYER);
                let mut given = match bayer {
                    true => Video::new(format, size.0 as u32, size.1 as u32),
                    false => picture(format, size),
                };
                let mut scaler = Scaler::new(&settings, Orientation::default());
                let made = scaler.run(&mut given, 1.0);
                let narrow = size.0.min(size.1) < 2;
                assert_eq!(
                    made.is_err(),
                    bayer && narrow,
                    "{format:?} {size:?}: {made:?}"
                );
            }
        }
    }
}

/// Padding, until the film proves to be transparent.
#[test]
fn alpha_of_zero_is_padding_until_another_comes() {
    let settings = ReadSettings {
        width: 4,
        height: 4,
        ..ReadSettings::default()
    };
    let mut scaler = Scaler::new(&settings, Orientation::default());
    let mut shown = |alpha: u8| {
        let mut film = Video::new(Pixel::RGBA, 4, 4);
        let stride = film.stride(0);
        for row in film.data_mut(0).chunks_mut(stride).take(4) {
            row[..16].as_chunks_mut().0.fill([200, 100, 50, alpha]);
        }
        let made = scaler.run(&mut film, 1.0).unwrap();
        [made[0], made[16], made[32]]
    };
    assert_eq!(shown(0), [200, 100, 50]);
    assert_eq!(shown(0), [200, 100, 50]);
    assert_eq!(shown(255), [200, 100, 50]);
    assert_eq!(shown(102), [80, 40, 20]);
    assert_eq!(shown(0), [0, 0, 0]);
}
