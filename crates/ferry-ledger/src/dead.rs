//! What is dead: counted, listed, put aside.

use ferry_core::Timestamp;
use ferry_core::id::{RunId, SessionId};
use ferry_core::reason::DeadReason;
use sqlx::{Database, Encode, QueryBuilder, Type};

use crate::audit_log::DeedId;
use crate::database::either;
use crate::{Ledger, LedgerError};

/// Which dead sessions are meant: all that fit every part. An empty one means all that are not put
/// aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this run.
    pub run: Option<RunId>,
    /// That died of one of these; of anything, if empty.
    pub reasons: Vec<DeadReason>,
    /// Whose last failure was of this class.
    pub class: Option<String>,
    /// With this `error_type` of Stytch's.
    pub error_type: Option<String>,
    /// In this organization, as the export names it.
    pub organization: Option<String>,
    /// With so many attempts that counted against them, or more.
    pub attempts: Option<u32>,
    /// That died at this time or before.
    pub died_until: Option<Timestamp>,
    /// That died at this time or after.
    pub died_since: Option<Timestamp>,
    /// Those that were put aside, instead of those that were not.
    pub discarded: bool,
}

impl Filter {
    /// Nothing but what was put aside is left out.
    pub fn is_all(&self) -> bool {
        let all = Self {
            discarded: self.discarded,
            ..Self::default()
        };
        *self == all
    }

    /// As a condition on `dead_letters AS d`.
    pub(crate) fn push<DB>(&self, query: &mut QueryBuilder<DB>)
    where
        DB: Database,
        i64: for<'t> Encode<'t, DB> + Type<DB>,
        String: for<'t> Encode<'t, DB> + Type<DB>,
    {
        query.push(if self.discarded {
            "d.discarded_at IS NOT NULL"
        } else {
            "d.discarded_at IS NULL"
        });
        if let Some((first, others)) = self.reasons.split_first() {
            query
                .push(" AND d.reason IN (")
                .push_bind(first.to_string());
            for reason in others {
                query.push(", ").push_bind(reason.to_string());
            }
            query.push(")");
        }
        for (condition, text) in [
            (" AND d.class = ", &self.class),
            (" AND d.error_type = ", &self.error_type),
            (" AND d.organization = ", &self.organization),
        ] {
            if let Some(text) = text {
                query.push(condition).push_bind(text.clone());
            }
        }
        for (condition, number) in [
            (" AND d.run_id = ", self.run.map(|run| run.0)),
            (" AND d.attempts >= ", self.attempts.map(i64::from)),
            (
                " AND d.died_at <= ",
                self.died_until.map(Timestamp::as_millis),
            ),
            (
                " AND d.died_at >= ",
                self.died_since.map(Timestamp::as_millis),
            ),
        ] {
            if let Some(number) = number {
                query.push(condition).push_bind(number);
            }
        }
    }
}

/// Dead sessions of one run that died alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadCount {
    /// Their run.
    pub run: RunId,
    /// What they died of: the name of a [`DeadReason`], or one that a newer version wrote.
    pub reason: String,
    /// The class of their last failure.
    pub class: Option<String>,
    /// Stytch's `error_type`, if it gave one.
    pub error_type: Option<String>,
    /// How many.
    pub count: u64,
    /// One of them.
    pub example: SessionId,
    /// When the first and the last of them died.
    pub died: (Timestamp, Timestamp),
}

