//! Reading: rotation, fit, colours, times, and every kind of input.

mod common;

#[cfg(feature = "ffmpeg")]
use common::shared;
use common::{picture, read};
use nextframe::video::{Channels, Fit, ReadSettings};
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;

/// Means of each channel's quarters: (C, 2, 2).
#[cfg(feature = "ffmpeg")]
fn quarters(frame: &[u8], (channels, height, width): (usize, usize, usize)) -> Vec<f64> {
    let mut means = vec![0.0; channels * 4];
    for (index, &value) in frame.iter().enumerate() {
        let (channel, y, x) = (
            index / (height * width),
            index / width % height,
            index % width,
        );
        means[channel * 4 + y * 2 / height * 2 + x * 2 / width] += f64::from(value);
    }
    means
        .iter()
        .map(|sum| sum * 4.0 / (height * width) as f64)
        .collect()
}

fn close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() <= tolerance,
            "{what}: {found:.1?}, expected {expected:.1?}"
        );
    }
}

/// Reference: the ffmpeg program, which turns pictures upright by itself:
/// `ffmpeg -i F -vf scale=in_color_matrix=M,format=rgb24,crop=S:S:X:Y,
/// scale=2:2:flags=area+accurate_rnd+full_chroma_int -frames:v 1 -f rawvideo -`
/// with M bt709 (bt601 for the last) and the central square S, X, Y.
#[cfg(feature = "ffmpeg")]
#[test]
fn pictures_are_upright_and_their_colours_right() {
    #[rustfmt::skip]
    let table = [
        ("decord-video_0.mov", [117., 116., 103., 104., 101., 107., 91., 94., 91., 97., 83., 85.]),
        ("decord-video_90.mov", [109., 111., 93., 101., 99., 101., 82., 89., 91., 92., 75., 82.]),
        ("decord-video_180.mov", [127., 133., 106., 110., 118., 122., 96., 99., 108., 111., 88., 90.]),
        ("ax-sample_rotate_and_reflect.mp4", [177., 113., 202., 90., 170., 114., 192., 76., 169., 127., 186., 79.]),
        ("ax-internal_emulator_transformer_output_270_rotated.mp4", [86., 76., 128., 109., 71., 63., 119., 99., 61., 53., 114., 87.]),
        ("ax-bt601.mov", [176., 201., 113., 89., 170., 191., 114., 75., 169., 187., 127., 79.]),
    ];
    for (name, expected) in table {
        let Some(input) = shared(&format!("robust/{name}")) else {
            return;
        };
        let footage = read(&input, &ReadSettings::default()).unwrap();
        close(
            &quarters(&footage.frame(0).unwrap(), footage.shape()),
            &expected,
            3.0,
            name,
        );
        let grey = ReadSettings {
            channels: Channels::Grey,
            ..ReadSettings::default()
        };
        let luma: Vec<f64> = (0..4)
            .map(|i| 0.299 * expected[i] + 0.587 * expected[4 + i] + 0.114 * expected[8 + i])
            .collect();
        let footage = read(&input, &grey).unwrap();
        close(
            &quarters(&footage.frame(0).unwrap(), footage.shape()),
            &luma,
            4.0,
            name,
        );
    }
}

#[cfg(feature = "ffmpeg")]
#[test]
fn a_letterbox_keeps_the_shape() {
    // 568 × 320, turned by 90° to stand upright: 36 of 64 columns.
    let Some(input) = shared("robust/decord-video_90.mov") else {
        return;
    };
    let settings = ReadSettings {
        fit: Fit::Letterbox,
        ..ReadSettings::default()
    };
    let footage = read(&input, &settings).unwrap();
    let row = &footage.frame(0).unwrap()[32 * 64..33 * 64];
    let lit: Vec<usize> = (0..64).filter(|&x| row[x] > 0).collect();
    assert_eq!((lit[0], lit[lit.len() - 1]), (14, 49));
    // 800 × 640 of pixels 1.422 times as wide as high: 16:9, so 36 of 64 rows.
    let Some(input) = shared("robust/ax-bbb_800x640_768kbps_30fps_vp9.mp4") else {
        return;
    };
    let footage = read(&input, &settings).unwrap();
    let frame = footage.frame(60).unwrap();
    let lit: Vec<usize> = (0..64).filter(|&y| frame[y * 64 + 32] > 0).collect();
    assert_eq!((lit[0], lit[lit.len() - 1]), (14, 49));
}

