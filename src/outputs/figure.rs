//! Figures of the plane: energies as maps with contour lines, points, arrows, curves;
//! as SVG and as PNG.

mod contour;

use super::canvas::{Canvas, ZOOM, shrink};
use super::picture::Picture;
use super::plot::tick;
use crate::energy::Plane;
use crate::error::{Error, Result};
use crate::files;
use contour::{BANDS, bands, contour, joined, runs};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

/// Pixels of a panel.
const SIDE: (u32, u32) = (300, 316);
const FONT: &str = "sans-serif";

/// Colours of points, arrows and curves.
pub const ORANGE: RGBColor = RGBColor(217, 95, 2);
/// See [`ORANGE`].
pub const GREEN: RGBColor = RGBColor(27, 138, 90);
/// See [`ORANGE`].
pub const VIOLET: RGBColor = RGBColor(117, 68, 160);
/// See [`ORANGE`].
pub const INK: RGBColor = RGBColor(40, 42, 48);

/// What is drawn over the map, in the plane's coordinates.
#[derive(Debug, Clone)]
enum Drawing {
    /// Dots of so many pixels across.
    Points(Vec<[f64; 2]>, RGBColor, u32),
    /// From a place, by so much.
    Arrows(Vec<([f64; 2], [f64; 2])>, RGBColor),
    /// A line through places, with a name for the legend.
    Curve(Vec<[f64; 2]>, RGBColor, String),
}

/// One picture of a figure: a piece of the plane, or a chart.
#[derive(Debug, Clone)]
pub struct Panel {
    title: String,
    axes: [String; 2],
    range: [[f64; 2]; 2],
    map: Option<(Plane, Vec<f64>)>,
    drawings: Vec<Drawing>,
}

impl Panel {
    /// The square [−reach, reach]² of (y₁, y₂), empty.
    pub fn plane(title: impl Into<String>, reach: f64) -> Self {
        Self {
            title: title.into(),
            axes: ["y1", "y2"].map(str::to_owned),
            range: [[-reach, reach]; 2],
            map: None,
            drawings: Vec::new(),
        }
    }

    /// Room for curves; how far the axes go follows from them.
    pub fn chart(title: impl Into<String>, axes: [&str; 2]) -> Self {
        let none = [f64::INFINITY, f64::NEG_INFINITY];
        Self {
            title: title.into(),
            axes: axes.map(str::to_owned),
            range: [none; 2],
            map: None,
            drawings: Vec::new(),
        }
    }

    /// Other names for the axes.
    pub fn axes(mut self, axes: [&str; 2]) -> Self {
        self.axes = axes.map(str::to_owned);
        self
    }

    /// The energy at each of the plane's cells as a map, dark where it is low: the
    /// highest tenth is all drawn alike.
    pub fn map(mut self, plane: Plane, energies: Vec<f64>) -> Self {
        self.map = Some((plane, energies));
        self
    }

    /// Dots of `size` pixels' radius.
    pub fn points(mut self, points: &[[f64; 2]], colour: RGBColor, size: u32) -> Self {
        let drawing = Drawing::Points(points.to_vec(), colour, size);
        self.drawings.push(drawing);
        self
    }

    /// Arrows, each from a place by so much.
    pub fn arrows(mut self, arrows: Vec<([f64; 2], [f64; 2])>, colour: RGBColor) -> Self {
        self.drawings.push(Drawing::Arrows(arrows, colour));
        self
    }

    /// A line; one with an empty name is not in the legend.
    pub fn curve(mut self, places: Vec<[f64; 2]>, colour: RGBColor, name: &str) -> Self {
        let finite = |place: &[f64; 2]| place.iter().all(|v| v.is_finite());
        let places: Vec<_> = places.into_iter().filter(finite).collect();
        let drawing = Drawing::Curve(places, colour, name.to_owned());
        self.drawings.push(drawing);
        self
    }

    /// How far the axes go.
    fn ranges(&self) -> [[f64; 2]; 2] {
        let mut range = self.range;
        if range[0][0] > range[0][1] {
            for drawing in &self.drawings {
                if let Drawing::Curve(places, ..) | Drawing::Points(places, ..) = drawing {
                    for place in places {
                        for (range, v) in range.iter_mut().zip(place) {
                            *range = [range[0].min(*v), range[1].max(*v)];
                        }
                    }
                }
            }
        }
        range.map(|[low, high]| match low < high {
            true if self.range[0][0] > self.range[0][1] => {
                let room = 0.05 * (high - low);
                [low - room, high + room]
            }
            true => [low, high],
            false if low == high => [low - 0.5, high + 0.5],
            false => [0.0, 1.0],
        })
    }
}

