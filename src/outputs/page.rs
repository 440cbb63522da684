//! HTML pages that need nothing beside them.

use super::film::png;
use super::plot::{Colours, Curve, Words, plot};
use crate::error::{Error, Result};
use crate::files;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::fmt::Write as _;
use std::path::Path;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1120px;\
padding:0 1em;color:#222}table{border-collapse:collapse;margin:1em 0;font-size:13px}\
td,th{padding:3px 10px;text-align:right;border-bottom:1px solid #ddd;\
font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}\
.plots{display:flex;flex-wrap:wrap;gap:12px}.wide{overflow-x:auto}img{image-rendering:pixelated}\
.clip{display:inline-block;margin-right:6px;image-rendering:pixelated;background-repeat:no-repeat}\
@keyframes clip{from{background-position-x:0}to{background-position-x:100%}}\
.bad{color:#b00020}.words{white-space:pre-wrap;line-height:1.8}";

/// A short film on a page.
#[derive(Debug, Clone)]
pub struct Clip {
    /// Frames (C, H, W), grey or RGB, at least one.
    pub frames: Vec<Vec<u8>>,
    /// [C, H, W].
    pub shape: [usize; 3],
}

/// How long a frame of a clip is shown, in seconds.
const MOMENT: f64 = 0.2;
/// About how wide a clip is shown, in pixels.
const WIDE: usize = 256;

/// A page in the making.
#[derive(Debug, Clone)]
pub struct Page {
    body: String,
    title: String,
    colours: Colours,
}

impl Page {
    /// An empty page.
    pub fn new(title: &str) -> Self {
        Self {
            body: format!("<h1>{}</h1>\n", escaped(title)),
            title: title.to_owned(),
            colours: Colours::default(),
        }
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.body, "<h2>{}</h2>", escaped(text));
    }

    /// A paragraph.
    pub fn text(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p>{}</p>", escaped(text));
    }

    /// A paragraph in red.
    pub fn warning(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p class=\"bad\">{}</p>", escaped(text));
    }

    /// A table.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        let row = |cells: Vec<String>, tag: &str| {
            let cells = cells
                .iter()
                .map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        self.body += "<table>\n";
        self.body += &row(header.iter().map(|&cell| cell.to_owned()).collect(), "th");
        for cells in rows {
            self.body += &row(cells.clone(), "td");
        }
        self.body += "</table>\n";
    }

    /// A text whose parts lie on a colour of a share in [0, 1], none to full; parts without
    /// a share stay plain. What each says is shown where the pointer rests on it.
    pub fn coloured(&mut self, parts: &[(&str, Option<(f64, String)>)]) {
        self.body += "<p class=\"words\">";
        for (part, share) in parts {
            let part = escaped(part);
            let _ = match share {
                None => write!(self.body, "{part}"),
                Some((share, says)) => write!(
                    self.body,
                    "<span style=\"background:rgba(224,80,40,{:.2})\" title=\"{}\">{part}</span>",
                    0.85 * share.clamp(0.0, 1.0),
                    escaped(says)
                ),
            };
        }
        self.body += "</p>\n";
    }

    /// Plots side by side, see [`plot`]; a name has one colour on the whole page.
    ///
    /// # Errors
    /// Those of [`plot`].
    pub fn plots(&mut self, plots: &[(Words, Vec<Curve>, Option<f64>)]) -> Result<()> {
        self.body += "<div class=\"plots\">\n";
        for (words, curves, level) in plots {
            self.body += &plot(*words, curves, *level, &mut self.colours)?;
        }
        self.body += "</div>\n";
        Ok(())
    }

    /// A PNG or GIF, taken in.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn picture(&mut self, path: &Path, says: &str) -> Result<()> {
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
        let kind = match bytes.starts_with(b"GIF") {
            true => "gif",
            false => "png",
        };
        let _ = writeln!(
            self.body,
            "<p class=\"wide\"><img alt=\"{}\" src=\"data:image/{kind};base64,{}\"></p>",
            escaped(says),
            STANDARD.encode(bytes)
        );
        Ok(())
    }

    /// Clips beside each other, exact and enlarged, which begin at the same moment and run
    /// again and again, and under each a place to tick it.
    ///
    /// # Errors
    /// Frames that make no picture.
    pub fn clips(&mut self, title: &str, clips: &[(&str, Clip)]) -> Result<()> {
        let _ = writeln!(self.body, "<div><b>{}</b><br>", escaped(title));
        for (name, clip) in clips {
            let _ = write!(
                self.body,
                "{}<label><input type=\"radio\" name=\"{}\"> {}</label> ",
                clip.html()?,
                escaped(title),
                escaped(name)
            );
        }
        self.body += "</div>\n";
        Ok(())
    }

    /// What follows stands side by side, until [`Self::end_row`].
    pub fn begin_row(&mut self) {
        self.body += "<div class=\"plots\">\n";
    }

    /// What follows stands below again.
    pub fn end_row(&mut self) {
        self.body += "</div>\n";
    }

    /// Writes the page, whole or not at all.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
            escaped(&self.title),
            self.body
        );
        files::replace_bytes(path, page.as_bytes())
    }
}

