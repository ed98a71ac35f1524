//! One row of the table.

use serde::Serialize;

use crate::figure::median;
use crate::fleet::statements::Stage;
use crate::rates::{self, RateRow};

/// What was measured, with what belongs to the figure.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Measurement {
    pub(crate) part: String,
    /// How many rows, calls or messages.
    pub(crate) n: u64,
    /// Processes that did it together.
    pub(crate) processes: Option<u32>,
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
    /// Of the broker with all its processes, for each of the `n`.
    pub(crate) broker_cpu_micros: Option<f64>,
    /// Of the database with all its processes, for each of the `n`.
    pub(crate) database_cpu_micros: Option<f64>,
    /// Transactions that the database committed, those that only read included, for each of the `n`.
    pub(crate) transactions: Option<f64>,
    /// How often it made its log wait for the disk, for each of the `n`.
    pub(crate) syncs: Option<f64>,
    /// Bytes of its log, for each of the `n`.
    pub(crate) log_bytes: Option<f64>,
    /// Beside a raw part of the same run.
    pub(crate) ratio: Option<Ratio>,
    /// The most that was resident at once.
    pub(crate) peak_mib: Option<f64>,
    /// The most memory of all processes together, what they share counted once.
    pub(crate) pss_mib: Option<f64>,
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
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: String,
    /// What served, where there are servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) servers: Option<String>,
    pub(crate) quick: bool,
    /// The length of the access tokens, in bytes.
    pub(crate) token_bytes: usize,
    pub(crate) measurements: Vec<Measurement>,
    /// What the database's statements cost, a list for each stage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stages: Vec<Stage>,
    /// What was made of limits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rates: Vec<RateRow>,
    /// What the figures do not tell.
    #[serde(skip)]
    pub(crate) remarks: &'static str,
}

/// A column of the table.
struct Column {
    name: &'static str,
    is_text: bool,
    /// Empty where there is nothing to tell.
    cell: fn(&Measurement) -> String,
}

const COLUMNS: [Column; 19] = [
    text("what", |one| one.part.clone()),
    figure("N", |one| grouped(one.n)),
    figure("rows before", |one| shown(one.rows_before, grouped)),
    text("simulator", |one| one.simulator.clone().unwrap_or_default()),
    figure("processes", |one| shown(one.processes, |n| n.to_string())),
    figure("in flight", |one| shown(one.concurrency, |n| n.to_string())),
    figure("times", |one| one.times.to_string()),
    figure("per second", |one| format!("{:.0}", one.per_second)),
    figure("own CPU, µs each", |one| {
        shown(one.own_cpu_micros, one_place)
    }),
    figure("simulator CPU, µs each", |one| {
        shown(one.simulator_cpu_micros, one_place)
    }),
    figure("broker CPU, µs each", |one| {
        shown(one.broker_cpu_micros, one_place)
    }),
    figure("database CPU, µs each", |one| {
        shown(one.database_cpu_micros, one_place)
    }),
    figure("transactions each", |one| {
        shown(one.transactions, four_places)
    }),
    figure("fsyncs each", |one| shown(one.syncs, four_places)),
    figure("WAL, bytes each", |one| shown(one.log_bytes, whole)),
    text("ratio", |one| shown(one.ratio, |ratio| ratio.shown())),
    figure("peak, MiB", |one| shown(one.peak_mib, one_place)),
    figure("memory (PSS), MiB", |one| shown(one.pss_mib, one_place)),
    text("goal", |one| {
        let goals = one.goals.iter().map(Goal::shown).collect::<Vec<_>>();
        goals.join("; ")
    }),
];

const fn text(name: &'static str, cell: fn(&Measurement) -> String) -> Column {
    Column {
        name,
        is_text: true,
        cell,
    }
}

const fn figure(name: &'static str, cell: fn(&Measurement) -> String) -> Column {
    Column {
        name,
        is_text: false,
        cell,
    }
}

impl Report {
    /// The tables, in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "{}; access tokens of {} bytes{}{}.\n\n{}",
            self.machine,
            self.token_bytes,
            shown(self.servers.as_ref(), |servers| format!("; {servers}")),
            if self.quick {
                "; quick, so that no goal can be judged"
            } else {
                ""
            },
            table(&self.measurements)
        );
        text.push_str(&rates::table(&self.rates));
        for stage in &self.stages {
            text.push('\n');
            text.push_str(&stage.markdown());
        }
        if !self.remarks.is_empty() {
            text.push('\n');
            text.push_str(self.remarks);
        }
        text
    }
}

/// A column of which every cell is empty is left out.
fn table(measurements: &[Measurement]) -> String {
    let says = |column: &&Column| {
        measurements
            .iter()
            .any(|one| !(column.cell)(one).is_empty())
    };
    let columns: Vec<_> = COLUMNS.iter().filter(says).collect();
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells: Vec<_> = columns.iter().map(|column| cell(column)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&|column| column.name.to_owned());
    text += &line(&|column| if column.is_text { "---" } else { "--:" }.to_owned());
    for one in measurements {
        text += &line(&|column| (column.cell)(one));
    }
    text
}

impl Measurement {
    /// One measurement from several of the same; what is no figure is the first one's.
    pub(crate) fn median_of(same: &[Self]) -> Self {
        let first = same.first().cloned().unwrap_or_default();
        let middle = |figure: fn(&Self) -> Option<f64>| {
            figure(&first).map(|_| median(same.iter().filter_map(figure)))
        };
        Self {
            times: same.iter().map(|one| one.times).sum(),
            per_second: median(same.iter().map(|one| one.per_second)),
            own_cpu_micros: middle(|one| one.own_cpu_micros),
            simulator_cpu_micros: middle(|one| one.simulator_cpu_micros),
            broker_cpu_micros: middle(|one| one.broker_cpu_micros),
            database_cpu_micros: middle(|one| one.database_cpu_micros),
            transactions: middle(|one| one.transactions),
            syncs: middle(|one| one.syncs),
            log_bytes: middle(|one| one.log_bytes),
            peak_mib: middle(|one| one.peak_mib),
            pss_mib: middle(|one| one.pss_mib),
            ..first
        }
    }
}

impl Ratio {
    fn shown(&self) -> String {
        format!("{:.0} % of {}", self.value * 100.0, self.to)
    }
}

impl Goal {
    pub(crate) fn shown(&self) -> String {
        let met = if self.met { "met" } else { "**not met**" };
        format!("{}: {}, {met}", self.wanted, self.measured)
    }
}

fn shown<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map(show).unwrap_or_default()
}

fn whole(figure: f64) -> String {
    format!("{figure:.0}")
}

fn one_place(figure: f64) -> String {
    format!("{figure:.1}")
}

fn four_places(figure: f64) -> String {
    format!("{figure:.4}")
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
    fn a_column_that_says_nothing_is_left_out_of_every_line() {
        let one = Measurement {
            own_cpu_micros: Some(1.0),
            ..Measurement::default()
        };
        let table = table(&[one, Measurement::default()]);
        assert!(
            table.contains("own CPU") && !table.contains("peak"),
            "{table}"
        );
        let mut bars = table.lines().map(|line| line.matches('|').count());
        let first = bars.next();
        assert!(bars.all(|bars| Some(bars) == first), "{table}");
    }
}
