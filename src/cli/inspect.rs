//! `nextframe inspect`: what a video holds.

use super::footage::StrictArgs;
use crate::data::{Inspection, inspect};
use crate::error::{Error, Result};
use crate::outputs::standard::{print, print_json};
use crate::video::intervals::rate_words;
use crate::video::left_out::LeftOut;

/// Says what videos hold: codec, size, rotation, frames, times, damage, cuts.
#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    /// Videos, pictures, folders, globs, or - for standard input.
    #[arg(required = true)]
    pub files: Vec<String>,
    /// Print JSON: one object, or an array of them where there are several.
    #[arg(long)]
    pub json: bool,
    /// What becomes of files that cannot be used.
    #[command(flatten)]
    pub found: StrictArgs,
}

/// Prints to standard output what each input holds.
///
/// # Errors
/// Where an input cannot be read, after the others have been printed.
pub fn run(args: &InspectArgs) -> Result<()> {
    let mut all = Vec::new();
    let mut refused = None;
    let mut refuse = |error| {
        if let Some(earlier) = refused.replace(error) {
            tracing::error!("{earlier}");
        }
    };
    for input in &args.files {
        let sources = match args.found.expand(std::slice::from_ref(input)) {
            Ok(sources) => sources,
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                refuse(error);
                continue;
            }
        };
        let mut out = LeftOut::default();
        let mut found = false;
        for source in &sources {
            let inspected = inspect(source);
            found |= inspected.is_ok();
            match inspected {
                Ok(found) if args.json => all.push(found),
                Ok(found) => print(describe(&found).trim_end_matches('\n'))?,
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) if source.is_left_out_for(&error) => out.add(error),
                Err(error) => refuse(error),
            }
        }
        out.tell();
        if let (false, Some(error)) = (found, out.into_first()) {
            refuse(error);
        }
    }
    if args.json && !all.is_empty() {
        match all.as_slice() {
            [one] => print_json(one)?,
            several => print_json(&several)?,
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Cuts that are listed for people.
const LISTED_CUTS: usize = 10;

fn describe(found: &Inspection) -> String {
    let aspect = if (found.pixel_aspect - 1.0).abs() < 1e-6 {
        String::new()
    } else {
        format!(", pixels {:.4} times as wide as high", found.pixel_aspect)
    };
    let mirrored = if found.mirrored { ", mirrored" } else { "" };
    let rate = found.frame_rate.map_or("-".to_owned(), |rate| {
        let varies = if found.variable_rate { ", varies" } else { "" };
        format!("{} frames/s{varies}", rate_words(rate))
    });
    let cuts = if found.scene_cuts.is_empty() {
        "none".to_owned()
    } else {
        let times: Vec<String> = found
            .scene_cuts
            .iter()
            .take(LISTED_CUTS)
            .map(|time| format!("{time:.2}"))
            .collect();
        let all = found.scene_cuts.len();
        let more = match all - times.len() {
            0 => String::new(),
            more => format!(" and {more} more (all with --json)"),
        };
        format!("{all} at {} s{more}", times.join(", "))
    };
    format!(
        "{}\n  codec       {}, {}\n  size        {} × {}{aspect}\n  rotation    {}°{mirrored}\n  \
         frames      {}, {} damaged\n  rate        {rate}\n  \
         time        {:.3} s to {:.3} s, lasts {:.3} s\n  scene cuts  {cuts}\n",
        found.file,
        found.codec,
        found.pixel_format,
        found.width,
        found.height,
        found.rotation,
        found.frames,
        found.damaged_frames,
        found.first_timestamp,
        found.last_timestamp,
        found.duration,
    )
}
