//! The tables as they are, past the ledger: what is stored is part of the promise.

use std::str::FromStr;

use ferry_core::Timestamp;
use ferry_core::id::{AttemptId, Fence, LegacyKey, RunId, SessionId};
use ferry_core::state::{SessionState, UnresolvedState};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// A connection that the ledger does not know of.
pub(crate) enum Tables {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A session with what other tables hold for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) session: SessionId,
    pub(crate) run: RunId,
    pub(crate) key: LegacyKey,
    pub(crate) state: SessionState,
    pub(crate) reason: Option<String>,
    pub(crate) error_type: Option<String>,
    pub(crate) fence: Fence,
    pub(crate) attempt: Option<AttemptId>,
    pub(crate) lease_until: Option<Timestamp>,
    pub(crate) attempts_spent: i64,
    pub(crate) unknown_outcomes: i64,
    /// Its sealed legacy token is stored.
    pub(crate) has_token: bool,
    /// It stands among those that wait, until then.
    pub(crate) waits_until: Option<Timestamp>,
    /// The Stytch session that its mapping names.
    pub(crate) mapped_to: Option<String>,
}

/// A line of an attempt's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptRow {
    pub(crate) attempt: AttemptId,
    pub(crate) fence: Fence,
    pub(crate) ended_at: Timestamp,
    pub(crate) outcome: String,
    pub(crate) http_status: Option<i64>,
    pub(crate) error_type: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// An attempt on the sweeper's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedRow {
    pub(crate) attempt: AttemptId,
    pub(crate) run: RunId,
    pub(crate) state: UnresolvedState,
    pub(crate) due_at: Timestamp,
    pub(crate) organization_id: Option<String>,
    pub(crate) member_id: Option<String>,
    pub(crate) revoked: i64,
}

const SESSIONS: &str = "SELECT s.*, x.session_id IS NOT NULL AS has_token, w.due_at,
         m.member_session_id
     FROM sessions AS s
     LEFT JOIN session_secrets AS x ON x.session_id = s.id
     LEFT JOIN waiting AS w ON w.session_id = s.id
     LEFT JOIN mappings AS m ON m.session_id = s.id
     ORDER BY s.id";

/// The rows of a query, on either database.
macro_rules! fetch_all {
    ($tables:expr, $query:expr) => {
        match $tables {
            Tables::Sqlite(connection) => $query.fetch_all(connection).await,
            Tables::Postgres(connection) => $query.fetch_all(connection).await,
        }
    };
}

impl Tables {
    /// All sessions, in the order of their ids.
    pub(crate) async fn sessions(&mut self) -> Vec<SessionRow> {
        let rows = fetch_all!(self, sqlx::query_as::<_, RawSession>(SESSIONS));
        rows.expect("sessions").into_iter().map(session).collect()
    }

    /// The session of this key.
    pub(crate) async fn session(&mut self, key: LegacyKey) -> Option<SessionRow> {
        let sessions = self.sessions().await;
        sessions.into_iter().find(|row| row.key == key)
    }

    /// The history of a session's attempts, in the order of their fences.
    pub(crate) async fn attempts(&mut self, session: SessionId) -> Vec<AttemptRow> {
        let query = "SELECT * FROM attempts WHERE session_id = $1 ORDER BY fence";
        let rows = fetch_all!(self, sqlx::query_as::<_, RawAttempt>(query).bind(session.0));
        rows.expect("attempts").into_iter().map(attempt).collect()
    }

    /// The sweeper's list, in the order of the sessions and their fences.
    pub(crate) async fn listed(&mut self) -> Vec<ListedRow> {
        let query = "SELECT u.* FROM unresolved_attempts AS u
             JOIN attempts AS a ON a.id = u.attempt_id ORDER BY u.session_id, a.fence";
        let rows = fetch_all!(self, sqlx::query_as::<_, RawListed>(query));
        let rows = rows.expect("unresolved_attempts");
        rows.into_iter().map(listed).collect()
    }

    /// One number.
    pub(crate) async fn number(&mut self, query: &'static str) -> i64 {
        let numbers = fetch_all!(self, sqlx::query_scalar(query));
        numbers.expect("a number")[0]
    }

    /// What somebody else than the ledger does to the tables; how many rows it changed.
    pub(crate) async fn change(&mut self, statement: String) -> u64 {
        let query = AssertSqlSafe(statement);
        match self {
            Self::Sqlite(connection) => {
                let done = sqlx::query(query).execute(connection).await;
                done.expect("a change").rows_affected()
            }
            Self::Postgres(connection) => {
                let done = sqlx::query(query).execute(connection).await;
                done.expect("a change").rows_affected()
            }
        }
    }

    /// Lets go of the database.
    pub(crate) async fn close(self) {
        let closed = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
        closed.expect("closed");
    }
}

#[derive(sqlx::FromRow)]
struct RawSession {
    id: i64,
    run_id: i64,
    legacy_key: Vec<u8>,
    state: String,
    reason: Option<String>,
    error_type: Option<String>,
    fence: i64,
    attempt_id: Option<Vec<u8>>,
    lease_until: Option<i64>,
    attempts_spent: i64,
    unknown_outcomes: i64,
    has_token: bool,
    due_at: Option<i64>,
    member_session_id: Option<String>,
}

fn session(row: RawSession) -> SessionRow {
    SessionRow {
        session: SessionId(row.id),
        run: RunId(row.run_id),
        key: LegacyKey(sixteen(&row.legacy_key)),
        state: SessionState::from_str(&row.state).expect("a state"),
        reason: row.reason,
        error_type: row.error_type,
        fence: Fence(row.fence),
        attempt: row.attempt_id.map(|id| AttemptId(sixteen(&id))),
        lease_until: row.lease_until.map(Timestamp::from_millis),
        attempts_spent: row.attempts_spent,
        unknown_outcomes: row.unknown_outcomes,
        has_token: row.has_token,
        waits_until: row.due_at.map(Timestamp::from_millis),
        mapped_to: row.member_session_id,
    }
}

#[derive(sqlx::FromRow)]
struct RawAttempt {
    id: Vec<u8>,
    fence: i64,
    ended_at: i64,
    outcome: String,
    http_status: Option<i64>,
    error_type: Option<String>,
    request_id: Option<String>,
}

fn attempt(row: RawAttempt) -> AttemptRow {
    AttemptRow {
        attempt: AttemptId(sixteen(&row.id)),
        fence: Fence(row.fence),
        ended_at: Timestamp::from_millis(row.ended_at),
        outcome: row.outcome,
        http_status: row.http_status,
        error_type: row.error_type,
        request_id: row.request_id,
    }
}

#[derive(sqlx::FromRow)]
struct RawListed {
    attempt_id: Vec<u8>,
    run_id: i64,
    state: String,
    due_at: i64,
    organization_id: Option<String>,
    member_id: Option<String>,
    revoked: i64,
}

fn listed(row: RawListed) -> ListedRow {
    ListedRow {
        attempt: AttemptId(sixteen(&row.attempt_id)),
        run: RunId(row.run_id),
        state: UnresolvedState::from_str(&row.state).expect("a state"),
        due_at: Timestamp::from_millis(row.due_at),
        organization_id: row.organization_id,
        member_id: row.member_id,
        revoked: row.revoked,
    }
}

fn sixteen(bytes: &[u8]) -> [u8; 16] {
    bytes.try_into().expect("16 bytes")
}