#[cfg(feature = "ffmpeg")]
#[test]
fn times_follow_the_file() {
    let Some(input) = shared("video/animals/sleap-20190128_113421.120s.mp4") else {
        return;
    };
    let read = |start, end, frame_rate| {
        let settings = ReadSettings {
            width: 16,
            height: 16,
            start: Some(start),
            end: Some(end),
            frame_rate,
            ..ReadSettings::default()
        };
        read(&input, &settings).unwrap()
    };
    // 25 frames/s, so 13 frames in half a second; 1.2 starts from the
    // beginning of the file, 20 from a key frame.
    let every = read(0.0, 2.0, None);
    assert_eq!(every.len(), 50);
    let some = read(1.2, 1.7, None);
    assert_eq!(some.len(), 13);
    assert_eq!(some.frame(0).unwrap(), every.frame(30).unwrap());
    let far = read(20.0, 20.5, None);
    assert_eq!(far.len(), 13);
    assert!((far.times()[0] - 20.0).abs() < 1e-6, "{:?}", far.times());
    let slow = read(0.0, 2.0, Some(5.0));
    assert_eq!(slow.len(), 10);
    assert_eq!(slow.frame(3).unwrap(), every.frame(15).unwrap());
    let fast = read(0.0, 1.0, Some(50.0));
    assert_eq!(fast.len(), 50);
    assert_eq!(fast.frame(20).unwrap(), every.frame(10).unwrap());
    assert_eq!(fast.frame(21).unwrap(), every.frame(10).unwrap());
}

#[cfg(feature = "ffmpeg")]
#[test]
fn damage_is_counted() {
    let Some(input) = shared("video/fixed/o4n-hand-gesture.mp4") else {
        return;
    };
    let settings = ReadSettings::default();
    assert_eq!(read(&input, &settings).unwrap().damaged(), 0);
    let whole = std::fs::read(input).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mp4");
    // With several threads FFmpeg 5.1 flags 3 to 11 frames of the first and
    // mostly none of the second, and repairs them from what its other threads
    // happen to have decoded by then.
    let (many, one) = ((200_000..460_000).step_by(20_000), 300_000..300_001);
    for (places, expected) in [(many.collect::<Vec<_>>(), 13), (one.collect(), 1)] {
        let mut bytes = whole.clone();
        for at in places {
            bytes[at..at + 40].fill(0x5a);
        }
        std::fs::write(&path, bytes).unwrap();
        let footage = read(&path.display().to_string(), &settings).unwrap();
        assert_eq!(footage.damaged(), expected);
        let again = read(&path.display().to_string(), &settings).unwrap();
        assert_eq!(again.len(), footage.len());
        for index in 0..footage.len() {
            assert_eq!(
                again.frame(index).unwrap(),
                footage.frame(index).unwrap(),
                "frame {index}"
            );
        }
    }
}

#[cfg(feature = "ffmpeg")]
#[test]
fn size_changes_and_joined_recordings_are_read() {
    let names = [
        "robust/ax-sample_h264.ts",
        "robust/ax-sample_h264_no_access_unit_delimiters.ts",
    ];
    let Some(inputs) = names.map(shared).into_iter().collect::<Option<Vec<_>>>() else {
        return;
    };
    let [wide, narrow] = [0, 1].map(|index| std::fs::read(&inputs[index]).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("joined.ts");
    // 854 × 480, then 640 × 426, then again from the start.
    std::fs::write(&path, [wide.clone(), narrow, wide].concat()).unwrap();
    let footage = read(&path.display().to_string(), &ReadSettings::default()).unwrap();
    assert_eq!(footage.len(), 63);
    assert!(footage.times().is_sorted(), "{:?}", footage.times());
    assert_eq!(footage.frame(0).unwrap(), footage.frame(33).unwrap());
}

#[cfg(feature = "ffmpeg")]
#[test]
fn cuts_are_found_and_motion_is_not_a_cut() {
    let table = [
        ("misc/big_buck_bunny_0_30.webm", vec![283, 376, 551]),
        ("misc/bikes.mp4", vec![30, 76, 137, 187, 242]),
        ("misc/bigbuckbunny.mp4", vec![]),
        ("misc/carphone_pristine.mp4", vec![]),
        ("fixed/bgs-video.avi", vec![]),
        ("fixed/bgs-video02.avi", vec![]),
        ("fixed/intel-bottle-detection.mp4", vec![]),
        ("fixed/intel-car-detection.mp4", vec![]),
        ("fixed/o4n-hand-gesture.mp4", vec![]),
        ("fixed/o4n-traffic.mp4", vec![]),
        ("actions/flipping_a_pancake.mkv", vec![]),
    ];
    for (name, expected) in table {
        let Some(input) = shared(&format!("video/{name}")) else {
            return;
        };
        for (channels, fit) in [
            (Channels::Grey, Fit::Crop),
            (Channels::Colour, Fit::Letterbox),
        ] {
            let settings = ReadSettings {
                channels,
                fit,
                ..ReadSettings::default()
            };
            let scenes = read(&input, &settings).unwrap().scenes();
            let cuts: Vec<usize> = scenes.iter().skip(1).map(|scene| scene.start).collect();
            assert_eq!(cuts, expected, "{name} {channels:?}");
        }
    }
}

#[cfg(not(feature = "ffmpeg"))]
#[test]
fn without_ffmpeg_a_video_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    std::fs::write(&path, b"\0\0\0\x20ftypisom").unwrap();
    let error = read(&path.display().to_string(), &ReadSettings::default()).unwrap_err();
    assert!(error.to_string().contains("--features ffmpeg"), "{error}");
}

