//! `cargo xtask pictures`: draws panels from what Prometheus answered to their queries.
//!
//! The test `every_panel_and_every_alert_tells_what_is_so_of_a_fleet_that_crosses` keeps the answers.
//! Grafana draws the same figures in its own way.

mod chart;

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::shell::root;
use chart::{Chart, HEIGHT, WIDTH};

/// An answer, as the test keeps it.
#[derive(Debug, Deserialize)]
struct Answer {
    dashboard: String,
    title: String,
    unit: String,
    series: Vec<Series>,
}

/// A series, as (seconds since 1970, value); nothing where the value is no number.
#[derive(Debug, Deserialize)]
struct Series {
    labels: serde_json::Map<String, serde_json::Value>,
    samples: Vec<(f64, Option<f64>)>,
}

/// The main panels of each dashboard, and what stands above them.
const PICTURES: [(&str, &str, &[&str]); 2] = [
    (
        "migration",
        "Ferry: Migration",
        &[
            "Sessions by state",
            "Rate: allowed and achieved",
            "Progress",
            "Time left",
            "Attempts by what they led to",
            "Dead letters by reason",
        ],
    ),
    (
        "workers",
        "Ferry: Workers and broker",
        &[
            "Calls of each process",
            "Calls: median and slowest of a hundred",
            "In flight",
            "Waiting for permits, by what kept them back",
            "Record",
            "Queues",
        ],
    ),
];

const COLUMNS: u32 = 2;
const MARGIN: u32 = 16;
const HEAD: u32 = 72;

/// Draws what the test's last run has kept.
pub(crate) fn draw() -> Result<()> {
    let kept = root().join("target/tmp/panels.json");
    let kept = fs::read_to_string(&kept).with_context(|| {
        format!(
            "{} is missing: `cargo xtask test every_panel_and_every_alert` makes it",
            kept.display()
        )
    })?;
    let answers: Vec<Answer> = serde_json::from_str(&kept)?;
    let folder = root().join("docs/pictures");
    fs::create_dir_all(&folder)?;
    for (name, title, panels) in PICTURES {
        let picture = picture(name, title, panels, &answers)?;
        fs::write(folder.join(format!("{name}.svg")), picture)?;
    }
    Ok(())
}

fn picture(dashboard: &str, title: &str, panels: &[&str], answers: &[Answer]) -> Result<String> {
    let rows = u32::try_from(panels.len())?.div_ceil(COLUMNS);
    let (width, height) = (
        COLUMNS * (WIDTH + MARGIN) + MARGIN,
        HEAD + rows * (HEIGHT + MARGIN),
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"DejaVu Sans, Verdana, sans-serif\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#f4f5f7\"/>\n\
         <text x=\"{MARGIN}\" y=\"30\" font-size=\"20\" fill=\"#222\">{title}</text>\n\
         <text x=\"{MARGIN}\" y=\"52\" font-size=\"11\" fill=\"#666\">Not Grafana's own drawing: \
         drawn by cargo xtask pictures from what Prometheus answered to this dashboard's queries, \
         over a test's crossing of 2,500 sessions by</text>\n\
         <text x=\"{MARGIN}\" y=\"66\" font-size=\"11\" fill=\"#666\">two workers at 100 calls per \
         second on RabbitMQ and PostgreSQL, against a simulated Stytch; one worker is killed on the \
         way and started again.</text>\n"
    );
    for (place, panel) in (0..).zip(panels) {
        let (column, row) = (place % COLUMNS, place / COLUMNS);
        let (x, y) = (
            MARGIN + column * (WIDTH + MARGIN),
            HEAD + 6 + row * (HEIGHT + MARGIN),
        );
        let of_panel = |answer: &&Answer| answer.dashboard == dashboard && answer.title == *panel;
        let of_panel: Vec<_> = answers.iter().filter(of_panel).collect();
        ensure!(!of_panel.is_empty(), "{dashboard} has no panel {panel}");
        let chart = Chart::new(panel, &of_panel);
        let _ = write!(
            svg,
            "<g transform=\"translate({x},{y})\">\n{}</g>\n",
            chart.svg()
        );
    }
    svg += "</svg>\n";
    Ok(svg)
}
