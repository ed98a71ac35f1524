//! `ferry dead list`, from the start of the process to its end.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::fill::Tables;
use super::{Desk, Place, RUNS};
use crate::figure::{median, per_second};
use crate::measurement::{Goal, Measurement};

const GOAL: Duration = Duration::from_millis(200);

/// With which options, and which share of the dead fits, in hundredths.
const LISTS: [(&[&str], u64); 7] = [
    (&[], 100),
    (&["--reason", "refused"], 10),
    (&["--reason", "member_missing"], 60),
    (&["--organization", "organization-test-50"], 0),
    (&["--run", RUNS[1]], 20),
    (&["--newer-than", "1h"], 10),
    (&["--older-than", "1h"], 90),
];

pub(super) async fn measure(desk: &Desk<'_>, tables: &mut Tables) -> Result<Vec<Measurement>> {
    let dead = desk.sizes.dead;
    let mut all = Vec::new();
    let mut counting = Vec::new();
    for _ in 0..desk.sizes.times {
        let began = Instant::now();
        let count =
            "SELECT COUNT(*) FROM (SELECT reason, COUNT(*) FROM dead_letters GROUP BY reason) AS r";
        tables.number(count).await?;
        counting.push(began.elapsed().as_secs_f64() * 1e3);
    }
    all.push(row(
        &format!("{}: counting the dead by reason alone", desk.named()),
        dead,
        &counting,
    ));
    for (options, share) in LISTS {
        let mut millis = Vec::new();
        for _ in 0..desk.sizes.times {
            millis.push(list(desk, options, share)?.as_secs_f64() * 1e3);
        }
        let shown = match options {
            [] => "without a filter".to_owned(),
            options => options.join(" "),
        };
        let part = format!("{}: `ferry dead list` {shown}", desk.named());
        let middle = median(millis.iter().copied());
        all.push(Measurement {
            goals: vec![Goal {
                wanted: "below 200 ms",
                measured: format!("{middle:.0} ms"),
                met: middle < GOAL.as_secs_f64() * 1e3,
            }],
            ..row(&part, dead, &millis)
        });
    }
    Ok(all)
}

fn row(part: &str, dead: u64, millis: &[f64]) -> Measurement {
    let middle = median(millis.iter().copied());
    Measurement {
        part: format!("{part}, {middle:.0} ms"),
        n: dead,
        times: u32::try_from(millis.len()).unwrap_or(u32::MAX),
        per_second: per_second(dead, Duration::from_secs_f64(middle / 1e3)),
        ..Measurement::default()
    }
}

fn list(desk: &Desk<'_>, options: &[&str], share: u64) -> Result<Duration> {
    let mut command = desk.command("dead");
    command.arg("list").args(options).arg("--json");
    let began = Instant::now();
    let ended = command.output().context("ferry does not start")?;
    let took = began.elapsed();
    let told = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "`ferry dead list` failed: {told}");
    let list: Value = serde_json::from_slice(&ended.stdout)?;
    let found = list["dead"].as_u64().unwrap_or(0);
    // Which of them died within an hour changes while it is measured.
    let expected = desk.sizes.dead * share / 100;
    let about = expected * 8 / 10..=expected * 12 / 10 + desk.sizes.dead / 100;
    ensure!(about.contains(&found), "{found} found by {options:?}");
    Ok(took)
}

impl Desk<'_> {
    /// The binary with this verb, on this ledger.
    fn command(&self, verb: &str) -> Command {
        let mut command = self.fleet.command(verb);
        if self.place == Place::File {
            command
                .env_remove("FERRY_LEDGER__URL")
                .env_remove("FERRY_QUEUE__URL");
        }
        command.stdin(Stdio::null());
        command
    }
}
