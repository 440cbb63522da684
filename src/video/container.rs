//! Film files opened for FFmpeg.

use super::content::{self, Content};
use crate::error::{Error, Result};
use crate::interrupt;
use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::{Dictionary, ffi, format};
use image::ImageFormat;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

/// The demuxers of film: containers, streams and pictures in a row. Left out
/// are those that draw text, follow lists to other files, or read sound only;
/// the last line keeps some of sound, so that a refusal can name it.
const DEMUXERS: &str = "3dostr,4xm,anm,apng,apv,asf,asf_o,av1,avi,avs,avs2,avs3,bethsoftvid,bfi,\
    bink,bmv,c93,cavsvideo,cdxl,cine,dfa,dhav,dirac,dnxhd,dsicin,dv,dxa,ea,evc,film_cpk,filmstrip,\
    fits,flic,flv,frm,gdv,gif,gxf,h261,h263,h264,hevc,hnm,hxvs,idcin,iff,ifv,ingenient,ipmovie,\
    ipu,iv8,ivf,ivr,jpegxl_anim,jv,kux,live_flv,lmlm4,luodat,lvf,lxf,m4v,matroska,mgsts,mjpeg,\
    mjpeg_2000,mlv,mm,mods,moflex,mov,mpeg,mpegts,mpegtsraw,mpegvideo,mpjpeg,msnwctcp,mtv,mv,mvi,\
    mxf,mxg,nc,nsv,nut,nuv,obu,ogg,paf,pdv,pmp,psxstr,pva,r3d,rl2,rm,roq,rpl,ser,sga,siff,\
    simbiosis_imx,smjpeg,smk,smush,swf,thp,tiertexseq,tmv,ty,usm,vc1,vc1test,vividas,vivo,vmd,vvc,\
    wc3movie,webm,wsvqa,wtv,xmv,yop,yuv4mpegpipe,\
    bmp_pipe,dpx_pipe,exr_pipe,gif_pipe,hdr_pipe,j2k_pipe,jpeg_pipe,jpegls_pipe,jpegxl_pipe,\
    pam_pipe,pbm_pipe,pfm_pipe,pgm_pipe,pgmyuv_pipe,phm_pipe,png_pipe,ppm_pipe,qoi_pipe,sgi_pipe,\
    sunrast_pipe,tiff_pipe,webp_pipe,\
    aac,ac3,aiff,amr,ape,au,caf,dts,eac3,flac,mp3,tta,w64,wav,wv";

/// Streams without a signature: others' bytes look like them now and then.
const BARE: &[&str] = &[
    "avs2",
    "avs3",
    "cavsvideo",
    "evc",
    "h261",
    "h263",
    "h264",
    "hevc",
    "ipu",
    "m4v",
    "mpegvideo",
    "vvc",
];

const UNKNOWN: &str = "FFmpeg cannot open it as a video (no known container)";

/// As much as FFmpeg reads to tell what a file is.
const PROBED: u64 = 1 << 20;

/// Opens `path` for reading packets.
///
/// The file is opened here, and FFmpeg reads what it is handed: no name is
/// ever taken for a protocol or a pattern, whatever its bytes, and no file
/// leads to another.
pub fn open(path: &Path) -> Result<Input> {
    let (file, content, ending) = begin(path)?;
    let stream = StreamIo::from_read_seek(file)
        .map_err(|error| Error::io(path, std::io::Error::other(error)))?;
    let mut options = Dictionary::new();
    options.set("format_whitelist", DEMUXERS);
    options.set("protocol_whitelist", "none");
    let name = format!("film{ending}");
    let input = format::input_from_stream_with_interrupt(
        stream,
        Some(&name),
        Some(options),
        interrupt::interrupted,
    );
    input.map_err(|error| match error {
        ffmpeg_next::Error::Exit => Error::Interrupted,
        // So FFmpeg says that a demuxer is none of the list.
        ffmpeg_next::Error::Other { errno: ffi::EINVAL } => {
            explain(path, content, UNKNOWN.to_owned())
        }
        error => explain(
            path,
            content,
            format!("FFmpeg cannot open it as a video ({error})"),
        ),
    })
}

/// Refuses what FFmpeg would not open.
pub fn check(path: &Path) -> Result<()> {
    begin(path).map(drop)
}

