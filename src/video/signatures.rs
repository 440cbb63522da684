//! Signatures of files: where they lie, their bytes, and what such a file is.

pub(super) const PLAYS: &str = "give a file with a video that plays";
pub(super) const PNG: &str = "convert it to PNG, or take it out";
const UNPACK: &str = "unpack it, and give the folder or the files";
const PYTHON: &str =
    "store its frames with numpy.save(\"frames.npy\", frames), as uint8 (T,H,W) or (T,H,W,3)";
const HDF5: &str = "convert it with python: import h5py, numpy; \
     numpy.save(\"frames.npy\", h5py.File(FILE)[NAME][:])";
const MATLAB: &str = "convert it with python: import scipy.io, numpy; \
     numpy.save(\"frames.npy\", scipy.io.loadmat(FILE)[NAME])";
const LIST: &str = "give the videos themselves";
const STREAM: &str = "download the stream first: ffmpeg -i FILE -c copy film.mkv";

/// Films that begin with a signature: where it lies, and its bytes.
#[rustfmt::skip]
pub(super) const FILMS: &[(usize, &[u8])] = &[
    (4, b"moov"), (4, b"mdat"), (4, b"wide"), (4, b"pnot"), (4, b"styp"), (4, b"moof"),
    (0, b"\x1a\x45\xdf\xa3"), (8, b"AVI "), (8, b"AVIX"), (8, b"CDXA"), (0, b"OggS"),
    (0, b"FLV\x01"), (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), (0, b".RMF"), (0, b"DKIF"),
    (0, b"YUV4MPEG2"), (0, b"nut/multimedia container\0"), (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01"),
    (0, b"CI\x2c\0"), (0, b"\0\0\0\0\x01\xbc"), (0, b"\x1f\x07\0"), (0, b"SMK2"), (0, b"SMK4"),
    (0, b"BIK"), (0, b"KB2"), (4, b"\x11\xaf"), (4, b"\x12\xaf"), (0, b"LUCAM-RECORDER"),
    (0, b"\xb7\xd8\x00\x20\x37\x49\xda\x11"), (0, b"NSVf"), (0, b"NSVs"), (0, b"MLVI"),
    (0, b"NuppelVideo"), (0, b"MythTVVideo"), (0, b"ARMovie"), (0, b"SIMPLE  ="),
    (0, b"\0\0\x01\xba"), (0, b"\0\0\x01\xb3"), (0, b"\0\0\x01\xb0"), (0, b"\0\0\x01\x67"),
    (0, b"\0\0\0\x01\x67"), (0, b"\0\0\0\x01\x27"), (0, b"\0\0\0\x01\x09"), (0, b"\0\0\0\x01\x40\x01"),
    (0, b"\0\0\0\x01\x46\x01"), (0, b"\x12\0\x0a"),
];

/// Pictures that FFmpeg reads, one to a file.
#[rustfmt::skip]
pub(super) const RARE: &[(usize, &[u8], &str)] = &[
    (0, b"\xff\x0a", "a JPEG XL picture"), (4, b"JXL \r\n\x87\n", "a JPEG XL picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture"), (0, b"SDPX", "a DPX picture"),
    (0, b"XPDS", "a DPX picture"), (0, b"qoif", "a QOI picture"),
    (0, b"#?RADIANCE", "a Radiance picture"), (0, b"\x01\xda", "an SGI picture"),
];

/// What is neither film nor picture here: where the signature lies, its bytes,
/// what it is, and what helps.
#[rustfmt::skip]
pub(super) const OTHERS: &[(usize, &[u8], &str, &str)] = &[
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", HDF5),
    (512, b"\x89HDF\r\n\x1a\n", "an HDF5 file (MATLAB 7.3)", HDF5),
    (0, b"MATLAB 5.0", "a MATLAB file", MATLAB),
    (0, b"PK\x03\x04", "a ZIP archive, no video", UNPACK),
    (0, b"PK\x05\x06", "an empty ZIP archive", PLAYS),
    (0, b"\x1f\x8b", "compressed with gzip", "unpack it with gunzip, and give what comes out"),
    (0, b"BZh", "compressed with bzip2", "unpack it with bunzip2, and give what comes out"),
    (0, b"\xfd7zXZ\0", "compressed with xz", "unpack it with unxz, and give what comes out"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with unzstd, and give what comes out"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive, no video", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive, no video", UNPACK),
    (257, b"ustar", "a tar archive, no video", UNPACK),
    (0, b"%PDF-", "a PDF document, no video", "give the videos or pictures that it shows"),
    (0, b"8BPS", "a Photoshop picture, no video", PNG),
    (0, b"\x80\x02", "a Python pickle", PYTHON), (0, b"\x80\x03", "a Python pickle", PYTHON),
    (0, b"\x80\x04", "a Python pickle", PYTHON), (0, b"\x80\x05", "a Python pickle", PYTHON),
    (0, b"\0\0\x08\x03", "an IDX file (MNIST)", PYTHON),
    (0, b"PAR1", "a Parquet table", PYTHON), (0, b"SQLite format 3\0", "a database, no video", PLAYS),
    (0, b"\x7fELF", "a program, no video", PLAYS), (0, b"MZ\x90\0", "a program, no video", PLAYS),
    (0, b"\0\x01\0\0\0", "a font, no video", PLAYS), (0, b"OTTO\0", "a font, no video", PLAYS),
    (0, b"wOFF", "a font, no video", PLAYS), (0, b"wOF2", "a font, no video", PLAYS),
];

/// Texts with a known beginning, small letters: what they are, and what helps.
#[rustfmt::skip]
pub(super) const TEXTS: &[(&str, &str, &str)] = &[
    ("#extm3u", "a playlist, no video", STREAM),
    ("<mpd", "a playlist, no video", STREAM),
    ("[playlist]", "a playlist, no video", LIST),
    ("ffconcat ", "a list for FFmpeg, no video", LIST),
    ("webvtt", "subtitles, no video", PLAYS),
    ("[script info]", "subtitles, no video", PLAYS),
    ("<svg", "a drawing (SVG), no video", PNG),
    ("<!doctype html", "a web page, no video", "download the video itself"),
    ("<html", "a web page, no video", "download the video itself"),
    ("version https://git-lfs", "a pointer of Git LFS, not the file itself", "fetch it with `git lfs pull`"),
];
