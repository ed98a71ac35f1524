//! Lease sessions to a worker.

use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::id::{AttemptId, Fence, LegacyKey, RunId, SessionId};
use ferry_core::session::{SessionClock, SessionFacts};
use rand::Rng;
use secrecy::SecretString;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, Transaction};

use crate::rows::json_rows;
use crate::seal::{ACCESS_TOKEN, DoesNotOpen, KeyRing};
use crate::{Ledger, LedgerError};

/// What a worker gets when it claims a session.
#[derive(Debug)]
pub enum Claim {
    /// The session is the worker's until the lease ends.
    Granted(Box<Lease>),
    /// It is final.
    Finished,
    /// Another worker has a live lease on it.
    HeldElsewhere,
    /// It is to be tried later.
    NotDue,
    /// Its run is not active.
    Paused,
    /// No such session.
    Unknown,
}

/// A claimed session: only its holder may finish it.
#[derive(Debug)]
pub struct Lease {
    /// The session.
    pub session: SessionId,
    /// Its run.
    pub run: RunId,
    /// What `record` must name.
    pub fence: Fence,
    /// The name of the call.
    pub attempt: AttemptId,
    /// Nobody else claims it before this.
    pub until: Timestamp,
    /// What the mapping will be found by.
    pub legacy_key: LegacyKey,
    /// The organization at Stytch.
    pub organization: String,
    /// Person and clocks.
    pub facts: SessionFacts,
    /// A JSON object to carry.
    pub custom_claims: Option<String>,
    /// The legacy token; an error if the sealed one does not open.
    pub access_token: Result<SecretString, DoesNotOpen>,
    /// Failed attempts so far.
    pub attempts_spent: u32,
    /// Attempts of unknown outcome so far, this claim's takeover included.
    pub unknown_outcomes: u32,
}

impl Ledger {
    /// Claims sessions in one commit, in the order given. Sessions must not stand twice.
    ///
    /// Taking over an expired lease lists the old attempt as unresolved, to be looked at when
    /// `quiet` is over.
    pub async fn claim(
        &self,
        sessions: &[SessionId],
        lease: Duration,
        quiet: Duration,
        rng: &mut impl Rng,
    ) -> Result<Vec<Claim>, LedgerError> {
        let now = self.now();
        let mut transaction = self.write().await?;
        let ids: Vec<_> = sessions.iter().map(|session| session.0).collect();
        let rows = sqlx::query(
            "/* claim: look */ SELECT s.*, r.state AS run_state, w.due_at, x.token
             FROM json_each(?1) AS j
             JOIN sessions AS s ON s.id = j.value
             JOIN runs AS r ON r.id = s.run_id
             LEFT JOIN waiting AS w ON w.session_id = s.id
             LEFT JOIN session_secrets AS x ON x.session_id = s.id",
        )
        .bind(json_rows(&ids))
        .fetch_all(&mut *transaction)
        .await?;
        let by_id: std::collections::HashMap<i64, &SqliteRow> = rows
            .iter()
            .map(|row| (row.get::<i64, _>("id"), row))
            .collect();
        let claims: Vec<_> = ids
            .iter()
            .map(|id| {
                by_id.get(id).map_or(Claim::Unknown, |row| {
                    judge(row, now, || {
                        self.keys
                            .lease(row, now.plus(lease), AttemptId::random(rng))
                    })
                })
            })
            .collect();
        let granted: Vec<_> = claims.iter().filter_map(Claim::granted).collect();
        if granted.is_empty() {
            return Ok(claims);
        }
        let taken_over = granted.iter().filter(|lease| {
            by_id
                .get(&lease.session.0)
                .is_some_and(|row| row.get::<&str, _>("state") == "running")
        });
        for lease in taken_over {
            self.append_taken_over(&mut transaction, lease.session.0, quiet)
                .await?;
        }
        grant(&mut transaction, &granted).await?;
        fail::fail_point!("claim-before-commit", |_| std::process::abort());
        transaction.commit().await?;
        Ok(claims)
    }
}

impl Claim {
    fn granted(&self) -> Option<&Lease> {
        match self {
            Self::Granted(lease) => Some(lease),
            _ => None,
        }
    }
}

fn judge(row: &SqliteRow, now: Timestamp, grant: impl FnOnce() -> Lease) -> Claim {
    let not_due = row
        .get::<Option<i64>, _>("due_at")
        .is_some_and(|due| due > now.as_millis());
    let held = row
        .get::<Option<i64>, _>("lease_until")
        .is_some_and(|end| end > now.as_millis());
    match row.get::<&str, _>("state") {
        "migrated" | "skipped" | "dead" => Claim::Finished,
        _ if row.get::<&str, _>("run_state") != "active" => Claim::Paused,
        "running" if held => Claim::HeldElsewhere,
        "waiting" if not_due => Claim::NotDue,
        _ => Claim::Granted(Box::new(grant())),
    }
}

async fn grant(
    transaction: &mut Transaction<'static, Sqlite>,
    granted: &[&Lease],
) -> Result<(), LedgerError> {
    let leases: Vec<_> = granted
        .iter()
        .map(|lease| {
            (
                lease.session.0,
                lease.attempt.to_string(),
                lease.until.as_millis(),
            )
        })
        .collect();
    let leases = json_rows(&leases);
    sqlx::query(
        "/* claim */ UPDATE sessions SET
             unknown_outcomes = unknown_outcomes + (state = 'running'), state = 'running',
             fence = fence + 1, attempt_id = unhex(j.value ->> 1), lease_until = j.value ->> 2
         FROM json_each(?1) AS j WHERE sessions.id = j.value ->> 0",
    )
    .bind(&leases)
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "/* claim: not waiting */ DELETE FROM waiting
         WHERE session_id IN (SELECT value ->> 0 FROM json_each(?1))",
    )
    .bind(&leases)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

impl KeyRing {
    fn lease(&self, row: &SqliteRow, until: Timestamp, attempt: AttemptId) -> Lease {
        let legacy_key = LegacyKey(
            <[u8; 16]>::try_from(row.get::<&[u8], _>("legacy_key"))
                .expect("the schema checks its length"),
        );
        let time = |column: &str| {
            row.get::<Option<i64>, _>(column)
                .map(Timestamp::from_millis)
        };
        let taken_over = i64::from(row.get::<&str, _>("state") == "running");
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let sealed = row.get::<Option<&[u8]>, _>("token").unwrap_or_default();
        Lease {
            session: SessionId(row.get("id")),
            run: RunId(row.get("run_id")),
            fence: Fence(row.get::<i64, _>("fence") + 1),
            attempt,
            until,
            legacy_key,
            organization: row.get("organization"),
            facts: SessionFacts {
                subject: row.get("subject"),
                email: row.get("email"),
                external_id: row.get("external_id"),
                token_expires_at: Timestamp::from_millis(row.get("token_expires_at")),
                clock: SessionClock {
                    session_expires_at: time("session_expires_at"),
                    idle_timeout: row
                        .get::<Option<i64>, _>("idle_timeout")
                        .map(|milliseconds| Duration::from_millis(milliseconds.unsigned_abs())),
                    last_active_at: time("last_active_at"),
                    absolute_expires_at: time("absolute_expires_at"),
                },
            },
            custom_claims: row.get("custom_claims"),
            access_token: self.open(sealed, ACCESS_TOKEN, legacy_key),
            attempts_spent: count(row.get("attempts_spent")),
            unknown_outcomes: count(row.get::<i64, _>("unknown_outcomes") + taken_over),
        }
    }
}