/// Panels in rows.
#[derive(Debug, Clone)]
pub struct Figure {
    panels: Vec<Panel>,
    columns: usize,
}

impl Figure {
    /// `columns` panels in a row.
    pub fn new(columns: usize, panels: Vec<Panel>) -> Self {
        let columns = columns.clamp(1, panels.len().max(1));
        Self { panels, columns }
    }

    fn size(&self) -> (u32, u32) {
        let rows = self.panels.len().div_ceil(self.columns).max(1);
        (SIDE.0 * self.columns as u32, SIDE.1 * rows as u32)
    }

    /// The whole SVG element.
    ///
    /// # Errors
    /// What cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, self.size()).into_drawing_area();
        self.draw(area, 1)?;
        Ok(svg)
    }

    /// As pixels.
    ///
    /// # Errors
    /// What cannot be drawn.
    pub fn picture(&self) -> Result<Picture> {
        let (width, height) = self.size();
        let large = (width * ZOOM, height * ZOOM);
        let mut pixels = vec![255; 3 * (large.0 * large.1) as usize];
        let area = Canvas::new(&mut pixels, large).into_drawing_area();
        self.draw(area, ZOOM)?;
        let pixels = shrink(&pixels, (width, height));
        Ok(Picture::of_pixels(
            pixels,
            [height as usize, width as usize],
        ))
    }

    /// Writes NAME.svg and NAME.png into `folder`, each whole or not at all.
    ///
    /// # Errors
    /// What cannot be drawn or written.
    pub fn save(&self, folder: &Path, name: &str) -> Result<()> {
        files::replace_bytes(&folder.join(format!("{name}.svg")), self.svg()?.as_bytes())?;
        self.picture()?.save(&folder.join(format!("{name}.png")))
    }

    fn draw<B: DrawingBackend>(&self, area: DrawingArea<B, Shift>, zoom: u32) -> Result<()> {
        let rows = self.panels.len().div_ceil(self.columns).max(1);
        let cells = area.split_evenly((rows, self.columns));
        let draw = || -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
            area.fill(&WHITE)?;
            for (panel, cell) in self.panels.iter().zip(&cells) {
                panel.draw(cell, zoom)?;
            }
            area.present()
        };
        draw().map_err(|error| Error::io("a figure", std::io::Error::other(error.to_string())))
    }
}

impl Panel {
    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        zoom: u32,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let font = |size: u32| (FONT, (size * zoom) as f64);
        let [[left, right], [low, high]] = self.ranges();
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, font(13))
            .margin(8 * zoom)
            .x_label_area_size(30 * zoom)
            .y_label_area_size(58 * zoom)
            .build_cartesian_2d(left..right, low..high)?;
        let faint = if self.map.is_some() { 0.0 } else { 0.1 };
        if let Some((plane, energies)) = &self.map {
            let (bands, levels) = bands(energies);
            chart.draw_series(runs(plane, &bands).into_iter().map(|(corners, band)| {
                let share = (band as f64 + 0.5) / BANDS as f64;
                let colour = colorous::YELLOW_GREEN_BLUE.eval_continuous(0.85 * (1.0 - share));
                Rectangle::new(corners, RGBColor(colour.r, colour.g, colour.b).filled())
            }))?;
            let lines = levels.iter().map(|&level| contour(plane, energies, level));
            let style = WHITE.mix(0.55).stroke_width(zoom);
            let lines = lines.flat_map(joined);
            chart.draw_series(lines.map(|line| PathElement::new(line, style)))?;
        }
        chart
            .configure_mesh()
            .x_desc(&self.axes[0])
            .y_desc(&self.axes[1])
            .x_labels(5)
            .y_labels(5)
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(faint))
            .label_style(font(11))
            .axis_desc_style(font(11))
            .x_label_formatter(&|v| tick(*v))
            .y_label_formatter(&|v| tick(*v))
            .set_all_tick_mark_size(3 * zoom)
            .draw()?;
        let mut names = Vec::new();
        for drawing in &self.drawings {
            match drawing {
                Drawing::Points(points, colour, size) => {
                    let dot = |point: &[f64; 2]| {
                        Circle::new((point[0], point[1]), size * zoom, colour.mix(0.8).filled())
                    };
                    let inside = points
                        .iter()
                        .filter(|p| (left..=right).contains(&p[0]) && (low..=high).contains(&p[1]));
                    chart.draw_series(inside.map(dot))?;
                }
                Drawing::Arrows(arrows, colour) => {
                    let style = colour.stroke_width(zoom);
                    let lines = arrows.iter().flat_map(|arrow| arrow_lines(*arrow));
                    chart.draw_series(lines.map(|line| PathElement::new(line, style)))?;
                }
                Drawing::Curve(places, colour, name) => {
                    let style = colour.stroke_width(2 * zoom);
                    let inside = places
                        .iter()
                        .filter(|p| (left..=right).contains(&p[0]) && (low..=high).contains(&p[1]));
                    let places = inside.map(|place| (place[0], place[1]));
                    // Piece by piece: where a wide line turns back, its joint would be a spike.
                    let places: Vec<_> = places.collect();
                    let pieces = places.windows(2).map(<[_]>::to_vec);
                    chart.draw_series(pieces.map(|piece| PathElement::new(piece, style)))?;
                    if !name.is_empty() {
                        names.push((name, *colour));
                    }
                }
            }
        }
        // The legend: names in their colours. (plotters' own takes a width for the text
        // that is not this font's.)
        let inside = chart.plotting_area().strip_coord_spec();
        let (width, _) = inside.dim_in_pixel();
        for (index, (name, colour)) in names.into_iter().enumerate() {
            let place = Pos::new(HPos::Right, VPos::Top);
            let style = TextStyle::from(font(11)).color(&colour).pos(place);
            let at = (
                width as i32 - 4 * zoom as i32,
                (4 + 13 * index as i32) * zoom as i32,
            );
            inside.draw(&Text::new(name.as_str(), at, style))?;
        }
        Ok(())
    }
}

