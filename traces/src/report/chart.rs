//! Line charts as SVG within HTML, of our own making: a plotting crate would write its colours into every element, and
//! these are to follow the page from light to dark; they need lines, ticks and a legend, and nothing else.
//!
//! The legend stands below the picture, as HTML, so that no number of lines can overlap anything.

use std::fmt::Write as _;

use super::html::escape;
use super::scale::Scale;

/// A chart.
pub(super) struct Chart<'a> {
    pub(super) title: String,
    pub(super) x: (&'a str, Scale),
    pub(super) y: (&'a str, Scale),
    pub(super) series: Vec<Series>,
    pub(super) marks: Vec<Mark>,
}

/// A line.
pub(super) struct Series {
    pub(super) name: String,
    /// Its colour and dashes: the same number looks the same in every chart.
    pub(super) look: usize,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether each point is shown, and not only the line through them.
    pub(super) has_dots: bool,
}

/// A moment, drawn across the chart.
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) label: String,
    pub(super) look: usize,
}

/// Colours; beyond that many, dashes tell lines of one colour apart.
pub(super) const COLOURS: usize = 8;
const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// The picture's size and the room around its plot, in units that the page scales.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 48.0;

impl Chart<'_> {
    /// The chart as a `figure`.
    pub(super) fn render(&self) -> String {
        let mut svg = format!(
            "<figure><figcaption>{}</figcaption>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n",
            escape(&self.title)
        );
        self.axes(&mut svg);
        for series in &self.series {
            self.line(series, &mut svg);
        }
        for mark in &self.marks {
            self.mark(mark, &mut svg);
        }
        svg.push_str("</svg>\n");
        if self.series.len() > 1 || self.series.iter().any(|series| !series.name.is_empty()) {
            svg.push_str("<ul class=\"legend\">");
            for series in &self.series {
                let dash = DASHES[series.look / COLOURS % DASHES.len()];
                let _ = write!(
                    svg,
                    "<li><svg viewBox=\"0 0 26 10\" class=\"key\"><path class=\"line c{}\" stroke-dasharray=\"{dash}\" \
                     d=\"M1 5H25\"/></svg>{}</li>",
                    series.look % COLOURS,
                    escape(&series.name)
                );
            }
            svg.push_str("</ul>\n");
        }
        svg.push_str("</figure>\n");
        svg
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.1.at(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.1.at(value) * (HEIGHT - TOP - BOTTOM)
    }

    // Writing to a String cannot fail.
    fn axes(&self, svg: &mut String) {
        let (left, right, bottom) = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM);
        for (value, text) in self.y.1.ticks() {
            let y = self.y(value);
            let _ = write!(svg, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
            let _ =
                writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" class=\"end\">{text}</text>", left - 8.0, y + 4.0);
        }
        for (value, text) in self.x.1.ticks() {
            let x = self.x(value);
            let _ = write!(svg, "<path class=\"grid\" d=\"M{x:.1} {bottom}v5\"/>");
            let _ =
                writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" class=\"middle\">{text}</text>", bottom + 18.0);
        }
        let _ = writeln!(svg, "<path class=\"axis\" d=\"M{left} {TOP}V{bottom}H{right}\"/>");
        let (middle, end) = ((left + right) / 2.0, HEIGHT - 8.0);
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{end}\" class=\"middle label\">{}</text>",
            escape(self.x.0)
        );
        let middle = (TOP + bottom) / 2.0;
        let _ = writeln!(
            svg,
            "<text transform=\"translate(14 {middle}) rotate(-90)\" class=\"middle label\">{}</text>",
            escape(self.y.0)
        );
    }

    fn line(&self, series: &Series, svg: &mut String) {
        let mut path = String::new();
        let mut before = None;
        for &(x, y) in series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
            let (x, y) = (self.x(x), self.y(y));
            let _ = match before {
                None => write!(path, "M{x:.1} {y:.1}"),
                Some(()) => write!(path, "L{x:.1} {y:.1}"),
            };
            before = Some(());
        }
        let (colour, dash) = (series.look % COLOURS, DASHES[series.look / COLOURS % DASHES.len()]);
        let name = escape(&series.name);
        let _ = writeln!(
            svg,
            "<path class=\"line c{colour}\" stroke-dasharray=\"{dash}\" d=\"{path}\"><title>{name}</title></path>"
        );
        if series.has_dots {
            for &(x, y) in &series.points {
                let (x, y) = (self.x(x), self.y(y));
                let _ =
                    write!(svg, "<circle class=\"dot c{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>");
            }
            svg.push('\n');
        }
    }

    fn mark(&self, mark: &Mark, svg: &mut String) {
        let (x, bottom, colour) = (self.x(mark.x), HEIGHT - BOTTOM, mark.look % COLOURS);
        let _ = writeln!(
            svg,
            "<path class=\"mark c{colour}\" d=\"M{x:.1} {TOP}V{bottom}\"/>\
             <text x=\"{x:.1}\" y=\"{}\" class=\"middle mark-label\">{}</text>",
            TOP - 6.0,
            escape(&mark.label)
        );
    }
}