#[test]
fn one_picture_and_an_animation() {
    let folder = tempfile::tempdir().unwrap();
    let still = folder.path().join("still.jpg");
    picture(still.clone(), 100, 50, [200, 100, 50]);
    let settings = ReadSettings {
        fit: Fit::Letterbox,
        ..ReadSettings::default()
    };
    let footage = read(&still.display().to_string(), &settings).unwrap();
    assert_eq!(footage.len(), 1);
    let frame = footage.frame(0).unwrap();
    assert_eq!(frame[15 * 64 + 5], 0);
    close(
        &[frame[16 * 64 + 5].into(), frame[47 * 64].into()],
        &[200., 200.],
        3.0,
        "jpg",
    );

    // Shown for 100, 200 and 300 ms: at 10 frames/s one, two and three frames.
    let animated = folder.path().join("animated.gif");
    let mut encoder =
        image::codecs::gif::GifEncoder::new(std::fs::File::create(&animated).unwrap());
    for (index, shade) in [0u8, 120, 240].into_iter().enumerate() {
        let buffer = image::RgbaImage::from_pixel(32, 32, image::Rgba([shade, shade, shade, 255]));
        let delay = image::Delay::from_numer_denom_ms(100 * (index as u32 + 1), 1);
        encoder
            .encode_frame(image::Frame::from_parts(buffer, 0, 0, delay))
            .unwrap();
    }
    drop(encoder);
    let animated = animated.display().to_string();
    let plain = read(&animated, &ReadSettings::default()).unwrap();
    close(plain.times(), &[0.0, 0.1, 0.3], 1e-9, "gif");
    let even = ReadSettings {
        frame_rate: Some(10.0),
        ..ReadSettings::default()
    };
    let footage = read(&animated, &even).unwrap();
    let shades: Vec<u8> = (0..footage.len())
        .map(|index| footage.frame(index).unwrap()[0])
        .collect();
    // How long the last frame stays is taken from the one before.
    assert_eq!(shades, [0, 120, 120, 240, 240]);
}

fn store(path: &Path, name: &str, shape: &[usize], bytes: &[u8]) -> String {
    let view = TensorView::new(Dtype::U8, shape.to_vec(), bytes).unwrap();
    safetensors::serialize_to_file([(name, view)], None, path).unwrap();
    path.display().to_string()
}

#[test]
fn tensors_are_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.safetensors");
    let bytes: Vec<u8> = (0..2 * 3 * 3 * 8 * 8)
        .map(|i| (i * 7 % 251) as u8)
        .collect();
    let settings = ReadSettings {
        width: 8,
        height: 8,
        ..ReadSettings::default()
    };
    let input = store(&path, "frames", &[2, 3, 3, 8, 8], &bytes);
    let footage = read(&input, &settings).unwrap();
    let frames: Vec<u8> = (0..6)
        .flat_map(|index| footage.frame(index).unwrap().into_owned())
        .collect();
    assert_eq!(frames, bytes);
    assert_eq!(footage.scenes(), [0..3, 3..6]);

    let half = ReadSettings {
        width: 4,
        height: 4,
        channels: Channels::Grey,
        ..settings.clone()
    };
    assert_eq!(read(&input, &half).unwrap().shape(), (1, 4, 4));
    for (name, shape) in [
        ("frames", vec![18, 64]),
        ("images", vec![6, 3, 8, 8]),
        ("frames", vec![6, 3, 0, 8]),
        ("frames", vec![0, 3, 8, 8]),
    ] {
        let size = shape.iter().product();
        let input = store(&path, name, &shape, &bytes[..size]);
        let error = read(&input, &settings).unwrap_err().to_string();
        assert!(error.contains("(T,C,H,W)"), "{error}");
    }
}

/// Where a file does not say so, grey is full range, at any depth.
#[cfg(feature = "ffmpeg")]
#[test]
fn grey_of_more_than_eight_bits_keeps_black_and_white() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let ramp: Vec<u8> = (0..64 * 64u16)
        .flat_map(|index| (index / 64 * 1023 / 63).to_le_bytes())
        .collect();
    std::fs::write(path("ramp"), ramp.repeat(2)).unwrap();
    let (raw, film) = (path("ramp"), path("ramp.mkv"));
    let words = [
        "-v", "error", "-f", "rawvideo", "-pix_fmt", "gray10le", "-s", "64x64", "-i", &raw, "-c:v",
        "ffv1", &film,
    ];
    let made = std::process::Command::new("ffmpeg").args(words).status();
    assert!(made.unwrap().success());
    let settings = ReadSettings {
        channels: Channels::Grey,
        ..ReadSettings::default()
    };
    let footage = read(&film, &settings).unwrap();
    for (index, &value) in footage.frame(0).unwrap().iter().enumerate() {
        let truth = (index / 64 * 1023 / 63) as f64 / 1023.0 * 255.0;
        assert!((f64::from(value) - truth).abs() <= 1.0, "{value} {truth}");
    }
}
