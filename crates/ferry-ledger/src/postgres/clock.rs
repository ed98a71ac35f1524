//! The server's clock, as this process knows it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ferry_core::Timestamp;
use sqlx::postgres::PgPool;

use crate::LedgerError;

/// What the server's clock told last, and when it was asked.
#[derive(Debug)]
pub(super) struct ServerClock(Mutex<(Timestamp, Instant)>);

impl ServerClock {
    pub(super) async fn ask(pool: &PgPool) -> Result<Self, LedgerError> {
        let asked = Instant::now();
        let told: i64 = sqlx::query_scalar("/* clock */ SELECT ferry_now()")
            .fetch_one(pool)
            .await?;
        Ok(Self(Mutex::new((Timestamp::from_millis(told), asked))))
    }

    /// The server told this time; it was asked no earlier than `asked`.
    pub(super) fn told(&self, time: Timestamp, asked: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (time, asked);
    }

    /// Counted from before it was asked, so never earlier than the server's.
    pub(super) fn now(&self) -> Timestamp {
        let (time, asked) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        time.plus(asked.elapsed())
    }
}
