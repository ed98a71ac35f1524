//! Give dead sessions another chance.

use std::str::FromStr;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{RunId, SessionId};
use ferry_core::reason::DeadReason;
use ferry_core::replay::{Obstacle, Outcomes, Prospect};
use ferry_core::state::{RunState, SessionState};

use crate::audit_log::DeedId;
use crate::database::either;
use crate::dead::Filter;
use crate::{Ledger, LedgerError};

/// Dead sessions of one run that died of the same and have the same in their way, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospects {
    /// Their run.
    pub run: RunId,
    /// What they died of: the name of a [`DeadReason`], or one that a newer version wrote.
    pub reason: String,
    /// What is in their way.
    pub obstacle: Option<Obstacle>,
    /// How many.
    pub count: u64,
}

/// A part of a replay: what is registered in one commit.
#[derive(Debug, Clone)]
pub struct Slice<'f> {
    /// The run; what the filter says of it is not looked at.
    pub run: RunId,
    /// Which of its dead.
    pub filter: &'f Filter,
    /// Whose deed it is. A session is replayed once in a deed, though it die again meanwhile.
    pub deed: DeedId,
    /// Behind this one.
    pub after: Option<SessionId>,
    /// The most sessions to replay. At most [`Ledger::SLICE`] are looked at.
    pub limit: u32,
    /// When the first of them is due and how much later each other one; all at once, in the order of
    /// their tokens' expiry, if `None`.
    pub pace: Option<(Timestamp, Duration)>,
}

/// What became of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sliced {
    /// The session behind which to go on; `None` if none was left to look at.
    pub last: Option<SessionId>,
    /// How many were replayed. The others have an [`Obstacle`].
    pub replayed: u64,
}

/// What became of the sessions of a deed that had died of the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// What they had died of.
    pub reason: String,
    /// Where they stand.
    pub outcomes: Outcomes,
    /// Those that died again of the same.
    pub dead_alike: u64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct ProspectsRow {
    run_id: i64,
    reason: String,
    run_state: String,
    expired: bool,
    has_token: bool,
    count: i64,
}

/// A dead session whose row nobody else changes until the end.
#[derive(sqlx::FromRow)]
pub(crate) struct HeldDead {
    pub(crate) session_id: i64,
    reason: String,
    token_expires_at: i64,
    has_token: bool,
    /// The deed that parked it, if it is.
    pub(crate) parked_by: Option<i64>,
}

/// A session that is replayed; when it is due, if not at once.
pub(crate) struct Revival {
    pub(crate) session: i64,
    pub(crate) due_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct ReplayedRow {
    reason: String,
    state: String,
    alike: bool,
    count: i64,
}

impl Ledger {
    /// The most sessions that one commit of a replay looks at: nobody waits for all of them.
    pub const SLICE: u32 = 5_000;

    /// What a replay would do, by run and reason. Reads the sessions behind the dead letters.
    pub async fn prospects(&self, filter: &Filter) -> Result<Vec<Prospects>, LedgerError> {
        let rows = either!(long &self.database, database => database.prospects(filter).await?);
        let now = self.now();
        let mut prospects: Vec<Prospects> = Vec::new();
        for row in rows {
            let (count, read) = (row.count.unsigned_abs(), row.read(now)?);
            let alike = |p: &&mut Prospects| {
                (p.run, &p.reason, p.obstacle) == (read.run, &read.reason, read.obstacle)
            };
            match prospects.iter_mut().find(alike) {
                Some(known) => known.count += count,
                None => prospects.push(read),
            }
        }
        prospects
            .sort_by(|a, b| (a.run, &a.reason, a.obstacle).cmp(&(b.run, &b.reason, b.obstacle)));
        Ok(prospects)
    }