/// A dead session, with what its operator needs to mend the cause. Never a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadSession {
    /// The session.
    pub session: SessionId,
    /// Its run.
    pub run: RunId,
    /// Its record in the export.
    pub source_row: u64,
    /// As in [`DeadCount::reason`].
    pub reason: String,
    /// See [`DeadCount::class`].
    pub class: Option<String>,
    /// See [`DeadCount::error_type`].
    pub error_type: Option<String>,
    /// As the export names it.
    pub organization: String,
    /// The user at the legacy provider.
    pub subject: Option<String>,
    /// As the export gives it.
    pub email: Option<String>,
    /// The member's external id at Stytch.
    pub external_id: Option<String>,
    /// Attempts that counted against it.
    pub attempts: u64,
    /// When it died.
    pub died_at: Timestamp,
    /// When it was put aside.
    pub discarded_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct DeadCountRow {
    run_id: i64,
    reason: String,
    class: Option<String>,
    error_type: Option<String>,
    count: i64,
    example: i64,
    first: i64,
    last: i64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct DeadSessionRow {
    session_id: i64,
    run_id: i64,
    source_row: i64,
    reason: String,
    class: Option<String>,
    error_type: Option<String>,
    organization: String,
    subject: Option<String>,
    email: Option<String>,
    external_id: Option<String>,
    attempts: i64,
    died_at: i64,
    discarded_at: Option<i64>,
}

/// How many sessions are put aside in one commit: nobody waits for all of them.
const DISCARDED_PER_COMMIT: u32 = 5_000;

impl Ledger {
    /// How many sessions are dead, by run and by what they died of, the most frequent first.
    pub async fn count_dead(&self, filter: &Filter) -> Result<Vec<DeadCount>, LedgerError> {
        let rows = either!(long &self.database, database => database.count_dead(filter).await?);
        let mut counts: Vec<_> = rows.into_iter().map(DeadCountRow::read).collect();
        counts.sort_unstable_by(|a, b| {
            let rest = |count: &DeadCount| {
                let kind = (count.reason.clone(), count.error_type.clone());
                (kind, count.class.clone(), count.run)
            };
            (b.count.cmp(&a.count)).then_with(|| rest(a).cmp(&rest(b)))
        });
        Ok(counts)
    }

    /// At most `limit` dead sessions behind `after`, in the order of their ids: of those that were
    /// registered together, the soonest to expire first.
    pub async fn dead_sessions(
        &self,
        filter: &Filter,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<DeadSession>, LedgerError> {
        let after = after.map_or(i64::MIN, |session| session.0);
        let rows = either!(long &self.database, database => {
            database.dead_sessions(filter, after, limit).await?
        });
        Ok(rows.into_iter().map(DeadSessionRow::read).collect())
    }

    /// Puts dead sessions aside: they stay dead, and are not listed by themselves any more. Returns
    /// how many; the deed tells it too.
    pub async fn discard(&self, filter: &Filter, deed: DeedId) -> Result<u64, LedgerError> {
        let (mut after, mut discarded) = (i64::MIN, 0);
        loop {
            let mut change = self.write().await?;
            let some = either!(long &mut change, change => {
                change.discard(filter, deed, after, DISCARDED_PER_COMMIT).await?
            });
            change.commit().await?;
            let Some((last, count)) = some else {
                return Ok(discarded);
            };
            after = last;
            discarded += count;
        }
    }
}

impl DeadCountRow {
    fn read(self) -> DeadCount {
        let time = Timestamp::from_millis;
        DeadCount {
            run: RunId(self.run_id),
            reason: self.reason,
            class: self.class,
            error_type: self.error_type,
            count: self.count.unsigned_abs(),
            example: SessionId(self.example),
            died: (time(self.first), time(self.last)),
        }
    }
}

impl DeadSessionRow {
    fn read(self) -> DeadSession {
        DeadSession {
            session: SessionId(self.session_id),
            run: RunId(self.run_id),
            source_row: self.source_row.unsigned_abs(),
            reason: self.reason,
            class: self.class,
            error_type: self.error_type,
            organization: self.organization,
            subject: self.subject,
            email: self.email,
            external_id: self.external_id,
            attempts: self.attempts.unsigned_abs(),
            died_at: Timestamp::from_millis(self.died_at),
            discarded_at: self.discarded_at.map(Timestamp::from_millis),
        }
    }
}
