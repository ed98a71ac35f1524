//! A panel: lines over time.

use std::fmt::Write;

use super::Answer;

pub(super) const WIDTH: u32 = 560;
pub(super) const HEIGHT: u32 = 250;

/// Of the plot itself, within the panel.
const LEFT: f64 = 56.0;
const TOP: f64 = 34.0;
const PLOT_WIDTH: f64 = 350.0;
const PLOT_HEIGHT: f64 = 180.0;
/// Where the names of the lines begin.
const LEGEND: f64 = LEFT + PLOT_WIDTH + 14.0;
/// As many names as there is room for.
const NAMES: usize = 11;

const COLOURS: [&str; 8] = [
    "#3274d9", "#e0752d", "#2d8659", "#c4162a", "#8f3bb8", "#b8860b", "#0f8f9f", "#6b6b6b",
];

pub(super) struct Chart<'a> {
    title: &'a str,
    unit: &'a str,
    lines: Vec<Line<'a>>,
    from: f64,
    to: f64,
    most: f64,
}

struct Line<'a> {
    name: String,
    samples: &'a [(f64, Option<f64>)],
}

impl Line<'_> {
    fn values(&self) -> impl Iterator<Item = (f64, f64)> {
        let values = self.samples.iter();
        let values = values.filter_map(|(at, value)| Some((*at, (*value)?)));
        values.filter(|(_, value)| value.is_finite())
    }
}

impl<'a> Chart<'a> {
    pub(super) fn new(title: &'a str, answers: &[&'a Answer]) -> Self {
        let mut lines = Vec::new();
        for (number, answer) in answers.iter().enumerate() {
            for series in &answer.series {
                let values: Vec<_> = series.labels.values().filter_map(|v| v.as_str()).collect();
                let name = match (values.is_empty(), answers.len()) {
                    (false, 1) => values.join(" "),
                    (false, _) => format!("{} {}", label(title, number), values.join(" ")),
                    (true, _) => label(title, number).to_owned(),
                };
                let samples = &series.samples[..];
                lines.push(Line { name, samples });
            }
        }
        // What is nowhere but at 0 only hides the others.
        lines.retain(|line| line.values().any(|(_, value)| value > 0.0));
        let all = || lines.iter().flat_map(|line| line.samples);
        let values = lines.iter().flat_map(Line::values);
        let most = values.map(|(_, value)| value).fold(0.0, f64::max);
        Self {
            title,
            unit: &answers[0].unit,
            from: all().map(|(at, _)| *at).fold(f64::INFINITY, f64::min),
            to: all().map(|(at, _)| *at).fold(f64::NEG_INFINITY, f64::max),
            most: round_up(most),
            lines,
        }
    }

    pub(super) fn svg(&self) -> String {
        let mut svg = format!(
            "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"4\" fill=\"#fff\" stroke=\"#d8d9da\"/>\n\
             <text x=\"12\" y=\"21\" font-size=\"13\" fill=\"#222\">{}</text>\n",
            escaped(self.title)
        );
        self.write_axes(&mut svg);
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let _ = writeln!(
                svg,
                "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>",
                self.path(line)
            );
        }
        let names = self.lines.iter().zip(COLOURS.iter().cycle());
        for ((line, colour), place) in names.zip(0_u32..).take(NAMES) {
            let y = TOP + 10.0 + f64::from(place) * 16.0;
            let _ = writeln!(
                svg,
                "<rect x=\"{LEGEND}\" y=\"{:.0}\" width=\"10\" height=\"3\" fill=\"{colour}\"/>\
                 <text x=\"{:.0}\" y=\"{y:.0}\" font-size=\"10\" fill=\"#444\">{}</text>",
                y - 5.0,
                LEGEND + 14.0,
                escaped(&line.name)
            );
        }
        svg
    }

    fn write_axes(&self, svg: &mut String) {
        for step in 0..=4 {
            let share = f64::from(step) / 4.0;
            let y = TOP + PLOT_HEIGHT * (1.0 - share);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {y:.1}h{PLOT_WIDTH}\" stroke=\"#e6e6e6\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\" font-size=\"10\" fill=\"#666\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 3.5,
                self.told(self.most * share)
            );
            let x = LEFT + PLOT_WIDTH * share;
            let _ = writeln!(
                svg,
                "<text x=\"{x:.0}\" y=\"{:.0}\" font-size=\"10\" fill=\"#666\" text-anchor=\"middle\">{:.0} s</text>",
                TOP + PLOT_HEIGHT + 16.0,
                (self.to - self.from) * share
            );
        }
    }

    fn path(&self, line: &Line<'_>) -> String {
        let mut path = String::new();
        let mut before = f64::NEG_INFINITY;
        for (at, value) in line.values() {
            let x = LEFT + PLOT_WIDTH * (at - self.from) / (self.to - self.from).max(1.0);
            let y = TOP + PLOT_HEIGHT * (1.0 - (value / self.most).clamp(0.0, 1.0));
            // A second without an answer is a gap.
            let verb = if at - before > 1.5 { 'M' } else { 'L' };
            let _ = write!(path, "{verb}{x:.1} {y:.1}");
            before = at;
        }
        path
    }

    /// A number in the panel's unit.
    fn told(&self, value: f64) -> String {
        match self.unit {
            "percentunit" => format!("{:.0} %", value * 100.0),
            "cps" => format!("{}/s", plain(value)),
            "s" if self.most < 1.0 => format!("{} ms", plain(value * 1000.0)),
            "s" => format!("{} s", plain(value)),
            _ => plain(value),
        }
    }
}

/// The names of queries that have no labels.
fn label(title: &str, number: usize) -> &'static str {
    let names: &[&str] = match title {
        "Rate: allowed and achieved" => &["allowed:", "calls", "sessions ended"],
        "Calls: median and slowest of a hundred" | "Record" => &["median", "99 %"],
        "In flight" => &["", "limit of"],
        "Queues" => &["work", "dead letters"],
        _ => &["left"],
    };
    names.get(number).copied().unwrap_or_default()
}

/// To 1, 2 or 5 times a power of ten.
fn round_up(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let fits = steps
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= most);
    fits.unwrap_or(most)
}

fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
