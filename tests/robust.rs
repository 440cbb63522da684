//! Every awkward file is read whole or refused in one sentence.
#![cfg(feature = "ffmpeg")]

mod common;

use common::{listing, shared};
use nextframe::data::prepare;
use nextframe::video::ReadSettings;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

/// No file may take longer.
const LIMIT: Duration = Duration::from_secs(60);

/// How many frames each file has, by
/// `ffprobe -select_streams v:0 -count_frames -show_entries stream=nb_read_frames`
/// (FFmpeg 5.1; no file gives more here), or words of the refusal.
#[rustfmt::skip]
const FILES: &[(&str, Result<usize, &str>)] = &[
    ("ax-bbb_176x144_128kbps_15fps_h263.3gp", Ok(15)),
    ("ax-bbb_176x144_192kbps_15fps_mpeg4.mp4", Ok(15)),
    ("ax-bbb_642x642_768kbps_30fps_vp9.webm", Ok(90)),
    ("ax-bbb_800x640_768kbps_30fps_avc_2b_firstpts_10_sec.mp4", Ok(120)),
    ("ax-bbb_800x640_768kbps_30fps_avc_pyramid_3b.mp4", Ok(120)),
    ("ax-bbb_800x640_768kbps_30fps_vp9.mp4", Ok(120)),
    ("ax-bbb_960x540_60fps_vp8.webm", Ok(60)),
    ("ax-bear-vp9-odd-dimensions.webm", Ok(30)),
    ("ax-bear-vp9.webm", Ok(82)),
    ("ax-bt601.mov", Ok(30)),
    ("ax-edit_list_positive_shift.mp4", Ok(270)),
    ("ax-full_blocks.mkv", Err("only subtitle")),
    ("ax-h265_bframes.mp4", Ok(30)),
    ("ax-hlg10-color-test.mp4", Ok(9)),
    ("ax-iibbibb_editlist_videoonly.mp4", Ok(12)),
    ("ax-internal_emulator_transformer_output_270_rotated.mp4", Ok(149)),
    ("ax-long_180p_av1.mp4", Ok(21766)),
    ("ax-sample-with-large-length.avi", Ok(58)),
    ("ax-sample.avi", Ok(96)),
    ("ax-sample.flv", Ok(30)),
    ("ax-sample.mkv", Ok(30)),
    ("ax-sample.mp4", Ok(30)),
    ("ax-sample_12_5fps_720p_1s.mp4", Ok(13)),
    ("ax-sample_2_byte_NAL_length.mp4", Ok(30)),
    ("ax-sample_audio_only.mp4", Err("only audio")),
    ("ax-sample_av1.mkv", Ok(30)),
    ("ax-sample_av1.mp4", Ok(30)),
    ("ax-sample_edit_list_only_preroll_sync_sample.mp4", Ok(16)),
    ("ax-sample_fragmented.mp4", Ok(30)),
    ("ax-sample_fragmented_clearkey.mp4", Err("cannot open")),
    ("ax-sample_h262_mpeg_audio.ts", Ok(3)),
    ("ax-sample_h264.ts", Ok(30)),
    ("ax-sample_h264_no_access_unit_delimiters.ts", Ok(3)),
    ("ax-sample_malformed_free_box.mp4", Err("cannot open")),
    ("ax-sample_mdat_too_long.mp4", Ok(30)),
    ("ax-sample_portrait.mp4", Ok(30)),
    ("ax-sample_rotate_and_reflect.mp4", Ok(30)),
    ("ax-sample_sef_slow_motion.mp4", Ok(63)),
    ("ax-sample_video_only.mp4", Ok(30)),
    ("ax-sample_vvc.mp4", Err("cannot decode vvc1")),
    ("ax-sample_with_fake_auxiliary_tracks.mp4", Ok(5)),
    ("ax-sample_with_htc_rotation_track_name.mkv", Ok(30)),
    ("ax-sample_with_increasing_timestamps_320w_240h_5s.mp4", Ok(300)),
    ("ax-sample_with_invalid_nalu.mp4", Ok(29)),
    ("ax-sample_without_stss.mp4", Ok(30)),
    ("ax-silent-black-10s.mp4", Ok(300)),
    ("ax-testvid_1022ms.mp4", Ok(30)),
    ("ax-water_180_mvhevc_5frames.mov", Ok(5)),
    ("decord-video_0.mov", Ok(3)),
    ("decord-video_180.mov", Ok(3)),
    ("decord-video_90.mov", Ok(3)),
    ("derived-1frame-mjpeg.avi", Ok(1)),
    ("derived-alpha-rgba-oddsize.mov", Ok(10)),
    ("derived-interlaced-tff.mp4", Ok(36)),
    ("derived-mjpeg.avi", Ok(48)),
    ("derived-truncated-no-moov.mp4", Err("cannot open")),
    ("derived-zero-byte.mp4", Err("empty (0 bytes)")),
    ("moz-bbb_sunflower_QCIF_30fps_mp4v_noaudio_1f.mp4", Ok(1)),
    ("moz-chunk_out_of_range.mp4", Err("cannot open")),
    ("moz-hevc_white_frame.mp4", Ok(1)),
    ("moz-invalid_userdata.mp4", Err("no frames")),
    ("moz-minimal.mp4", Ok(1)),
    ("moz-short-cenc.mp4", Err("encrypted")),
    ("moz-video_rotation_90.mp4", Ok(1)),
    ("moz-white.mp4", Ok(300)),
    ("mpy-no_duration.webm", Ok(74)),
    ("mpy-smpte-2997.mp4", Ok(251)),
    ("mpy-video_with_failing_audio.mp4", Ok(280)),
    ("psd-counter.mp4", Ok(30)),
    ("psd-delayed_start.mp4", Ok(24)),
    ("tc-av1_video.mkv", Ok(125)),
    ("tc-bt709_full_range.mp4", Ok(30)),
    ("tc-h264_10bits.mp4", Ok(30)),
    ("tc-h265_10bits.mp4", Ok(30)),
    ("tc-h265_video.mp4", Ok(10)),
    ("tc-nasa_13013.mp4.audio.mp3", Err("only audio")),
    ("tc-sine_mono_s16.wav", Err("only audio")),
];

