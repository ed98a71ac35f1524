//! `ferry run` taking in an export.

use crate::ferry::Watched;
use crate::figure::{mib, micros_each, per_second};
use crate::measurement::{Goal, Measurement, Ratio};

const RATE_GOAL: f64 = 30_000.0;

/// Into an empty ledger; the index apart. `sealed` is the raw insert's rate.
pub(crate) fn of(run: &Watched, n: u64, sealed: Option<f64>) -> [Measurement; 2] {
    let rate = per_second(n, run.registering());
    let rows = Measurement {
        goals: vec![Goal {
            wanted: "at least 30,000/s",
            measured: format!("{rate:.0}/s"),
            met: rate >= RATE_GOAL,
        }],
        ..registering(run, n, 0, sealed)
    };
    let index = Measurement {
        part: format!(
            "`ferry run`: building the index, {:.1} s",
            run.index.as_secs_f64()
        ),
        n,
        rows_before: Some(n),
        times: 1,
        per_second: per_second(n, run.index),
        ..Measurement::default()
    };
    [rows, index]
}

/// Into a ledger of as many rows, with its index kept row by row.
pub(crate) fn into_full(run: &Watched, n: u64, sealed: Option<f64>) -> Measurement {
    registering(run, n, n, sealed)
}

fn registering(run: &Watched, n: u64, rows_before: u64, sealed: Option<f64>) -> Measurement {
    let rate = per_second(n, run.registering());
    Measurement {
        part: "`ferry run`: registering, without the index".to_owned(),
        n,
        rows_before: Some(rows_before),
        times: 1,
        per_second: rate,
        own_cpu_micros: Some(micros_each(run.registered.cpu_since(&run.begun), n)),
        ratio: sealed.map(|sealed| Ratio {
            value: rate / sealed,
            to: "the sealed insert",
        }),
        peak_mib: Some(mib(run.registered.usage.peak_kib)),
        ..Measurement::default()
    }
}
