//! Pictures: bars as SVG for a browser, as block characters for a terminal.

use std::fmt::Write;

use ferry_core::Timestamp;
use ferry_ledger::timeline::Timeline;

use super::full::seconds;

/// Of the drawing, in its own units; the page scales it.
const WIDTH: u64 = 720;
const HEIGHT: u64 = 160;
/// Under the bars, for the times.
const AXIS: u64 = 18;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character a count; the highest is a full block, nothing is a dot.
pub(super) fn line(counts: &[u64]) -> String {
    let highest = counts.iter().copied().max().unwrap_or_default().max(1);
    let block = |count: &u64| match count {
        0 => '·',
        count => {
            // 1 to `highest` over eight blocks.
            let place = (u128::from(*count) * 8).div_ceil(u128::from(highest));
            let place = usize::try_from(place).unwrap_or(8).clamp(1, 8);
            BLOCKS[place - 1]
        }
    };
    counts.iter().map(block).collect()
}

/// What a bar is made of, from the bottom.
pub(super) struct Layer<'a> {
    /// Its class in the page's style.
    pub(super) class: &'static str,
    /// What it counts.
    pub(super) name: &'static str,
    pub(super) timeline: &'a Timeline,
}

/// Bars over time, the layers on top of each other.
pub(super) fn bars(title: &str, layers: &[Layer<'_>]) -> String {
    let Some(first) = layers.first() else {
        return String::new();
    };
    let spans = first.timeline.counts.len();
    let total = |span: usize| -> u64 { layers.iter().map(|layer| layer.count(span)).sum() };
    let highest = (0..spans).map(total).max().unwrap_or_default().max(1);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{title}\">\n",
        HEIGHT + AXIS
    );
    for span in 0..spans {
        let mut top = HEIGHT;
        for layer in layers {
            let count = layer.count(span);
            let height = scaled(count, highest);
            if height == 0 {
                continue;
            }
            top = top.saturating_sub(height);
            let left = span as u64 * WIDTH / spans as u64;
            let width = ((span as u64 + 1) * WIDTH / spans as u64 - left).max(2) - 1;
            let _ = writeln!(
                svg,
                "<rect class=\"{}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"><title>{count} {}, {}</title></rect>",
                layer.class,
                layer.name,
                begins(first.timeline, span)
            );
        }
    }
    let base = HEIGHT + 14;
    let _ = write!(
        svg,
        "<line x1=\"0\" y1=\"{HEIGHT}\" x2=\"{WIDTH}\" y2=\"{HEIGHT}\"/>\n\
         <text x=\"0\" y=\"{base}\">{}</text>\n\
         <text x=\"{WIDTH}\" y=\"{base}\" text-anchor=\"end\">{}</text>\n\
         <text x=\"{WIDTH}\" y=\"10\" text-anchor=\"end\">at most {highest}</text>\n</svg>\n",
        begins(first.timeline, 0),
        begins(first.timeline, spans),
    );
    svg
}

impl Layer<'_> {
    fn count(&self, span: usize) -> u64 {
        self.timeline.counts.get(span).copied().unwrap_or_default()
    }
}

/// A count that is not zero is seen.
fn scaled(count: u64, highest: u64) -> u64 {
    let height = u128::from(count) * u128::from(HEIGHT) / u128::from(highest.max(1));
    let height = u64::try_from(height).unwrap_or(HEIGHT);
    height.max(u64::from(count > 0))
}

fn begins(timeline: &Timeline, span: usize) -> String {
    let after = i64::try_from(span).unwrap_or(i64::MAX);
    let after = timeline.span_millis.saturating_mul(after);
    let moment = timeline.from.as_millis().saturating_add(after);
    seconds(Timestamp::from_millis(moment))
}

/// How large a share is, as a bar.
pub(super) fn share(count: u64, of: u64) -> String {
    let width = u128::from(count) * 100 / u128::from(of.max(1));
    let width = width.max(u128::from(count > 0)).min(100);
    format!(
        "<svg class=\"share\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"failed\" width=\"{width}\" height=\"8\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_least_and_the_most() {
        assert_eq!(line(&[0, 1, 50, 100]), "·▁▄█");
        assert_eq!(line(&[0, 0]), "··");
        assert_eq!(line(&[u64::MAX, 1]), "█▁");
    }

    #[test]
    fn bars_stand_on_each_other_and_none_is_invisible() {
        let timeline = |counts: &[u64]| Timeline {
            from: Timestamp::from_seconds(0),
            span_millis: 1000,
            counts: counts.to_vec(),
        };
        let (carried, failed) = (timeline(&[1_000_000, 0]), timeline(&[1, 0]));
        let layer = |class, timeline| Layer {
            class,
            name: "sessions",
            timeline,
        };
        let svg = bars("t", &[layer("carried", &carried), layer("failed", &failed)]);
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
        assert!(svg.contains("y=\"0\" width=\"359\" height=\"1\""), "{svg}");
        assert!(svg.contains("1 sessions, 1970-01-01T00:00:00Z"), "{svg}");
    }
}
