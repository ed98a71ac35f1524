//! The books of a ledger, beside counting its rows.

use std::time::Instant;

use anyhow::{Result, ensure};
use ferry_core::id::RunId;
use ferry_ledger::Ledger;

use super::Desk;
use super::fill::Tables;
use crate::figure::per_second;
use crate::measurement::{Goal, Measurement, Ratio};

const SECONDS_GOAL: f64 = 5.0;

pub(super) async fn measure(
    desk: &Desk<'_>,
    ledger: &Ledger,
    tables: &mut Tables,
    run: RunId,
) -> Result<Vec<Measurement>> {
    let sessions = desk.sizes.sessions();
    let (mut bare, mut books) = (Vec::new(), Vec::new());
    for _ in 0..desk.sizes.times {
        let began = Instant::now();
        tables.number("SELECT COUNT(email) FROM sessions").await?;
        bare.push(Measurement {
            part: format!("{}: counting the rows of a table", desk.named()),
            n: sessions,
            times: 1,
            per_second: per_second(sessions, began.elapsed()),
            ..Measurement::default()
        });
        let began = Instant::now();
        let balance = ledger.books(run).await?;
        let seconds = began.elapsed().as_secs_f64();
        ensure!(balance.balance(), "{balance:?}");
        books.push((seconds, per_second(sessions, began.elapsed())));
    }
    let bare = Measurement::median_of(&bare);
    let rate = crate::figure::median(books.iter().map(|(_, rate)| *rate));
    let seconds = crate::figure::median(books.iter().map(|(seconds, _)| *seconds));
    let books = Measurement {
        part: format!("{}: the books of a run, {seconds:.2} s", desk.named()),
        n: sessions,
        times: desk.sizes.times,
        per_second: rate,
        ratio: Some(Ratio {
            value: rate / bare.per_second,
            to: "counting",
        }),
        goals: vec![Goal {
            wanted: "the books of 5,000,000 below 5 s",
            measured: format!("{seconds:.2} s"),
            met: seconds < SECONDS_GOAL,
        }],
        ..Measurement::default()
    };
    Ok(vec![bare, books])
}
