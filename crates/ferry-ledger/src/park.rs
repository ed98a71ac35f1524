//! Let dead sessions go again by themselves, once their member exists.
//!
//! Whether it does is asked by who calls this. A session is let go once: if it dies again, it is not
//! parked any more, so that one whose member has another email than the export says goes round in no
//! circle.

use std::str::FromStr;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{RunId, SessionId};
use ferry_core::reason::DeadReason;
use ferry_core::replay::{Obstacle, Prospect};

use crate::audit_log::DeedId;
use crate::database::either;
use crate::dead::Filter;
use crate::replay::{Revival, run_state};
use crate::{Ledger, LedgerError};

/// How many dead sessions can be parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parkable {
    /// Not parked, and the export gives an email to look for the member by.
    pub ready: u64,
    /// Parked already.
    pub parked: u64,
    /// Without an email.
    pub nameless: u64,
}

/// A parked session whose member is to be looked for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The session.
    pub session: SessionId,
    /// Its run.
    pub run: RunId,
    /// The deed that parked it.
    pub deed: DeedId,
    /// As the export names it.
    pub organization: String,
    /// As the export gives it.
    pub email: String,
    /// What is in its way, whether its member exists or not.
    pub obstacle: Option<Obstacle>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct ParkableRow {
    ready: i64,
    parked: i64,
    nameless: i64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct ParkedRow {
    session_id: i64,
    run_id: i64,
    parked_by: i64,
    organization: String,
    email: String,
    reason: String,
    run_state: String,
    token_expires_at: i64,
    has_token: bool,
    now: i64,
}

/// What is done to dead sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parking {
    Park,
    Unpark,
}

/// How many sessions are parked in one commit: nobody waits for all of them.
const PARKED_PER_COMMIT: u32 = 5_000;

impl Ledger {
    /// How many dead sessions of this filter can be parked. Reads the sessions behind them.
    pub async fn parkable(&self, filter: &Filter) -> Result<Parkable, LedgerError> {
        let filter = of_missing_members(filter);
        let row = either!(long &self.database, database => database.parkable(&filter).await?);
        Ok(Parkable {
            ready: row.ready.unsigned_abs(),
            parked: row.parked.unsigned_abs(),
            nameless: row.nameless.unsigned_abs(),
        })
    }

    /// How many dead sessions of this filter are parked.
    pub async fn count_parked(&self, filter: &Filter) -> Result<u64, LedgerError> {
        let parked = either!(long &self.database, database => database.count_parked(filter).await?);
        Ok(parked.unsigned_abs())
    }

    /// Parks dead sessions that died of a missing member, whatever else the filter says, and of whom
    /// an email is known. Returns how many; the deed tells it too.
    pub async fn park(&self, filter: &Filter, deed: DeedId) -> Result<u64, LedgerError> {
        self.change_parking(filter, deed, Parking::Park).await
    }

    /// They go by themselves no more. Returns how many were parked; the deed tells it too.
    pub async fn unpark(&self, filter: &Filter, deed: DeedId) -> Result<u64, LedgerError> {
        self.change_parking(filter, deed, Parking::Unpark).await
    }

    /// At most `limit` parked sessions whose member is to be looked for now.
    pub async fn parked_due(&self, limit: u32) -> Result<Vec<Parked>, LedgerError> {
        let rows = either!(&self.database, database => database.parked_due(limit).await?);
        rows.into_iter().map(ParkedRow::read).collect()
    }

    /// The member of this one is looked for again so much later.
    pub async fn look_for_later(
        &self,
        parked: &Parked,
        after: Duration,
    ) -> Result<(), LedgerError> {
        let session = parked.session.0;
        either!(&self.database, database => database.look_for_later(session, after).await)
    }

    /// This one will never go: it is not parked any more.
    pub async fn give_up_parked(&self, parked: &Parked) -> Result<(), LedgerError> {
        let (session, deed) = (parked.session.0, parked.deed);
        either!(&self.database, database => database.give_up_parked(session, deed).await)
    }

    /// Replays it, in the name of who parked it. False: something is in its way, or it is not parked
    /// any more.
    pub async fn let_go(&self, parked: &Parked) -> Result<bool, LedgerError> {
        let (session, run, deed) = (parked.session.0, parked.run, parked.deed);
        let mut change = self.write().await?;
        let (now, state, held) =
            either!(&mut change, change => change.hold_dead(&[session], run, deed).await?);
        let state = run_state(&state, run)?;
        let is_free = held
            .iter()
            .any(|held| held.parked_by == Some(deed.0) && held.obstacle(state, now).is_none());
        if !is_free {
            change.roll_back().await?;
            return Ok(false);
        }
        let revivals = [Revival {
            session,
            due_at: None,
        }];
        either!(&mut change, change => change.replay(run, deed, &revivals).await?);
        change.commit().await?;
        Ok(true)
    }

    async fn change_parking(
        &self,
        filter: &Filter,
        deed: DeedId,
        parking: Parking,
    ) -> Result<u64, LedgerError> {
        let filter = of_missing_members(filter);
        let (mut after, mut changed) = (i64::MIN, 0);
        loop {
            let mut change = self.write().await?;
            let picked = either!(long &mut change, change => {
                change.pick_dead(&filter, after, PARKED_PER_COMMIT).await?
            });
            let Some(last) = picked.last() else {
                change.roll_back().await?;
                return Ok(changed);
            };
            after = *last;
            changed += either!(long &mut change, change => {
                let some = change.change_parking(&picked, deed, parking).await?;
                change.count_deed(deed, some).await?;
                some
            });
            change.commit().await?;
        }
    }
}

/// Nothing tells by itself when another cause is mended.
fn of_missing_members(filter: &Filter) -> Filter {
    Filter {
        reasons: vec![DeadReason::MemberMissing],
        discarded: false,
        ..filter.clone()
    }
}

impl ParkedRow {
    fn read(self) -> Result<Parked, LedgerError> {
        let run = RunId(self.run_id);
        let prospect = Prospect {
            reason: DeadReason::from_str(&self.reason).ok(),
            run: run_state(&self.run_state, run)?,
            has_token: self.has_token,
            token_expires_at: Timestamp::from_millis(self.token_expires_at),
        };
        Ok(Parked {
            session: SessionId(self.session_id),
            run,
            deed: DeedId(self.parked_by),
            organization: self.organization,
            email: self.email,
            obstacle: prospect.obstacle(Timestamp::from_millis(self.now)),
        })
    }
}
