//! One row of the table.

use serde::Serialize;

use crate::figure::median;

/// What was measured, with what belongs to the figure.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Measurement {
    pub(crate) part: String,
    /// How many rows or calls.
    pub(crate) n: u64,
    /// Rows in the ledger before it began.
    pub(crate) rows_before: Option<u64>,
    /// The simulator's mode.
    pub(crate) simulator: Option<String>,
    /// Calls in flight.
    pub(crate) concurrency: Option<u32>,
    /// How often it was measured; figures are medians.
    pub(crate) times: u32,
    pub(crate) per_second: f64,
    /// Of the process that is measured, for each of the `n`.
    pub(crate) own_cpu_micros: Option<f64>,
    /// Of the simulator, for each of the `n`.
    pub(crate) simulator_cpu_micros: Option<f64>,
    /// Beside a raw part of the same run.
    pub(crate) ratio: Option<Ratio>,
    /// The most that was resident at once.
    pub(crate) peak_mib: Option<f64>,
    pub(crate) goals: Vec<Goal>,
}

/// A rate beside another one.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    pub(crate) to: &'static str,
}

/// What was to be reached.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Goal {
    pub(crate) wanted: &'static str,
    pub(crate) measured: String,
    pub(crate) met: bool,
}

/// Everything of one run of the benchmarks.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) quick: bool,
    /// The length of the access tokens, in bytes.
    pub(crate) token_bytes: usize,
    pub(crate) measurements: Vec<Measurement>,
}

const HEADER: &str = "\
| what | N | rows before | simulator | in flight | times | per second | own CPU, µs each | simulator CPU, µs each | ratio | peak, MiB | goal |
|---|--:|--:|---|--:|--:|--:|--:|--:|---|--:|---|
";

impl Report {
    /// The table, in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "{}; access tokens of {} bytes{}.\n\n{HEADER}",
            self.machine,
            self.token_bytes,
            if self.quick {
                "; quick, so that no goal can be judged"
            } else {
                ""
            }
        );
        for measurement in &self.measurements {
            text.push_str(&measurement.line());
        }
        text
    }
}

impl Measurement {
    /// One measurement from several of the same; what is no figure is the first one's.
    pub(crate) fn median_of(same: &[Self]) -> Self {
        let first = same.first().cloned().unwrap_or_default();
        let own = same.iter().filter_map(|one| one.own_cpu_micros);
        let simulator = same.iter().filter_map(|one| one.simulator_cpu_micros);
        Self {
            times: same.iter().map(|one| one.times).sum(),
            per_second: median(same.iter().map(|one| one.per_second)),
            own_cpu_micros: first.own_cpu_micros.map(|_| median(own)),
            simulator_cpu_micros: first.simulator_cpu_micros.map(|_| median(simulator)),
            ..first
        }
    }

    fn line(&self) -> String {
        let goals = self.goals.iter().map(Goal::shown).collect::<Vec<_>>();
        let cells = [
            self.part.clone(),
            grouped(self.n),
            self.rows_before.map(grouped).unwrap_or_default(),
            self.simulator.clone().unwrap_or_default(),
            self.concurrency
                .map(|calls| calls.to_string())
                .unwrap_or_default(),
            self.times.to_string(),
            format!("{:.0}", self.per_second),
            self.own_cpu_micros.map(one_place).unwrap_or_default(),
            self.simulator_cpu_micros.map(one_place).unwrap_or_default(),
            self.ratio.map(|ratio| ratio.shown()).unwrap_or_default(),
            self.peak_mib.map(one_place).unwrap_or_default(),
            goals.join("; "),
        ];
        format!("| {} |\n", cells.join(" | "))
    }
}

impl Ratio {
    fn shown(&self) -> String {
        format!("{:.0} % of {}", self.value * 100.0, self.to)
    }
}

impl Goal {
    fn shown(&self) -> String {
        let met = if self.met { "met" } else { "**not met**" };
        format!("{}: {}, {met}", self.wanted, self.measured)
    }
}

fn one_place(figure: f64) -> String {
    format!("{figure:.1}")
}

/// 1000000 as 1,000,000.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three_from_the_right() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(grouped(20_500), "20,500");
    }

    #[test]
    fn a_line_has_a_cell_for_each_column() {
        let line = Measurement::default().line();
        let columns = HEADER.lines().next().unwrap().matches('|').count();
        assert_eq!(line.matches('|').count(), columns);
    }
}