    /// Replays some of a run's dead in one commit: those in whose way nothing is are queued, or wait
    /// until they are due; a finished run is active again. What is not dead any more is passed over.
    pub async fn replay(&self, slice: &Slice<'_>) -> Result<Sliced, LedgerError> {
        let filter = Filter {
            run: Some(slice.run),
            ..slice.filter.clone()
        };
        let after = slice.after.map_or(i64::MIN, |session| session.0);
        let mut change = self.write().await?;
        let picked = either!(long &mut change, change => {
            change.pick_dead(&filter, after, Self::SLICE).await?
        });
        let Some(last) = picked.last() else {
            return Ok(Sliced {
                last: None,
                replayed: 0,
            });
        };
        let (run, deed) = (slice.run, slice.deed);
        let (now, state, held) =
            either!(&mut change, change => change.hold_dead(&picked, run, deed).await?);
        let state = run_state(&state, run)?;
        let free = held
            .iter()
            .filter(|held| held.obstacle(state, now).is_none());
        let revivals: Vec<_> = (0..slice.limit)
            .zip(free)
            .map(|(number, held)| held.revival(number, slice, now))
            .collect();
        // What is behind the last one was not looked at, if that was the limit.
        let last = match revivals.last() {
            Some(revival) if revivals.len() == slice.limit as usize => revival.session,
            _ => *last,
        };
        let replayed = revivals.len() as u64;
        if replayed > 0 {
            either!(&mut change, change => {
                change.replay(run, deed, &revivals).await?;
                change.count_deed(deed, replayed).await?;
            });
            fail::fail_point!("replay-before-commit", |_| std::process::abort());
            change.commit().await?;
        }
        Ok(Sliced {
            last: Some(SessionId(last)),
            replayed,
        })
    }

    /// What became of the sessions that a deed replayed, by what they had died of.
    pub async fn replayed(&self, deed: DeedId) -> Result<Vec<Replayed>, LedgerError> {
        let rows = either!(long &self.database, database => database.replayed(deed).await?);
        let mut all: Vec<Replayed> = Vec::new();
        for row in rows {
            let at = all.iter().position(|known| known.reason == row.reason);
            let at = at.unwrap_or_else(|| {
                all.push(Replayed {
                    reason: row.reason.clone(),
                    outcomes: Outcomes::default(),
                    dead_alike: 0,
                });
                all.len() - 1
            });
            row.add_to(&mut all[at])?;
        }
        Ok(all)
    }
}

impl ProspectsRow {
    fn read(self, now: Timestamp) -> Result<Prospects, LedgerError> {
        let run = RunId(self.run_id);
        let prospect = Prospect {
            reason: DeadReason::from_str(&self.reason).ok(),
            run: run_state(&self.run_state, run)?,
            has_token: self.has_token,
            token_expires_at: if self.expired { now } else { Timestamp::NEVER },
        };
        Ok(Prospects {
            run,
            obstacle: prospect.obstacle(now),
            reason: self.reason,
            count: self.count.unsigned_abs(),
        })
    }
}

impl HeldDead {
    pub(crate) fn obstacle(&self, run: RunState, now: Timestamp) -> Option<Obstacle> {
        let prospect = Prospect {
            reason: DeadReason::from_str(&self.reason).ok(),
            run,
            has_token: self.has_token,
            token_expires_at: Timestamp::from_millis(self.token_expires_at),
        };
        prospect.obstacle(now)
    }

    /// A wait that nobody but the pace asks for takes half of the token's life at the most.
    fn revival(&self, number: u32, slice: &Slice<'_>, now: Timestamp) -> Revival {
        let due_at = slice.pace.map(|(first, interval)| {
            let left = Timestamp::from_millis(self.token_expires_at).since(now);
            let paced = first.plus(interval.saturating_mul(number));
            paced.min(now.plus(left / 2)).as_millis()
        });
        Revival {
            session: self.session_id,
            due_at,
        }
    }
}

impl ReplayedRow {
    fn add_to(&self, replayed: &mut Replayed) -> Result<(), LedgerError> {
        let count = self.count.unsigned_abs();
        let outcomes = &mut replayed.outcomes;
        let state = SessionState::from_str(&self.state).map_err(|_| LedgerError::Inconsistent {
            table: "sessions",
            column: "state",
            row: 0,
        })?;
        match state {
            SessionState::Migrated => outcomes.migrated += count,
            SessionState::Skipped => outcomes.skipped += count,
            SessionState::Dead => outcomes.dead += count,
            SessionState::Queued | SessionState::Running | SessionState::Waiting => {
                outcomes.open += count;
            }
        }
        if self.alike {
            replayed.dead_alike += count;
        }
        Ok(())
    }
}

pub(crate) fn run_state(name: &str, run: RunId) -> Result<RunState, LedgerError> {
    RunState::from_str(name).map_err(|_| LedgerError::Inconsistent {
        table: "runs",
        column: "state",
        row: run.0,
    })
}