/// The file at its start, what it is, and the ending it is opened by.
fn begin(path: &Path) -> Result<(File, Content, String)> {
    let io = |error| Error::io(path, error);
    let mut file = File::open(path).map_err(io)?;
    let mut head = Vec::new();
    let mut read = |head: &mut Vec<u8>, most: u64| (&mut file).take(most).read_to_end(head);
    read(&mut head, content::HEAD as u64).map_err(io)?;
    if head.is_empty() {
        return Err(content::empty(path));
    }
    let content = content::tell(&head);
    if let Some(refusal) = content.refusal(path) {
        return Err(refusal);
    }
    let ending = ending(path, content);
    // A signature is enough; without one it may be anything.
    if content == Content::Unknown {
        read(&mut head, PROBED).map_err(io)?;
        if let Some(problem) = probe(head, &ending).problem(&ending) {
            return Err(explain(path, content, problem));
        }
    }
    file.rewind().map_err(io)?;
    Ok((file, content, ending))
}

/// The ending of the file's name, with its dot, by which FFmpeg tells streams
/// without a signature. What is in the file goes before what the name says.
fn ending(path: &Path, content: Content) -> String {
    match content {
        Content::Picture(ImageFormat::Jpeg) => ".mjpeg".to_owned(),
        Content::Picture(_) => String::new(),
        _ => {
            let ending = super::source::extension(path);
            let plain = ending.chars().all(|c| c.is_ascii_alphanumeric());
            match plain && !ending.is_empty() {
                true => format!(".{ending}"),
                false => String::new(),
            }
        }
    }
}

/// What FFmpeg takes a file for.
struct Probed {
    name: String,
    description: String,
    /// Whether the file's name has one of the demuxer's endings.
    named: bool,
    /// Whether the file begins with zeros, as start codes do.
    zeros: bool,
}

impl Probed {
    /// Why it is not to be opened.
    fn problem(&self, ending: &str) -> Option<String> {
        if self.name.is_empty() {
            return Some(UNKNOWN.to_owned());
        }
        if self.name == "rawvideo" {
            return Some(format!("raw pixels{}", ending.replace('.', ", ")));
        }
        let mut names = self.name.split(',');
        if !names.any(|name| DEMUXERS.split(',').any(|known| known == name)) {
            return Some(match self.name.as_str() {
                "tty" | "bin" | "xbin" | "adf" | "idf" => "it is text, no video".to_owned(),
                _ => format!("no video: FFmpeg takes it for {}", self.description),
            });
        }
        let doubtful = BARE.contains(&self.name.as_str()) && !self.named && !self.zeros;
        doubtful.then(|| UNKNOWN.to_owned())
    }
}

fn probe(mut head: Vec<u8>, ending: &str) -> Probed {
    let zeros = head.starts_with(&[0, 0]) || head.starts_with(&[0, 1]);
    let length = head.len();
    head.resize(length + ffi::AVPROBE_PADDING_SIZE as usize, 0);
    let name = CString::new(format!("film{ending}")).unwrap_or_default();
    // SAFETY: every pointer is to memory that lives during the calls, and the
    // buffer is padded with zeros as FFmpeg asks. The demuxer that comes back
    // is null or one of FFmpeg's own, which live for ever with their names.
    unsafe {
        let data = ffi::AVProbeData {
            filename: name.as_ptr(),
            buf: head.as_mut_ptr(),
            buf_size: length as i32,
            mime_type: std::ptr::null(),
        };
        let mut score = 0;
        let found = ffi::av_probe_input_format3(&data, 1, &mut score);
        let text = |pointer: *const std::ffi::c_char| match pointer.is_null() {
            true => String::new(),
            false => CStr::from_ptr(pointer).to_string_lossy().into_owned(),
        };
        match found.as_ref() {
            None => Probed {
                name: String::new(),
                description: String::new(),
                named: false,
                zeros,
            },
            Some(found) => Probed {
                name: text(found.name),
                description: text(found.long_name),
                named: ffi::av_match_ext(name.as_ptr(), found.extensions) > 0,
                zeros,
            },
        }
    }
}

/// The refusal, with what helps a file of that content.
fn explain(path: &Path, content: Content, problem: String) -> Error {
    let subject = path.display().to_string();
    match content {
        Content::RarePicture(content::AVIF) => Error::input(
            subject,
            "it is an AVIF picture, which this FFmpeg cannot read",
            "convert it to PNG: avifdec FILE FILE.png",
        ),
        Content::RarePicture(what) => Error::input(
            subject,
            format!("it is {what}, which this FFmpeg cannot read"),
            "convert it to PNG",
        ),
        _ if problem.starts_with("raw pixels") => Error::input(
            subject,
            format!("it is {problem}, whose size and format nothing says"),
            "say them to ffmpeg: ffmpeg -f rawvideo -pix_fmt yuv420p -s 640x480 -i FILE film.y4m",
        ),
        _ if problem.ends_with("sequence") => {
            Error::input(subject, problem, "where it is a picture, convert it to PNG")
        }
        _ => Error::input(subject, problem, "give a file with a video that plays"),
    }
}
