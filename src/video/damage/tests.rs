use crate::video::decode::Decoder;
use crate::video::{Frames, ReadSettings};
use std::process::Command;

/// Frames of a film, and how many are damaged or lost.
fn read(path: &std::path::Path) -> (usize, usize) {
    let settings = ReadSettings {
        width: 16,
        height: 16,
        ..ReadSettings::default()
    };
    let mut film = Decoder::open(path, &settings).unwrap();
    let (mut frames, mut damaged) = (0, 0);
    while let Some(frame) = film.next_frame().unwrap() {
        frames += 1;
        damaged += usize::from(frame.damaged);
    }
    (frames, damaged + film.lost())
}

#[test]
fn a_film_that_is_cut_off_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let films = [
        ("h264.mkv", "libx264", "64x48"),
        ("vp8.webm", "libvpx", "64x48"),
        ("vp9.ivf", "libvpx-vp9", "64x48"),
        ("pal.dv", "dvvideo", "720x576"),
        ("theora.ogv", "libtheora", "64x48"),
        ("jpeg.avi", "mjpeg", "64x48"),
        ("plain.avi", "rawvideo", "64x48"),
        ("plain.y4m", "wrapped_avframe", "64x48"),
    ];
    for (name, codec, size) in films {
        let path = folder.path().join(name);
        let noise = format!(
            "nullsrc=size={size}:rate=25:duration=0.8,geq=random(1)*255:128:128,format=yuv420p"
        );
        let words = ["-v", "error", "-f", "lavfi", "-i", &noise, "-c:v", codec];
        let made = Command::new("ffmpeg")
            .args(words)
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success(), "{name}");
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(read(&path), (20, 0), "{name}");
        for part in [57, 73, 88] {
            std::fs::write(&path, &whole[..whole.len() * part / 100]).unwrap();
            let (frames, damaged) = read(&path);
            assert!(frames > 0 && frames < 20, "{name} {part}: {frames}");
            assert_eq!(damaged, 1, "{name} {part}");
        }
    }
}

#[test]
fn damaged_pictures_of_a_film_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jpeg.avi");
    let words = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=160x120:rate=25:duration=0.4",
        "-c:v",
        "mjpeg",
    ];
    assert!(
        Command::new("ffmpeg")
            .args(words)
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let mut film = std::fs::read(&path).unwrap();
    assert_eq!(read(&path), (10, 0));
    // The third picture's scan.
    let starts: Vec<usize> = (0..film.len() - 2)
        .filter(|&at| film[at..at + 3] == [0xff, 0xd8, 0xff])
        .collect();
    let at = (starts[2] + starts[3]) / 2;
    film[at..at + 60].fill(0x5a);
    std::fs::write(&path, film).unwrap();
    assert_eq!(read(&path), (10, 1));
}