#[test]
fn every_file_is_read_or_refused() {
    let Some(folder) = shared("robust") else {
        return;
    };
    let mut names = listing(Path::new(&folder));
    names.sort();
    let listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed, "the table and the folder differ");

    let settings = ReadSettings {
        width: 16,
        height: 16,
        ..ReadSettings::default()
    };
    let mut wrong = Vec::new();
    for (name, expected) in FILES {
        let cache = tempfile::tempdir().unwrap();
        let (done, result) = channel();
        let inputs = [Path::new(&folder).join(name).display().to_string()];
        let (settings, at) = (settings.clone(), cache.path().to_owned());
        std::thread::spawn(move || {
            let read = prepare(&inputs, &settings, Some(&at), &mut |_| {});
            done.send(read.map(|all| (all[0].len(), all[0].times().is_sorted())))
        });
        let found = match result.recv_timeout(LIMIT) {
            Ok(found) => found,
            Err(problem) => {
                wrong.push(format!("{name}: no answer ({problem})"));
                continue;
            }
        };
        let mut left = listing(cache.path());
        left.retain(|file| file != "known");
        let (fits, files) = match (&found, expected) {
            (Ok((frames, sorted)), Ok(count)) => (frames == count && *sorted, 1),
            (Err(error), Err(words)) => {
                let said = error.to_string();
                (
                    said.contains(words) && said.contains(name) && said.lines().count() == 1,
                    0,
                )
            }
            _ => (false, left.len()),
        };
        if !fits || left.len() != files {
            wrong.push(format!(
                "{name}: {found:?}, expected {expected:?}; cache holds {left:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
