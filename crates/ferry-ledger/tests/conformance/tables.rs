//! The tables as they are, past the ledger: what is stored is part of the promise.

use std::str::FromStr;

use ferry_core::Timestamp;
use ferry_core::id::{AttemptId, Fence, LegacyKey, RunId, SessionId};
use ferry_core::state::{SessionState, UnresolvedState};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

/// A connection that the ledger does not know of.
pub(crate) struct Tables(SqliteConnection);

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

impl Tables {
    pub(crate) fn through(connection: SqliteConnection) -> Self {
        Self(connection)
    }

    /// All sessions, in the order of their ids.
    pub(crate) async fn sessions(&mut self) -> Vec<SessionRow> {
        let rows = sqlx::query(SESSIONS).fetch_all(&mut self.0).await;
        rows.expect("sessions").iter().map(session).collect()
    }

    /// The session of this key.
    pub(crate) async fn session(&mut self, key: LegacyKey) -> Option<SessionRow> {
        let sessions = self.sessions().await;
        sessions.into_iter().find(|row| row.key == key)
    }

    /// The history of a session's attempts, in the order of their fences.
    pub(crate) async fn attempts(&mut self, session: SessionId) -> Vec<AttemptRow> {
        let rows = sqlx::query("SELECT * FROM attempts WHERE session_id = $1 ORDER BY fence")
            .bind(session.0)
            .fetch_all(&mut self.0)
            .await;
        rows.expect("attempts").iter().map(attempt).collect()
    }

    /// The sweeper's list, in the order of the sessions and their fences.
    pub(crate) async fn listed(&mut self) -> Vec<ListedRow> {
        let rows = sqlx::query(
            "SELECT u.* FROM unresolved_attempts AS u JOIN attempts AS a ON a.id = u.attempt_id
             ORDER BY u.session_id, a.fence",
        )
        .fetch_all(&mut self.0)
        .await;
        rows.expect("unresolved_attempts")
            .iter()
            .map(listed)
            .collect()
    }

    /// One number.
    pub(crate) async fn number(&mut self, query: &'static str) -> i64 {
        let number = sqlx::query_scalar(query).fetch_one(&mut self.0).await;
        number.expect("a number")
    }

    /// What somebody else than the ledger does to the tables; how many rows it changed.
    pub(crate) async fn change(&mut self, statement: String) -> u64 {
        let done = sqlx::query(AssertSqlSafe(statement))
            .execute(&mut self.0)
            .await;
        done.expect("a change").rows_affected()
    }

    /// Lets go of the database.
    pub(crate) async fn close(self) {
        self.0.close().await.expect("closed");
    }
}

fn session(row: &SqliteRow) -> SessionRow {
    let state: &str = row.get("state");
    SessionRow {
        session: SessionId(row.get("id")),
        run: RunId(row.get("run_id")),
        key: LegacyKey(sixteen(row.get("legacy_key"))),
        state: SessionState::from_str(state).expect("a state"),
        reason: row.get("reason"),
        error_type: row.get("error_type"),
        fence: Fence(row.get("fence")),
        attempt: row
            .get::<Option<&[u8]>, _>("attempt_id")
            .map(|id| AttemptId(sixteen(id))),
        lease_until: row
            .get::<Option<i64>, _>("lease_until")
            .map(Timestamp::from_millis),
        attempts_spent: row.get("attempts_spent"),
        unknown_outcomes: row.get("unknown_outcomes"),
        has_token: row.get("has_token"),
        waits_until: row
            .get::<Option<i64>, _>("due_at")
            .map(Timestamp::from_millis),
        mapped_to: row.get("member_session_id"),
    }
}

fn attempt(row: &SqliteRow) -> AttemptRow {
    AttemptRow {
        attempt: AttemptId(sixteen(row.get("id"))),
        fence: Fence(row.get("fence")),
        ended_at: Timestamp::from_millis(row.get("ended_at")),
        outcome: row.get("outcome"),
        http_status: row.get("http_status"),
        error_type: row.get("error_type"),
        request_id: row.get("request_id"),
    }
}

fn listed(row: &SqliteRow) -> ListedRow {
    let state: &str = row.get("state");
    ListedRow {
        attempt: AttemptId(sixteen(row.get("attempt_id"))),
        run: RunId(row.get("run_id")),
        state: UnresolvedState::from_str(state).expect("a state"),
        due_at: Timestamp::from_millis(row.get("due_at")),
        organization_id: row.get("organization_id"),
        member_id: row.get("member_id"),
        revoked: row.get("revoked"),
    }
}

fn sixteen(bytes: &[u8]) -> [u8; 16] {
    bytes.try_into().expect("16 bytes")
}