/// A head is at most so long.
const HEAD: f64 = 0.05;

/// A shaft and its head.
fn arrow_lines((from, by): ([f64; 2], [f64; 2])) -> Vec<Vec<(f64, f64)>> {
    let to = [from[0] + by[0], from[1] + by[1]];
    let back = |turn: f64| {
        let (sin, cos) = turn.sin_cos();
        let share = (HEAD / by[0].hypot(by[1]).max(1e-9)).min(0.35);
        let (u, v) = (-share * by[0], -share * by[1]);
        (to[0] + cos * u - sin * v, to[1] + sin * u + cos * v)
    };
    let tip = (to[0], to[1]);
    vec![
        vec![(from[0], from[1]), tip],
        vec![back(0.45), tip, back(-0.45)],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANE: Plane = Plane {
        reach: 1.0,
        side: 20,
    };

    fn bowl() -> Vec<f64> {
        let points = PLANE.points();
        points.iter().map(|y| y[0] * y[0] + y[1] * y[1]).collect()
    }

    #[test]
    fn a_figure_is_written_as_both_kinds() {
        let folder = tempfile::tempdir().unwrap();
        let panel = Panel::plane("a bowl", 1.0)
            .map(PLANE, bowl())
            .points(&[[0.5, 0.5], [9.0, 9.0]], ORANGE, 3)
            .arrows(vec![([0.0, 0.0], [0.3, 0.1])], INK);
        let chart = Panel::chart("falling", ["step", "F"])
            .curve(vec![[0.0, 3.0], [1.0, 2.0]], GREEN, "slow & steady")
            .curve(vec![[0.0, f64::NAN]], VIOLET, "none");
        let figure = Figure::new(2, vec![panel, chart]);
        figure.save(folder.path(), "bowl").unwrap();
        let svg = std::fs::read_to_string(folder.path().join("bowl.svg")).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("a bowl") && svg.contains("slow &amp;"));
        assert!(!svg.contains("NaN"));
        let png = image::open(folder.path().join("bowl.png")).unwrap();
        let png = png.to_rgb8();
        assert_eq!(png.dimensions(), (600, 316));
        // The dot is where it should be: orange there, the map's colour beside it.
        let orange = |p: &image::Rgb<u8>| p.0[0] > 180 && p.0[1] < 140 && p.0[2] < 60;
        let dots: Vec<_> = png.enumerate_pixels().filter(|(.., p)| orange(p)).collect();
        assert!((9..80).contains(&dots.len()), "{}", dots.len());
        assert!(
            dots.iter()
                .all(|(x, y, _)| (200..270).contains(x) && (60..130).contains(y))
        );
        // Nothing to show is a picture too.
        Figure::new(1, vec![]).picture().unwrap();
    }
}
