//! Raw part: inserting the export's rows into SQLite by the plainest good recipe.

use std::path::Path;
use std::process;
use std::time::Duration;

use anyhow::Result;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use ferry_core::session::LegacySession;
use ferry_core::timestamp::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use secrecy::ExposeSecret as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{QueryBuilder, Sqlite, SqlitePool, Transaction};

use crate::figure::{micros_each, per_second};
use crate::measurement::Measurement;
use crate::process::Mark;
use crate::reading;

/// How the token is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Plain,
    Sealed,
}

/// As many as `ferry run` has in one statement.
const ROWS_PER_STATEMENT: usize = 500;

/// One table, and the unique index without which duplicates go unseen.
const SCHEMA: &str = "CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    organization TEXT NOT NULL,
    subject TEXT,
    email TEXT,
    token_expires_at INTEGER NOT NULL,
    session_expires_at INTEGER,
    last_active_at INTEGER,
    token BLOB NOT NULL
) STRICT";

/// Inserts all rows, and counts the time in SQLite and for sealing, without that for reading.
pub(crate) async fn measure(export: &Path, database: &Path, token: Token) -> Result<Measurement> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await?;
    sqlx::query(SCHEMA).execute(&pool).await?;
    let mut insert = Insert::new(pool, token);
    let mut export = reading::open(export)?;
    let (mut n, mut wall, mut cpu) = (0, Duration::ZERO, Duration::ZERO);
    loop {
        let sessions = reading::next_sessions(&mut export)?;
        if sessions.is_empty() {
            break;
        }
        let begin = Mark::now(process::id())?;
        insert.batch(&sessions).await?;
        let end = Mark::now(process::id())?;
        n += sessions.len() as u64;
        wall += end.since(&begin);
        cpu += end.cpu_since(&begin);
    }
    insert.pool.close().await;
    Ok(Measurement {
        part: match token {
            Token::Plain => "inserting into SQLite, tokens plain",
            Token::Sealed => "inserting into SQLite, tokens sealed",
        }
        .to_owned(),
        n,
        rows_before: Some(0),
        times: 1,
        per_second: per_second(n, wall),
        own_cpu_micros: Some(micros_each(cpu, n)),
        ..Measurement::default()
    })
}

struct Insert {
    pool: SqlitePool,
    cipher: Option<XChaCha20Poly1305>,
    rng: StdRng,
}

impl Insert {
    fn new(pool: SqlitePool, token: Token) -> Self {
        let key = [7; 32];
        Self {
            pool,
            cipher: (token == Token::Sealed).then(|| XChaCha20Poly1305::new(&key.into())),
            rng: StdRng::seed_from_u64(7),
        }
    }

    /// One transaction.
    async fn batch(&mut self, sessions: &[LegacySession]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for chunk in sessions.chunks(ROWS_PER_STATEMENT) {
            self.statement(&mut transaction, chunk).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn statement(
        &mut self,
        transaction: &mut Transaction<'static, Sqlite>,
        sessions: &[LegacySession],
    ) -> Result<()> {
        let mut insert = QueryBuilder::new(
            "INSERT INTO sessions (session_id, organization, subject, email, token_expires_at,
             session_expires_at, last_active_at, token) ",
        );
        insert.push_values(sessions, |mut values, session| {
            let facts = &session.facts;
            values
                .push_bind(session.stable_id.expose_secret())
                .push_bind(&session.organization)
                .push_bind(&facts.subject)
                .push_bind(&facts.email)
                .push_bind(facts.token_expires_at.as_millis())
                .push_bind(facts.clock.session_expires_at.map(Timestamp::as_millis))
                .push_bind(facts.clock.last_active_at.map(Timestamp::as_millis))
                .push_bind(self.token(session));
        });
        insert.push(" ON CONFLICT (session_id) DO NOTHING");
        insert.build().execute(&mut **transaction).await?;
        Ok(())
    }

    fn token(&mut self, session: &LegacySession) -> Vec<u8> {
        let token = session.access_token.expose_secret().as_bytes();
        let Some(cipher) = &self.cipher else {
            return token.to_vec();
        };
        let mut nonce = [0; 24];
        self.rng.fill_bytes(&mut nonce);
        let sealed = cipher.encrypt(&XNonce::from(nonce), token);
        let sealed = sealed.expect("a token is far shorter than the cipher's limit of 256 GiB");
        [&nonce[..], &sealed].concat()
    }
}
