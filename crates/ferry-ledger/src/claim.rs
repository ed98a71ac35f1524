//! Lease sessions to a worker.

use std::collections::HashMap;
use std::time::Duration;

use ferry_core::Timestamp;
use ferry_core::budget::SubjectLimit;
use ferry_core::id::{AttemptId, Fence, LegacyKey, RunId, SessionId};
use ferry_core::session::{SessionClock, SessionFacts};
use rand::Rng;
use secrecy::SecretString;

use crate::database::either;
use crate::seal::{ACCESS_TOKEN, DoesNotOpen, KeyRing, legacy_key};
use crate::subjects::{SubjectKey, subject_key};
use crate::{Ledger, LedgerError};

/// On what terms sessions are claimed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClaimTerms {
    /// For so long a session is the worker's.
    pub lease: Duration,
    /// The sweeper looks at the attempt of a lease that is over only after this much time.
    pub quiet: Duration,
    /// How often one person may be asked about; `None`: as often as it comes.
    pub subject: Option<SubjectLimit>,
}

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
    /// Its person's turn has not come: from now on it waits for that. No attempt is spent.
    Postponed,
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

/// What a claim looks at.
#[derive(sqlx::FromRow)]
pub(crate) struct ClaimRow {
    id: i64,
    run_id: i64,
    legacy_key: Vec<u8>,
    organization: String,
    subject: Option<String>,
    email: Option<String>,
    name: Option<String>,
    external_id: Option<String>,
    token_expires_at: i64,
    session_expires_at: Option<i64>,
    idle_timeout: Option<i64>,
    last_active_at: Option<i64>,
    absolute_expires_at: Option<i64>,
    custom_claims: Option<String>,
    state: String,
    fence: i64,
    lease_until: Option<i64>,
    attempts_spent: i64,
    unknown_outcomes: i64,
    run_state: String,
    due_at: Option<i64>,
    token: Option<Vec<u8>>,
    /// Somebody else changes it at this moment. Never so where there is one writer.
    #[sqlx(default)]
    in_use: bool,
}

/// A session that a claim gives to its caller.
pub(crate) struct Grant {
    pub(crate) session: i64,
    pub(crate) attempt: AttemptId,
    pub(crate) until: Timestamp,
    /// From the holder of a lease that is over.
    pub(crate) taken_over: bool,
}

/// A session whose person's turn has not come.
pub(crate) struct Postponed {
    pub(crate) session: i64,
    pub(crate) run: i64,
    pub(crate) due_at: Timestamp,
    /// From the holder of a lease that is over.
    pub(crate) taken_over: bool,
}

impl Ledger {
    /// Claims sessions in one commit, in the order given: of one person's sessions the first have
    /// their turn first. Sessions must not stand twice.
    ///
    /// Taking over an expired lease lists the old attempt as unresolved, to be looked at when the
    /// quiet time is over; also where the session is then postponed.
    pub async fn claim(
        &self,
        sessions: &[SessionId],
        terms: &ClaimTerms,
        rng: &mut impl Rng,
    ) -> Result<Vec<Claim>, LedgerError> {
        let ids: Vec<_> = sessions.iter().map(|session| session.0).collect();
        let mut change = self.write().await?;
        let (now, rows) = either!(&mut change, change => change.look(&ids).await?);
        let mut rows: HashMap<i64, ClaimRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        let judged: Vec<_> = ids
            .iter()
            .map(|id| {
                rows.remove(id)
                    .map_or(Err(Claim::Unknown), |row| row.judge(now))
            })
            .collect();
        let later = match terms.subject {
            Some(limit) => {
                let free = judged.iter().flatten();
                let people = free.filter_map(|row| Some((row.id, row.person()?)));
                change.take_turns(people, limit).await?
            }
            None => HashMap::new(),
        };
        let mut grants = Vec::with_capacity(ids.len());
        let mut postponed = Vec::new();
        let claims = judged.into_iter().map(|judged| match judged {
            Err(claim) => claim,
            Ok(row) => {
                if let Some(due_at) = later.get(&row.id) {
                    postponed.push(row.postpone(*due_at));
                    return Claim::Postponed;
                }
                let grant = row.grant(now.plus(terms.lease), rng);
                let lease = self.keys.lease(row, &grant);
                grants.push(grant);
                Claim::Granted(Box::new(lease))
            }
        });
        let claims = claims.collect();
        if !postponed.is_empty() {
            either!(&mut change, change => change.postpone(&postponed, terms.quiet).await?);
        }
        if !grants.is_empty() {
            either!(&mut change, change => change.grant(&grants, terms.quiet).await?);
        }
        if grants.is_empty() && postponed.is_empty() {
            change.roll_back().await?;
        } else {
            fail::fail_point!("claim-before-commit", |_| std::process::abort());
            change.commit().await?;
        }
        Ok(claims)
    }
}

impl ClaimRow {
    /// Itself if nothing but its person's turn is against it, else what is.
    fn judge(self, now: Timestamp) -> Result<Self, Claim> {
        let later = |time: Option<i64>| time.is_some_and(|time| time > now.as_millis());
        match self.state.as_str() {
            "migrated" | "skipped" | "dead" => Err(Claim::Finished),
            _ if self.run_state != "active" => Err(Claim::Paused),
            "running" if later(self.lease_until) => Err(Claim::HeldElsewhere),
            "waiting" if later(self.due_at) => Err(Claim::NotDue),
            _ if self.in_use => Err(Claim::HeldElsewhere),
            _ => Ok(self),
        }
    }

    fn person(&self) -> Option<SubjectKey> {
        subject_key(self.subject.as_deref(), self.email.as_deref())
    }

    fn postpone(&self, due_at: Timestamp) -> Postponed {
        Postponed {
            session: self.id,
            run: self.run_id,
            due_at,
            taken_over: self.state == "running",
        }
    }

    fn grant(&self, until: Timestamp, rng: &mut impl Rng) -> Grant {
        Grant {
            session: self.id,
            attempt: AttemptId::random(rng),
            until,
            taken_over: self.state == "running",
        }
    }
}

impl KeyRing {
    fn lease(&self, row: ClaimRow, grant: &Grant) -> Lease {
        let legacy_key = legacy_key(&row.legacy_key);
        let time = |milliseconds: Option<i64>| milliseconds.map(Timestamp::from_millis);
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let sealed = row.token.as_deref().unwrap_or_default();
        Lease {
            session: SessionId(row.id),
            run: RunId(row.run_id),
            fence: Fence(row.fence + 1),
            attempt: grant.attempt,
            until: grant.until,
            legacy_key,
            organization: row.organization,
            facts: SessionFacts {
                subject: row.subject,
                email: row.email,
                name: row.name,
                external_id: row.external_id,
                token_expires_at: Timestamp::from_millis(row.token_expires_at),
                clock: SessionClock {
                    session_expires_at: time(row.session_expires_at),
                    idle_timeout: row
                        .idle_timeout
                        .map(|milliseconds| Duration::from_millis(milliseconds.unsigned_abs())),
                    last_active_at: time(row.last_active_at),
                    absolute_expires_at: time(row.absolute_expires_at),
                },
            },
            custom_claims: row.custom_claims,
            access_token: self.open(sealed, ACCESS_TOKEN, legacy_key),
            attempts_spent: count(row.attempts_spent),
            unknown_outcomes: count(row.unknown_outcomes + i64::from(grant.taken_over)),
        }
    }
}
