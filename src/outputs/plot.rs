//! Curves as SVG.

use crate::error::{Error, Result};
use plotters::prelude::*;

/// Pixels of a plot.
const SIZE: (u32, u32) = (520, 340);
const FONT: &str = "sans-serif";

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What the legend says.
    pub name: String,
    /// (x, y), x ascending; those that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// Around each point, where known: (x, low, high).
    pub intervals: Vec<(f64, f64, f64)>,
}

/// Which colour each name has, the same in all plots of a page: in the order in which names
/// first come.
#[derive(Debug, Clone, Default)]
pub struct Colours {
    names: Vec<String>,
}

impl Colours {
    fn of(&mut self, name: &str) -> RGBAColor {
        let known = self.names.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        Palette99::pick(index).to_rgba()
    }
}

/// What a plot says around its curves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Words<'a> {
    /// Above it.
    pub title: &'a str,
    /// Below it.
    pub x: &'a str,
    /// Beside it.
    pub y: &'a str,
}

/// The curves as a whole SVG element, of 520 × 340 pixels, all their x's side by side
/// at even distances. A curve without points only stands in the legend; `level` is a
/// grey line to hold them against.
///
/// # Errors
/// What cannot be drawn.
pub fn plot(
    words: Words,
    curves: &[Curve],
    level: Option<f64>,
    colours: &mut Colours,
) -> Result<String> {
    let finite = |&(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
    let points = || {
        curves
            .iter()
            .flat_map(|curve| curve.points.iter().filter(|p| finite(p)))
    };
    let ends = || {
        let intervals = curves.iter().flat_map(|curve| &curve.intervals);
        intervals
            .flat_map(|&(_, low, high)| [low, high])
            .filter(|y| y.is_finite())
    };
    let mut places: Vec<f64> = points().map(|&(x, _)| x).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let at = |x: f64| places.partition_point(|&place| place < x) as f64;
    let (left, right) = (-0.15, places.len().max(2) as f64 - 0.85);
    let (low, high) = range(points().map(|&(_, y)| y).chain(ends()).chain(level), 0.08);
    let mut svg = String::new();
    let mut draw = || -> std::result::Result<(), DrawingAreaErrorKind<std::io::Error>> {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(words.title, (FONT, 16))
            .margin(10)
            .x_label_area_size(36)
            .y_label_area_size(58)
            .build_cartesian_2d(left..right, low..high)?;
        chart
            .configure_mesh()
            .x_desc(words.x)
            .y_desc(words.y)
            .x_labels(places.len().clamp(2, 12))
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .label_style((FONT, 12))
            .x_label_formatter(&|&x| {
                // Between places nothing is written.
                let place = (x - x.round()).abs() < 1e-6;
                let place = place.then(|| places.get(x.round() as usize)).flatten();
                place.map_or_else(String::new, |&x| tick(x))
            })
            .y_label_formatter(&|y| tick(*y))
            .draw()?;
        if let Some(level) = level {
            let ends = [(left, level), (right, level)];
            chart.draw_series(LineSeries::new(ends, BLACK.mix(0.4)))?;
        }
        for curve in curves {
            let colour = colours.of(&curve.name);
            let points: Vec<(f64, f64)> = (curve.points.iter().filter(|p| finite(p)))
                .map(|&(x, y)| (at(x), y))
                .collect();
            chart.draw_series(curve.intervals.iter().map(|&(x, low, high)| {
                PathElement::new([(at(x), low), (at(x), high)], colour.mix(0.5))
            }))?;
            let dots = points
                .iter()
                .map(|&point| Circle::new(point, 3, colour.filled()));
            chart.draw_series(dots)?;
            chart
                .draw_series(LineSeries::new(
                    points.iter().copied(),
                    colour.stroke_width(2),
                ))?
                .label(curve.name.as_str())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .label_font((FONT, 12))
            .draw()?;
        area.present()
    };
    draw().map_err(|error| Error::io(words.title, std::io::Error::other(error.to_string())))?;
    Ok(svg)
}

/// From the least to the most, and a share of that more on both sides; never empty.
fn range(values: impl Iterator<Item = f64>, more: f64) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    match low <= high {
        false => (0.0, 1.0),
        true => {
            let room = more * (high - low);
            let room = if room > 0.0 {
                room
            } else {
                0.5 * low.abs().max(1e-3)
            };
            (low - room, high + room)
        }
    }
}

/// Three digits that count, without zeros behind them.
pub(super) fn tick(value: f64) -> String {
    let digits = (2 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
    // (0 and not −0.)
    let text = format!("{:.digits$}", if value.abs() < 1e-9 { 0.0 } else { value });
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words {
        title: "CRPS <where it moves>",
        x: "frames ahead",
        y: "CRPS",
    };

    #[test]
    fn curves_and_names_are_in_the_picture() {
        let curve = |name: &str, points: Vec<(f64, f64)>| Curve {
            name: name.to_owned(),
            intervals: points.iter().map(|&(x, y)| (x, y - 0.1, y + 0.1)).collect(),
            points,
        };
        let curves = [
            curve("mse & co", vec![(1.0, 0.2), (4.0, 0.5), (8.0, f64::NAN)]),
            curve("latent", vec![(1.0, 0.1), (4.0, 0.4), (16.0, 0.6)]),
            curve("none", vec![]),
        ];
        let mut colours = Colours::default();
        let svg = plot(WORDS, &curves, Some(0.3), &mut colours).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for text in [
            "mse &amp; co",
            "latent",
            "none",
            "CRPS &lt;where",
            "frames ahead",
        ] {
            assert!(svg.contains(text), "no {text:?}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        // Nothing to show is a picture too.
        plot(WORDS, &[], None, &mut colours).unwrap();
        let one = [curve("one", vec![(1.0, 1.0)])];
        plot(WORDS, &one, None, &mut colours).unwrap();
    }

    #[test]
    fn a_name_keeps_its_colour() {
        let curve = |name: &str| Curve {
            name: name.to_owned(),
            points: vec![(1.0, 0.2), (2.0, 0.3)],
            intervals: Vec::new(),
        };
        let mut colours = Colours::default();
        let mut draw = |names: &[&str]| {
            let curves: Vec<Curve> = names.iter().map(|name| curve(name)).collect();
            plot(WORDS, &curves, None, &mut colours).unwrap()
        };
        let colour = |index: usize| {
            let (red, green, blue) = Palette99::pick(index).rgb();
            format!("#{red:02X}{green:02X}{blue:02X}")
        };
        let both = draw(&["a", "b"]);
        assert!(both.contains(&colour(0)) && both.contains(&colour(1)));
        let alone = draw(&["b"]);
        assert!(!alone.contains(&colour(0)) && alone.contains(&colour(1)));
    }

    #[test]
    fn ticks_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-1e-17, "0"),
            (0.125, "0.125"),
            (16.0, "16"),
            (0.5, "0.5"),
            (1234.0, "1234"),
        ] {
            assert_eq!(tick(value), text);
        }
    }
}