impl Clip {
    /// An element whose background is a strip of all frames, moved by a frame at a time.
    fn html(&self) -> Result<String> {
        let [channels, height, width] = self.shape;
        let (count, plane) = (self.frames.len(), height * width);
        let fits = |frame: &Vec<u8>| frame.len() == channels * plane;
        if count == 0 || plane == 0 || !matches!(channels, 1 | 3) || !self.frames.iter().all(fits) {
            return Err(Error::input(
                "a clip of a page",
                format!("{count} frames of shape {:?}", self.shape),
                "give frames (C, H, W) with one or three channels, at least one",
            ));
        }
        let mut strip = Vec::with_capacity(3 * count * plane);
        for y in 0..height {
            for frame in &self.frames {
                for x in 0..width {
                    let at = |channel| frame[(channel % channels) * plane + y * width + x];
                    strip.extend([at(0), at(1), at(2)]);
                }
            }
        }
        let bytes = png(Path::new("a clip"), &strip, [height, count * width])?;
        let scale = (WIDE / width).max(1);
        let (wide, high) = (scale * width, scale * height);
        Ok(format!(
            "<span class=\"clip\" style=\"width:{wide}px;height:{high}px;\
             background-size:{}px {high}px;background-image:url(data:image/png;base64,{});\
             animation:clip {:.1}s steps({count},jump-none) infinite\"></span>",
            count * wide,
            STANDARD.encode(bytes),
            count as f64 * MOMENT
        ))
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_all_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        let gif = folder.path().join("a.gif");
        std::fs::write(&gif, b"GIF89a").unwrap();
        let mut page = Page::new("A <run>");
        page.heading("Figures");
        page.text("1 < 2 & 3");
        page.warning("z is ignored");
        page.coloured(&[("a", Some((0.5, "1 < 2".to_owned()))), (" b", None)]);
        page.table(&["", "CRPS"], &[vec!["mse".to_owned(), "0.1".to_owned()]]);
        page.picture(&gif, "films \"side by side\"").unwrap();
        assert!(
            page.picture(&folder.path().join("none.png"), "none")
                .is_err()
        );
        let clip = |frames: usize| Clip {
            frames: vec![vec![7; 16]; frames],
            shape: [1, 2, 8],
        };
        page.begin_row();
        page.clips("Pair <1>", &[("left", clip(3)), ("right", clip(3))])
            .unwrap();
        page.end_row();
        assert!(page.clips("none", &[("left", clip(0))]).is_err());
        let path = folder.path().join("page.html");
        page.save(&path).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        for part in [
            "<title>A &lt;run&gt;</title>",
            "<p>1 &lt; 2 &amp; 3</p>",
            "<p class=\"bad\">z is ignored</p>",
            "<span style=\"background:rgba(224,80,40,0.42)\" title=\"1 &lt; 2\">a</span> b</p>",
            "<tr><td>mse</td><td>0.1</td></tr>",
            "width:256px;height:64px;background-size:768px 64px;",
            "animation:clip 0.6s steps(3,jump-none) infinite",
            "name=\"Pair &lt;1&gt;\"> right</label>",
            "alt=\"films &quot;side by side&quot;\" src=\"data:image/gif;base64,R0lGODlh\"",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }
}
