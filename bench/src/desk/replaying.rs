//! Registering a replay, as `ferry dead replay` does, beside the bare statements.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ferry_core::id::RunId;
use ferry_core::reason::DeadReason;
use ferry_ledger::Ledger;
use ferry_ledger::audit_log::Action;
use ferry_ledger::dead::Filter;
use ferry_ledger::replay::Slice;

use super::Desk;
use super::fill::Tables;
use crate::figure::{micros_each, per_second};
use crate::measurement::{Goal, Measurement, Ratio};
use crate::process::Mark;

const RATE_GOAL: f64 = 20_000.0;

/// Sessions of which nobody asks what is in their way, in one transaction that is taken back. They are
/// not those of the replay.
const BARE: &str = "
    BEGIN;
    CREATE TEMPORARY TABLE again AS SELECT session_id AS id FROM dead_letters
        WHERE reason = 'userinfo_unusable' LIMIT {LIMIT};
    INSERT INTO replays (session_id, generation, audit_id, replayed_at, reason, error_type, died_at)
        SELECT session_id, 1, 1, 1, reason, error_type, died_at FROM dead_letters
        WHERE session_id IN (SELECT id FROM again);
    DELETE FROM dead_letters WHERE session_id IN (SELECT id FROM again);
    UPDATE sessions SET state = 'queued', reason = NULL, error_type = NULL
        WHERE id IN (SELECT id FROM again);
    ROLLBACK;";

pub(super) async fn measure(
    desk: &Desk<'_>,
    ledger: &Ledger,
    tables: &mut Tables,
    run: RunId,
) -> Result<Vec<Measurement>> {
    let wanted = desk.sizes.replayed;
    let bare = bare(tables, wanted).await?;
    let filter = Filter {
        reasons: vec![DeadReason::MemberMissing],
        ..Filter::default()
    };
    let deed = ledger
        .note_deed("bench", Action::Replay, "member_missing", 0)
        .await?;
    let begin = Mark::now(std::process::id())?;
    let (mut replayed, mut after) = (0, None);
    while replayed < wanted {
        let limit = u32::try_from(wanted - replayed).unwrap_or(u32::MAX);
        let slice = Slice {
            run,
            filter: &filter,
            deed,
            after,
            limit,
            pace: None,
        };
        let done = ledger.replay(&slice).await?;
        replayed += done.replayed;
        after = done.last;
        ensure!(after.is_some(), "only {replayed} could be replayed");
    }
    let end = Mark::now(std::process::id())?;
    let rate = per_second(wanted, end.since(&begin));
    let bare_rate = per_second(wanted, bare);
    let named = desk.named();
    Ok(vec![
        Measurement {
            part: format!("{named}: the bare statements of a replay, at once"),
            n: wanted,
            times: 1,
            per_second: bare_rate,
            ..Measurement::default()
        },
        Measurement {
            part: format!("{named}: registering a replay"),
            n: wanted,
            times: 1,
            per_second: rate,
            own_cpu_micros: Some(micros_each(end.cpu_since(&begin), wanted)),
            ratio: Some(Ratio {
                value: rate / bare_rate,
                to: "the bare statements",
            }),
            goals: vec![Goal {
                wanted: "at least 20,000/s",
                measured: format!("{rate:.0}/s"),
                met: rate >= RATE_GOAL,
            }],
            ..Measurement::default()
        },
    ])
}

async fn bare(tables: &mut Tables, wanted: u64) -> Result<Duration> {
    let began = Instant::now();
    tables
        .execute(BARE.replace("{LIMIT}", &wanted.to_string()))
        .await?;
    Ok(began.elapsed())
}
